//! `navarch get clusters|objects`: what is joined, and where what runs.

use clap::{Args, ValueEnum};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use navarch_crds::keys;
use navarch_crds::v1alpha1::{
    ClusterFederatedObject, FederatedCluster, FederatedObject, GenericFederatedObjectSpec,
    GenericFederatedObjectStatus,
};
use serde_json::Value;

use crate::error::CliError;
use crate::kubeconfig::{HostFlags, Target};
use crate::output::{self, Format, table};

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Member clusters
    #[value(alias = "cluster")]
    Clusters,
    /// Federated objects and where their copies are
    #[value(alias = "object")]
    Objects,
}

#[derive(Args, Debug)]
pub(crate) struct GetFlags {
    /// clusters or objects
    #[arg(value_enum)]
    what: What,
    /// Only this namespace (objects)
    #[arg(short, long)]
    namespace: Option<String>,
    /// Print as JSON or YAML
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    #[command(flatten)]
    host: HostFlags,
}

pub(crate) async fn run(flags: GetFlags) -> Result<(), CliError> {
    let target = flags.host.target().await?;
    match flags.what {
        What::Clusters => clusters(&target, flags.output).await,
        What::Objects => objects(&target, flags.namespace.as_deref(), flags.output).await,
    }
}

async fn clusters(target: &Target, format: Option<Format>) -> Result<(), CliError> {
    let api: Api<FederatedCluster> = Api::all(target.client.clone());
    let list = api
        .list(&ListParams::default())
        .await
        .map_err(CliError::request(format!(
            "listing clusters in context {:?}",
            target.context
        )))?;
    if let Some(format) = format {
        return output::print_value(&list, format);
    }
    if list.items.is_empty() {
        return output::print(
            "No cluster is joined. Next: navarch join NAME --host-context HOST --member-context MEMBER",
        );
    }
    let rows: Vec<Vec<String>> = list.items.iter().map(cluster_row).collect();
    let headers = [
        "NAME",
        "READY",
        "JOINED",
        "REASON",
        "NODES",
        "CPU FREE",
        "MEMORY FREE",
        "AGE",
    ];
    output::print(&table::render(&headers, &rows))
}

fn cluster_row(cluster: &FederatedCluster) -> Vec<String> {
    let condition = |kind: &str| {
        cluster
            .status
            .as_ref()
            .and_then(|status| status.condition(kind))
            .cloned()
            .unwrap_or_default()
    };
    let (ready, joined) = (condition("Ready"), condition("Joined"));
    let reason = if joined.status == "True" {
        ready.reason
    } else {
        joined.reason
    };
    let resources = cluster
        .status
        .as_ref()
        .map(|status| status.resources.clone())
        .unwrap_or_default();
    let nodes = resources
        .schedulable_nodes
        .map(|nodes| nodes.to_string())
        .unwrap_or_default();
    let free = |name: &str| {
        resources
            .available
            .get(name)
            .map(|quantity| quantity.0.clone())
            .unwrap_or_default()
    };
    vec![
        cluster.name_any(),
        ready.status,
        joined.status,
        reason,
        nodes,
        free("cpu"),
        free("memory"),
        age(&cluster.metadata),
    ]
}

async fn objects(
    target: &Target,
    namespace: Option<&str>,
    format: Option<Format>,
) -> Result<(), CliError> {
    let doing = format!("listing federated objects in context {:?}", target.context);
    let namespaced: Api<FederatedObject> = match namespace {
        Some(namespace) => Api::namespaced(target.client.clone(), namespace),
        None => Api::all(target.client.clone()),
    };
    let list = namespaced
        .list(&ListParams::default())
        .await
        .map_err(CliError::request(&doing))?;
    let cluster_wide = if namespace.is_none() {
        let api: Api<ClusterFederatedObject> = Api::all(target.client.clone());
        api.list(&ListParams::default())
            .await
            .map_err(CliError::request(&doing))?
            .items
    } else {
        Vec::new()
    };
    if let Some(format) = format {
        let items: Vec<Value> = list
            .items
            .iter()
            .map(serde_json::to_value)
            .chain(cluster_wide.iter().map(serde_json::to_value))
            .collect::<Result<_, _>>()
            .map_err(|error| CliError::Output(std::io::Error::other(error)))?;
        return output::print_value(
            &serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}),
            format,
        );
    }
    let mut rows: Vec<Vec<String>> = cluster_wide
        .iter()
        .map(|object| object_row(&object.metadata, &object.spec, object.status.as_ref()))
        .chain(
            list.items
                .iter()
                .map(|object| object_row(&object.metadata, &object.spec, object.status.as_ref())),
        )
        .collect();
    rows.sort();
    if rows.is_empty() {
        return output::print(
            "Nothing is federated here. Label an object: kubectl label KIND NAME kubeadmiral.io/propagation-policy-name=POLICY",
        );
    }
    output::print(&table::render(
        &[
            "NAMESPACE",
            "KIND",
            "NAME",
            "POLICY",
            "CLUSTERS",
            "STATUS",
            "AGE",
        ],
        &rows,
    ))
}

fn object_row(
    metadata: &ObjectMeta,
    spec: &GenericFederatedObjectSpec,
    status: Option<&GenericFederatedObjectStatus>,
) -> Vec<String> {
    let label = |key: &str| {
        metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(key))
            .cloned()
    };
    let policy = label(keys::label::PROPAGATION_POLICY)
        .or_else(|| label(keys::label::CLUSTER_PROPAGATION_POLICY))
        .unwrap_or_default();
    let text = |pointer: &str| {
        spec.template
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    vec![
        metadata.namespace.clone().unwrap_or_default(),
        text("/kind"),
        text("/metadata/name"),
        policy,
        crate::federation::placement_text(spec),
        crate::federation::status_text(metadata, spec, status),
        age(metadata),
    ]
}

fn age(metadata: &ObjectMeta) -> String {
    metadata
        .creation_timestamp
        .as_ref()
        .map(|time| table::age(time.0, jiff::Timestamp::now()))
        .unwrap_or_default()
}
