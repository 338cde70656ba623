//! What an API server makes of one of our objects before it stores it: defaults of the resource
//! definition filled in, wrong values refused with the field that they stand in. Pure.
//!
//! Milder than a server where nothing decides by it: what `FederatedCluster` and `FederatedObject`
//! require for joining and dispatching may be missing, and unknown fields are told, not refused.

use super::documents::OfflineError;
use crate::pointer;
use jiff::Timestamp;
use navarch_crds::definitions;
use navarch_crds::go::quantity;
use navarch_crds::quota;
use navarch_crds::v1alpha1::API_VERSION;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The schemas of all our kinds, by kind.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let schema = |definition: &Value| {
        let kind = pointer::text(definition, &["spec", "names", "kind"]).to_owned();
        let versions = pointer::list(definition, &["spec", "versions"]);
        let schema = pointer::get(versions.first()?, &["schema", "openAPIV3Schema"])?;
        let mut schema = schema.clone();
        // The metadata has rules of its own; the schema of a definition says nothing of it.
        pointer::map_mut(&mut schema, &["properties", "metadata"])
            .insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
        Some((kind, schema))
    };
    definitions::documents().iter().filter_map(schema).collect()
});

/// Kinds of which everything that the definition requires has to be there.
const COMPLETE: [&str; 4] = [
    "PropagationPolicy",
    "ClusterPropagationPolicy",
    "SchedulingProfile",
    "FederatedTypeConfig",
];

/// Read as empty where it is missing: Go writes no value of an empty list in old policies, and they
/// are stored like that.
const MAY_BE_MISSING: &str = "values";

/// A value that cannot be stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    field: String,
    message: String,
}

impl Wrong {
    fn new(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            message: message.into(),
        }
    }

    /// The same with the document that it stands in.
    pub(super) fn of(self, document: usize, object: &Value) -> OfflineError {
        OfflineError::Field {
            document,
            kind: pointer::text(object, &["kind"]).to_owned(),
            name: pointer::text(object, &["metadata", "name"]).to_owned(),
            field: self.field,
            message: self.message,
        }
    }
}

/// Completes an object of any kind as an API server would; returns fields that mean nothing.
pub(super) fn complete(object: &mut Value) -> Result<Vec<String>, Wrong> {
    metadata(object)?;
    let api_version = pointer::text(object, &["apiVersion"]);
    if ![API_VERSION, quota::API_VERSION].contains(&api_version) {
        replicas(object);
        return Ok(Vec::new());
    }
    let kind = pointer::text(object, &["kind"]).to_owned();
    let Some(schema) = SCHEMAS.get(&kind) else {
        return Ok(Vec::new());
    };
    let mut walk = Walk {
        strict: COMPLETE.contains(&kind.as_str()),
        unknown: Vec::new(),
    };
    walk.value(schema, object, "")?;
    Ok(walk.unknown)
}

/// A server fills in one replica where a workload says nothing (`pkg/apis/apps/v1/defaults.go`,
/// `pkg/apis/batch/v1/defaults.go` of Kubernetes).
fn replicas(object: &mut Value) {
    let text = |field: &str| pointer::text(object, &[field]).to_owned();
    let field = match (text("apiVersion").as_str(), text("kind").as_str()) {
        ("apps/v1", "Deployment" | "StatefulSet" | "ReplicaSet") => "replicas",
        ("batch/v1", "Job") => "parallelism",
        _ => return,
    };
    let spec = pointer::map_mut(object, &["spec"]);
    if spec.get(field).is_none_or(Value::is_null) {
        spec.insert(field.into(), 1.into());
    }
}

