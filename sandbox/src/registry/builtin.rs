//! The built-in resources, read from the discovery documents recorded from a 1.34 server, and the few rules about them
//! that discovery does not tell.

use super::{ResourceInfo, SubresourceInfo};
use crate::object::{Gvk, Gvr};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;
use std::sync::{Arc, LazyLock};

static DISCOVERY: &[u8] = include_bytes!("../../data/discovery.json.gz");

static RESOURCES: LazyLock<Vec<Arc<ResourceInfo>>> = LazyLock::new(load);

/// All of them, in the order of discovery.
pub(super) fn resources() -> Vec<Arc<ResourceInfo>> {
    RESOURCES.clone()
}

#[expect(
    clippy::expect_used,
    reason = "the data is compiled in and read by the tests"
)]
fn load() -> Vec<Arc<ResourceInfo>> {
    let mut text = Vec::new();
    GzDecoder::new(DISCOVERY)
        .read_to_end(&mut text)
        .expect("discovery data unpacks");
    let document: Value = serde_json::from_slice(&text).expect("discovery data is JSON");
    let mut resources = Vec::new();
    for part in ["api", "apis"] {
        for group in items(document.get(part), "items") {
            let name = group
                .pointer("/metadata/name")
                .and_then(Value::as_str)
                .unwrap_or("");
            for version in items(Some(group), "versions") {
                let listed = items(Some(version), "resources");
                resources.extend(listed.iter().map(|r| Arc::new(resource(name, version, r))));
            }
        }
    }
    resources
}

fn items<'a>(value: Option<&'a Value>, field: &str) -> &'a [Value] {
    value
        .and_then(|v| v.get(field))
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text(value: &Value, field: &str) -> String {
    value
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn texts(value: &Value, field: &str) -> Vec<String> {
    items(Some(value), field)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn resource(group: &str, version: &Value, entry: &Value) -> ResourceInfo {
    let version = text(version, "version");
    let plural = text(entry, "resource");
    let kind = text(entry.get("responseKind").unwrap_or(&Value::Null), "kind");
    let subresources = items(Some(entry), "subresources").iter().map(|s| {
        let kind = s.get("responseKind").unwrap_or(&Value::Null);
        SubresourceInfo {
            name: text(s, "subresource"),
            kind: Gvk::new(
                &text(kind, "group"),
                &text(kind, "version"),
                &text(kind, "kind"),
            ),
            verbs: texts(s, "verbs"),
        }
    });
    ResourceInfo {
        group: group.to_owned(),
        list_kind: format!("{kind}List"),
        singular: text(entry, "singularResource"),
        namespaced: text(entry, "scope") == "Namespaced",
        verbs: texts(entry, "verbs"),
        short_names: texts(entry, "shortNames"),
        categories: texts(entry, "categories"),
        subresources: subresources.collect(),
        stored_as: stored_as(group, &version, &plural),
        custom: None,
        version,
        plural,
        kind,
    }
}

/// Kinds that exist in several versions or groups are kept in one.
fn stored_as(group: &str, version: &str, plural: &str) -> Gvr {
    match (group, plural) {
        ("autoscaling", _) => Gvr::new(group, "v2", plural),
        ("events.k8s.io", "events") => Gvr::new("", "v1", "events"),
        _ => Gvr::new(group, version, plural),
    }
}

/// Kinds whose stored objects carry `metadata.generation`: those whose registry strategies set it (seen in the recorded
/// answers, and in the strategies' sources for kinds that were not recorded).
pub(super) fn has_generation(group: &str, kind: &str) -> bool {
    match group {
        "" => matches!(kind, "Pod" | "PodTemplate" | "ReplicationController"),
        "apps" => kind != "ControllerRevision",
        "batch" | "policy" | "discovery.k8s.io" | "scheduling.k8s.io" => true,
        "networking.k8s.io" => matches!(kind, "Ingress" | "NetworkPolicy" | "IngressClass"),
        "admissionregistration.k8s.io" | "apiextensions.k8s.io" => true,
        "flowcontrol.apiserver.k8s.io" | "storage.k8s.io" => {
            matches!(kind, "FlowSchema" | "PriorityLevelConfiguration")
        }
        "resource.k8s.io" => kind == "ResourceSlice",
        _ => false,
    }
}

/// Kinds whose strategies do not allow an update without a resourceVersion.
pub(super) fn needs_resource_version(group: &str, kind: &str) -> bool {
    match group {
        "apiextensions.k8s.io" | "apiregistration.k8s.io" | "admissionregistration.k8s.io" => true,
        "coordination.k8s.io" => kind == "Lease",
        "policy" => kind == "PodDisruptionBudget",
        _ => false,
    }
}
