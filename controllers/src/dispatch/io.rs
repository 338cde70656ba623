//! The workers of one member: take a key, look at what should be there and what is, send at most what
//! is needed. Members know nothing of each other.

mod place;
mod promise;
mod watch;
mod withdraw;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use navarch_crds::keys::{UNMANAGED_NAMESPACES, annotation};
use navarch_crds::v1alpha1::PropagationStatusType as Status;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::federated::Federated;
use crate::fleet::member::Member;
use crate::fleet::records::{Outcome, State};
use crate::fleet::request::RequestError;
use crate::host::context::Context;
use crate::host::stores::{FederatedEntry, TypeConfig};
use crate::runtime::compact::annotation as annotation_of;
use crate::runtime::events::reference;
use crate::runtime::key::Key;
use crate::runtime::queue::{Priority, QueueKey};
use crate::runtime::shutdown::caught;

/// One key in one member.
pub(crate) struct Look<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) member: &'a Member,
    pub(crate) key: &'a Key,
    pub(crate) config: &'a TypeConfig,
    pub(crate) entry: &'a FederatedEntry,
    pub(crate) federated: &'a Federated,
    pub(crate) value: &'a Value,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: &'a str,
}

/// How a look ended: the state to report, and an error if it must be tried again.
pub(crate) struct Looked {
    pub(crate) state: State,
    pub(crate) message: String,
    pub(crate) reason: Option<&'static str>,
    pub(crate) again: bool,
}

impl Looked {
    pub(crate) fn ok() -> Self {
        Self {
            state: State::Known(Status::Ok),
            message: String::new(),
            reason: None,
            again: false,
        }
    }

    pub(crate) fn absent() -> Self {
        Self {
            state: State::Absent,
            message: String::new(),
            reason: None,
            again: false,
        }
    }

    /// A state that ends by an event, not by trying again.
    pub(crate) fn waits(status: Status, message: impl Into<String>) -> Self {
        Self {
            state: State::Known(status),
            message: message.into(),
            reason: None,
            again: false,
        }
    }

    /// Something went wrong and is tried again.
    pub(crate) fn failed(status: Status, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            state: State::Known(status),
            message: message.into(),
            reason: Some(reason),
            again: true,
        }
    }

    pub(crate) fn request(status: Status, reason: &'static str, error: &RequestError) -> Self {
        Self::failed(status, reason, error.message())
    }
}

/// Takes over every member that there is a client for.
pub(crate) async fn run(ctx: Arc<Context>, mut new_members: mpsc::Receiver<Arc<Member>>) {
    let shutdown = ctx.tasks.shutdown().clone();
    loop {
        let member = tokio::select! {
            () = shutdown.cancelled() => return,
            member = new_members.recv() => member,
        };
        let Some(member) = member else { return };
        member
            .tasks
            .spawn(watch::follow_kinds(Arc::clone(&ctx), Arc::clone(&member)));
        for _ in 0..ctx.timings.member_workers {
            member
                .tasks
                .spawn(worker(Arc::clone(&ctx), Arc::clone(&member)));
        }
    }
}

async fn worker(ctx: Arc<Context>, member: Arc<Member>) {
    let shutdown = member.tasks.shutdown().clone();
    if !ctx.readiness.ready(&shutdown).await {
        return;
    }
    while let Some(key) = member.queue.next(&shutdown).await {
        if let Some(wait) = waits_for_host(&ctx, &member, &key) {
            member.queue.rest(&key);
            member.queue.push_after(key, wait);
            continue;
        }
        match caught(work(&ctx, &member, &key)).await {
            Ok(again) => {
                ctx.metrics
                    .reconciled("dispatch", if again { "error" } else { "success" });
                if again {
                    member.queue.failed(&key);
                } else {
                    member.queue.done(&key);
                }
            }
            Err(panic) => {
                ctx.metrics.reconciled("dispatch", "panic");
                member.queue.failed(&key);
                tracing::error!(object = %key, cluster = %member.name, panic, "dispatch panicked");
            }
        }
    }
}

