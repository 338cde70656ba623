//! A cluster that has joined: keep a client for it, probe it, and tell what the probes mean for the work on it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use navarch_crds::keys::cluster_condition;
use navarch_crds::v1alpha1::{ApiResource, FederatedCluster};
use tokio::time::Instant;

use super::cluster::{ClusterError, ClusterTask, Next};
use super::credentials::{self, Use};
use super::report::{self, Health};
use crate::fleet::connect::Clients;
use crate::fleet::discovery::{self, Served};
use crate::fleet::health::{self, Probe};
use crate::fleet::member::Member;
use crate::fleet::steadiness::{PROBE_AGAIN, Steadiness, Verdict};
use crate::host::context::Context;
use crate::runtime::queue::{Priority, Queue};
use crate::runtime::shutdown::Tasks;

/// Between two looks for memories of objects that do not exist any more. Objects that go are forgotten as they go; this is
/// for the work that was under way then.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// The connection to a member as long as nothing it rests on changes.
pub(super) struct Connection {
    pub(super) member: Arc<Member>,
    fingerprint: u64,
    steadiness: Steadiness,
    failing_since: Option<Instant>,
    types: Option<Vec<ApiResource>>,
    /// Group versions that could not be read, for people.
    unknown: String,
    pub(super) rediscover: Arc<tokio::sync::Notify>,
    pub(super) stale: bool,
    swept: Instant,
}

