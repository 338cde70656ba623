//! Reading what stories look at in objects. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

/// A text, empty where there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A number, 0 where there is none.
pub(crate) fn number(object: &Value, pointer: &str) -> i64 {
    object
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// The value of a label.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// The value of an annotation.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// The status of a condition: `True`, `False`, `Unknown` or empty.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let found = conditions
        .into_iter()
        .flatten()
        .find(|condition| text(condition, "/type") == kind);
    found.map_or("", |condition| text(condition, "/status"))
}

/// Where a federated object is placed, by all controllers.
pub(crate) fn placement(federated: &Value) -> Vec<&str> {
    let entries = federated
        .pointer("/spec/placements")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut clusters: Vec<&str> = entries
        .filter_map(|entry| entry.get("placement")?.as_array())
        .flatten()
        .map(|cluster| text(cluster, "/cluster"))
        .collect();
    clusters.sort_unstable();
    clusters.dedup();
    clusters
}

/// What a federated object says of each cluster, `OK` for instance.
pub(crate) fn cluster_states(federated: &Value) -> BTreeMap<&str, &str> {
    let clusters = federated
        .pointer("/status/clusters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    clusters
        .map(|cluster| (text(cluster, "/cluster"), text(cluster, "/status")))
        .collect()
}

/// Whether a federated object says that every placed cluster has what it should have, as of its newest state.
pub(crate) fn is_propagated(federated: &Value) -> bool {
    let states = cluster_states(federated);
    number(federated, "/status/syncedGeneration") == number(federated, "/metadata/generation")
        && placement(federated)
            .iter()
            .all(|cluster| states.get(cluster) == Some(&"OK"))
        && states.len() == placement(federated).len()
}

/// Whether a workload says that all of so many replicas are new and available, as of its newest state.
pub(crate) fn has_ready(workload: &Value, replicas: i64) -> bool {
    number(workload, "/status/observedGeneration") == number(workload, "/metadata/generation")
        && [
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
        ]
        .iter()
        .all(|field| number(workload, &format!("/status/{field}")) == replicas)
}