/// How long a copy that is to be made, changed or deleted gives way to the objects of its namespace that the host has yet to
/// take. Repairs do not.
fn waits_for_host(ctx: &Context, member: &Member, key: &Key) -> Option<Duration> {
    let namespace = key.group();
    let waiting = ctx.propagate.waiting_in(&namespace);
    let wait = ctx.host_first.wait(namespace, waiting, Instant::now())?;
    let entry = ctx.federated.get(key)?;
    let stays = !entry.object.terminating && entry.placed.contains(&member.name);
    let applied = member.record(key).and_then(|record| record.applied);
    let is_up_to_date =
        applied.is_some_and(|applied| applied.generation >= entry.object.generation);
    (!stays || !is_up_to_date).then_some(wait)
}

/// `true`: to be tried again.
async fn work(ctx: &Context, member: &Member, key: &Key) -> bool {
    let Some(entry) = ctx.federated.get(key) else {
        member.forget(key);
        ctx.promised.forget(key);
        return false;
    };
    let config = entry
        .type_config
        .as_deref()
        .and_then(|name| ctx.type_configs.get(name));
    let Some(config) = config else { return false };
    let read = match ctx.recent.read(&entry.object) {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(object = %key, %error, "the federated object cannot be read");
            return false;
        }
    };
    let namespace = key.namespace().filter(|_| config.kind.namespaced);
    let look = Look {
        ctx,
        member,
        key,
        config: &config,
        entry: &entry,
        federated: &read.federated,
        value: &read.value,
        namespace,
        name: &entry.source_name,
    };
    let looked = look.look().await;
    look.conclude(looked)
}

