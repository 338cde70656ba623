//! Watches the cluster objects and their secrets and keeps one task a cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::ObjectReference;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::FederatedCluster;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::cluster::{self, ClusterTask};
use super::join::secrets;
use super::report::is_news;
use crate::fleet::listing::Listing;
use crate::fleet::member::Member;
use crate::fleet::request::Kind;
use crate::fleet::watch::{Seen, follow, follow_namespace};
use crate::host::clusters::Moved;
use crate::host::context::Context;
use crate::runtime::compact::text;
use crate::runtime::events::reference;
use crate::runtime::locked;
use crate::runtime::queue::Priority;

/// Members that wait to be taken over by the rooms that work on them; each is a handful of bytes.
pub(crate) const NEW_MEMBERS_MAX: usize = 64;

/// The reason of events about a cluster object that cannot be read.
const UNREADABLE: &str = "ClusterUnreadable";

/// The kind of cluster objects.
pub(crate) fn clusters() -> Kind {
    Kind::new(
        "core.kubeadmiral.io",
        "v1alpha1",
        "FederatedCluster",
        "federatedclusters",
        false,
    )
}

/// Secret data by name: only what names of secrets in the system namespace lead to.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    by_name: Mutex<BTreeMap<String, Arc<Value>>>,
}

impl Secrets {
    fn put(&self, secret: &Value) -> bool {
        let Some(name) = text(secret, "/metadata/name") else {
            return false;
        };
        let data = Arc::new(secret.get("data").cloned().unwrap_or_default());
        let before = locked(&self.by_name).insert(name.to_owned(), Arc::clone(&data));
        before.is_none_or(|before| before != data)
    }

    fn remove(&self, name: &str) {
        locked(&self.by_name).remove(name);
    }

    fn names(&self) -> Vec<String> {
        locked(&self.by_name).keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Value>> {
        locked(&self.by_name).get(name).cloned()
    }
}

/// The room.
pub(crate) struct Membership {
    ctx: Arc<Context>,
    secrets: Arc<Secrets>,
    new_members: mpsc::Sender<Arc<Member>>,
    tasks: Mutex<BTreeMap<ClusterName, watch::Sender<u64>>>,
}

impl Membership {
    pub(crate) fn new(ctx: Arc<Context>, new_members: mpsc::Sender<Arc<Member>>) -> Arc<Self> {
        Arc::new(Self {
            ctx,
            secrets: Arc::default(),
            new_members,
            tasks: Mutex::default(),
        })
    }

    /// Starts the watches.
    pub(crate) fn start(self: &Arc<Self>) {
        let room = Arc::clone(self);
        let shutdown = self.ctx.tasks.shutdown().clone();
        let listed = self.ctx.readiness.wait_for("secrets of clusters");
        self.ctx
            .tasks
            .spawn(async move { room.follow_secrets(&shutdown, listed).await });
    }

    async fn follow_secrets(
        self: &Arc<Self>,
        shutdown: &CancellationToken,
        listed: crate::runtime::ready::Waiting,
    ) {
        let mut listed = Some(listed);
        let namespace = self.ctx.system_namespace.clone();
        let client = self.ctx.host_clients.watches.clone();
        let mut listing = Listing::default();
        let room = Arc::clone(self);
        let gone = |name: &str| {
            self.secrets.remove(name);
            self.wake_users(name);
        };
        follow_namespace(
            client,
            &secrets(),
            &namespace,
            shutdown,
            move |seen| match seen {
                Seen::Start => listing.start(),
                Seen::Present(secret) | Seen::Changed(secret) => {
                    let name = text(&secret, "/metadata/name").unwrap_or_default();
                    if room.secrets.put(&secret) {
                        room.wake_users(name);
                    }
                    listing.show(name.to_owned());
                }
                Seen::Deleted(secret) => {
                    gone(text(&secret, "/metadata/name").unwrap_or_default());
                }
                // Clusters are looked at once their secrets are known, so that a restart does not report
                // missing secrets.
                Seen::Listed => {
                    room.ctx.troubles.watch_works("secrets of clusters");
                    let vanished = listing.gone(room.secrets.names());
                    vanished.iter().for_each(|name| gone(name));
                    if let Some(secrets_listed) = listed.take() {
                        let room = Arc::clone(&room);
                        let clusters_listed = room.ctx.readiness.wait_for("clusters");
                        let tasks = room.ctx.tasks.clone();
                        tasks.spawn(async move { room.follow_clusters(clusters_listed).await });
                        drop(secrets_listed);
                    }
                }
                Seen::Failed {
                    message, silent, ..
                } => room
                    .ctx
                    .troubles
                    .watch_failed("secrets of clusters", &message, silent),
            },
        )
        .await;
    }

