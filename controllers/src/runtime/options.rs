//! What a run can be told, with KubeAdmiral's defaults where the meaning is the same.

use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_scheduler::unit::Features;

use super::lease::LeaderElection;

/// Requests in flight to one member. API servers allow about 100 streams a connection; the rest is
/// left to watches and probes.
pub(crate) const MEMBER_WORKERS: usize = 32;

/// How a manager runs.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The host API server.
    pub host: kube::Config,
    /// Election among several replicas; `None`: this is the only one.
    pub leader_election: Option<LeaderElection>,
    /// Where `/healthz`, `/livez`, `/readyz` and `/metrics` are served; `None`: nowhere.
    pub admin_address: Option<SocketAddr>,
    /// Namespace of the control plane in the host.
    pub system_namespace: String,
    /// Parts of the control plane that are not on everywhere.
    pub features: Features,
    /// Nodes of members that are not counted: those that one of these selects (`--resource-aggregation-node-filter`).
    pub node_filters: Vec<LabelSelector>,
    /// Times and numbers.
    pub timings: Timings,
}

impl RunOptions {
    /// A manager of `host` with the defaults.
    #[must_use]
    pub fn new(host: kube::Config) -> Self {
        Self {
            host,
            leader_election: None,
            admin_address: None,
            system_namespace: navarch_crds::keys::SYSTEM_NAMESPACE.to_owned(),
            features: Features::default(),
            node_filters: Vec::new(),
            timings: Timings::default(),
        }
    }
}

/// Times and numbers of a run.
#[derive(Clone, Debug)]
pub struct Timings {
    /// Between two probes of a member (KubeAdmiral: `--cluster-health-check-period`).
    pub health_check_period: Duration,
    /// How long a member must be silent before its conditions say so; work on it stops after three bad probes.
    pub unreachable_after: Duration,
    /// A member that could not be joined for so long is given up (`--cluster-join-timeout`).
    pub join_timeout: Duration,
    /// The status of a source is written at most once in so long.
    pub status_window: Duration,
    /// Sources and federated objects worked on at once.
    pub workers: usize,
    /// Requests in flight to one member.
    pub member_workers: usize,
    /// Room that was promised is free again if a member that has the copy makes no pod of it for so long.
    pub promise_patience: Duration,
    /// The first delay after a failure.
    pub retry_first: Duration,
    /// The longest delay after failures.
    pub retry_longest: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            health_check_period: Duration::from_secs(30),
            unreachable_after: Duration::from_secs(30),
            join_timeout: Duration::from_secs(600),
            status_window: Duration::from_millis(200),
            workers: 16,
            member_workers: MEMBER_WORKERS,
            promise_patience: Duration::from_secs(300),
            retry_first: Duration::from_millis(200),
            retry_longest: Duration::from_secs(60),
        }
    }
}
