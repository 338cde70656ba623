//! What the pods of a member ask for, added up. Pods that ask for the same share one entry.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use navarch_scheduler::request::{PodRequest, Stay};

use super::amounts::{Amounts, Total, add, read};
use super::slim::SlimPod;

/// What pods ask for, each distinct set once with the number of pods that ask for it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    sets: Vec<(Amounts, u32)>,
    places: BTreeMap<Vec<(String, String)>, u32>,
    free: Vec<u32>,
    pub(super) sum: Total,
}

impl Asked {
    /// Nothing is kept of pods that are gone.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many distinct sets there are.
    #[cfg(test)]
    pub(super) fn sets(&self) -> usize {
        self.sets.len()
    }

    fn key(amounts: &Amounts) -> Vec<(String, String)> {
        amounts
            .iter()
            .map(|(name, amount)| (name.clone(), Text::from(*amount).0))
            .collect()
    }

    pub(super) fn take(&mut self, amounts: Amounts) -> u32 {
        self.sum.add(&amounts);
        let key = Self::key(&amounts);
        if let Some(place) = self.places.get(&key).copied() {
            if let Some((_, pods)) = self.sets.get_mut(place as usize) {
                *pods += 1;
            }
            return place;
        }
        let place = if let Some(place) = self.free.pop() {
            if let Some(set) = self.sets.get_mut(place as usize) {
                *set = (amounts, 1);
            }
            place
        } else {
            self.sets.push((amounts, 1));
            u32::try_from(self.sets.len() - 1).unwrap_or(u32::MAX)
        };
        self.places.insert(key, place);
        place
    }

    pub(super) fn give_back(&mut self, place: u32) {
        let Some((amounts, pods)) = self.sets.get_mut(place as usize) else {
            return;
        };
        self.sum.take_off(amounts);
        *pods = pods.saturating_sub(1);
        if *pods == 0 {
            let amounts = std::mem::take(amounts);
            self.places.remove(&Self::key(&amounts));
            self.free.push(place);
        }
    }

    pub(super) fn total(&self) -> Amounts {
        let mut total = Amounts::new();
        for (amounts, pods) in &self.sets {
            for (name, amount) in amounts {
                add(&mut total, name, &amount.times(i64::from(*pods)));
            }
        }
        total
    }
}

/// Requests of a pod, by Kubernetes' formula: KubeAdmiral takes sidecars for init containers, which come to an end, and
/// so sees room where there is none.
pub(super) fn requests(pod: &SlimPod) -> Amounts {
    let spec = &pod.spec;
    let stay = |policy: &str| match policy {
        "Always" => Stay::Always,
        _ => Stay::UntilDone,
    };
    let asked = PodRequest {
        containers: spec
            .containers
            .iter()
            .map(|container| read(&container.resources.requests))
            .collect(),
        init_containers: spec
            .init_containers
            .iter()
            .map(|container| {
                let asked = read(&container.resources.requests);
                (asked, stay(&container.restart_policy))
            })
            .collect(),
        whole: read(&spec.resources.requests),
        whole_limits: Amounts::new(),
        overhead: read(&spec.overhead),
    };
    asked.total()
}
