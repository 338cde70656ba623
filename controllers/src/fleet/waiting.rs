//! Pods of one member that no node has taken yet, out of the stream that is counted for its capacity: since when, and
//! whose they are. A pod that a node has taken is not kept, and pods of one owner share their labels, so that a member
//! with room costs nothing here. What follows from it is for others to say (`migrate`).

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::slim::SlimPod;
use crate::runtime::locked;

/// A watch that failed is tried again within ten seconds, and says nothing when it works again. One that is silent for
/// so long after a failure works.
const MENDED_AFTER: Duration = Duration::from_secs(15);

/// Labels that tell the pods of one owner apart. No workload selects by them, and without them the pods share an entry.
const OF_ONE_POD: [&str; 3] = [
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
];

/// Whose a pod is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) labels: BTreeMap<String, String>,
    /// Its controller.
    pub(crate) owner: Option<Owner>,
}

/// The controller of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// A pod that waits for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitingPod {
    pub(crate) created: Option<Timestamp>,
    /// Since when the member's scheduler finds no node for it. `None`: it was not told of it yet, or it is not to be
    /// scheduled yet.
    pub(crate) unschedulable: Option<Timestamp>,
}

/// Something changed about the pods of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) namespace: Arc<str>,
    pub(crate) origin: Arc<Origin>,
}

/// A digest of the pod's uid, as in `capacity`.
type PodId = u64;

/// The waiting pods of a namespace by their origin.
type Origins = HashMap<Arc<Origin>, BTreeMap<PodId, WaitingPod>>;

/// The pods of one member that wait for a node.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pods: HashMap<PodId, Kept>,
    namespaces: HashMap<Arc<str>, Origins>,
    epoch: u32,
    listed: bool,
    failed: Option<Instant>,
}

#[derive(Debug)]
struct Kept {
    whose: Touched,
    epoch: u32,
}

impl State {
    fn remove(&mut self, id: PodId) -> Option<(Touched, WaitingPod)> {
        let whose = self.pods.remove(&id)?.whose;
        let origins = self.namespaces.get_mut(&whose.namespace)?;
        let pods = origins.get_mut(&whose.origin)?;
        let pod = pods.remove(&id);
        if pods.is_empty() {
            origins.remove(&whose.origin);
        }
        if origins.is_empty() {
            self.namespaces.remove(&whose.namespace);
        }
        Some((whose, pod?))
    }

    fn insert(&mut self, id: PodId, namespace: &str, origin: Origin, pod: WaitingPod) -> Touched {
        let namespace = match self.namespaces.get_key_value(namespace) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(namespace),
        };
        let origins = self.namespaces.entry(Arc::clone(&namespace)).or_default();
        let origin = match origins.get_key_value(&origin) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(origin),
        };
        origins
            .entry(Arc::clone(&origin))
            .or_default()
            .insert(id, pod);
        let whose = Touched { namespace, origin };
        let kept = Kept {
            whose: whose.clone(),
            epoch: self.epoch,
        };
        self.pods.insert(id, kept);
        whose
    }
}

impl Waiting {
    /// A listing begins; until it is complete nothing is known.
    pub(crate) fn start(&self) {
        let mut state = locked(&self.state);
        state.epoch = state.epoch.wrapping_add(1);
        state.listed = false;
    }

    /// The listing is complete: what was not in it waits no more.
    pub(crate) fn listed(&self) {
        let mut state = locked(&self.state);
        let epoch = state.epoch;
        let old = state.pods.iter().filter(|(_, kept)| kept.epoch != epoch);
        let old: Vec<PodId> = old.map(|(id, _)| *id).collect();
        for id in old {
            state.remove(id);
        }
        state.listed = true;
        state.failed = None;
    }

    /// The watch failed and is tried again.
    pub(crate) fn failed(&self, now: Instant) {
        locked(&self.state).failed = Some(now);
    }

