//! What the server does to a new or changed object besides defaulting, after its managed fields are written: selectors
//! and labels of Jobs, finalizers, first phases, counters. From k8s.io/kubernetes, pkg/registry/*/strategy.go. Allocation of addresses and
//! ports, priorities, service accounts and other admission are not here.

use super::rules::TEMPLATE_GENERATION;
use crate::object::Gvk;
use serde_json::{Map, Value, json};

/// Prepares a defaulted object that is about to be created. `time` is its creation time.
pub fn create(gvk: &Gvk, object: &mut Value, uid: &str, time: &str) {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("batch", "Job") => job(object, uid),
        ("apps", "DaemonSet") => {
            set(
                object,
                &["metadata", "annotations", TEMPLATE_GENERATION],
                json!("1"),
            );
        }
        ("", "Namespace") => {
            set(object, &["status", "phase"], json!("Active"));
            finalizer(object, &["spec", "finalizers"], "kubernetes");
        }
        ("", "PersistentVolumeClaim") => {
            set(object, &["status"], json!({"phase": "Pending"}));
            finalizer(
                object,
                &["metadata", "finalizers"],
                "kubernetes.io/pvc-protection",
            );
        }
        ("", "PersistentVolume") => {
            set(
                object,
                &["status"],
                json!({"phase": "Pending", "lastPhaseTransitionTime": time}),
            );
            finalizer(
                object,
                &["metadata", "finalizers"],
                "kubernetes.io/pv-protection",
            );
        }
        ("", "Pod") => {
            let class = quality(object);
            set(
                object,
                &["status"],
                json!({"phase": "Pending", "qosClass": class}),
            );
            let gates = object.pointer("/spec/schedulingGates");
            if gates
                .and_then(Value::as_array)
                .is_some_and(|g| !g.is_empty())
            {
                set(object, &["status", "conditions"], gated(time));
            }
        }
        ("", "Service") => service(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        _ => {}
    }
}

/// Prepares an object whose status is about to be written.
pub fn status(gvk: &Gvk, live: &Value, new: &mut Value, time: &str) {
    let phase = |object: &Value| object.pointer("/status/phase").cloned();
    if gvk.group.is_empty() && gvk.kind == "PersistentVolume" && phase(live) != phase(new) {
        set(new, &["status", "lastPhaseTransitionTime"], json!(time));
    }
}

/// What is said of a pod that waits for its scheduling gates.
fn gated(time: &str) -> Value {
    json!([{
        "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
        "lastProbeTime": null, "lastTransitionTime": time,
    }])
}

/// Prepares a defaulted object that is about to replace the live one.
pub fn update(gvk: &Gvk, live: &Value, new: &mut Value) {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "DaemonSet") => template_generation(live, new),
        ("", "Namespace") => {
            if let Some(finalizers) = live.pointer("/spec/finalizers") {
                set(new, &["spec", "finalizers"], finalizers.clone());
            }
        }
        _ => {}
    }
}

/// An annotation of `DaemonSet`s counts the changes of their template.
fn template_generation(live: &Value, new: &mut Value) {
    let path = ["metadata", "annotations", TEMPLATE_GENERATION];
    let count = live
        .pointer("/metadata/annotations")
        .and_then(|a| a.get(TEMPLATE_GENERATION)?.as_str()?.parse::<i64>().ok())
        .unwrap_or(0);
    let changed = live.pointer("/spec/template") != new.pointer("/spec/template")
        || live.pointer("/spec/updateStrategy") != new.pointer("/spec/updateStrategy");
    let count = if changed { count + 1 } else { count };
    set(new, &path, json!(count.to_string()));
}

fn place<'a>(object: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    let mut place = object;
    for step in path {
        if place.is_null() {
            *place = json!({});
        }
        place = place.as_object_mut()?.entry(*step).or_insert(Value::Null);
    }
    Some(place)
}

