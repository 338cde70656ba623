//! Validation of whole objects, new and changed, with the server's words. One function a kind or group of kinds; custom
//! resources by their schema. Expects defaulted objects; admission and allocation are not here.

mod definition;
mod errors;
mod immutable;
mod kinds;
mod limits;
mod metadata;
mod names;
mod pod;
mod structural;
#[cfg(test)]
mod tests;
mod workload;

use super::Node;
use crate::object::Gvk;
use crate::status::Cause;
use errors::{Errors, child};
use names::Form;
use serde_json::Value;

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What is wrong with the value of a label.
pub(crate) fn label_value(value: &str) -> Vec<String> {
    names::label_value(value)
}

/// Errors of a new object, in the order the server gives them.
pub fn create(gvk: &Gvk, object: &Value, node: &Node) -> Vec<Cause> {
    let mut errors = Errors::default();
    let longest = match gvk.kind.as_str() {
        "CronJob" if gvk.group == "batch" => 52,
        _ => usize::MAX,
    };
    metadata::create(
        object,
        Form::of(&gvk.group, &gvk.kind),
        longest,
        &mut errors,
    );
    content(gvk, object, None, node, &mut errors);
    errors.0
}

/// Errors of a change, in the order the server gives them.
pub fn update(gvk: &Gvk, live: &Value, new: &Value, node: &Node) -> Vec<Cause> {
    let mut errors = Errors::default();
    metadata::update(live, new, &mut errors);
    immutable::check(&gvk.group, &gvk.kind, live, new, &mut errors);
    content(gvk, new, Some(live), node, &mut errors);
    errors.0
}

fn content(gvk: &Gvk, object: &Value, old: Option<&Value>, node: &Node, errors: &mut Errors) {
    if node.is_structural() {
        structural::check(object, old, node, errors);
        return;
    }
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let before = errors.0.len();
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", kind @ ("Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")) => {
            workload::apps(kind, object, errors);
        }
        ("batch", "Job") => workload::job(spec, "spec", errors),
        ("batch", "CronJob") => workload::cron_job(object, errors),
        ("", "Pod") => pod::spec(spec, "spec", errors),
        ("", "Service") => kinds::service(object, errors),
        ("", "ConfigMap") => kinds::data(object, errors),
        ("", "Secret") => kinds::secret(object, errors),
        ("", "PersistentVolumeClaim") => kinds::claim(spec, "spec", errors),
        ("", "PersistentVolume") => kinds::volume(spec, errors),
        ("autoscaling", "HorizontalPodAutoscaler") => kinds::autoscaler(object, errors),
        ("", "LimitRange") => limits::limit_range(spec, errors),
        ("", "ResourceQuota") => limits::quota(spec, errors),
        ("", "PodTemplate") => {
            let template = object.get("template").unwrap_or(&Value::Null);
            pod::template(template, "template", errors);
        }
        ("", "ReplicationController") => {
            limits::replication_controller(object, old.is_some(), errors);
            limits::replicas(object, errors);
        }
        ("scheduling.k8s.io", "PriorityClass") => limits::priority_class(object, errors),
        ("coordination.k8s.io", "Lease") => limits::lease(spec, errors),
        ("networking.k8s.io", "NetworkPolicy") => limits::network_policy(spec, errors),
        ("policy", "PodDisruptionBudget") => kinds::budget(object, errors),
        ("networking.k8s.io", "Ingress") => kinds::ingress(object, errors),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => kinds::role(object, errors),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            kinds::binding(object, errors);
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            definition::check(object, old.is_none(), errors);
        }
        _ => {}
    }
    if errors.0.len() == before {
        enumerations(object, node, "", errors);
    }
}

/// Values the schema enumerates, wherever no kind's own validation spoke of them.
fn enumerations(value: &Value, node: &Node, path: &str, errors: &mut Errors) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(below) = node.child(name) {
                    enumerations(field, &below, &child(path, name), errors);
                }
            }
        }
        Value::Array(items) => {
            let Some(below) = node.items() else { return };
            for (index, item) in items.iter().enumerate() {
                enumerations(item, &below, &format!("{path}[{index}]"), errors);
            }
        }
        Value::String(text) if !text.is_empty() => {
            let supported: Vec<&str> = node
                .keyword("enum")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if !supported.is_empty() && !supported.contains(&text.as_str()) {
                errors.unsupported(path, value, &supported);
            }
        }
        _ => {}
    }
}
