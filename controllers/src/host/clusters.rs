//! The cluster objects of the host, and the snapshot that decisions are made on. A cluster whose object cannot be read
//! is known by its name: it has not gone, so nothing may be concluded from its absence in the snapshot.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::FederatedCluster;
use navarch_scheduler::snapshot::{Cluster, Snapshot};

use crate::runtime::locked;

/// A cluster object of the host.
#[derive(Clone, Debug)]
pub(crate) struct ClusterEntry {
    pub(crate) object: Arc<FederatedCluster>,
    pub(crate) scheduling: Arc<Cluster>,
}

/// The cluster objects, and the snapshot that decisions are made on.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    state: Mutex<ClusterState>,
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
        let clusters = self
            .by_name
            .values()
            .map(|entry| Arc::clone(&entry.scheduling));
        self.snapshot = Arc::new(Snapshot::new(clusters, self.version));
    }
}

impl Clusters {
    /// `true`: something changed that a decision may rest on (not the amounts that are free: those
    /// change all the time and are no reason to decide again).
    pub(crate) fn put(&self, name: ClusterName, object: FederatedCluster) -> bool {
        let scheduling = match Cluster::new(&object) {
            Ok(cluster) => Arc::new(cluster),
            Err(error) => {
                tracing::error!(cluster = %name, %error, "the cluster cannot be scheduled to");
                return self.put_unreadable(&name, &error.to_string());
            }
        };
        let mut state = locked(&self.state);
        state.unreadable.remove(&name);
        let same = state.by_name.get(&name).is_some_and(|known| {
            known.scheduling.hashes() == scheduling.hashes()
                && known.scheduling.joined() == scheduling.joined()
                && known.scheduling.terminating() == scheduling.terminating()
                && known.object.metadata.uid == object.metadata.uid
        });
        state.by_name.insert(
            name,
            ClusterEntry {
                object: Arc::new(object),
                scheduling,
            },
        );
        state.renew();
        !same
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

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&locked(&self.state).snapshot)
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
        assert!(clusters.put(name.clone(), object));
        assert_eq!(clusters.unreadable("m"), None);
        assert!(!clusters.put_unreadable(&name, "odd"));
        assert!(clusters.get(&name).is_some() && clusters.unreadable("m").is_none());
        clusters.remove(&name);
        assert!(!clusters.exists(&name));
    }
}