impl Look<'_> {
    pub(crate) fn about(&self) -> ObjectReference {
        let template = self.value.pointer("/spec/template").unwrap_or(&Value::Null);
        match self.ctx.sources.get(self.key) {
            Some(source) => ObjectReference {
                uid: Some(source.object.uid.to_string()),
                ..reference(template)
            },
            None => reference(self.value),
        }
    }

    fn is_placed(&self) -> bool {
        !self.entry.object.terminating && self.entry.placed.contains(&self.member.name)
    }

    async fn look(&self) -> Looked {
        let cluster = self.ctx.clusters.get(&self.member.name);
        let Some(cluster) = cluster else {
            if self.ctx.clusters.exists(&self.member.name) {
                return Looked::waits(Status::ClusterNotReady, "its cluster object cannot be read");
            }
            return Looked::absent();
        };
        let leaving = cluster.object.metadata.deletion_timestamp.is_some();
        let cascading = leaving
            && cluster
                .object
                .metadata
                .annotations
                .as_ref()
                .is_some_and(|annotations| annotations.contains_key(annotation::CASCADING_DELETE));
        if !self.member.is_ready() {
            return self.not_ready();
        }
        if let Some(why) = self.federated.misfit(self.config.spec()) {
            // Nothing was ever made of it, and what stands in its place is not touched.
            return if self.is_placed() {
                let mut looked = Looked::failed(Status::ComputeResourceFailed, "RenderFailed", why);
                looked.again = false;
                looked
            } else {
                Looked::absent()
            };
        }
        if self.is_unmanaged_namespace() {
            return if self.is_placed() && !cascading {
                Looked::ok()
            } else {
                Looked::absent()
            };
        }
        if !self.member.is_listed(&self.config.name) {
            return self.not_listed();
        }
        if cascading {
            return match withdraw::withdraw(self).await {
                Looked {
                    state: State::Known(Status::WaitingForRemoval),
                    message,
                    ..
                } => Looked::waits(Status::WaitingForCascadingDeletion, message),
                other => other,
            };
        }
        if leaving {
            return Looked::waits(Status::ClusterTerminating, "the cluster is leaving");
        }
        if !self.entry.object.terminating && !self.federated.is_settled() {
            // Also for a withdrawal: who replaces the object without its placements asks for a decision, not for an end.
            return Looked::waits(Status::PendingCreate, "it has not been decided about yet");
        }
        if !self.is_placed() {
            return withdraw::withdraw(self).await;
        }
        if !self.federated.is_dispatchable() {
            let why = "other controllers have to run first (kubeadmiral.io/pending-controllers)";
            return Looked::waits(Status::PendingCreate, why);
        }
        if self.is_dry_run() {
            return Looked::waits(Status::PendingCreate, "a dry run: nothing is created");
        }
        place::place(self).await
    }

    fn not_ready(&self) -> Looked {
        let status = if self.member.was_probed() {
            Status::ClusterNotReady
        } else {
            Status::PendingCreate
        };
        Looked::waits(status, self.member.trouble())
    }

    /// KubeAdmiral never dispatches the namespace objects that every cluster has (`sync/accessor.go`).
    fn is_unmanaged_namespace(&self) -> bool {
        self.config.is_namespaces()
            && (UNMANAGED_NAMESPACES.contains(&self.name) || self.name == self.ctx.system_namespace)
    }

    fn is_dry_run(&self) -> bool {
        let reported = self
            .value
            .pointer("/status/clusters")
            .and_then(Value::as_array);
        annotation_of(self.value, annotation::DRY_RUN) == Some("true")
            && reported.is_none_or(Vec::is_empty)
    }

    /// The copies of the kind are not known yet; the end of the listing brings every key back.
    fn not_listed(&self) -> Looked {
        let trouble = self.member.listing(&self.config.name).trouble;
        match trouble {
            None => Looked::waits(Status::PendingCreate, ""),
            Some(trouble) if !self.is_placed() && !self.member.serves(&self.config.kind) => {
                // Nothing can be held of a kind that does not exist there.
                tracing::debug!(object = %self.key, trouble = &*trouble, "nothing to withdraw");
                Looked::absent()
            }
            Some(trouble) => Looked {
                state: State::Known(Status::CachedRetrievalFailed),
                message: trouble.to_string(),
                reason: Some("KindNotServed"),
                again: false,
            },
        }
    }

    /// Keeps how the look ended, tells whom it concerns; `true`: to be tried again.
    fn conclude(&self, looked: Looked) -> bool {
        let Looked {
            state,
            message,
            reason,
            again,
        } = looked;
        promise::note(self, &state, reason.is_some());
        let cluster = self.member.name.as_str();
        if let Some(reason) = reason {
            let note = format!("{cluster}: {message}");
            self.ctx.events.warn(&self.about(), reason, cluster, &note);
        }
        if state == State::Known(Status::Ok) || state == State::Absent {
            let about = self.about();
            for settled in REASONS {
                self.ctx.events.settle(&about, settled, cluster);
            }
        }
        let absent = state == State::Absent;
        let outcome = Outcome {
            state,
            uid: Arc::clone(&self.entry.object.uid),
            generation: self.entry.object.generation,
            message: message.into(),
        };
        let changed = self.member.set_outcome(self.key, outcome);
        if self.ctx.federated.get(self.key).is_none() {
            // It went while we looked; nobody else would forget it.
            self.member.forget(self.key);
        } else if changed {
            self.ctx.report_soon(self.key);
            // A member that was away tells nothing new of a copy that has not changed meanwhile.
            self.ctx.charge_may_shrink(self.key);
            if absent {
                self.ctx.propagate.push(self.key.clone(), Priority::Live);
            }
        }
        again
    }
}

/// The reasons of events about one object in one member; they are told again after success.
const REASONS: &[&str] = &[
    "KindNotServed",
    "RenderFailed",
    "AlreadyExists",
    "ManagedLabelFalse",
    "CreateInClusterFailed",
    "UpdateInClusterFailed",
    "DeleteInClusterFailed",
];
