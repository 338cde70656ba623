//! One manager's whole state, handed to every room. There are no globals: several managers may run in
//! one process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_crds::names::ClusterName;
use navarch_scheduler::unit::Features;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::clusters::Clusters;
use super::followings::Followings;
use super::migrations::Migrations;
use super::objects::{Inherited, Objects};
use super::promised::Promised;
use super::quotas::Quotas;
use super::recent::Recent;
use super::scheduled::Words;
use super::stores::{FederatedEntry, FederatedObjects, Sources, TypeConfigs};
use super::unplaced::Unplaced;
use crate::fleet::changed::ChangedFigures;
use crate::fleet::connect::Clients;
use crate::fleet::member::Member;
use crate::fleet::request::Requests;
use crate::quota::io::Ledger;
use crate::runtime::events::{Events, reference};
use crate::runtime::host_first::HostFirst;
use crate::runtime::key::Key;
use crate::runtime::lease::Term;
use crate::runtime::locked;
use crate::runtime::metrics::Metrics;
use crate::runtime::options::Timings;
use crate::runtime::pace::Pace;
use crate::runtime::queue::{Priority, Queue};
use crate::runtime::ready::Readiness;
use crate::runtime::repeats::HostTroubles;
use crate::runtime::retry::Backoff;
use crate::runtime::rush::Rush;
use crate::runtime::shutdown::Tasks;
use crate::webhook::desk::Webhooks;

/// The window for reports while many workloads are on their way.
const CROWDED_WINDOW: Duration = Duration::from_secs(1);

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
    pub(crate) troubles: HostTroubles,
    pub(crate) type_configs: TypeConfigs,
    pub(crate) sources: Sources,
    pub(crate) federated: FederatedObjects,
    /// Those of them that were read last.
    pub(crate) recent: Recent,
    /// Who leads whom.
    pub(crate) followings: Followings,
    /// What KubeAdmiral wrote down before us.
    pub(crate) inherited: Inherited,
    pub(crate) clusters: Clusters,
    pub(crate) policies: Objects,
    pub(crate) cluster_policies: Objects,
    pub(crate) overrides: Objects,
    pub(crate) cluster_overrides: Objects,
    pub(crate) profiles: Objects,
    /// Scheduler plugins behind HTTP, and the decisions that wait for them.
    pub(crate) webhooks: Webhooks,
    /// Objects whose replicas may move by themselves.
    pub(crate) migrations: Migrations,
    /// Objects that fit nowhere.
    pub(crate) unplaced: Unplaced,
    pub(crate) fleet: Fleet,
    /// Clusters whose room changed since it was last read.
    pub(crate) changed: Arc<ChangedFigures>,
    /// What decisions have promised of that room.
    pub(crate) promised: Promised,
    /// Whom the global quotas are charged for, and who waits for room.
    pub(crate) quotas: Quotas,
    /// What keeps their limits when leaders change.
    pub(crate) ledger: Ledger,
    /// Something was charged or given back.
    pub(crate) quota_news: Notify,
    /// A global quota was made or changed.
    pub(crate) quota_made: Notify,
    /// Decisions are made one after the other: each sees what the one before has promised.
    pub(crate) turn: Mutex<()>,
    /// Counts changes of the types that the host serves.
    pub(crate) host_types: watch::Sender<u64>,
    /// Counts changes of the type configs.
    pub(crate) federated_types: watch::Sender<u64>,
    /// Sources and federated objects to be looked at.
    pub(crate) propagate: Queue<Key>,
    /// Sources whose federated object is there and which lack our finalizer.
    pub(crate) holds: Queue<Key>,
    /// Federated objects whose status may have changed.
    pub(crate) report: Queue<Key>,
    /// What passes have to say about scheduling and no status says yet.
    pub(crate) scheduled: Words,
    /// What they have to say about quotas.
    pub(crate) reserved: Words,
    /// Parts of the control plane that are not on everywhere.
    pub(crate) features: Features,
    /// Which nodes of members are not counted.
    pub(crate) node_filters: Vec<LabelSelector>,
    /// Sources whose workload is still on its way.
    pub(crate) pace: Pace,
    /// What gives way while many objects are made at once.
    pub(crate) rush: Rush,
    /// Whose copies wait until the host has all of a bulk.
    pub(crate) host_first: HostFirst,
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

    /// Whether a cluster surely holds no copy of this state of a federated object. A cluster that has left
    /// the federation took its copies along: they are not ours any more. One whose object cannot be read
    /// has not left.
    pub(crate) fn is_clear(
        &self,
        key: &Key,
        entry: &FederatedEntry,
        cluster: &ClusterName,
    ) -> bool {
        if !self.clusters.exists(cluster) {
            return true;
        }
        self.fleet
            .get(cluster)
            .and_then(|member| member.outcome(key))
            .is_some_and(|outcome| outcome.proves_absence(&entry.object))
    }

    /// Asks for a look at the status of `key` within the window; within a longer one while many objects are on their way, each
    /// of which changes again and again.
    pub(crate) fn report_soon(&self, key: &Key) {
        let window = if self.pace.is_crowded() {
            self.timings.status_window.max(CROWDED_WINDOW)
        } else {
            self.timings.status_window
        };
        self.report.push_after(key.clone(), window);
    }

    /// Whom events about a federated object are about: its source if one is known, else itself.
    pub(crate) fn subject(&self, key: &Key, federated: &Value) -> ObjectReference {
        let template = federated.pointer("/spec/template").unwrap_or(&Value::Null);
        match self.sources.get(key) {
            Some(source) => ObjectReference {
                uid: Some(source.object.uid.to_string()),
                ..reference(template)
            },
            None => reference(federated),
        }
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

    /// Removes this very member; one that has taken its place stays.
    pub(crate) fn remove(&self, member: &Arc<Member>) {
        let mut members = locked(&self.members);
        if members
            .get(&member.name)
            .is_some_and(|present| Arc::ptr_eq(present, member))
        {
            members.remove(&member.name);
        }
    }

    pub(crate) fn get(&self, name: &ClusterName) -> Option<Arc<Member>> {
        locked(&self.members).get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Member>> {
        locked(&self.members).values().cloned().collect()
    }
}