    async fn follow_clusters(self: Arc<Self>, listed: crate::runtime::ready::Waiting) {
        let mut listed = Some(listed);
        let shutdown = self.ctx.tasks.shutdown().clone();
        let client = self.ctx.host_clients.watches.clone();
        let mut listing = Listing::default();
        let room = Arc::clone(&self);
        follow(
            client,
            &clusters(),
            None,
            &shutdown,
            move |seen| match seen {
                Seen::Start => listing.start(),
                Seen::Present(object) => {
                    let name = text(&object, "/metadata/name").unwrap_or_default();
                    if let Ok(name) = ClusterName::new(name) {
                        listing.show(name);
                    }
                    room.put(object);
                }
                Seen::Changed(object) => {
                    room.ctx.troubles.watch_works("clusters");
                    room.put(object);
                }
                Seen::Deleted(object) => {
                    if let Some(name) =
                        text(&object, "/metadata/name").and_then(|name| ClusterName::new(name).ok())
                    {
                        room.gone(&name);
                    }
                }
                Seen::Listed => {
                    room.ctx.troubles.watch_works("clusters");
                    for name in listing.gone(room.ctx.clusters.names()) {
                        room.gone(&name);
                    }
                    drop(listed.take());
                }
                Seen::Failed {
                    message, silent, ..
                } => room.ctx.troubles.watch_failed("clusters", &message, silent),
            },
        )
        .await;
    }

    fn put(self: &Arc<Self>, object: Value) {
        let name = text(&object, "/metadata/name").and_then(|name| ClusterName::new(name).ok());
        let Some(name) = name else { return };
        let about = reference(&object);
        let cluster: FederatedCluster = match serde_json::from_value(object) {
            Ok(cluster) => cluster,
            Err(error) => return self.put_unreadable(&name, &about, &error.to_string()),
        };
        self.ctx.events.settle(&about, UNREADABLE, "");
        let known = self.ctx.clusters.get(&name);
        let news = known.is_none_or(|known| is_news(&known.object, &cluster));
        let moved = self.ctx.clusters.put(name.clone(), cluster);
        self.tell_quotas();
        match moved {
            Moved::Content => self.wake_objects(None),
            Moved::Figures(happened) => {
                for key in self.ctx.unplaced.keys(&happened) {
                    self.ctx.propagate.push(key, Priority::Backlog);
                }
            }
        }
        let mut tasks = locked(&self.tasks);
        if let Some(task) = tasks.get(&name) {
            if news {
                task.send_modify(|version| *version += 1);
            }
            return;
        }
        let (sender, changes) = watch::channel(0);
        tasks.insert(name.clone(), sender);
        let task = ClusterTask {
            ctx: Arc::clone(&self.ctx),
            secrets: Arc::clone(&self.secrets),
            new_members: self.new_members.clone(),
            name,
            changes,
        };
        self.ctx.tasks.spawn(cluster::run(task));
    }

    /// A cluster object that cannot be read has not gone: what is placed there stays, and so does the
    /// task that works by what was read before.
    /// Caps may be for clusters with certain labels.
    fn tell_quotas(&self) {
        if self.ctx.quotas.in_use() && self.ctx.quotas.put_clusters(self.ctx.clusters.labels()) {
            self.ctx.wake_line();
        }
    }

    fn put_unreadable(&self, name: &ClusterName, about: &ObjectReference, why: &str) {
        let note = format!(
            "the object cannot be read ({why}): correct it; until then what is placed there stays as it is"
        );
        tracing::error!(cluster = %name, why, "the cluster object cannot be read; what is placed there stays");
        self.ctx.events.warn(about, UNREADABLE, "", &note);
        if self.ctx.clusters.put_unreadable(name, why) {
            self.wake_objects(Some(name));
        }
    }

    fn gone(&self, name: &ClusterName) {
        self.ctx.clusters.remove(name);
        self.ctx.promised.forget_cluster(name);
        // The task sees its channel closed and ends.
        locked(&self.tasks).remove(name);
        self.wake_objects(Some(name));
    }

    /// A cluster changed in a way that decisions may rest on. Which of them do is for the triggers to say.
    /// With a name: only what may have copies there.
    fn wake_objects(&self, there: Option<&ClusterName>) {
        for key in self.ctx.federated.keys(|entry| {
            there.is_none_or(|name| entry.placed.contains(name) || entry.leaving.contains(name))
        }) {
            self.ctx.propagate.push(key.clone(), Priority::Backlog);
            self.ctx.report_soon(&key);
        }
        if there.is_none() {
            for key in self.ctx.sources.keys(|_, _| true) {
                self.ctx.propagate.push(key, Priority::Backlog);
            }
        }
    }

    fn wake_users(&self, secret: &str) {
        let tasks = locked(&self.tasks);
        for (name, task) in tasks.iter() {
            let uses = self
                .ctx
                .clusters
                .get(name)
                .is_some_and(|entry| entry.object.spec.secret_ref.name == secret);
            if uses {
                task.send_modify(|version| *version += 1);
            }
        }
    }
}