/// What of the metadata takes part in a decision.
fn metadata(object: &Value) -> Result<(), Wrong> {
    for (field, longest) in [("labels", 63), ("annotations", usize::MAX)] {
        let at = format!("metadata.{field}");
        match pointer::get(object, &["metadata", field]) {
            None | Some(Value::Null) => {}
            Some(Value::Object(map)) => {
                for (key, value) in map {
                    let at = format!("{at}[{key}]");
                    let Some(text) = value.as_str() else {
                        return Err(Wrong::new(&at, "it has to be text; quote it"));
                    };
                    if text.len() > longest {
                        return Err(Wrong::new(&at, "it has more than 63 characters"));
                    }
                }
            }
            Some(_) => return Err(Wrong::new(&at, "it has to be a map of texts")),
        }
    }
    for field in ["creationTimestamp", "deletionTimestamp"] {
        let value = pointer::get(object, &["metadata", field]).filter(|value| !value.is_null());
        let time = value.map(|value| value.as_str().and_then(|text| text.parse().ok()));
        if matches!(time, Some(None::<Timestamp>)) {
            let at = format!("metadata.{field}");
            return Err(Wrong::new(
                &at,
                "it has to be a time such as 2026-01-31T12:00:00Z",
            ));
        }
    }
    Ok(())
}

struct Walk {
    /// What is required has to be there.
    strict: bool,
    unknown: Vec<String>,
}

