//! Nodes and pods as they stream past, folded into numbers: allocatable and available resources.
//! What is not counted is never decoded (`slim`); a pod costs some tens of bytes, because pods that ask
//! for the same share one entry.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use navarch_crds::go::quantity::Quantity;
use navarch_crds::v1alpha1::Resources;
use navarch_scheduler::resources::Amounts as Counted;
use navarch_scheduler::snapshot::Figures;
use tokio::sync::Notify;

use super::amounts::texts;
use super::asked::{Asked, requests};
use super::offered::Offered;
use super::slim::{SlimNode, SlimPod, SlimReclaimed};
use super::workload::{Workload, WorkloadId};
use crate::runtime::locked;

/// What is known of the capacity of one member.
#[derive(Debug, Default)]
pub(crate) struct Capacity {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    offered: Offered,
    pods: HashMap<PodId, Pod>,
    /// How many of them each workload has.
    workloads: HashMap<WorkloadId, u32>,
    asked: Asked,
    pod_stream: Stream,
    epoch: u32,
    nodes_listed: bool,
    pods_listed: bool,
    reclaimed: Sight,
}

/// What is known of Katalyst's objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sight {
    /// There are none, or they cannot be seen: nobody waits for them.
    #[default]
    None,
    /// They are served and have not been listed yet.
    Expected,
    /// They were listed.
    Listed,
}

/// Whether what happens is counted at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stream {
    #[default]
    Flowing,
    Interrupted,
}

impl State {
    fn is_known(&self) -> bool {
        self.nodes_listed && self.pods_listed && self.reclaimed != Sight::Expected
    }
}

/// A digest of the pod's uid: 60 random bits, so that two of a million pods meet once in a million runs.
type PodId = u64;

#[derive(Clone, Copy, Debug)]
struct Pod {
    /// Index into [`Asked`].
    requests: u32,
    epoch: u32,
    workload: Option<WorkloadId>,
}

impl State {
    fn forget_pod(&mut self, id: PodId) {
        let Some(pod) = self.pods.remove(&id) else {
            return;
        };
        self.asked.give_back(pod.requests);
        if let Some(workload) = pod.workload
            && let Some(pods) = self.workloads.get_mut(&workload)
        {
            *pods = pods.saturating_sub(1);
            if *pods == 0 {
                self.workloads.remove(&workload);
            }
        }
    }
}

impl Capacity {
    pub(crate) fn start(&self) {
        let mut state = locked(&self.state);
        state.epoch = state.epoch.wrapping_add(1);
    }

    pub(crate) fn nodes_listed(&self, since: u32) {
        let mut state = locked(&self.state);
        state.offered.keep_nodes(since);
        state.nodes_listed = true;
        self.tell(&state);
    }

