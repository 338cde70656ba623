//! The cluster objects of the host, and the snapshot that decisions are made on. A cluster whose object cannot be read
//! is known by its name: it has not gone, so nothing may be concluded from its absence in the snapshot.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::FederatedCluster;
use navarch_scheduler::snapshot::{Cluster, Figures, Snapshot};
use navarch_scheduler::verdict::Wake;

use crate::fleet::changed::ChangedFigures;
use crate::runtime::locked;

/// A cluster object of the host.
#[derive(Clone, Debug)]
pub(crate) struct ClusterEntry {
    pub(crate) object: Arc<FederatedCluster>,
    /// As its status has it.
    pub(crate) scheduling: Arc<Cluster>,
    /// The same with the figures that were last read of it.
    now: Arc<Cluster>,
}

/// What a new state of a cluster brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Something that placed objects may be decided anew for.
    Content,
    /// What is placed stays; these can help what is not. Free amounts change all the time.
    Figures(Vec<Wake>),
}

impl Moved {
    fn between(before: &Cluster, now: &Cluster) -> Self {
        let same = before.hashes() == now.hashes()
            && before.joined() == now.joined()
            && before.terminating() == now.terminating();
        if !same {
            return Self::Content;
        }
        let mut happened = Vec::new();
        if now.ready() && !before.ready() {
            happened.push(Wake::ClusterReady);
        }
        if before.available() != now.available() || before.allocatable() != now.allocatable() {
            happened.push(Wake::ClusterResources);
        }
        Self::Figures(happened)
    }
}

/// The cluster objects, and the snapshot that decisions are made on.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    state: Mutex<ClusterState>,
    changed: Arc<ChangedFigures>,
}

#[derive(Debug, Default)]
struct ClusterState {
    by_name: BTreeMap<ClusterName, ClusterEntry>,
    /// Those of which nothing but the name could ever be read.
    unreadable: BTreeMap<ClusterName, Arc<str>>,
    snapshot: Arc<Snapshot>,
    version: u64,
}

impl ClusterState {
    /// Takes what is different into the snapshot. Whoever still decides with the snapshot of before keeps that one.
    fn take_over(&mut self, cluster: Cluster) -> Arc<Cluster> {
        let cluster = Arc::new(match self.by_name.values().next() {
            Some(other) => cluster.beside(&other.scheduling),
            None => cluster,
        });
        self.version += 1;
        Arc::make_mut(&mut self.snapshot).put(Arc::clone(&cluster), self.version);
        cluster
    }

    fn forget(&mut self, name: &ClusterName) {
        self.by_name.remove(name);
        if self.snapshot.get(name.as_str()).is_some() {
            self.version += 1;
            Arc::make_mut(&mut self.snapshot).remove(name, self.version);
        }
    }
}

impl Clusters {
    pub(crate) fn new(changed: Arc<ChangedFigures>) -> Self {
        Self {
            state: Mutex::default(),
            changed,
        }
    }

    /// What changed that a decision may rest on.
    pub(crate) fn put(&self, name: ClusterName, object: FederatedCluster) -> Moved {
        let scheduling = match Cluster::new(&object) {
            Ok(cluster) => cluster,
            Err(error) => {
                tracing::error!(cluster = %name, %error, "the cluster cannot be scheduled to");
                return if self.put_unreadable(&name, &error.to_string()) {
                    Moved::Content
                } else {
                    Moved::Figures(Vec::new())
                };
            }
        };
        let mut state = locked(&self.state);
        state.unreadable.remove(&name);
        self.changed.tell(&name);
        let moved = match state.by_name.get(&name) {
            Some(known) if known.object.metadata.uid == object.metadata.uid => {
                Moved::between(&known.scheduling, &scheduling)
            }
            _ => Moved::Content,
        };
        let object = Arc::new(object);
        let entry = match state.by_name.get(&name) {
            // Heartbeats change nothing that a decision reads.
            Some(known) if *known.scheduling == scheduling => ClusterEntry {
                object,
                ..known.clone()
            },
            _ => {
                let scheduling = state.take_over(scheduling);
                ClusterEntry {
                    object,
                    now: Arc::clone(&scheduling),
                    scheduling,
                }
            }
        };
        state.by_name.insert(name, entry);
        moved
    }

    /// The object of this name cannot be read. What was read of it before stays. `true`: nothing was.
    pub(crate) fn put_unreadable(&self, name: &ClusterName, why: &str) -> bool {
        let mut state = locked(&self.state);
        if state.by_name.contains_key(name) {
            return false;
        }
        state.unreadable.insert(name.clone(), why.into()).is_none()
    }

    pub(crate) fn remove(&self, name: &ClusterName) {
        let mut state = locked(&self.state);
        state.unreadable.remove(name);
        state.forget(name);
    }

    pub(crate) fn get(&self, name: &ClusterName) -> Option<ClusterEntry> {
        locked(&self.state).by_name.get(name).cloned()
    }

    /// There is an object of this name, readable or not.
    pub(crate) fn exists(&self, name: &ClusterName) -> bool {
        let state = locked(&self.state);
        state.by_name.contains_key(name) || state.unreadable.contains_key(name)
    }

