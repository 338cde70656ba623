//! Defaults: an object as the server would hand it out after reading it. Three things in one walk: what a Go struct
//! does to JSON (zero values and nulls go, structures that are no pointers appear), the defaults of the schema, and the
//! defaulting rules the OpenAPI document does not hold (`table` and `rules`). What the server only does to new
//! or changed objects is in `strategy`.

mod rules;
pub mod strategy;
mod structural;
mod table;

use super::quantity;
use super::{Kind, Node};
use crate::object::Gvk;
use serde_json::{Map, Value, json};

/// Defaults and canonicalises an object in place.
pub fn apply(gvk: &Gvk, object: &mut Value, node: &Node) {
    if node.is_structural() {
        structural::apply(object, node);
        return;
    }
    if gvk.kind == "Namespace" && gvk.group.is_empty() {
        rules::namespace(object);
    }
    visit(object, node);
}

fn visit(value: &mut Value, node: &Node) {
    scalar(value, node);
    match value {
        Value::Object(fields) if node.has_fields() => {
            clean(fields, node);
            fill(fields, node);
            if let Some(component) = node.component() {
                table::apply(component, fields);
                rules::apply(component, fields);
            }
            for (name, field) in fields.iter_mut() {
                if let Some(child) = node.field(name) {
                    visit(field, &child);
                }
            }
        }
        Value::Object(fields) => {
            if let Some(child) = node.additional() {
                for field in fields.values_mut() {
                    // A null in a map of texts is the empty text to Go.
                    if field.is_null() && child.kind() == Kind::String && !child.is_quantity() {
                        *field = json!("");
                    }
                    visit(field, &child);
                }
            }
        }
        Value::Array(items) => {
            if let Some(child) = node.items() {
                items.iter_mut().for_each(|item| visit(item, &child));
            }
        }
        _ => {}
    }
}

/// Quantities and times have one spelling.
fn scalar(value: &mut Value, node: &Node) {
    if node.is_quantity() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return,
        };
        if let Some(canonical) = quantity::canonical(&text) {
            *value = Value::String(canonical);
        }
    } else if node.format() == Some("date-time")
        && let Some(text) = value.as_str()
        && let Ok(time) = text.parse::<jiff::Timestamp>()
    {
        let micro = node.component().is_some_and(|c| c.ends_with(".MicroTime"));
        let format = if micro {
            "%Y-%m-%dT%H:%M:%S.%6fZ"
        } else {
            "%Y-%m-%dT%H:%M:%SZ"
        };
        *value = Value::String(time.strftime(format).to_string());
    }
}

/// Values a Go struct would not write again.
fn clean(fields: &mut Map<String, Value>, node: &Node) {
    fields.retain(|name, value| match node.field(name) {
        None => true,
        Some(field) => !value.is_null() && (node.keeps_zero(name) || !is_zero(value, &field)),
    });
}

fn is_zero(value: &Value, node: &Node) -> bool {
    match value {
        Value::Bool(flag) => !flag && node.kind() == Kind::Boolean,
        Value::Number(number) => {
            number.as_f64() == Some(0.0) && matches!(node.kind(), Kind::Integer | Kind::Number)
        }
        Value::String(text) => text.is_empty() && node.kind() == Kind::String,
        Value::Array(items) => items.is_empty() && node.kind() == Kind::Array,
        Value::Object(fields) => {
            fields.is_empty() && node.additional().is_some() && !node.has_fields()
        }
        Value::Null => true,
    }
}

