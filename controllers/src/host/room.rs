//! What decisions see of the clusters' room: the members' own figures of now, less what earlier decisions have promised
//! there and the figures do not show yet. An object sees the clusters as if it were not there itself, or its own pods
//! would drive it away. Reads and notes, no requests, no decisions.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_crds::names::ClusterName;
use navarch_crds::naming::federated_object_name;
use navarch_scheduler::placement::Placement;
use navarch_scheduler::resources::Amounts;
use navarch_scheduler::snapshot::{Cluster, Figures, Snapshot};
use navarch_scheduler::verdict::Wake;
use serde_json::Value;
use tokio::time::Instant;

use super::context::Context;
use crate::copies::pods::{self, Place, Pods};
use crate::fleet::member::Member;
use crate::fleet::workload::Workload;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// Where an object is, as it was written last.
pub(crate) struct Present<'a> {
    pub(crate) clusters: &'a Placement,
    pub(crate) template: Option<&'a Value>,
    /// What one of its pods asks for there.
    pub(crate) request: Amounts,
}

impl Context {
    /// The clusters with the figures of now, as a decision about `key` sees them.
    pub(crate) fn snapshot_for(&self, key: &Key, present: &Present<'_>) -> Arc<Snapshot> {
        let shared = self
            .clusters
            .snapshot_of_now(|name, stored| self.figures(name, stored, None));
        if present.clusters.is_empty() {
            return shared;
        }
        let own = present.clusters.keys().filter_map(|name| {
            let stored = self.clusters.get(name)?.scheduling;
            let figures = self.figures(name, &stored, Some((key, present)));
            Some((name.clone(), figures))
        });
        self.clusters.seen_otherwise(&shared, own)
    }

