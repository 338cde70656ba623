//! One manager's whole state, handed to every room. There are no globals: several managers may run in
//! one process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use navarch_crds::names::ClusterName;
use tokio::sync::watch;

use super::events::Events;
use super::key::Key;
use super::locked;
use super::metrics::Metrics;
use super::options::Timings;
use super::queue::{Priority, Queue};
use super::ready::Readiness;
use super::retry::Backoff;
use super::shutdown::Tasks;
use super::stores::{Clusters, FederatedObjects, Objects, Sources, TypeConfigs};
use crate::fleet::connect::Clients;
use crate::fleet::member::Member;
use crate::fleet::request::Requests;
use crate::runtime::lease::Term;

/// Everything that rooms share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) host: Requests,
    pub(crate) host_clients: Clients,
    pub(crate) term: Term,
    pub(crate) system_namespace: String,
    pub(crate) timings: Timings,
    pub(crate) tasks: Tasks,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) events: Events,
    pub(crate) type_configs: TypeConfigs,
    pub(crate) sources: Sources,
    pub(crate) federated: FederatedObjects,
    pub(crate) clusters: Clusters,
    pub(crate) policies: Objects,
    pub(crate) cluster_policies: Objects,
    pub(crate) overrides: Objects,
    pub(crate) cluster_overrides: Objects,
    pub(crate) profiles: Objects,
    pub(crate) fleet: Fleet,
    /// Counts changes of the types that the host serves.
    pub(crate) host_types: watch::Sender<u64>,
    /// Counts changes of the type configs.
    pub(crate) federated_types: watch::Sender<u64>,
    /// Sources and federated objects to be looked at.
    pub(crate) propagate: Queue<Key>,
    /// Federated objects whose status may have changed.
    pub(crate) report: Queue<Key>,
}

impl Context {
    /// Asks every cluster that holds or should hold a copy of `key` to look at it.
    pub(crate) fn dispatch(&self, key: &Key, priority: Priority) {
        let Some(entry) = self.federated.get(key) else {
            return;
        };
        for cluster in entry.placed.iter().chain(entry.leaving.iter()) {
            match self.fleet.get(cluster) {
                Some(member) => member.queue.push(key.clone(), priority),
                None => self
                    .report
                    .push_after(key.clone(), self.timings.status_window),
            }
        }
    }

    /// Asks for a look at the status of `key` within the window.
    pub(crate) fn report_soon(&self, key: &Key) {
        self.report
            .push_after(key.clone(), self.timings.status_window);
    }

    /// Delays after failures.
    pub(crate) fn backoff(timings: &Timings) -> Backoff {
        Backoff {
            first: timings.retry_first,
            longest: timings.retry_longest,
        }
    }
}

/// The members that there are clients for.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    members: Mutex<BTreeMap<ClusterName, Arc<Member>>>,
}

impl Fleet {
    pub(crate) fn put(&self, member: Arc<Member>) -> Option<Arc<Member>> {
        locked(&self.members).insert(member.name.clone(), member)
    }

    pub(crate) fn remove(&self, name: &ClusterName) -> Option<Arc<Member>> {
        locked(&self.members).remove(name)
    }

    pub(crate) fn get(&self, name: &ClusterName) -> Option<Arc<Member>> {
        locked(&self.members).get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Member>> {
        locked(&self.members).values().cloned().collect()
    }
}
