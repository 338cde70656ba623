//! The task of one cluster: join it, keep a client for it, probe it, let it go.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use navarch_crds::keys::{cluster_condition, finalizer};
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{ApiResource, FederatedCluster, FederatedClusterStatus};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::credentials::{self, CredentialsError, Use};
use super::io::{Secrets, clusters};
use super::join::{self, JoinError};
use super::report::{self, Health};
use crate::fleet::capacity::Capacity;
use crate::fleet::connect::{Clients, ConnectError};
use crate::fleet::health::{self, Probe};
use crate::fleet::limits;
use crate::fleet::member::Member;
use crate::fleet::request::{Part, RequestError, Requests};
use crate::host::context::Context;
use crate::runtime::patch::merge_patch;
use crate::runtime::queue::{Priority, Queue};
use crate::runtime::retry::Backoff;
use crate::runtime::shutdown::Tasks;

/// What a task needs.
pub(crate) struct ClusterTask {
    pub(crate) ctx: Arc<Context>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) new_members: mpsc::Sender<Arc<Member>>,
    pub(crate) name: ClusterName,
    pub(crate) changes: watch::Receiver<u64>,
}

/// Why a look at a cluster failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClusterError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Join(#[from] JoinError),
}

impl ClusterError {
    pub(super) fn message(&self) -> String {
        match self {
            Self::Request(error) | Self::Join(JoinError::Request(error)) => error.message(),
            Self::Credentials(_) | Self::Connect(_) | Self::Join(_) => self.to_string(),
        }
    }
}

/// When to look again.
pub(super) enum Next {
    After(Duration),
    OnChange,
}

/// The connection to a member as long as nothing it rests on changes.
pub(super) struct Connection {
    pub(super) member: Arc<Member>,
    capacity: Arc<Capacity>,
    fingerprint: u64,
    failing_since: Option<Instant>,
    types: Option<Vec<ApiResource>>,
    rediscover: Arc<tokio::sync::Notify>,
    stale: bool,
}

/// Runs until the cluster object is gone.
pub(crate) async fn run(mut task: ClusterTask) {
    let shutdown = task.ctx.tasks.shutdown().clone();
    let mut connection: Option<Connection> = None;
    let mut failures = 0_u32;
    let backoff = Backoff {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(30),
    };
    loop {
        task.changes.mark_unchanged();
        let next = match task.look(&mut connection).await {
            Ok(next) => {
                failures = 0;
                next
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(cluster = %task.name, error = error.message(), "will be tried again");
                Next::After(backoff.delay(failures))
            }
        };
        let rediscover = connection
            .as_ref()
            .map(|connection| Arc::clone(&connection.rediscover));
        let timer = async {
            match next {
                Next::After(delay) => tokio::time::sleep(delay).await,
                Next::OnChange => std::future::pending().await,
            }
        };
        let types_changed = async {
            match rediscover {
                Some(notify) => notify.notified().await,
                None => std::future::pending().await,
            }
        };
        let mut types_are_stale = false;
        tokio::select! {
            () = shutdown.cancelled() => break,
            changed = task.changes.changed() => if changed.is_err() { break },
            () = timer => {}
            () = types_changed => types_are_stale = true,
        }
        if let Some(connection) = connection.as_mut() {
            connection.stale |= types_are_stale;
        }
    }
    if let Some(connection) = connection {
        task.disconnect(connection).await;
    }
    task.ctx.metrics.forget_member(task.name.as_str());
}

impl ClusterTask {
    pub(super) fn about(&self, cluster: &FederatedCluster) -> ObjectReference {
        ObjectReference {
            api_version: Some(navarch_crds::v1alpha1::API_VERSION.to_owned()),
            kind: Some("FederatedCluster".to_owned()),
            name: Some(self.name.to_string()),
            uid: cluster.metadata.uid.clone(),
            ..ObjectReference::default()
        }
    }

    async fn look(&self, connection: &mut Option<Connection>) -> Result<Next, ClusterError> {
        let Some(entry) = self.ctx.clusters.get(&self.name) else {
            return Ok(Next::OnChange);
        };
        let cluster = entry.object;
        if cluster.metadata.deletion_timestamp.is_some() {
            return self.leave(&cluster, connection).await;
        }
        self.ensure_finalizers(&cluster).await?;
        if !cluster.is_joined() {
            return self.join(&cluster).await;
        }
        let data = self.secret(&cluster)?;
        let fingerprint = credentials::fingerprint(&cluster.spec, &data);
        if connection
            .as_ref()
            .is_some_and(|connection| connection.fingerprint != fingerprint)
            && let Some(old) = connection.take()
        {
            tracing::info!(cluster = %self.name, "its address or credentials changed: reconnecting");
            self.disconnect(old).await;
        }
        let connected = match connection {
            Some(connection) => connection,
            None => connection.insert(self.connect(&cluster, &data, fingerprint).await?),
        };
        self.probe(&cluster, connected).await
    }

