//! Scale: `autoscaling/v1 Scale` as a view of an object's replicas.

use super::update::Fields;
use super::{Cluster, WriteOptions, convert};
use crate::object;
use crate::registry::{ResourceInfo, ScalePaths};
use crate::status::{Cause, Status};
use serde_json::{Map, Value, json};

impl Cluster {
    /// The Scale of an object.
    pub fn scale(&self, info: &ResourceInfo, namespace: &str, name: &str) -> Result<Value, Status> {
        Ok(view(info, self.get_of(info, namespace, name)?.as_ref()))
    }

    /// Changes the Scale of an object; answers the new one.
    pub fn set_scale(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        name: &str,
        options: &WriteOptions,
        mut change: impl FnMut(&Value) -> Result<Value, Status>,
    ) -> Result<Value, Status> {
        let written = self.change(info, namespace, name, options, Fields::Update, |live| {
            let wanted = change(&view(info, live))?;
            let mut new = Value::clone(live);
            for field in ["resourceVersion", "uid"] {
                let sent = wanted.get("metadata").and_then(|m| m.get(field));
                if let Some(sent) = sent.filter(|v| v.as_str().is_some_and(|t| !t.is_empty())) {
                    object::metadata_mut(&mut new).insert(field.into(), sent.clone());
                }
            }
            let replicas = wanted
                .pointer("/spec/replicas")
                .and_then(Value::as_i64)
                .unwrap_or(0);
            if replicas < 0 {
                let message =
                    format!("Invalid value: {replicas}: must be greater than or equal to 0");
                let cause = Cause {
                    reason: "FieldValueInvalid".into(),
                    message,
                    field: "spec.replicas".into(),
                };
                return Err(Status::invalid("autoscaling", "Scale", name, &[cause]));
            }
            set(&mut new, &paths(info).spec_replicas, json!(replicas));
            Ok(new)
        })?;
        Ok(view(info, &convert::to(written.object, info)))
    }
}

pub(super) fn paths(info: &ResourceInfo) -> ScalePaths {
    let custom = info.custom.as_ref().and_then(|c| c.scale.clone());
    custom.unwrap_or_else(|| ScalePaths {
        spec_replicas: ".spec.replicas".into(),
        status_replicas: ".status.replicas".into(),
        label_selector: None,
    })
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .filter(|p| !p.is_empty())
        .try_fold(object, |v, part| v.get(part))
}

fn set(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for part in path.split('.').filter(|p| !p.is_empty()) {
        place = object::map_mut(place).entry(part).or_insert(Value::Null);
    }
    *place = value;
}

fn view(info: &ResourceInfo, object: &Value) -> Value {
    let paths = paths(info);
    let mut metadata = Map::new();
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if let Some(value) = object.get("metadata").and_then(|m| m.get(field)) {
            metadata.insert(field.into(), value.clone());
        }
    }
    let number = |path: &str| at(object, path).and_then(Value::as_i64);
    let mut spec = Map::new();
    if let Some(replicas) = number(&paths.spec_replicas).filter(|r| *r != 0) {
        spec.insert("replicas".into(), json!(replicas));
    }
    let mut status = Map::new();
    status.insert(
        "replicas".into(),
        json!(number(&paths.status_replicas).unwrap_or(0)),
    );
    let selector = match &paths.label_selector {
        Some(path) => at(object, path).and_then(Value::as_str).map(str::to_owned),
        None if info.custom.is_none() => object.pointer("/spec/selector").map(selector_text),
        None => None,
    };
    if let Some(selector) = selector.filter(|s| !s.is_empty()) {
        status.insert("selector".into(), selector.into());
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": metadata, "spec": spec, "status": status,
    })
}

/// A selector as text, terms sorted by key. ReplicationControllers have a plain map.
fn selector_text(selector: &Value) -> String {
    let mut terms: Vec<(String, String)> = Vec::new();
    let plain = selector.get("matchLabels").is_none() && selector.get("matchExpressions").is_none();
    let equal = if plain {
        Some(selector)
    } else {
        selector.get("matchLabels")
    };
    for (key, value) in equal.and_then(Value::as_object).into_iter().flatten() {
        terms.push((
            key.clone(),
            format!("{key}={}", value.as_str().unwrap_or_default()),
        ));
    }
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    for expression in expressions.into_iter().flatten() {
        let text = |field| {
            expression
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let key = text("key");
        let values = expression.get("values").and_then(Value::as_array);
        let mut values: Vec<&str> = values
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        values.sort_unstable();
        let values = values.join(",");
        let term = match text("operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        };
        terms.push((key.to_owned(), term));
    }
    terms.sort();
    terms
        .into_iter()
        .map(|(_, term)| term)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_become_text() {
        let selector = json!({
            "matchLabels": {"b": "2", "a": "1"},
            "matchExpressions": [{"key": "c", "operator": "In", "values": ["y", "x"]}],
        });
        assert_eq!(selector_text(&selector), "a=1,b=2,c in (x,y)");
    }
}
