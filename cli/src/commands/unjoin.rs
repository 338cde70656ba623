//! `navarch unjoin NAME`: removes everything that `join` made, in the host and in the member, and keeps the workloads.

use std::time::Duration;

use clap::Args;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::DeleteParams;
use kube::{Api, ResourceExt};
use navarch_crds::keys;
use navarch_crds::v1alpha1::FederatedCluster;

use crate::error::CliError;
use crate::kubeconfig::{Target, connect};
use crate::{member_access, output};

#[derive(Args, Debug)]
pub(crate) struct UnjoinFlags {
    /// Name of the member in the federation
    name: String,
    /// Context of the host API server
    #[arg(long, visible_alias = "context", value_name = "CONTEXT")]
    host_context: Option<String>,
    /// Context of the member; default: the credentials that `join` stored in the host
    #[arg(long, value_name = "CONTEXT")]
    member_context: Option<String>,
    /// Kubeconfig; default: $KUBECONFIG, then ~/.kube/config
    #[arg(long, visible_alias = "host-kubeconfig", value_name = "FILE")]
    kubeconfig: Option<std::path::PathBuf>,
    /// Kubeconfig of the member, if it is another file
    #[arg(long, value_name = "FILE")]
    member_kubeconfig: Option<std::path::PathBuf>,
    /// How long to wait for the controllers to let the cluster go, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
}

pub(crate) async fn run(flags: UnjoinFlags) -> Result<(), CliError> {
    let host = connect(flags.kubeconfig.as_deref(), flags.host_context.as_deref()).await?;
    let clusters: Api<FederatedCluster> = Api::all(host.client.clone());
    let cluster = read(&clusters, &flags.name, &host).await?;
    refuse_cascade(&cluster)?;
    let member = member_target(&flags, &host, &cluster).await;
    release(&clusters, &cluster, flags.timeout).await?;
    let kept = match member {
        Ok(member) => clear_member(&member, &cluster).await,
        Err(reason) => Err(reason),
    };
    delete_secret(&host, &cluster).await?;
    match kept {
        Ok(()) => output::print(&format!(
            "{} is unjoined; its workloads stay as they are.\nNext: navarch get clusters --context {}",
            flags.name, host.context
        )),
        Err(error) => output::print(&format!(
            "{} is unjoined and its workloads stay, but the member could not be cleared ({}).\nNext, in the member: kubectl delete namespace {} && kubectl delete clusterrole,clusterrolebinding {}",
            flags.name,
            error.sentence(),
            keys::SYSTEM_NAMESPACE,
            member_access::ROLE
        )),
    }
}

/// The cluster object of this name.
pub(super) async fn read(
    clusters: &Api<FederatedCluster>,
    name: &str,
    host: &Target,
) -> Result<FederatedCluster, CliError> {
    let found = clusters
        .get_opt(name)
        .await
        .map_err(CliError::request(format!(
            "reading FederatedCluster {name} in context {:?}",
            host.context
        )))?;
    found.ok_or_else(|| CliError::Refused {
        message: format!(
            "no cluster {name:?} is joined to context {:?}",
            host.context
        ),
        advice: format!(
            "navarch get clusters --context {} lists those that are.",
            host.context
        ),
    })
}

/// The annotation asks for the workloads to be removed with the cluster: that is not what `unjoin` promises.
fn refuse_cascade(cluster: &FederatedCluster) -> Result<(), CliError> {
    if !cluster
        .annotations()
        .contains_key(keys::annotation::CASCADING_DELETE)
    {
        return Ok(());
    }
    Err(CliError::Refused {
        message: format!(
            "{} carries the annotation {}, so its workloads would be removed",
            cluster.name_any(),
            keys::annotation::CASCADING_DELETE
        ),
        advice: format!(
            "To keep them: kubectl annotate federatedcluster {0} {1}- ; to remove them: kubectl delete federatedcluster {0}",
            cluster.name_any(),
            keys::annotation::CASCADING_DELETE
        ),
    })
}

