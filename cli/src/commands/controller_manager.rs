//! `navarch controller-manager`: the controllers against any host API server, until told to stop.
//! KubeAdmiral's flag names are taken where they mean the same (cmd/controller-manager/app/options).

use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgAction, Args};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_controllers::{LeaderElection, RunOptions};
use navarch_crds::select::parse_selector;
use tokio_util::sync::CancellationToken;

use crate::commands::interrupted;
use crate::error::CliError;
use crate::features::FeatureFlags;
use crate::kubeconfig::HostFlags;

#[derive(Args, Debug)]
pub(crate) struct ControllerManagerFlags {
    #[command(flatten)]
    host: HostFlags,
    /// Address of /livez, /readyz and /metrics; `none` turns them off
    #[arg(long, default_value = "127.0.0.1:11257", value_name = "ADDRESS")]
    admin_address: String,
    /// KubeAdmiral's name for the port of the address above
    #[arg(long, value_name = "PORT", hide = true)]
    port: Option<u16>,
    /// Wait for the leader's lease before acting, so that several may run
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    enable_leader_elect: bool,
    /// Name of the lease
    #[arg(
        long,
        default_value = "federation-controller-manager",
        value_name = "NAME"
    )]
    leader_elect_resource_name: String,
    /// Objects worked on at a time
    #[arg(long, default_value_t = 16, value_name = "COUNT")]
    worker_count: usize,
    /// How often the health of a member is asked for, e.g. 30s
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "DURATION")]
    cluster_health_check_period: Duration,
    /// How long a member must look different before its conditions say so
    #[arg(long, default_value = "100s", value_parser = duration, value_name = "DURATION")]
    cluster_status_threshold: Duration,
    /// How long joining a member may take
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "DURATION")]
    cluster_join_timeout: Duration,
    #[command(flatten)]
    features: FeatureFlags,
    /// Nodes of members that are left out of their resources, by their labels, e.g. type=virtual-kubelet; may be repeated
    #[arg(long, value_parser = parse_selector, value_name = "SELECTOR")]
    resource_aggregation_node_filter: Vec<LabelSelector>,
    /// Requests in flight to each member
    #[arg(long, value_name = "COUNT")]
    member_worker_count: Option<usize>,
}

impl ControllerManagerFlags {
    fn options(&self, host: kube::Config) -> Result<RunOptions, CliError> {
        let mut options = RunOptions::new(host);
        options.admin_address = self.admin()?;
        options.leader_election = self.enable_leader_elect.then(|| {
            let mut election =
                LeaderElection::new(navarch_crds::keys::SYSTEM_NAMESPACE, identity());
            election.name.clone_from(&self.leader_elect_resource_name);
            election
        });
        options.features = self.features.features();
        options
            .node_filters
            .clone_from(&self.resource_aggregation_node_filter);
        options.timings.workers = self.worker_count.max(1);
        options.timings.health_check_period = self.cluster_health_check_period;
        options.timings.unreachable_after = self.cluster_status_threshold;
        options.timings.join_timeout = self.cluster_join_timeout;
        if let Some(count) = self.member_worker_count {
            options.timings.member_workers = count.max(1);
        }
        Ok(options)
    }

    /// `--admin-address`, or KubeAdmiral's `--port` on every address.
    fn admin(&self) -> Result<Option<SocketAddr>, CliError> {
        if let Some(port) = self.port {
            return Ok(Some(SocketAddr::from(([0, 0, 0, 0], port))));
        }
        if self.admin_address == "none" {
            return Ok(None);
        }
        self.admin_address
            .parse()
            .map(Some)
            .map_err(|_unreadable| CliError::Refused {
                message: format!("--admin-address {:?} is no address", self.admin_address),
                advice: "Give ADDRESS:PORT such as 127.0.0.1:11257, or none.".to_owned(),
            })
    }
}

/// Who this process is among its replicas: the pod's name, and something that no restart repeats.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_unset| "navarch".to_owned());
    format!(
        "{host}_{}_{}",
        std::process::id(),
        jiff::Timestamp::now().as_millisecond()
    )
}

/// A duration as Go writes it: `30s`, `1m30s`, `100ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = navarch_crds::go::duration::parse(text).map_err(|error| error.to_string())?;
    parsed.to_std().ok_or_else(|| format!("{text} is negative"))
}

/// Where the admin endpoints are, for the first log line.
fn options_address(flags: &ControllerManagerFlags) -> Result<String, CliError> {
    let address = flags.admin()?;
    Ok(address.map_or_else(|| "none".to_owned(), |address| address.to_string()))
}

pub(crate) async fn run(flags: ControllerManagerFlags) -> Result<(), CliError> {
    let target = flags.host.target().await?;
    tracing::info!(
        context = target.context,
        host = %target.config.cluster_url,
        admin = options_address(&flags)?,
        "controllers start; Ctrl-C ends them"
    );
    let options = flags.options(target.config)?;
    let shutdown = CancellationToken::new();
    let signal = shutdown.clone();
    tokio::spawn(async move {
        interrupted().await;
        signal.cancel();
        // A second one does not wait for what is under way.
        interrupted().await;
        std::process::abort();
    });
    navarch_controllers::run(options, shutdown)
        .await
        .map_err(|error| CliError::Controllers(Box::new(error)))
}
