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
    fn renew(&mut self) {
        self.version += 1;
        let clusters = self.by_name.values().map(|entry| Arc::clone(&entry.now));
        self.snapshot = Arc::new(Snapshot::new(clusters, self.version));
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
            Ok(cluster) => Arc::new(cluster),
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
        state.by_name.insert(
            name,
            ClusterEntry {
                object: Arc::new(object),
                now: Arc::clone(&scheduling),
                scheduling,
            },
        );
        state.renew();
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
        state.by_name.remove(name);
        state.unreadable.remove(name);
        state.renew();
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
        Arc::new(snapshot.with_figures(changed, version))
    }

    /// The objects of all clusters that can be read.
    pub(crate) fn objects(&self) -> BTreeMap<ClusterName, Arc<FederatedCluster>> {
        locked(&self.state)
            .by_name
            .iter()
            .map(|(name, entry)| (name.clone(), Arc::clone(&entry.object)))
            .collect()
    }

    /// Name and labels of every cluster that has joined, as override rules look at them.
    pub(crate) fn labels(&self) -> BTreeMap<ClusterName, BTreeMap<String, String>> {
        locked(&self.state)
            .by_name
            .iter()
            .map(|(name, entry)| (name.clone(), entry.scheduling.labels().clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