async fn member_target(
    flags: &UnjoinFlags,
    host: &Target,
    cluster: &FederatedCluster,
) -> Result<Target, CliError> {
    if flags.member_context.is_some() || flags.member_kubeconfig.is_some() {
        let file = flags
            .member_kubeconfig
            .as_deref()
            .or(flags.kubeconfig.as_deref());
        return connect(file, flags.member_context.as_deref()).await;
    }
    member_access::stored(host, cluster).await
}

/// Deletes the FederatedCluster and waits until the controllers have let it go.
pub(super) async fn release(
    clusters: &Api<FederatedCluster>,
    cluster: &FederatedCluster,
    seconds: u64,
) -> Result<(), CliError> {
    let name = cluster.name_any();
    clusters
        .delete(&name, &DeleteParams::default())
        .await
        .map_err(CliError::request(format!(
            "deleting FederatedCluster {name}"
        )))?;
    let uid = cluster.uid().unwrap_or_default();
    let gone = kube::runtime::wait::await_condition(
        clusters.clone(),
        &name,
        kube::runtime::wait::conditions::is_deleted(&uid),
    );
    if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(seconds), gone).await {
        return Ok(());
    }
    Err(CliError::TimedOut {
        doing: format!("waiting until the controllers let {name} go"),
        seconds,
        last: "its finalizers are still there".to_owned(),
        advice: format!(
            "Are the controllers running (navarch controller-manager)? Run the same command again once they are. If the member will not come back: navarch forget {name}"
        ),
    })
}

/// Removes what `join` made in the member; the binding last, because it carries the right to do so.
async fn clear_member(member: &Target, cluster: &FederatedCluster) -> Result<(), CliError> {
    let namespaces: Api<Namespace> = Api::all(member.client.clone());
    let doing = |what: &str| CliError::request(format!("deleting {what} in {:?}", member.context));
    let namespace = match namespaces.get_opt(keys::SYSTEM_NAMESPACE).await {
        // The controllers were quicker: they removed the account whose token this is.
        Err(kube::Error::Api(status)) if status.code == 401 => return Ok(()),
        answer => answer.map_err(doing("the system namespace"))?,
    };
    if let Some(namespace) = namespace {
        if namespace
            .annotations()
            .get(keys::annotation::FEDERATED_CLUSTER_UID)
            != cluster.uid().as_ref()
        {
            return Ok(());
        }
        absent_is_fine(
            namespaces
                .delete(keys::SYSTEM_NAMESPACE, &DeleteParams::default())
                .await,
        )
        .map_err(doing("the system namespace"))?;
    }
    let roles: Api<ClusterRole> = Api::all(member.client.clone());
    absent_is_fine(
        roles
            .delete(member_access::ROLE, &DeleteParams::default())
            .await,
    )
    .map_err(doing("the role"))?;
    let bindings: Api<ClusterRoleBinding> = Api::all(member.client.clone());
    absent_is_fine(
        bindings
            .delete(member_access::ROLE, &DeleteParams::default())
            .await,
    )
    .map_err(doing("the role binding"))
}

pub(super) async fn delete_secret(
    host: &Target,
    cluster: &FederatedCluster,
) -> Result<(), CliError> {
    let secrets: Api<Secret> = Api::namespaced(host.client.clone(), keys::SYSTEM_NAMESPACE);
    let name = member_access::secret_name(&cluster.name_any());
    // Only the Secret that `join` made: a hand-made one belongs to whoever made it.
    if cluster.spec.secret_ref.name != name {
        return Ok(());
    }
    absent_is_fine(secrets.delete(&name, &DeleteParams::default()).await)
        .map_err(CliError::request(format!("deleting Secret {name}")))
}

/// Gone is what was wanted. A token that stops working while its namespace goes ends the same way.
fn absent_is_fine<T>(outcome: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match outcome {
        Ok(_deleted) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 404) => Ok(()),
        Err(error) => Err(error),
    }
}
