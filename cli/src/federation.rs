//! Short texts about federated things that several commands show: where an object is placed, how it fares,
//! whether a cluster is joined. Pure: objects in, text out.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use navarch_crds::keys;
use navarch_crds::v1alpha1::{
    FederatedCluster, GenericFederatedObjectSpec, GenericFederatedObjectStatus,
};

/// `member-1:3, member-2:2`, or only the names where every member gets the whole object.
pub(crate) fn placement_text(spec: &GenericFederatedObjectSpec) -> String {
    placement(spec)
        .into_iter()
        .map(|(cluster, replicas)| match replicas {
            Some(replicas) => format!("{cluster}:{replicas}"),
            None => cluster,
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// Every cluster of any controller's placement, with the replicas that the scheduler's overrides give it.
pub(crate) fn placement(spec: &GenericFederatedObjectSpec) -> BTreeMap<String, Option<i64>> {
    let mut clusters: BTreeMap<String, Option<i64>> = spec
        .placements
        .iter()
        .flat_map(|entry| &entry.placement)
        .map(|placed| (placed.cluster.clone(), None))
        .collect();
    let divided = spec
        .overrides
        .iter()
        .filter(|entry| entry.controller == keys::controller::SCHEDULER);
    for cluster in divided.flat_map(|entry| &entry.clusters) {
        if let Some(placed) = clusters.get_mut(&cluster.cluster) {
            *placed = cluster
                .patches
                .iter()
                .find_map(|patch| patch.value.as_i64());
        }
    }
    clusters
}

/// `OK`, or what is wrong where.
pub(crate) fn status_text(
    metadata: &ObjectMeta,
    spec: &GenericFederatedObjectSpec,
    status: Option<&GenericFederatedObjectStatus>,
) -> String {
    if metadata.deletion_timestamp.is_some() {
        return "Terminating".to_owned();
    }
    let Some(status) = status else {
        return "Pending".to_owned();
    };
    let wrong: Vec<String> = status
        .clusters
        .iter()
        .filter(|cluster| cluster.status.as_str() != "OK")
        .map(|cluster| format!("{}: {}", cluster.cluster, cluster.status.as_str()))
        .collect();
    if !wrong.is_empty() {
        return wrong.join(", ");
    }
    if Some(status.synced_generation) == metadata.generation {
        if placement(spec).is_empty() {
            return "Not placed".to_owned();
        }
        "OK".to_owned()
    } else {
        "Pending".to_owned()
    }
}

/// Status of one condition of a cluster, with its reason and message.
pub(crate) fn condition(cluster: &FederatedCluster, kind: &str) -> Option<(String, String)> {
    let condition = cluster.status.as_ref()?.condition(kind)?;
    let said = if condition.message.is_empty() {
        condition.reason.clone()
    } else {
        format!("{}: {}", condition.reason, condition.message)
    };
    Some((condition.status.clone(), said))
}

/// What a cluster's conditions say in one line, for messages about waiting.
pub(crate) fn cluster_text(cluster: &FederatedCluster) -> String {
    let part = |kind| match condition(cluster, kind) {
        Some((status, said)) => format!("{kind}={status} ({said})"),
        None => format!("no condition {kind} yet"),
    };
    format!(
        "{}: {}, {}",
        cluster.name_any(),
        part("Joined"),
        part("Ready")
    )
}

/// Whether the controllers have joined the cluster and find it healthy.
pub(crate) fn is_ready(cluster: &FederatedCluster) -> bool {
    ["Joined", "Ready"]
        .into_iter()
        .all(|kind| condition(cluster, kind).is_some_and(|(status, _)| status == "True"))
}