    /// Whether what is kept is what the member has.
    pub(crate) fn is_known(&self, now: Instant) -> bool {
        let listed = locked(&self.state).listed;
        listed && self.doubted_for(now).is_none()
    }

    /// How long a watch that failed has to go on without failing again.
    pub(crate) fn doubted_for(&self, now: Instant) -> Option<Duration> {
        let failed = locked(&self.state).failed?;
        let left = MENDED_AFTER.checked_sub(now.saturating_duration_since(failed));
        left.filter(|left| !left.is_zero())
    }

    /// Takes a state of a pod over; whose pods changed by it.
    pub(crate) fn put(&self, pod: &SlimPod) -> Option<Touched> {
        let id = id_of(pod)?;
        let mut state = locked(&self.state);
        state.failed = None;
        let before = state.remove(id);
        let Some(waiting) = waiting(pod) else {
            return before.map(|(whose, _)| whose);
        };
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let whose = state.insert(id, namespace, origin(pod), waiting);
        let same = before.is_some_and(|before| before == (whose.clone(), waiting));
        (!same).then_some(whose)
    }

    /// The pod is gone; whose pods changed by it.
    pub(crate) fn remove(&self, pod: &SlimPod) -> Option<Touched> {
        let mut state = locked(&self.state);
        state.failed = None;
        state.remove(id_of(pod)?).map(|(whose, _)| whose)
    }

    /// The waiting pods of a namespace whose origin is as `wanted`.
    pub(crate) fn of(
        &self,
        namespace: &str,
        wanted: impl Fn(&Origin) -> bool,
    ) -> Vec<(Arc<Origin>, Vec<WaitingPod>)> {
        let state = locked(&self.state);
        let origins = state.namespaces.get(namespace).into_iter().flatten();
        origins
            .filter(|(origin, _)| wanted(origin))
            .map(|(origin, pods)| (Arc::clone(origin), pods.values().copied().collect()))
            .collect()
    }
}

fn id_of(pod: &SlimPod) -> Option<PodId> {
    let mut hasher = DefaultHasher::new();
    pod.metadata.uid.as_deref()?.hash(&mut hasher);
    Some(hasher.finish())
}

/// As KubeAdmiral reads the condition (`pkg/controllers/automigration/util.go`); pods that are on their way out or have
/// run to their end wait for nothing.
fn waiting(pod: &SlimPod) -> Option<WaitingPod> {
    let mut conditions = pod.status.conditions.iter();
    let condition = conditions.find(|condition| condition.kind == "PodScheduled");
    let scheduled =
        !pod.spec.node_name.is_empty() || condition.is_some_and(|found| found.status == "True");
    let ended = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    if scheduled || ended || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let unschedulable = condition
        .filter(|condition| condition.status == "False" && condition.reason == "Unschedulable")
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map(|time| time.0);
    let created = pod.metadata.creation_timestamp.as_ref();
    Some(WaitingPod {
        created: created.map(|time| time.0),
        unschedulable,
    })
}