/// Lists and times a Go struct always writes, though the schema does not require them.
const ALWAYS_WRITTEN: &[(&str, &str)] = &[
    ("io.k8s.api.core.v1.Event", "eventTime"),
    ("io.k8s.api.core.v1.Event", "firstTimestamp"),
    ("io.k8s.api.core.v1.Event", "lastTimestamp"),
    ("io.k8s.api.rbac.v1.ClusterRole", "rules"),
    ("io.k8s.api.rbac.v1.Role", "rules"),
    ("io.k8s.api.core.v1.PodCondition", "lastProbeTime"),
    ("io.k8s.api.core.v1.PodCondition", "lastTransitionTime"),
    (
        "io.k8s.api.core.v1.ReplicationControllerCondition",
        "lastTransitionTime",
    ),
    (
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus",
        "currentMetrics",
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus",
        "conditions",
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus",
        "storedVersions",
    ),
];

/// Whether Go writes a field of a structure even when it is empty.
pub(crate) fn always_written(component: &str, field: &str) -> bool {
    ALWAYS_WRITTEN.contains(&(component, field))
}

fn fill(fields: &mut Map<String, Value>, node: &Node) {
    for (name, field) in node.fields() {
        if fields.contains_key(&name) {
            continue;
        }
        if let Some(default) = field.default() {
            // A zero that Go leaves out is left out when it is a default, too.
            let zero = *default == json!(0) && !node.keeps_zero(&name);
            if !zero && (!default.is_object() || field.kind() == Kind::Object) {
                fields.insert(name, default.clone());
            }
        } else if node.requires(&name) {
            fields.insert(name, Value::Null);
        } else if let Some(component) = node.component()
            && always_written(component, &name)
        {
            fields.insert(name, json!(null));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schemas;

    fn pairs() -> Vec<Value> {
        let Value::Array(pairs) =
            crate::schema::unpack(include_bytes!("../../../data/defaulting.json.gz"))
        else {
            panic!("defaulting.json")
        };
        pairs
    }

    /// What admission and allocation add, which is not defaulting.
    fn without_admission(object: &mut Value) {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let spec = object["spec"].as_object_mut();
        match (kind.as_str(), spec) {
            ("Pod", Some(spec)) => {
                for field in [
                    "volumes",
                    "serviceAccount",
                    "serviceAccountName",
                    "tolerations",
                    "priority",
                    "preemptionPolicy",
                ] {
                    spec.remove(field);
                }
                for container in spec["containers"].as_array_mut().into_iter().flatten() {
                    container.as_object_mut().unwrap().remove("volumeMounts");
                }
            }
            ("Service", Some(spec)) => {
                if spec.get("clusterIP").is_some_and(|ip| ip != "None") {
                    spec.remove("clusterIP");
                    spec.remove("clusterIPs");
                }
                for port in spec
                    .get_mut("ports")
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .flatten()
                {
                    port.as_object_mut().unwrap().remove("nodePort");
                }
            }
            ("Node", Some(spec)) => {
                spec.remove("taints");
            }
            _ => {}
        }
    }

    #[test]
    fn all_recorded_pairs_are_exact() {
        let mut wrong = Vec::new();
        for pair in pairs() {
            let mut object = pair["sent"].clone();
            let gvk = Gvk::of(&object);
            let mut stored = pair["stored"].clone();
            let (uid, time) = (
                stored["metadata"]["uid"].clone(),
                stored["metadata"]["creationTimestamp"].clone(),
            );
            let node = Schemas::builtin().root(&gvk).unwrap();
            apply(&gvk, &mut object, &node);
            strategy::create(
                &gvk,
                &mut object,
                uid.as_str().unwrap(),
                time.as_str().unwrap(),
            );
            without_admission(&mut stored);
            without_admission(&mut object);
            for field in [
                "uid",
                "creationTimestamp",
                "generation",
                "managedFields",
                "namespace",
            ] {
                stored["metadata"].as_object_mut().unwrap().remove(field);
            }
            if object != stored {
                wrong.push(format!(
                    "{} {}\n  ours   {object}\n  theirs {stored}",
                    gvk, pair["sent"]["metadata"]["name"]
                ));
            }
            let again = object.clone();
            apply(&gvk, &mut object, &node);
            assert_eq!(object, again, "defaulting twice is defaulting once");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
