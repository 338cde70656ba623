//! The task of one cluster: join it, look after it (`joined`), let it go (`leave`).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use navarch_crds::keys::{cluster_condition, finalizer};
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{FederatedCluster, FederatedClusterStatus};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::credentials::{self, CredentialsError, Use};
use super::io::{Secrets, clusters};
use super::join::{self, JoinError};
use super::joined::Connection;
use super::report;
use crate::fleet::connect::{Clients, ConnectError};
use crate::fleet::limits;
use crate::fleet::member::Member;
use crate::fleet::request::{Part, RequestError, Requests};
use crate::host::context::Context;
use crate::runtime::patch::merge_patch;
use crate::runtime::repeats::Repeats;
use crate::runtime::retry::Backoff;

/// A cluster and its secret are often made together, in either order; a secret that is missing is worth
/// a word only when it stays away.
const SECRET_GRACE: Duration = Duration::from_secs(30);

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
    /// The secret, or what is in it, cannot be used: only a change of it helps.
    pub(super) fn is_credentials(&self) -> bool {
        matches!(self, Self::Credentials(_) | Self::Connect(_))
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Request(error) | Self::Join(JoinError::Request(error)) => error.message(),
            Self::Credentials(_) | Self::Connect(_) | Self::Join(_) => self.to_string(),
        }
    }
}

/// The least time between two reports because nodes came or went.
const REPORTS_APART: Duration = Duration::from_secs(1);

/// When to look again.
pub(super) enum Next {
    After(Duration),
    OnChange,
}

/// Runs until the cluster object is gone.
pub(crate) async fn run(mut task: ClusterTask) {
    let shutdown = task.ctx.tasks.shutdown().clone();
    let mut connection: Option<Connection> = None;
    let mut failures = 0_u32;
    let mut repeats = Repeats::default();
    let backoff = Backoff {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(30),
    };
    loop {
        task.changes.mark_unchanged();
        let next = match task.look(&mut connection).await {
            Ok(next) => {
                failures = 0;
                if let Some(lasted) = repeats.over(Instant::now()) {
                    tracing::info!(cluster = %task.name, lasted = lasted.as_secs(), "works again");
                }
                next
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                let error = error.message();
                if repeats.meet(&error, Instant::now()).is_some() {
                    tracing::warn!(cluster = %task.name, error, failures, "will be tried again");
                }
                Next::After(backoff.delay(failures))
            }
        };
        let types_are_stale = tokio::select! {
            () = shutdown.cancelled() => break,
            changed = task.changes.changed() => if changed.is_err() { break } else { false },
            stale = until_worth_a_look(next, connection.as_ref()) => stale,
        };
        if let Some(connection) = connection.as_mut() {
            connection.stale |= types_are_stale;
        }
    }
    if let Some(connection) = connection {
        task.disconnect(connection).await;
    }
    task.ctx.metrics.forget_member(task.name.as_str());
}

/// Waits for the time to look again, or for news of the member itself. `true`: it serves other types than before.
async fn until_worth_a_look(next: Next, connection: Option<&Connection>) -> bool {
    let looked = Instant::now();
    let timer = async {
        match next {
            Next::After(delay) => tokio::time::sleep(delay).await,
            Next::OnChange => std::future::pending().await,
        }
    };
    let types_changed = async {
        match connection {
            Some(connection) => connection.rediscover.notified().await,
            None => std::future::pending().await,
        }
    };
    let nodes_changed = async {
        match connection {
            Some(connection) => {
                connection.member.capacity.changed().await;
                tokio::time::sleep_until(looked + REPORTS_APART).await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = timer => false,
        () = nodes_changed => false,
        () = types_changed => true,
    }
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
        match self.reach(&cluster, connection).await {
            Ok(connected) => self.probe(&cluster, connected).await,
            Err(error) if error.is_credentials() => {
                self.without_credentials(&cluster, connection.as_mut(), &error)
                    .await
            }
            Err(error) => Err(error),
        }
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

    pub(super) async fn write_status(
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
        if condition.is_none()
            && let Some(wait) = self.awaits_secret(cluster, now)
        {
            tracing::debug!(cluster = %self.name, "its secret is awaited");
            return Ok(Next::After(wait));
        }
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

    /// How long to wait for the secret of a cluster object that has just been made.
    fn awaits_secret(&self, cluster: &FederatedCluster, now: Timestamp) -> Option<Duration> {
        if !matches!(self.secret(cluster), Err(CredentialsError::NoSecret { .. })) {
            return None;
        }
        let made = cluster.metadata.creation_timestamp.as_ref()?.0;
        let age = Duration::try_from(now.duration_since(made)).unwrap_or_default();
        SECRET_GRACE.checked_sub(age).filter(|left| !left.is_zero())
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
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}
