//! The answer: where an object runs and why not elsewhere. Reasons are data; text is made from them
//! on demand (see [`crate::explain`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::names::ClusterName;

use crate::framework::assessment::Assessment;
use crate::framework::traits::Share;
use crate::snapshot::Cluster;
use crate::verdict::{Reason, Wake};

/// Cluster to replicas. `None` is Duplicate: the cluster runs as many as the object says.
pub type Placement = BTreeMap<ClusterName, Option<i64>>;

/// Finds names in a list of clusters; both are in the order of names. Walks along where there are many names, leaps
/// where there are few. `found` is told each place.
pub(crate) fn meet<'n, 'c, V>(
    names: impl Iterator<Item = (&'n str, V)>,
    count: usize,
    name: impl Fn(usize) -> &'c str,
    mut found: impl FnMut(usize, V),
) {
    let mut from = 0_usize;
    for (wanted, value) in names {
        let (mut step, mut low) = (1_usize, from);
        let mut high = low;
        while high < count && name(high) < wanted {
            low = high;
            high = high.saturating_add(step);
            step = step.saturating_mul(2);
        }
        high = high.min(count);
        while low < high {
            let middle = low.midpoint(high);
            if name(middle) < wanted {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        from = low;
        if from < count && name(from) == wanted {
            found(from, value);
        }
    }
}

/// How a decision came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Clusters were chosen.
    #[default]
    Placed,
    /// The object is sticky and placed already: nothing was asked.
    Sticky,
    /// Every joined cluster was refused.
    NothingFits,
    /// Divide of no replicas, or among no clusters: nothing is placed.
    NoReplicas,
}

/// A cluster that a filter refused.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Its place among all clusters.
    pub(crate) place: usize,
    /// The plugin that refused it.
    pub plugin: Arc<str>,
    /// Why.
    pub reason: Reason,
    /// What can change it; empty if nothing but the object and its policy.
    pub wakes: &'static [Wake],
}

/// A cluster that passed the filters.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    /// Its place among all clusters.
    pub(crate) place: usize,
    /// Sum over the score plugins.
    pub total: i64,
}

/// Where an object runs, and everything that was said on the way.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision {
    /// The answer. Clusters without replicas are left out.
    pub placement: Placement,
    /// How it ended.
    pub outcome: Outcome,
    /// How many clusters were asked about.
    pub joined: usize,
    /// What was said of each cluster, shared by all objects of which the same was said.
    pub assessed: Arc<Assessment>,
    /// The plugin that split the replicas.
    pub replicas_plugin: Option<Arc<str>>,
    /// One for each chosen cluster.
    pub(crate) shares: Vec<Share>,
}

impl Decision {
    pub(crate) fn new(joined: usize) -> Self {
        Self {
            placement: Placement::new(),
            outcome: Outcome::default(),
            joined,
            assessed: Arc::default(),
            replicas_plugin: None,
            shares: Vec::new(),
        }
    }

    /// Refused clusters, by name.
    pub fn rejected(&self) -> impl Iterator<Item = (&Arc<Cluster>, &Rejected)> {
        let cluster = |place: usize| self.assessed.cluster(place);
        let rejected = self.assessed.rejected.iter();
        rejected.filter_map(move |one| Some((cluster(one.place)?, one)))
    }

    /// Clusters that fit, by name.
    pub fn scored(&self) -> impl Iterator<Item = (&Arc<Cluster>, &Scored)> {
        let cluster = |place: usize| self.assessed.cluster(place);
        let scored = self.assessed.scored.iter();
        scored.filter_map(move |one| Some((cluster(one.place)?, one)))
    }

    /// Chosen clusters, in the order of preference.
    pub fn selected(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        let chosen = self.assessed.chosen.iter();
        chosen.filter_map(|(position, _)| self.assessed.at(*position))
    }

    /// What the plugin that split the replicas gave to each chosen cluster, and from which numbers.
    pub fn shares(&self) -> impl Iterator<Item = (&Arc<Cluster>, &Share)> {
        self.selected().zip(&self.shares)
    }

    /// Every cluster was refused, without any failure.
    #[must_use]
    pub fn unschedulable(&self) -> bool {
        self.outcome == Outcome::NothingFits
    }

    /// How many clusters were refused for the same cause, most frequent first.
    #[must_use]
    pub fn refusals(&self) -> Vec<(usize, String)> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for rejected in &self.assessed.rejected {
            let count = counts.entry(rejected.reason.summary()).or_default();
            *count = count.saturating_add(1);
        }
        let mut counts: Vec<(usize, String)> = counts
            .into_iter()
            .map(|(reason, count)| (count, reason))
            .collect();
        counts.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        counts
    }

    /// One line for events and conditions when nothing fits.
    #[must_use]
    pub fn fit_error(&self) -> Option<String> {
        if !self.unschedulable() {
            return None;
        }
        let reasons: Vec<String> = self
            .refusals()
            .into_iter()
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        let what = if reasons.is_empty() {
            "no cluster has joined".to_owned()
        } else {
            reasons.join(", ")
        };
        Some(format!("0/{} clusters fit: {what}", self.joined))
    }

    /// What can make the refused clusters fit.
    #[must_use]
    pub fn wakes(&self) -> Vec<Wake> {
        let mut wakes: Vec<Wake> = self
            .assessed
            .rejected
            .iter()
            .flat_map(|rejected| rejected.wakes)
            .copied()
            .collect();
        wakes.sort_unstable();
        wakes.dedup();
        wakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_wherever_they_are() {
        let list: Vec<String> = (0..40).map(|at| format!("c{at:02}")).collect();
        for step in 1..40 {
            for start in 0..4 {
                let mut wanted: Vec<&str> = list
                    .iter()
                    .skip(start)
                    .step_by(step)
                    .map(String::as_str)
                    .collect();
                let expected: Vec<usize> = (start..40).step_by(step).collect();
                wanted.extend(["c05x", "a", "z"]);
                wanted.sort_unstable();
                let mut places = Vec::new();
                let wanted = wanted.into_iter().map(|name| (name, ()));
                meet(wanted, list.len(), |at| &list[at], |at, ()| places.push(at));
                assert_eq!(places, expected, "{start} {step}");
            }
        }
        meet(
            [("a", ())].into_iter(),
            0,
            |_| "",
            |_, ()| panic!("there is nothing"),
        );
    }
}
