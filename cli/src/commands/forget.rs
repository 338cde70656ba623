//! `navarch forget NAME`: lets go of a member that will not come back. The decision is written onto the FederatedCluster,
//! with who made it and when; the controllers then wait for nothing there. What may be forgotten is decided by [`check`].

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use navarch_crds::keys::navarch::FORGET;
use navarch_crds::v1alpha1::FederatedCluster;
use serde_json::json;

use super::unjoin;
use crate::error::CliError;
use crate::kubeconfig::{Target, connect};
use crate::{federation, output};

#[derive(Args, Debug)]
pub(crate) struct ForgetFlags {
    /// Name of the member in the federation
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Context of the host API server
    #[arg(long, visible_alias = "context", value_name = "CONTEXT")]
    host_context: Option<String>,
    /// Kubeconfig; default: $KUBECONFIG, then ~/.kube/config
    #[arg(long, visible_alias = "host-kubeconfig", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// How long to wait for the controllers to let the cluster go, in seconds
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    timeout: u64,
}

pub(crate) async fn run(flags: ForgetFlags) -> Result<(), CliError> {
    let host = connect(flags.kubeconfig.as_deref(), flags.host_context.as_deref()).await?;
    let clusters: Api<FederatedCluster> = Api::all(host.client.clone());
    let cluster = unjoin::read(&clusters, &flags.name, &host).await?;
    check(&cluster)?;
    if !flags.yes {
        confirm(&cluster)?;
    }
    record(&clusters, &cluster, &host).await?;
    unjoin::release(&clusters, &cluster, flags.timeout).await?;
    unjoin::delete_secret(&host, &cluster).await?;
    output::print(&format!(
        "{0} is forgotten. What was placed there is placed anew by its policies; copies that still run there are looked \
         after by nobody.\nShould it come back, in the member: kubectl delete namespace {1}, and for each kind: kubectl get \
         KIND -A -l {2}=true\nNext: navarch get clusters --context {3}",
        flags.name,
        navarch_crds::keys::SYSTEM_NAMESPACE,
        navarch_crds::keys::label::MANAGED,
        host.context
    ))
}

/// Only a member that does not answer is forgotten: any other can be let go without leaving anything behind.
fn check(cluster: &FederatedCluster) -> Result<(), CliError> {
    if !cluster.is_ready() {
        return Ok(());
    }
    let name = cluster.name_any();
    Err(CliError::Refused {
        message: format!("{name} is Ready, so nothing of it needs to be forgotten"),
        advice: format!(
            "To let it go and keep its workloads: navarch unjoin {name}. If it was lost just now, try again once its condition says so."
        ),
    })
}

/// Asks the person at the terminal for the name; anything else is a no.
fn confirm(cluster: &FederatedCluster) -> Result<(), CliError> {
    let name = cluster.name_any();
    let input = std::io::stdin();
    let refused = |message: String| CliError::Refused {
        message,
        advice: format!("Nothing was changed. To forget {name} without being asked: --yes"),
    };
    if !input.is_terminal() {
        return Err(refused("nobody is there to confirm it".to_owned()));
    }
    output::print(&format!(
        "{}\nForgetting it drops every record of copies there. They are not removed, and if the member comes back they run \
         on beside what replaced them.\nType its name to go on:",
        federation::cluster_text(cluster)
    ))?;
    let mut answer = String::new();
    let read = input.lock().read_line(&mut answer);
    if read.is_ok() && answer.trim() == name {
        Ok(())
    } else {
        Err(refused("it was not confirmed".to_owned()))
    }
}

/// Writes the decision onto the state that was looked at: a member that has become Ready since is not forgotten.
async fn record(
    clusters: &Api<FederatedCluster>,
    cluster: &FederatedCluster,
    host: &Target,
) -> Result<(), CliError> {
    let name = cluster.name_any();
    let decision = json!({ "at": jiff::Timestamp::now().to_string(), "by": who(host).await });
    let patch = json!({ "metadata": {
        "annotations": { FORGET: decision.to_string() },
        "resourceVersion": cluster.metadata.resource_version,
    } });
    clusters
        .patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .map(|_recorded| ())
        .map_err(CliError::request(format!(
            "recording the decision on FederatedCluster {name}"
        )))
}

/// Whom the host takes us for; older servers do not say, then the name of the user here.
async fn who(host: &Target) -> String {
    let reviews: Api<SelfSubjectReview> = Api::all(host.client.clone());
    let asked = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await;
    let told = asked
        .ok()
        .and_then(|review| review.status?.user_info?.username);
    told.or_else(|| std::env::var("USER").ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use navarch_crds::v1alpha1::{ClusterCondition, FederatedClusterStatus};

    use super::*;

    #[test]
    fn only_a_member_that_is_not_ready_is_forgotten() {
        for (name, ready, expected) in [
            ("never looked at", None, true),
            ("silent", Some("Unknown"), true),
            ("ill", Some("False"), true),
            ("well", Some("True"), false),
        ] {
            let condition = |status: &str| ClusterCondition {
                condition_type: "Ready".to_owned(),
                status: status.to_owned(),
                ..ClusterCondition::default()
            };
            let cluster = FederatedCluster {
                status: ready.map(|ready| FederatedClusterStatus {
                    conditions: vec![condition(ready)],
                    ..FederatedClusterStatus::default()
                }),
                ..FederatedCluster::default()
            };
            assert_eq!(check(&cluster).is_ok(), expected, "{name}");
        }
    }
}
