//! Several versions of one kind: what is stored in one version, shown in another.

use crate::object::{Object, map_mut};
use crate::registry::ResourceInfo;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The object in the resource's version; the very same when it already is.
pub(super) fn to(object: Object, info: &ResourceInfo) -> Object {
    let version = info.api_version();
    if object.get("apiVersion").and_then(Value::as_str) == Some(version.as_str()) {
        return object;
    }
    Arc::new(value_to(Value::clone(&object), &info.kind, &version))
}

/// An object as it was sent, in the version it is stored in.
pub(super) fn to_storage(object: Value, info: &ResourceInfo) -> Value {
    let version = info.stored_as.api_version();
    if object.get("apiVersion").and_then(Value::as_str) == Some(version.as_str()) {
        return object;
    }
    value_to(object, &info.kind, &version)
}

fn value_to(mut object: Value, kind: &str, version: &str) -> Value {
    match (kind, version) {
        ("HorizontalPodAutoscaler", "autoscaling/v1") => autoscaler_to_v1(&mut object),
        ("HorizontalPodAutoscaler", "autoscaling/v2") => autoscaler_to_v2(&mut object),
        ("Event", "events.k8s.io/v1") => rename(&mut object, &EVENT_NAMES),
        ("Event", "v1") => {
            let back = EVENT_NAMES.map(|(old, new)| (new, old));
            rename(&mut object, &back);
            // What the newer API does not have is there nevertheless, as nothing.
            let map = map_mut(&mut object);
            map.entry("source").or_insert_with(|| json!({}));
            for time in ["firstTimestamp", "lastTimestamp"] {
                map.entry(time).or_insert(Value::Null);
            }
        }
        _ => {}
    }
    map_mut(&mut object).insert("apiVersion".into(), version.into());
    object
}

/// Field names of core events and what events.k8s.io calls them.
const EVENT_NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("source", "deprecatedSource"),
    ("reportingComponent", "reportingController"),
];

fn rename(object: &mut Value, names: &[(&str, &str)]) {
    let map = map_mut(object);
    for (from, to) in names {
        if let Some(value) = map.remove(*from) {
            map.insert((*to).to_owned(), value);
        }
    }
}

const CPU: &str = "targetCPUUtilizationPercentage";

fn autoscaler_to_v2(object: &mut Value) {
    if let Some(Value::Object(spec)) = object.get_mut("spec")
        && let Some(target) = spec.remove(CPU)
    {
        let target = json!({"type": "Utilization", "averageUtilization": target});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        spec.insert("metrics".into(), json!([metric]));
    }
}

fn autoscaler_to_v1(object: &mut Value) {
    if let Some(Value::Object(status)) = object.get_mut("status") {
        status.entry("currentReplicas").or_insert(json!(0));
    }
    let Some(Value::Object(spec)) = object.get_mut("spec") else {
        return;
    };
    spec.remove("behavior");
    let Some(Value::Array(metrics)) = spec.remove("metrics") else {
        return;
    };
    let mut others = Vec::new();
    for metric in metrics {
        let is_cpu = metric.pointer("/resource/name").and_then(Value::as_str) == Some("cpu");
        match metric.pointer("/resource/target/averageUtilization") {
            Some(target) if is_cpu => {
                spec.insert(CPU.into(), target.clone());
            }
            _ => others.push(metric),
        }
    }
    if !others.is_empty() {
        let text = Value::Array(others).to_string().into();
        let annotations = crate::object::metadata_mut(object)
            .entry("annotations")
            .or_insert_with(|| Value::Object(Map::new()));
        map_mut(annotations).insert("autoscaling.alpha.kubernetes.io/metrics".into(), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoscaler_keeps_its_cpu_target_over_both_versions() {
        let v1 = json!({"apiVersion": "autoscaling/v1", "spec": {CPU: 80, "maxReplicas": 3}});
        let v2 = value_to(v1.clone(), "HorizontalPodAutoscaler", "autoscaling/v2");
        let target = v2.pointer("/spec/metrics/0/resource/target/averageUtilization");
        assert_eq!(target, Some(&json!(80)));
        assert_eq!(
            value_to(v2, "HorizontalPodAutoscaler", "autoscaling/v1"),
            v1
        );
    }
}