fn origin(pod: &SlimPod) -> Origin {
    let mut labels = pod.metadata.labels.clone().unwrap_or_default();
    for label in OF_ONE_POD {
        labels.remove(label);
    }
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let owner = owners
        .find(|owner| owner.controller == Some(true))
        .map(|owner| Owner {
            group: match owner.api_version.split_once('/') {
                Some((group, _)) => group.to_owned(),
                None => String::new(),
            },
            kind: owner.kind.clone(),
            name: owner.name.clone(),
        });
    Origin { labels, owner }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(uid: &str, change: impl FnOnce(&mut Value)) -> SlimPod {
        let mut pod = json!({
            "metadata": { "uid": uid, "namespace": "shop", "creationTimestamp": "1970-01-01T00:00:01Z",
                "labels": { "app": "web", "apps.kubernetes.io/pod-index": uid },
                "ownerReferences": [
                    { "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "x" },
                    { "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "s", "controller": true }] },
            "spec": { "containers": [] },
            "status": { "phase": "Pending" } });
        change(&mut pod);
        serde_json::from_value(pod).unwrap()
    }

    fn refused(uid: &str, second: i64) -> SlimPod {
        pod(uid, |pod| {
            pod["status"]["conditions"] = json!([
                { "type": "Ready", "status": "False", "reason": "Unschedulable" },
                { "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                  "lastTransitionTime": at(second).to_string() }]);
        })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn known(waiting: &Waiting) -> Vec<Option<Timestamp>> {
        let found = waiting.of("shop", |_| true);
        assert!(found.len() < 2, "the pods of one owner share an entry");
        let pods = found.into_iter().flat_map(|(_, pods)| pods);
        let mut since: Vec<_> = pods.map(|pod| pod.unschedulable).collect();
        since.sort();
        since
    }

    #[test]
    fn only_pods_that_wait_for_a_node_are_kept() {
        let waiting = Waiting::default();
        let touched = waiting.put(&pod("1", |_| {})).unwrap();
        assert_eq!(&*touched.namespace, "shop");
        let owner = touched.origin.owner.clone().unwrap();
        assert_eq!((&*owner.group, &*owner.kind), ("apps", "StatefulSet"));
        assert_eq!(known(&waiting), [None]);
        assert_eq!(waiting.put(&pod("1", |_| {})), None, "nothing changed");
        assert!(waiting.put(&refused("1", 5)).is_some());
        assert!(waiting.put(&refused("2", 6)).is_some());
        assert_eq!(known(&waiting), [Some(at(5)), Some(at(6))]);
        for (name, change) in [
            ("bound", json!({ "spec": { "nodeName": "n" } })),
            ("finished", json!({ "status": { "phase": "Failed" } })),
            (
                "leaving",
                json!({ "metadata": { "uid": "1", "deletionTimestamp": "1970-01-01T00:00:09Z" } }),
            ),
            (
                "scheduled",
                json!({ "status": { "conditions": [{ "type": "PodScheduled", "status": "True" }] } }),
            ),
        ] {
            waiting.put(&refused("1", 5));
            let gone = pod("1", |pod| {
                for (key, value) in change.as_object().unwrap() {
                    pod[key] = value.clone();
                }
            });
            assert!(waiting.put(&gone).is_some(), "{name}");
            assert_eq!(known(&waiting), [Some(at(6))], "{name}");
            assert_eq!(waiting.put(&gone), None, "{name}");
        }
        assert!(waiting.remove(&refused("2", 6)).is_some());
        let state = locked(&waiting.state);
        assert!(state.pods.is_empty() && state.namespaces.is_empty());
    }

    #[test]
    fn a_pod_held_back_by_a_gate_waits_and_is_not_unschedulable() {
        let waiting = Waiting::default();
        waiting.put(&pod("1", |pod| {
            pod["status"]["conditions"] = json!([{ "type": "PodScheduled", "status": "False",
                "reason": "SchedulingGated", "lastTransitionTime": "1970-01-01T00:00:09Z" }]);
        }));
        assert_eq!(known(&waiting), [None]);
    }

    #[test]
    fn nothing_is_known_before_the_list_is_complete_nor_while_the_watch_fails() {
        let waiting = Waiting::default();
        let now = Instant::now();
        assert!(!waiting.is_known(now));
        waiting.put(&refused("1", 5));
        waiting.start();
        waiting.put(&refused("2", 6));
        assert!(!waiting.is_known(now));
        waiting.listed();
        assert!(waiting.is_known(now));
        assert_eq!(known(&waiting), [Some(at(6))], "the first was not listed");
        waiting.failed(now);
        assert!(!waiting.is_known(now + MENDED_AFTER / 2));
        assert!(waiting.is_known(now + MENDED_AFTER));
        waiting.failed(now);
        waiting.put(&refused("2", 6));
        assert!(waiting.is_known(now), "it tells something again");
    }
}