impl Walk {
    fn value(&mut self, schema: &Value, value: &mut Value, path: &str) -> Result<(), Wrong> {
        typed(schema, value, path)?;
        bounded(schema, value, path)?;
        match value {
            Value::Object(map) => self.map(schema, map, path),
            Value::Array(list) => {
                let Some(items) = schema.get("items") else {
                    return Ok(());
                };
                for (index, item) in list.iter_mut().enumerate() {
                    self.value(items, item, &format!("{path}[{index}]"))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn map(
        &mut self,
        schema: &Value,
        map: &mut Map<String, Value>,
        path: &str,
    ) -> Result<(), Wrong> {
        let none = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&none);
        for (name, property) in properties {
            if map.get(name).is_none_or(Value::is_null) {
                match property.get("default") {
                    Some(default) => map.insert(name.clone(), default.clone()),
                    None => map.remove(name),
                };
            }
        }
        let required = pointer::list(schema, &["required"])
            .iter()
            .filter_map(Value::as_str);
        for name in required.filter(|name| self.strict && *name != MAY_BE_MISSING) {
            if !map.contains_key(name) {
                return Err(Wrong::new(
                    &step(path, name),
                    "it is missing and has to be given",
                ));
            }
        }
        let open = schema.get("x-kubernetes-preserve-unknown-fields").is_some();
        let further = schema
            .get("additionalProperties")
            .filter(|further| further.is_object());
        for (name, value) in map {
            let at = step(path, name);
            match (properties.get(name), further) {
                (Some(property), _) => self.value(property, value, &at)?,
                (None, Some(further)) => self.value(further, value, &format!("{path}[{name}]"))?,
                (None, None) if !open && !properties.is_empty() => self.unknown.push(at),
                (None, None) => {}
            }
        }
        Ok(())
    }
}

fn step(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The value has the type that the schema asks for.
fn typed(schema: &Value, value: &Value, path: &str) -> Result<(), Wrong> {
    let wanted = pointer::text(schema, &["type"]);
    let either = pointer::get(schema, &["x-kubernetes-int-or-string"]) == Some(&Value::Bool(true));
    let (fits, said) = match wanted {
        "" if either => (
            value.is_string() || value.is_i64() || value.is_u64(),
            "a whole number or text",
        ),
        "string" => (value.is_string(), "text"),
        "boolean" => (value.is_boolean(), "true or false"),
        "integer" => (value.is_i64(), "a whole number"),
        "number" => (value.is_number(), "a number"),
        "object" => (value.is_object(), "a map"),
        "array" => (value.is_array(), "a list"),
        _ => (true, ""),
    };
    if fits {
        return Ok(());
    }
    Err(Wrong::new(
        path,
        format!("it has to be {said}, and it is {value}"),
    ))
}

/// The value is one of those that are allowed.
fn bounded(schema: &Value, value: &Value, path: &str) -> Result<(), Wrong> {
    let choices = pointer::list(schema, &["enum"]);
    if !choices.is_empty() && !choices.contains(value) {
        let known: Vec<String> = choices.iter().map(ToString::to_string).collect();
        let message = format!(
            "it has to be one of {}, and it is {value}",
            known.join(", ")
        );
        return Err(Wrong::new(path, message));
    }
    if let (Some(least), Some(number)) = (pointer::number(schema, &["minimum"]), value.as_i64())
        && number < least
    {
        return Err(Wrong::new(
            path,
            format!("it has to be {least} or more, and it is {number}"),
        ));
    }
    // The only pattern of the definitions is that of quantities.
    if schema.get("pattern").is_some()
        && let Some(text) = value.as_str()
        && quantity::parse(text).is_err()
    {
        return Err(Wrong::new(
            path,
            format!("{text:?} is no amount; write one such as 100m or 2Gi"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(spec: &Value) -> Value {
        json!({"apiVersion": API_VERSION, "kind": "PropagationPolicy", "metadata": {"name": "p"}, "spec": spec})
    }

    #[test]
    fn defaults_are_those_of_an_api_server() {
        for (name, spec, path, wanted) in [
            (
                "strategy",
                json!({"schedulingMode": "Divide"}),
                "/replicasStrategy",
                json!("Spread"),
            ),
            (
                "no reschedule policy",
                json!({"schedulingMode": "Divide"}),
                "/reschedulePolicy",
                json!({"rescheduleWhen": {"policyContentChanged": true, "clusterJoined": false,
                    "clusterLabelsChanged": false, "clusterAPIResourcesChanged": false},
                    "replicaRescheduling": {"avoidDisruption": true}}),
            ),
            (
                "an empty one has no default for when",
                json!({"schedulingMode": "Divide", "reschedulePolicy": {}}),
                "/reschedulePolicy",
                json!({"replicaRescheduling": {"avoidDisruption": true}}),
            ),
            (
                "auto migration",
                json!({"schedulingMode": "Divide", "autoMigration": {}}),
                "/autoMigration",
                json!({"when": {"podUnschedulableFor": "1m"}, "keepUnschedulableReplicas": false}),
            ),
            (
                "null is as good as missing",
                json!({"schedulingMode": "Divide", "replicasStrategy": null}),
                "/replicasStrategy",
                json!("Spread"),
            ),
        ] {
            let mut object = policy(&spec);
            assert_eq!(complete(&mut object), Ok(vec![]), "{name}");
            assert_eq!(object["spec"].pointer(path), Some(&wanted), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (name, spec, field) in [
            ("no mode", json!({}), "spec.schedulingMode"),
            (
                "odd mode",
                json!({"schedulingMode": "Odd"}),
                "spec.schedulingMode",
            ),
            (
                "text",
                json!({"schedulingMode": "Divide", "maxClusters": "3"}),
                "spec.maxClusters",
            ),
            (
                "fraction",
                json!({"schedulingMode": "Divide", "maxClusters": 1.5}),
                "spec.maxClusters",
            ),
            (
                "below zero",
                json!({"schedulingMode": "Divide", "placement": [{"cluster": "a"}, {"cluster": "b", "preferences": {"weight": -1}}]}),
                "spec.placement[1].preferences.weight",
            ),
            (
                "no cluster",
                json!({"schedulingMode": "Divide", "placement": [{}]}),
                "spec.placement[0].cluster",
            ),
            (
                "label value",
                json!({"schedulingMode": "Divide", "clusterSelector": {"a": 1}}),
                "spec.clusterSelector[a]",
            ),
        ] {
            let wrong = complete(&mut policy(&spec)).unwrap_err();
            assert_eq!(wrong.field, field, "{name}");
        }
        let mut labels =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": true}}});
        assert_eq!(
            complete(&mut labels).unwrap_err().field,
            "metadata.labels[a]"
        );
    }

    #[test]
    fn unknown_fields_are_told() {
        let mut object = policy(&json!({"schedulingMode": "Divide", "maxCluster": 3}));
        assert_eq!(
            complete(&mut object),
            Ok(vec!["spec.maxCluster".to_owned()])
        );
    }

    #[test]
    fn workloads_that_say_nothing_have_one_replica() {
        let mut object =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
        assert_eq!(complete(&mut object), Ok(vec![]));
        assert_eq!(object["spec"]["replicas"], 1);
    }
}