    /// The figures of a cluster, to everybody or to one object.
    fn figures(
        &self,
        name: &ClusterName,
        stored: &Cluster,
        own: Option<(&Key, &Present<'_>)>,
    ) -> Figures {
        // First what is promised, then the figures: a pod that comes in between is counted twice and not missed.
        let mut taken = self.promised.total(name, own.map(|(key, _)| key));
        let member = self.fleet.get(name);
        let live = member.as_ref().and_then(|member| member.capacity.figures());
        if let Some((key, present)) = own {
            let pods = match member.filter(|_| live.is_some()) {
                Some(member) => self.running(&member, key, present),
                None => self.assumed(name, key, present),
            };
            taken.add(&present.request, pods.saturating_neg());
        }
        let mut figures = live.unwrap_or_else(|| stored.figures().clone());
        taken.take_from(&mut figures.available);
        figures
    }

    /// The pods of an object that figures of now count. Until the member has listed its copies, what was to be there is
    /// taken to be.
    fn running(&self, member: &Member, key: &Key, present: &Present<'_>) -> i64 {
        match self.pods_of(member, key) {
            Some(pods) => pods.running,
            None if is_known(self, member, key) => self.counted(member, key),
            None => self
                .assumed(&member.name, key, present)
                .max(self.counted(member, key)),
        }
    }

    /// The pods of an object in figures of a while ago: those that it was to have there and that are not still outstanding.
    /// Taking none would drive it away from wherever figures of now come late, after a restart above all.
    fn assumed(&self, cluster: &ClusterName, key: &Key, present: &Present<'_>) -> i64 {
        let (Some(template), Some(replicas)) = (present.template, present.clusters.get(cluster))
        else {
            return 0;
        };
        let wanted = pods::wanted(template, self.place(cluster, *replicas));
        let outstanding = self.promised.outstanding(key, cluster);
        wanted.saturating_sub(outstanding).max(0)
    }

    /// The pods of a copy: as it reports them, or as the member's pods say, whichever is ahead. `None`: there is no copy,
    /// or none with pods.
    pub(crate) fn pods_of(&self, member: &Member, key: &Key) -> Option<Pods> {
        let reported = member.record(key)?.observed.pods()?;
        Some(reported.ahead_with(self.counted(member, key)))
    }

    fn counted(&self, member: &Member, key: &Key) -> i64 {
        self.workload(key)
            .map_or(0, |workload| member.capacity.pods_of(workload.id()))
    }

    fn workload(&self, key: &Key) -> Option<Workload> {
        let entry = self.federated.get(key)?;
        let config = self.type_configs.get(entry.type_config.as_deref()?)?;
        let namespace = key.namespace().unwrap_or_default();
        let (group, kind) = (&config.kind.group, &config.kind.kind);
        Some(Workload::new(group, kind, namespace, &entry.source_name))
    }

    /// A pod came or changed in a member, and its figures count it.
    pub(crate) fn pod_seen(&self, member: &Member, pod: &ObjectMeta) {
        if self.promised.is_idle(&member.name) {
            return;
        }
        let Some(workload) = Workload::of_pod(pod) else {
            return;
        };
        // Federated objects of unusual names are told by their copies alone.
        if let Some(config) = self.type_configs.of_kind(&workload.group, &workload.kind) {
            let name = federated_object_name(&workload.name, &config.name);
            self.pods_seen(member, &Key::new(Some(&workload.namespace), &name));
        }
    }

    /// Notes what a decision promises: the pods of each cluster that are not known to be there. `before` says where
    /// the object was placed until now.
    pub(crate) fn promise(
        &self,
        key: &Key,
        template: &Value,
        (before, now): (&Placement, &Placement),
        request: Amounts,
    ) {
        let mut shares = BTreeMap::new();
        for (cluster, replicas) in now {
            let wanted = pods::wanted(template, self.place(cluster, *replicas));
            let known = self
                .fleet
                .get(cluster)
                .filter(|member| is_known(self, member, key))
                .map(|member| self.pods_of(&member, key).unwrap_or_default().present);
            // Nothing is known of a member that has not listed its copies: what was to be there before is taken to be.
            let assumed = || {
                before.get(cluster).map_or(0, |replicas| {
                    pods::wanted(template, self.place(cluster, *replicas))
                })
            };
            let pods = Pods {
                wanted,
                present: known.unwrap_or_else(assumed),
                running: 0,
            };
            shares.insert(cluster.clone(), pods);
        }
        self.promised.decided(key, &Arc::new(request), shares);
    }

    /// What decides how many pods an object makes in a cluster.
    pub(crate) fn place(&self, cluster: &ClusterName, replicas: Option<i64>) -> Place {
        let status = self
            .clusters
            .get(cluster)
            .and_then(|entry| entry.object.status.clone());
        let nodes = status.and_then(|status| status.resources.schedulable_nodes);
        Place {
            replicas,
            nodes: nodes.unwrap_or_default(),
        }
    }

    /// Nothing is promised where the stored state of the object does not place it.
    pub(crate) fn keep_promises(&self, key: &Key) {
        let entry = self.federated.get(key);
        match entry.filter(|entry| !entry.object.terminating) {
            Some(entry) => self.promised.keep(key, |name| entry.placed.contains(name)),
            None => self.promised.forget(key),
        }
    }

    /// The pods of a copy may have become more.
    pub(crate) fn pods_seen(&self, member: &Member, key: &Key) {
        if self.promised.holds(key, &member.name)
            && member.capacity.is_live()
            && let Some(pods) = self.pods_of(member, key)
        {
            self.promised.seen(key, &member.name, pods);
        }
    }

    /// Once a period: takes up what was missed while the figures of the member stood still, gives up what does not come,
    /// and wakes those that found no room if there is more of it than they saw.
    pub(crate) fn settle_promises(&self, member: &Member) {
        let working = member.is_ready() && member.capacity.is_live();
        for key in self.promised.keys_in(&member.name) {
            self.pods_seen(member, &key);
        }
        let (now, patience) = (Instant::now(), self.timings.promise_patience);
        self.promised.expire(&member.name, now, patience, working);
        if self.promised.take_eased(&member.name) {
            for key in self.unplaced.keys(&[Wake::ClusterResources]) {
                self.propagate.push(key, Priority::Backlog);
            }
        }
    }
}

/// Whether the member would tell of a copy if there were one.
fn is_known(ctx: &Context, member: &Member, key: &Key) -> bool {
    let entry = ctx.federated.get(key);
    let type_config = entry.and_then(|entry| entry.type_config);
    type_config.is_none_or(|type_config| member.is_listed(&type_config))
}