    /// Waits until the figures are known for the first time, or nodes come, go or offer something else. Pods do not count: they
    /// change all the time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn tell(&self, state: &State) {
        if state.is_known() {
            self.changed.notify_one();
        }
    }

    pub(crate) fn pods_listed(&self, since: u32) {
        let mut state = locked(&self.state);
        let old = state.pods.iter().filter(|(_, pod)| pod.epoch < since);
        let old: Vec<PodId> = old.map(|(id, _)| *id).collect();
        for id in old {
            state.forget_pod(id);
        }
        if !state.pods_listed {
            state.pods_listed = true;
            self.tell(&state);
        }
    }

    pub(crate) fn epoch(&self) -> u32 {
        locked(&self.state).epoch
    }

    pub(crate) fn put_node(&self, node: &SlimNode) {
        let mut state = locked(&self.state);
        let epoch = state.epoch;
        if state.offered.put_node(node, epoch) {
            self.tell(&state);
        }
    }

    pub(crate) fn remove_node(&self, node: &SlimNode) {
        if let Some(name) = node.metadata.name.as_deref() {
            let mut state = locked(&self.state);
            state.offered.remove_node(name);
            self.tell(&state);
        }
    }

    /// Katalyst's objects are served: the figures wait for them once, so that a restart does not take them for none.
    pub(crate) fn expect_reclaimed(&self) {
        let mut state = locked(&self.state);
        if state.reclaimed == Sight::None {
            state.reclaimed = Sight::Expected;
        }
    }

    /// They cannot be seen now. What they said last counts, and nobody waits for them.
    pub(crate) fn reclaimed_failed(&self) {
        let mut state = locked(&self.state);
        if state.reclaimed == Sight::Expected {
            state.reclaimed = Sight::None;
            self.tell(&state);
        }
    }

    /// They are not served any more.
    pub(crate) fn reclaimed_gone(&self) {
        let mut state = locked(&self.state);
        state.offered.keep_reclaimed(u32::MAX);
        if state.reclaimed != Sight::None {
            state.reclaimed = Sight::None;
            self.tell(&state);
        }
    }

    pub(crate) fn reclaimed_listed(&self, since: u32) {
        let mut state = locked(&self.state);
        state.offered.keep_reclaimed(since);
        if state.reclaimed != Sight::Listed {
            state.reclaimed = Sight::Listed;
            self.tell(&state);
        }
    }

    /// How much is unused changes all the time, so nobody is told.
    pub(crate) fn put_reclaimed(&self, reclaimed: &SlimReclaimed) {
        let mut state = locked(&self.state);
        let epoch = state.epoch;
        state.offered.put_reclaimed(reclaimed, epoch);
    }

    pub(crate) fn remove_reclaimed(&self, reclaimed: &SlimReclaimed) {
        if let Some(name) = reclaimed.metadata.name.as_deref() {
            locked(&self.state).offered.remove_reclaimed(name);
        }
    }

    pub(crate) fn put_pod(&self, pod: &SlimPod) {
        let Some(id) = id_of(pod) else {
            return;
        };
        let finished = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
        let mut state = locked(&self.state);
        state.forget_pod(id);
        if finished {
            return;
        }
        let epoch = state.epoch;
        let requests = state.asked.take(requests(pod));
        let workload = Workload::of_pod(&pod.metadata).map(|workload| workload.id());
        if let Some(workload) = workload {
            *state.workloads.entry(workload).or_default() += 1;
        }
        let pod = Pod {
            requests,
            epoch,
            workload,
        };
        state.pods.insert(id, pod);
    }

    pub(crate) fn remove_pod(&self, pod: &SlimPod) {
        if let Some(id) = id_of(pod) {
            locked(&self.state).forget_pod(id);
        }
    }

    /// Whether the stream of pods goes on.
    pub(crate) fn set_pod_stream(&self, stream: Stream) {
        locked(&self.state).pod_stream = stream;
    }

    /// The figures are known and follow what happens in the member.
    pub(crate) fn is_live(&self) -> bool {
        let state = locked(&self.state);
        state.is_known() && state.pod_stream == Stream::Flowing
    }

    /// How many pods of a workload are in the figures.
    pub(crate) fn pods_of(&self, workload: WorkloadId) -> i64 {
        let state = locked(&self.state);
        i64::from(state.workloads.get(&workload).copied().unwrap_or_default())
    }

    /// The figures of now, as decisions count them; `None` until both lists are complete.
    pub(crate) fn figures(&self) -> Option<Figures> {
        let state = locked(&self.state);
        if !state.is_known() {
            return None;
        }
        let left = |name: &str, amount: Quantity| {
            let asked = state.asked.sum.0.get(name);
            asked.map_or(amount, |(asked, _)| amount.sub(*asked))
        };
        let offers = state.offered.sums();
        Some(Figures {
            available: Counted::new(offers.clone().map(|(name, sum)| (name, left(name, sum)))),
            allocatable: Counted::new(offers),
        })
    }

    /// The figures as the cluster's status has them; `None` until both lists are complete.
    /// KubeAdmiral counts the requests of every pod that is not finished, wherever it is
    /// (`pkg/controllers/federatedcluster/clusterstatus.go`).
    pub(crate) fn resources(&self) -> Option<Resources> {
        let state = locked(&self.state);
        if !state.is_known() {
            return None;
        }
        let (schedulable_nodes, allocatable) = state.offered.count();
        let used = state.asked.total();
        let mut available = allocatable.clone();
        for (name, amount) in &mut available {
            if let Some(used) = used.get(name) {
                *amount = amount.sub(*used);
            }
        }
        Some(Resources {
            schedulable_nodes: Some(schedulable_nodes),
            allocatable: texts(&allocatable),
            available: texts(&available),
        })
    }
}