impl ClusterTask {
    /// The connection, made new when the address or the credentials changed. What is there stays in use
    /// while the new ones cannot be used.
    pub(super) async fn reach<'a>(
        &self,
        cluster: &FederatedCluster,
        connection: &'a mut Option<Connection>,
    ) -> Result<&'a mut Connection, ClusterError> {
        let data = self.secret(cluster)?;
        let fingerprint = credentials::fingerprint(&cluster.spec, &data);
        if let Some(known) = connection.take_if(|known| known.fingerprint == fingerprint) {
            return Ok(connection.insert(known));
        }
        let which = if cluster.spec.use_service_account {
            Use::ServiceAccount
        } else {
            Use::Bootstrap
        };
        let clients = self.client(which, cluster, &data).await?;
        if let Some(old) = connection.take() {
            tracing::info!(cluster = %self.name, "its address or credentials changed: reconnecting");
            self.disconnect(old).await;
        }
        Ok(connection.insert(self.connect(&clients, fingerprint).await))
    }

    async fn connect(&self, clients: &Clients, fingerprint: u64) -> Connection {
        let tasks = Tasks::new(self.ctx.tasks.shutdown().child_token());
        let member = Arc::new(Member::new(
            self.name.clone(),
            self.requests(clients),
            clients.watches.clone(),
            Queue::new(Context::backoff(&self.ctx.timings)),
            tasks.clone(),
        ));
        let rediscover = Arc::new(tokio::sync::Notify::new());
        super::streams::start(&self.ctx, &member, &rediscover);
        self.ctx.fleet.put(Arc::clone(&member));
        if self.new_members.send(Arc::clone(&member)).await.is_err() {
            tracing::debug!(cluster = %self.name, "shutting down");
        }
        Connection {
            member,
            fingerprint,
            steadiness: Steadiness::default(),
            failing_since: None,
            types: None,
            unknown: String::new(),
            rediscover,
            stale: true,
            swept: Instant::now(),
        }
    }

    pub(super) async fn disconnect(&self, connection: Connection) {
        self.ctx.fleet.remove(&connection.member);
        self.ctx.changed.tell(&self.name);
        connection.member.tasks.stop().await;
    }

    pub(super) async fn probe(
        &self,
        cluster: &FederatedCluster,
        connection: &mut Connection,
    ) -> Result<Next, ClusterError> {
        let period = self.ctx.timings.health_check_period;
        self.ctx.settle_promises(&connection.member);
        let health = self.look_at_health(cluster, connection).await;
        if self.is_doubted(connection, &health) {
            return Ok(Next::After(period.min(PROBE_AGAIN)));
        }
        self.set_readiness(connection, &health);
        let silent_for = connection.failing_since.map(|since| since.elapsed());
        if matches!(health, Health::Silent { .. })
            && silent_for.is_some_and(|silent| silent < self.ctx.timings.unreachable_after)
        {
            // Work has stopped; whether the member is gone or blinked is not known yet.
            return Ok(Next::After(period.min(Duration::from_secs(5))));
        }
        if connection.swept.elapsed() >= SWEEP_EVERY {
            connection.swept = Instant::now();
            let federated = &self.ctx.federated;
            connection
                .member
                .forget_unless(|key| federated.get(key).is_some());
        }
        if health == Health::Well {
            for reason in report::CREDENTIALS {
                self.ctx.events.settle(&self.about(cluster), reason, "");
            }
        }
        let before = cluster.status.clone().unwrap_or_default();
        let resources = connection.member.capacity.resources();
        let found = report::Found {
            health: &health,
            types: connection.types.as_deref(),
            unknown: &connection.unknown,
            resources,
        };
        let status = report::after_probe(&before, found, Timestamp::now());
        if status != before {
            self.write_status(cluster, &status).await?;
        }
        Ok(Next::After(period))
    }

    async fn look_at_health(
        &self,
        cluster: &FederatedCluster,
        connection: &mut Connection,
    ) -> Health {
        let requests = &connection.member.requests;
        // What the member showed was true when it was asked; it may have fallen silent while it answered.
        let asked = Timestamp::now();
        let health = match health::probe(requests).await {
            Probe::Well => {
                connection.member.heard.set(asked);
                Health::Well
            }
            Probe::Unwell(message) => Health::Unwell {
                reason: cluster_condition::HEALTHZ_NOT_OK,
                message,
            },
            Probe::Refused(message) => {
                let secret = &cluster.spec.secret_ref.name;
                let message = format!(
                    "the member does not accept the credentials in the secret {secret}: renew them ({message})"
                );
                self.warn_of_credentials(cluster, report::CREDENTIALS_REFUSED, &message);
                Health::Unwell {
                    reason: report::CREDENTIALS_REFUSED,
                    message,
                }
            }
            Probe::Silent(message) => Health::Silent { message },
        };
        if health != Health::Well || (!connection.stale && connection.types.is_some()) {
            return health;
        }
        match discovery::discover(requests).await {
            Ok(served) => {
                let reported = cluster.status.as_ref();
                let known = connection.types.take().unwrap_or_else(|| {
                    reported.map_or_else(Vec::new, |status| status.api_resource_types.clone())
                });
                self.served(connection, served, &known);
                Health::Well
            }
            Err(error) => Health::Unwell {
                reason: cluster_condition::API_DISCOVERY_FAILED,
                message: error.message(),
            },
        }
    }

    fn served(&self, connection: &mut Connection, served: Served, known: &[ApiResource]) {
        connection.stale = !served.unknown.is_empty();
        let unknown = served.unknown_text();
        if unknown != connection.unknown {
            if unknown.is_empty() {
                tracing::info!(cluster = %self.name, "every group of types answers again");
            } else {
                tracing::warn!(cluster = %self.name, unknown, "groups of types do not answer: what they served last counts");
            }
            connection.unknown = unknown;
        }
        let types = served.complete(known);
        let pairs = types
            .iter()
            .map(|served| (served.group.clone(), served.kind.clone()))
            .collect();
        connection.types = Some(types);
        connection.member.set_served(pairs);
        super::streams::served(&self.ctx, &connection.member);
        // Also when they are the same: a type that went and came back in between ended its watch.
        connection
            .member
            .types_changed
            .send_modify(|version| *version += 1);
    }

    /// Whether a probe says otherwise than what is shown of the member, and not often enough yet.
    fn is_doubted(&self, connection: &mut Connection, health: &Health) -> bool {
        let well = *health == Health::Well;
        let verdict = connection.steadiness.see(well, Instant::now());
        let Verdict::Doubted {
            probes,
            needed,
            lasting,
        } = verdict
        else {
            return false;
        };
        if well {
            connection.member.set_trouble(format!(
                "healthy for {lasting:.1?}; it takes work again after {needed} good probes in a row, {probes} so far"
            ));
        } else {
            tracing::debug!(cluster = %self.name, probes, needed, ?health, "a probe failed");
        }
        true
    }

    fn set_readiness(&self, connection: &mut Connection, health: &Health) {
        let member = &connection.member;
        let verdict = match health {
            Health::Well => Ok(()),
            Health::Unwell { message, .. } | Health::Silent { message } => Err(message.clone()),
        };
        let failed_for = connection.failing_since.map(|since| since.elapsed());
        match &verdict {
            Ok(()) => connection.failing_since = None,
            Err(_) => {
                let now = Instant::now();
                let failing = connection.steadiness.lasting(now);
                connection
                    .failing_since
                    .get_or_insert_with(|| now.checked_sub(failing).unwrap_or(now));
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
            let healthy_for = connection.steadiness.lasting(Instant::now());
            tracing::info!(cluster = %self.name, ?healthy_for, ?failed_for, "ready");
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
        self.ctx.migrations.member_changed(name);
    }

    fn warn_of_credentials(&self, cluster: &FederatedCluster, reason: &'static str, note: &str) {
        self.ctx.events.warn(&self.about(cluster), reason, "", note);
    }

    /// The secret of a joined cluster is gone or of no use. What is placed there stays; work stops once it is certain,
    /// because nothing of it would survive a restart.
    pub(super) async fn without_credentials(
        &self,
        cluster: &FederatedCluster,
        connection: Option<&mut Connection>,
        error: &ClusterError,
    ) -> Result<Next, ClusterError> {
        let period = self.ctx.timings.health_check_period;
        let reason = report::reason_of(error);
        let message = format!("{}; what is placed there stays as it is", error.message());
        let health = Health::Unwell { reason, message };
        if let Some(connection) = connection {
            if self.is_doubted(connection, &health) {
                return Ok(Next::After(period.min(PROBE_AGAIN)));
            }
            self.set_readiness(connection, &health);
        }
        let Health::Unwell { message, .. } = &health else {
            return Ok(Next::After(period));
        };
        self.warn_of_credentials(cluster, reason, message);
        let before = cluster.status.clone().unwrap_or_default();
        let status = report::without_credentials(&before, reason, message, Timestamp::now());
        if status != before {
            self.write_status(cluster, &status).await?;
        }
        Ok(Next::After(period))
    }
}
