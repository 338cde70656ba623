//! What must not change once it is written.

use super::errors::Errors;
use serde_json::{Value, json};

/// Fields of kinds that never change: kind, field as a pointer, as a path.
const FIXED: &[(&str, &str, &str, &str)] = &[
    ("apps", "Deployment", "/spec/selector", "spec.selector"),
    ("apps", "ReplicaSet", "/spec/selector", "spec.selector"),
    ("apps", "DaemonSet", "/spec/selector", "spec.selector"),
    (
        "batch",
        "Job",
        "/spec/completionMode",
        "spec.completionMode",
    ),
    ("batch", "Job", "/spec/selector", "spec.selector"),
    ("batch", "Job", "/spec/template", "spec.template"),
    ("", "Secret", "/type", "type"),
    (
        "storage.k8s.io",
        "StorageClass",
        "/provisioner",
        "provisioner",
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        "/parameters",
        "parameters",
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        "/reclaimPolicy",
        "reclaimPolicy",
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        "/volumeBindingMode",
        "volumeBindingMode",
    ),
    ("scheduling.k8s.io", "PriorityClass", "/value", "value"),
    (
        "scheduling.k8s.io",
        "PriorityClass",
        "/preemptionPolicy",
        "preemptionPolicy",
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "/spec/group",
        "spec.group",
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "/spec/scope",
        "spec.scope",
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "/spec/names/plural",
        "spec.names.plural",
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "/spec/names/kind",
        "spec.names.kind",
    ),
    (
        "discovery.k8s.io",
        "EndpointSlice",
        "/addressType",
        "addressType",
    ),
];

const STATEFUL: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];
const STATEFUL_WORDS: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const POD_WORDS: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
const CLAIM_WORDS: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

fn at<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    object.pointer(pointer).unwrap_or(&Value::Null)
}

/// Whether a definition has served nothing yet: then its scope and its kind may still change.
fn is_open(kind: &str, path: &str, live: &Value) -> bool {
    let conditions = at(live, "/status/conditions").as_array();
    let established = |c: &Value| c["type"] == "Established" && c["status"] == "True";
    kind == "CustomResourceDefinition"
        && matches!(path, "spec.scope" | "spec.names.kind")
        && !conditions.into_iter().flatten().any(established)
}

/// Errors of a change.
pub(super) fn check(group: &str, kind: &str, live: &Value, new: &Value, errors: &mut Errors) {
    for (_, _, pointer, path) in FIXED.iter().filter(|(g, k, ..)| *g == group && *k == kind) {
        if at(live, pointer) == at(new, pointer) || is_open(kind, path, live) {
            continue;
        }
        match kind {
            "StorageClass" => {
                errors.forbidden(path, &format!("updates to {path} are forbidden."));
            }
            "PriorityClass" if *path == "value" => {
                errors.forbidden(path, "may not be changed in an update.");
            }
            _ => errors.invalid(path, at(new, pointer), "field is immutable"),
        }
    }
    match (group, kind) {
        ("apps", "StatefulSet")
            if without(at(live, "/spec"), STATEFUL) != without(at(new, "/spec"), STATEFUL) =>
        {
            errors.forbidden("spec", STATEFUL_WORDS);
        }
        ("", "Service") => cluster_ip(live, new, errors),
        ("", "ConfigMap" | "Secret") if live.get("immutable") == Some(&json!(true)) => {
            if new.get("immutable") != Some(&json!(true)) {
                errors.forbidden("immutable", "field is immutable when `immutable` is set");
            }
            for field in ["data", "binaryData"] {
                if live.get(field) != new.get(field) {
                    errors.forbidden(field, "field is immutable when `immutable` is set");
                }
            }
        }
        ("", "Pod") if pod(at(live, "/spec"), live) != pod(at(new, "/spec"), live) => {
            errors.forbidden("spec", POD_WORDS);
        }
        ("", "PersistentVolumeClaim") => claim(at(live, "/spec"), at(new, "/spec"), errors),
        ("", "PersistentVolume") if source(at(live, "/spec")) != source(at(new, "/spec")) => errors
            .forbidden(
                "spec.persistentvolumesource",
                "spec.persistentvolumesource is immutable after creation",
            ),
        ("rbac.authorization.k8s.io", _) if live.get("roleRef") != new.get("roleRef") => {
            // Go prints its own struct here.
            let part = |name: &str| at(new, &format!("/roleRef/{name}")).clone();
            let (group, kind, name) = (part("apiGroup"), part("kind"), part("name"));
            let shown = format!("{{\"APIGroup\":{group},\"Kind\":{kind},\"Name\":{name}}}");
            errors.invalid_text("roleRef", &shown, "cannot change roleRef");
        }
        _ => {}
    }
}

fn without(spec: &Value, fields: &[&str]) -> Value {
    let mut spec = spec.clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.retain(|name, _| !fields.contains(&name.as_str()));
    }
    spec
}

fn pod(spec: &Value, live: &Value) -> Value {
    let mut spec = without(
        spec,
        &[
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
            "ephemeralContainers",
            "schedulingGates",
            "nodeSelector",
        ],
    );
    for list in ["containers", "initContainers"] {
        for container in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            container.remove("image");
            container.remove("resources");
        }
    }
    // scheduling sets the name of the node, once
    if at(live, "/spec/nodeName")
        .as_str()
        .is_none_or(str::is_empty)
    {
        spec = without(&spec, &["nodeName"]);
    }
    spec
}

fn source(spec: &Value) -> Value {
    without(
        spec,
        &[
            "capacity",
            "accessModes",
            "claimRef",
            "persistentVolumeReclaimPolicy",
            "storageClassName",
            "mountOptions",
            "nodeAffinity",
            "volumeAttributesClassName",
            "volumeMode",
        ],
    )
}

fn claim(live: &Value, new: &Value, errors: &mut Errors) {
    let unbound = live.get("volumeName").is_none_or(|v| v == "");
    let mut free = vec!["resources", "volumeAttributesClassName"];
    if unbound {
        free.push("volumeName");
        if live.get("storageClassName").is_none() {
            free.push("storageClassName");
        }
    }
    if without(live, &free) != without(new, &free) {
        errors.forbidden("spec", CLAIM_WORDS);
    }
}

fn cluster_ip(live: &Value, new: &Value, errors: &mut Errors) {
    let external = |object: &Value| at(object, "/spec/type") == "ExternalName";
    let (old, now) = (at(live, "/spec/clusterIP"), at(new, "/spec/clusterIP"));
    let set = old.as_str().is_some_and(|ip| !ip.is_empty());
    if set && !external(live) && !external(new) && old != now {
        errors.invalid(
            "spec.clusterIPs[0]",
            &json!([now]),
            "may not change once set",
        );
    }
}