fn id_of(pod: &SlimPod) -> Option<PodId> {
    let mut hasher = DefaultHasher::new();
    pod.metadata.uid.as_deref()?.hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod figures_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(super) fn node(name: &str, ready: &str) -> SlimNode {
        serde_json::from_value(json!({ "metadata": { "name": name }, "status": {
            "allocatable": { "cpu": "4", "memory": "8Gi" },
            "conditions": [{ "type": "Ready", "status": ready }] } }))
        .unwrap()
    }

    pub(super) fn pod(uid: &str, phase: &str, cpu: &str) -> SlimPod {
        serde_json::from_value(
            json!({ "metadata": { "uid": uid }, "status": { "phase": phase }, "spec": {
                "containers": [{ "resources": { "requests": { "cpu": cpu } } }] } }),
        )
        .unwrap()
    }

    #[test]
    fn pods_are_taken_off_what_ready_nodes_offer() {
        let capacity = Capacity::default();
        capacity.put_node(&node("a", "True"));
        capacity.put_node(&node("b", "False"));
        capacity.put_pod(&pod("1", "Running", "500m"));
        capacity.put_pod(&pod("2", "Succeeded", "500m"));
        assert_eq!(capacity.resources(), None);
        capacity.nodes_listed(0);
        capacity.pods_listed(0);
        let found = capacity.resources().unwrap();
        assert_eq!(found.schedulable_nodes, Some(1));
        assert_eq!(found.allocatable["cpu"].0, "4");
        assert_eq!(found.available["cpu"].0, "3500m");
        assert_eq!(found.available["memory"].0, "8Gi");
    }

    #[test]
    fn every_pod_counts_once_however_often_it_changes_and_goes_when_it_is_not_listed() {
        let capacity = Capacity::default();
        capacity.put_node(&node("a", "True"));
        capacity.nodes_listed(0);
        capacity.pods_listed(0);
        let left = || capacity.resources().unwrap().available["cpu"].0.clone();
        for (name, step, expected) in [
            ("one", pod("1", "Pending", "500m"), "3500m"),
            ("the same again", pod("1", "Running", "500m"), "3500m"),
            (
                "another that asks for the same",
                pod("2", "Running", "500m"),
                "3",
            ),
            ("it asks for more", pod("1", "Running", "1"), "2500m"),
            ("it is finished", pod("1", "Failed", "1"), "3500m"),
        ] {
            capacity.put_pod(&step);
            assert_eq!(left(), expected, "{name}");
        }
        capacity.start();
        let since = capacity.epoch();
        capacity.put_pod(&pod("3", "Running", "2"));
        capacity.pods_listed(since);
        assert_eq!(left(), "2");
        capacity.remove_pod(&pod("3", "Running", "2"));
        assert_eq!(left(), "4");
        assert!(locked(&capacity.state).asked.is_empty());
    }

    #[test]
    fn a_pod_costs_some_tens_of_bytes() {
        const PODS: usize = 100_000;
        let capacity = Capacity::default();
        for index in 0..PODS {
            let cpu = format!("{}m", 100 + index % 10);
            capacity.put_pod(&pod(&format!("uid-{index}"), "Running", &cpu));
        }
        let state = locked(&capacity.state);
        assert_eq!(state.pods.len(), PODS);
        assert_eq!(state.asked.sets(), 10);
        // An entry, one byte of control, and the room that a table keeps free.
        let bytes = state.pods.capacity() * (size_of::<(PodId, Pod)>() + 1);
        assert!(bytes / PODS < 64, "{} bytes a pod", bytes / PODS);
    }
}