fn set(object: &mut Value, path: &[&str], value: Value) {
    if let Some(place) = place(object, path) {
        *place = value;
    }
}

fn finalizer(object: &mut Value, path: &[&str], name: &str) {
    let Some(list) = place(object, path) else {
        return;
    };
    if list.is_null() {
        *list = json!([]);
    }
    if let Some(items) = list.as_array_mut()
        && !items.iter().any(|item| item == name)
    {
        items.push(json!(name));
    }
}

fn add_labels(object: &mut Value, path: &[&str], labels: &Map<String, Value>) {
    let Some(target) = place(object, path) else {
        return;
    };
    if target.is_null() {
        *target = json!({});
    }
    if let Some(target) = target.as_object_mut() {
        target.extend(labels.clone());
    }
}

fn job(object: &mut Value, uid: &str) {
    if object.pointer("/spec/manualSelector") == Some(&json!(true)) {
        return;
    }
    let name = object
        .pointer("/metadata/name")
        .cloned()
        .unwrap_or(Value::Null);
    let mut labels = Map::new();
    for key in ["controller-uid", "batch.kubernetes.io/controller-uid"] {
        labels.insert(key.to_owned(), json!(uid));
    }
    for key in ["job-name", "batch.kubernetes.io/job-name"] {
        labels.insert(key.to_owned(), name.clone());
    }
    add_labels(object, &["spec", "template", "metadata", "labels"], &labels);
    set(
        object,
        &[
            "spec",
            "selector",
            "matchLabels",
            "batch.kubernetes.io/controller-uid",
        ],
        json!(uid),
    );
    // a Job without labels of its own gets those of its template when it is read
    let own = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .is_some_and(|l| !l.is_empty());
    if !own && let Some(template) = object.pointer("/spec/template/metadata/labels").cloned() {
        set(object, &["metadata", "labels"], template);
    }
}

fn service(object: &mut Value) {
    if object.pointer("/spec/type").and_then(Value::as_str) == Some("ExternalName") {
        return;
    }
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    // Without a selector a headless Service may have endpoints of either family.
    let headless = spec.get("clusterIP") == Some(&json!("None"));
    let selects = spec
        .get("selector")
        .and_then(Value::as_object)
        .is_some_and(|s| !s.is_empty());
    let (families, policy) = if headless && !selects {
        (json!(["IPv4", "IPv6"]), "RequireDualStack")
    } else {
        (json!(["IPv4"]), "SingleStack")
    };
    spec.entry("ipFamilies").or_insert(families);
    spec.entry("ipFamilyPolicy")
        .or_insert_with(|| json!(policy));
    if let Some(address) = spec
        .get("clusterIP")
        .filter(|v| v.as_str().is_some_and(|s| !s.is_empty()))
        .cloned()
    {
        spec.entry("clusterIPs").or_insert_with(|| json!([address]));
    }
}

fn definition(object: &mut Value) {
    let versions = object.pointer("/spec/versions").and_then(Value::as_array);
    let stored: Vec<Value> = versions
        .into_iter()
        .flatten()
        .filter(|v| v.get("storage") == Some(&json!(true)))
        .filter_map(|v| v.get("name").cloned())
        .collect();
    set(
        object,
        &["status"],
        json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored}),
    );
}

/// The class of a pod: Guaranteed when every container's requests and limits of cpu and memory are equal, `BestEffort`
/// when there are none at all.
pub fn quality(pod: &Value) -> &'static str {
    let list = |name: &str| {
        pod.pointer(&format!("/spec/{name}"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let mut any = false;
    let mut guaranteed = true;
    for container in list("containers").chain(list("initContainers")) {
        for name in ["cpu", "memory"] {
            let amount = |part: &str| {
                container
                    .pointer(&format!("/resources/{part}/{name}"))
                    .filter(|v| v.as_str() != Some("0"))
            };
            let (limit, request) = (amount("limits"), amount("requests"));
            any |= limit.is_some() || request.is_some();
            guaranteed &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
