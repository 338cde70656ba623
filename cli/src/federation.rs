//! Short texts about federated things that several commands show: where an object is placed, how it fares,
//! whether a cluster is joined. Pure: objects in, text out.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use navarch_crds::keys;
use navarch_crds::v1alpha1::{
    FederatedCluster, GenericFederatedObjectSpec, GenericFederatedObjectStatus,
};
use serde_json::Value;

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
    let value = serde_json::to_value(spec).unwrap_or_default();
    let mut clusters: BTreeMap<String, Option<i64>> = list(&value["placements"])
        .flat_map(|entry| list(&entry["placement"]))
        .filter_map(|placed| placed["cluster"].as_str())
        .map(|cluster| (cluster.to_owned(), None))
        .collect();
    for entry in list(&value["overrides"]).filter(|entry| entry["controller"] == keys::SCHEDULER_CONTROLLER) {
        for cluster in list(&entry["clusters"]) {
            let replicas = list(&cluster["patches"]).find_map(|patch| patch["value"].as_i64());
            if let Some(placed) = cluster["cluster"].as_str().and_then(|name| clusters.get_mut(name)) {
                *placed = replicas;
            }
        }
    }
    clusters
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// `OK`, or what is wrong where.
pub(crate) fn status_text(metadata: &ObjectMeta, status: Option<&GenericFederatedObjectStatus>) -> String {
    if metadata.deletion_timestamp.is_some() {
        return "Terminating".to_owned();
    }
    let value = serde_json::to_value(status).unwrap_or_default();
    let wrong: Vec<String> = list(&value["clusters"])
        .filter(|cluster| cluster["status"] != "OK")
        .filter_map(|cluster| {
            Some(format!("{}: {}", cluster["cluster"].as_str()?, cluster["status"].as_str()?))
        })
        .collect();
    if !wrong.is_empty() {
        return wrong.join(", ");
    }
    match value["syncedGeneration"].as_i64() {
        Some(generation) if Some(generation) == metadata.generation => "OK".to_owned(),
        _ => "Pending".to_owned(),
    }
}

/// Status of one condition of a cluster, and its reason and message.
pub(crate) fn condition(cluster: &FederatedCluster, kind: &str) -> Option<(String, String)> {
    let value = serde_json::to_value(&cluster.status).ok()?;
    let found = list(&value["conditions"]).find(|condition| condition["type"] == kind)?.clone();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    let message = text("message");
    let reason = text("reason");
    let said = if message.is_empty() { reason } else { format!("{reason}: {message}") };
    Some((text("status"), said))
}

/// What a cluster's conditions say in one line, for messages about waiting.
pub(crate) fn cluster_text(cluster: &FederatedCluster) -> String {
    let part = |kind| match condition(cluster, kind) {
        Some((status, said)) => format!("{kind}={status} ({said})"),
        None => format!("no condition {kind} yet"),
    };
    format!("{}: {}, {}", cluster.name_any(), part("Joined"), part("Ready"))
}

/// Whether the controllers have joined the cluster and find it healthy.
pub(crate) fn is_ready(cluster: &FederatedCluster) -> bool {
    ["Joined", "Ready"]
        .into_iter()
        .all(|kind| condition(cluster, kind).is_some_and(|(status, _)| status == "True"))
}