    pub(super) fn secret(
        &self,
        cluster: &FederatedCluster,
    ) -> Result<Arc<Value>, CredentialsError> {
        let name = &cluster.spec.secret_ref.name;
        if name.is_empty() {
            return Err(CredentialsError::NoSecretNamed);
        }
        self.secrets
            .get(name)
            .ok_or_else(|| CredentialsError::NoSecret {
                namespace: self.ctx.system_namespace.clone(),
                name: name.clone(),
            })
    }

    async fn ensure_finalizers(&self, cluster: &FederatedCluster) -> Result<(), ClusterError> {
        let mut present = cluster.metadata.finalizers.clone().unwrap_or_default();
        let before = present.len();
        for wanted in [finalizer::FEDERATED_CLUSTER, finalizer::CASCADING_DELETE] {
            if !present.iter().any(|finalizer| finalizer == wanted) {
                present.push(wanted.to_owned());
            }
        }
        if present.len() > before {
            self.write_finalizers(cluster, &present).await?;
        }
        Ok(())
    }

    pub(super) async fn write_finalizers(
        &self,
        cluster: &FederatedCluster,
        finalizers: &[String],
    ) -> Result<(), ClusterError> {
        let patch = json!({ "metadata": {
            "finalizers": finalizers,
            "resourceVersion": cluster.metadata.resource_version,
        } });
        match self
            .ctx
            .host
            .merge(&clusters(), None, self.name.as_str(), Part::Whole, &patch)
            .await
        {
            // Changed in between: the change wakes this task.
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }

    async fn write_status(
        &self,
        cluster: &FederatedCluster,
        status: &FederatedClusterStatus,
    ) -> Result<(), ClusterError> {
        let before = serde_json::to_value(cluster.status.clone().unwrap_or_default());
        let after = serde_json::to_value(status);
        let (Ok(before), Ok(after)) = (before, after) else {
            return Ok(());
        };
        let Some(change) = merge_patch(&before, &after) else {
            return Ok(());
        };
        let patch = json!({ "status": change });
        self.ctx
            .host
            .merge(&clusters(), None, self.name.as_str(), Part::Status, &patch)
            .await?;
        Ok(())
    }

    pub(super) async fn client(
        &self,
        spec_use: Use,
        cluster: &FederatedCluster,
        data: &Value,
    ) -> Result<Clients, ClusterError> {
        let config = credentials::config(&cluster.spec, data, spec_use).await?;
        Ok(Clients::new(&config)?)
    }

    pub(super) fn requests(&self, clients: &Clients) -> Requests {
        Requests::new(
            clients.requests.clone(),
            self.ctx.term.clone(),
            limits::REQUEST,
        )
    }

    // === joining ===

    async fn join(&self, cluster: &FederatedCluster) -> Result<Next, ClusterError> {
        let before = cluster.status.clone().unwrap_or_default();
        let condition = before.condition(cluster_condition::JOINED);
        let last_reason = condition.map_or("", |condition| condition.reason.as_str());
        if matches!(
            last_reason,
            cluster_condition::JOIN_TIMEOUT_EXCEEDED | cluster_condition::CLUSTER_UNJOINABLE
        ) {
            return Ok(Next::OnChange);
        }
        let now = Timestamp::now();
        let started = condition
            .and_then(|condition| condition.last_transition_time.as_ref())
            .map_or(now, |time| time.0);
        let result = self.try_join(cluster).await;
        let about = self.about(cluster);
        let (value, reason, message) = match &result {
            Ok(()) => {
                let message = "cluster has joined the federation".to_owned();
                ("True", cluster_condition::CLUSTER_JOINED, message)
            }
            Err(error @ ClusterError::Join(JoinError::Unjoinable { .. })) => (
                "False",
                cluster_condition::CLUSTER_UNJOINABLE,
                error.message(),
            ),
            Err(error) if now.duration_since(started) > signed(self.ctx.timings.join_timeout) => {
                let message = format!("given up: {}", error.message());
                ("False", cluster_condition::JOIN_TIMEOUT_EXCEEDED, message)
            }
            Err(error) => (
                "False",
                cluster_condition::TOKEN_NOT_OBTAINED,
                error.message(),
            ),
        };
        if result.is_err() {
            self.ctx.events.warn(&about, reason, "", &message);
        }
        let mut status = before;
        report::set_condition(
            &mut status,
            cluster_condition::JOINED,
            value,
            reason,
            &message,
            now,
        );
        status.join_performed |= result.is_ok();
        self.write_status(cluster, &status).await?;
        match result {
            Err(error) if reason == cluster_condition::TOKEN_NOT_OBTAINED => Err(error),
            Ok(()) | Err(_) => Ok(Next::OnChange),
        }
    }

    async fn try_join(&self, cluster: &FederatedCluster) -> Result<(), ClusterError> {
        let data = self.secret(cluster)?;
        let clients = self.client(Use::Bootstrap, cluster, &data).await?;
        let member = self.requests(&clients);
        let uid = cluster.metadata.uid.as_deref().unwrap_or_default();
        let namespace = join::claim(&member, &self.ctx.system_namespace, uid).await?;
        if cluster.spec.use_service_account {
            let token = join::make_service_account(&member, &namespace).await?;
            let secret = &cluster.spec.secret_ref.name;
            join::store_token(
                &self.ctx.host,
                &self.ctx.system_namespace,
                secret,
                Some(&token),
            )
            .await?;
        }
        tracing::info!(cluster = %self.name, "joined");
        Ok(())
    }

    // === a joined cluster ===

    pub(super) async fn connect(
        &self,
        cluster: &FederatedCluster,
        data: &Value,
        fingerprint: u64,
    ) -> Result<Connection, ClusterError> {
        let which = if cluster.spec.use_service_account {
            Use::ServiceAccount
        } else {
            Use::Bootstrap
        };
        let clients = self.client(which, cluster, data).await?;
        let tasks = Tasks::new(self.ctx.tasks.shutdown().child_token());
        let member = Arc::new(Member::new(
            self.name.clone(),
            self.requests(&clients),
            clients.watches.clone(),
            Queue::new(Context::backoff(&self.ctx.timings)),
            tasks.clone(),
        ));
        let capacity = Arc::new(Capacity::default());
        let rediscover = Arc::new(tokio::sync::Notify::new());
        super::streams::start(&member, &capacity, &rediscover);
        self.ctx.fleet.put(Arc::clone(&member));
        if self.new_members.send(Arc::clone(&member)).await.is_err() {
            tracing::debug!(cluster = %self.name, "shutting down");
        }
        Ok(Connection {
            member,
            capacity,
            fingerprint,
            failing_since: None,
            types: None,
            rediscover,
            stale: true,
        })
    }

    pub(super) async fn disconnect(&self, connection: Connection) {
        self.ctx.fleet.remove(&connection.member);
        connection.member.tasks.stop().await;
    }

    pub(super) async fn probe(
        &self,
        cluster: &FederatedCluster,
        connection: &mut Connection,
    ) -> Result<Next, ClusterError> {
        let member = &connection.member;
        let period = self.ctx.timings.health_check_period;
        let found = health::probe(&member.requests).await;
        let mut health = match found {
            Probe::Well => Health::Well,
            Probe::Unwell(message) => Health::Unwell {
                reason: cluster_condition::HEALTHZ_NOT_OK,
                message,
            },
            Probe::Silent(message) => Health::Silent { message },
        };
        if health == Health::Well && (connection.stale || connection.types.is_none()) {
            match health::discover(&member.requests).await {
                Ok(served) => {
                    connection.stale = !served.unknown.is_empty();
                    let reported = cluster.status.as_ref();
                    let known = connection.types.take().unwrap_or_else(|| {
                        reported.map_or_else(Vec::new, |status| status.api_resource_types.clone())
                    });
                    self.served(connection, served.complete(&known));
                }
                Err(error) => {
                    health = Health::Unwell {
                        reason: cluster_condition::API_DISCOVERY_FAILED,
                        message: error.message(),
                    };
                }
            }
        }
        self.set_readiness(connection, &health);
        let silent_for = connection.failing_since.map(|since| since.elapsed());
        if matches!(health, Health::Silent { .. })
            && silent_for.is_some_and(|silent| silent < self.ctx.timings.unreachable_after)
        {
            // Work has stopped; whether the member is gone or blinked is not known yet.
            return Ok(Next::After(period.min(Duration::from_secs(5))));
        }
        let before = cluster.status.clone().unwrap_or_default();
        let resources = connection.capacity.resources();
        let types = connection.types.as_deref();
        let status = report::after_probe(&before, &health, types, resources, Timestamp::now());
        if status != before {
            self.write_status(cluster, &status).await?;
        }
        Ok(Next::After(period))
    }

    fn served(&self, connection: &mut Connection, types: Vec<ApiResource>) {
        let served = types
            .iter()
            .map(|served| (served.group.clone(), served.kind.clone()))
            .collect();
        connection.types = Some(types);
        connection.member.set_served(served);
        // Also when they are the same: a type that went and came back in between ended its watch.
        connection
            .member
            .types_changed
            .send_modify(|version| *version += 1);
    }

    fn set_readiness(&self, connection: &mut Connection, health: &Health) {
        let member = &connection.member;
        let verdict = match health {
            Health::Well => Ok(()),
            Health::Unwell { message, .. } | Health::Silent { message } => Err(message.clone()),
        };
        match &verdict {
            Ok(()) => connection.failing_since = None,
            Err(_) => {
                connection.failing_since.get_or_insert_with(Instant::now);
            }
        }
        self.ctx
            .metrics
            .set_member_ready(self.name.as_str(), verdict.is_ok());
        let ready = verdict.is_ok();
        if !member.set_ready(verdict) {
            return;
        }
        if ready {
            tracing::info!(cluster = %self.name, "ready");
        } else {
            connection.stale = true;
            tracing::warn!(cluster = %self.name, trouble = member.trouble(), "not ready: work on it stops");
        }
        let name = &self.name;
        let concerned = self
            .ctx
            .federated
            .keys(|entry| entry.placed.contains(name) || entry.leaving.contains(name));
        for key in concerned {
            member.queue.push(key, Priority::Backlog);
        }
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}