    /// Why nothing is known of a cluster that exists.
    pub(crate) fn unreadable(&self, name: &str) -> Option<Arc<str>> {
        let state = locked(&self.state);
        let found = state
            .unreadable
            .iter()
            .find(|(unreadable, _)| unreadable.as_str() == name);
        found.map(|(_, why)| Arc::clone(why))
    }

    /// Every name, readable or not.
    pub(crate) fn names(&self) -> Vec<ClusterName> {
        let state = locked(&self.state);
        let names = state.by_name.keys().chain(state.unreadable.keys());
        names.cloned().collect()
    }

    /// The labels of all of them.
    pub(crate) fn labels(&self) -> BTreeMap<ClusterName, BTreeMap<String, String>> {
        let state = locked(&self.state);
        let labels =
            |entry: &ClusterEntry| entry.object.metadata.labels.clone().unwrap_or_default();
        let named = state.by_name.iter();
        named
            .map(|(name, entry)| (name.clone(), labels(entry)))
            .collect()
    }

    /// The clusters; their figures may have been read a while ago.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&locked(&self.state).snapshot)
    }

    /// The clusters with the figures of now: `figures` is asked about those that changed since the last time, with the
    /// cluster as its status has it.
    pub(crate) fn snapshot_of_now(
        &self,
        figures: impl Fn(&ClusterName, &Cluster) -> Figures,
    ) -> Arc<Snapshot> {
        let mut state = locked(&self.state);
        // Inside the lock: whoever comes second must not miss what the first has taken and not read yet.
        let changed: Vec<(ClusterName, Figures)> = self
            .changed
            .take()
            .into_iter()
            .filter_map(|name| {
                let entry = state.by_name.get(&name)?;
                let figures = figures(&name, &entry.scheduling);
                (*entry.now.figures() != figures).then_some((name, figures))
            })
            .collect();
        if changed.is_empty() {
            return Arc::clone(&state.snapshot);
        }
        state.version += 1;
        let names: Vec<ClusterName> = changed.iter().map(|(name, _)| name.clone()).collect();
        let snapshot = state.snapshot.with_figures(changed, state.version);
        for name in names {
            if let Some(cluster) = snapshot.get(name.as_str()).map(Arc::clone)
                && let Some(entry) = state.by_name.get_mut(&name)
            {
                entry.now = cluster;
            }
        }
        state.snapshot = Arc::new(snapshot);
        Arc::clone(&state.snapshot)
    }

    /// The same clusters, some of which look otherwise to one object.
    pub(crate) fn seen_otherwise(
        &self,
        snapshot: &Snapshot,
        changed: impl Iterator<Item = (ClusterName, Figures)>,
    ) -> Arc<Snapshot> {
        let version = {
            let mut state = locked(&self.state);
            state.version += 1;
            state.version
        };
        Arc::new(snapshot.seen_otherwise(changed, version))
    }

    /// The objects of all clusters that can be read.
    pub(crate) fn objects(&self) -> BTreeMap<ClusterName, Arc<FederatedCluster>> {
        locked(&self.state)
            .by_name
            .iter()
            .map(|(name, entry)| (name.clone(), Arc::clone(&entry.object)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(zone: &str) -> FederatedCluster {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
            "metadata": { "name": "m", "uid": "1", "labels": { "zone": zone } }, "spec": {},
            "status": { "conditions": [{ "type": "Joined", "status": "True" }] },
        }))
        .unwrap()
    }

    #[test]
    fn a_snapshot_in_use_stays_and_heartbeats_make_no_other() {
        let (clusters, name) = (Clusters::default(), ClusterName::new("m").unwrap());
        let zone = |snapshot: &Snapshot| snapshot.get("m").unwrap().labels()["zone"].clone();
        clusters.put(name.clone(), object("a"));
        let before = clusters.snapshot();
        clusters.put(name.clone(), object("a"));
        assert!(Arc::ptr_eq(&before, &clusters.snapshot()));
        assert_eq!(clusters.put(name.clone(), object("b")), Moved::Content);
        let after = clusters.snapshot();
        assert_eq!(
            (zone(&before), zone(&after)),
            ("a".to_owned(), "b".to_owned())
        );
        clusters.remove(&name);
        assert!(clusters.snapshot().get("m").is_none() && after.get("m").is_some());
    }

    #[test]
    fn a_cluster_that_cannot_be_read_exists_and_what_was_read_of_it_stays() {
        let clusters = Clusters::default();
        let name = ClusterName::new("m").unwrap();
        assert!(clusters.put_unreadable(&name, "odd"));
        assert!(!clusters.put_unreadable(&name, "odd"));
        assert!(clusters.exists(&name) && clusters.get(&name).is_none());
        assert_eq!(clusters.names(), std::slice::from_ref(&name));
        assert_eq!(clusters.unreadable("m").as_deref(), Some("odd"));
        let mut object = FederatedCluster::default();
        object.metadata.name = Some("m".to_owned());
        assert_eq!(clusters.put(name.clone(), object), Moved::Content);
        assert_eq!(clusters.unreadable("m"), None);
        assert!(!clusters.put_unreadable(&name, "odd"));
        assert!(clusters.get(&name).is_some() && clusters.unreadable("m").is_none());
        clusters.remove(&name);
        assert!(!clusters.exists(&name));
    }
}
