//! What LimitRanger admission does to a new pod: requests and limits its containers do not state are those that the
//! namespace's LimitRanges give by default, and an annotation tells so (kubernetes.io "Limit Ranges"). Least and most
//! amounts are not enforced.

use crate::cluster::ListOptions;
use crate::cluster::admission::{Admission, Operation, Review};
use crate::object::{self, Gvr, Object};
use crate::status::Status;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// The admission step.
#[derive(Debug)]
pub(super) struct LimitsOfPods;

impl Admission for LimitsOfPods {
    fn admit(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if !review.is("", "Pod") || review.operation != Operation::Create {
            return Ok(());
        }
        let namespace = object::namespace(review.object).unwrap_or_default();
        let ranges = Gvr::new("", "v1", "limitranges");
        let ranges = review
            .cluster
            .list(&ranges, namespace, &ListOptions::default())?;
        let (requests, limits) = defaults(&ranges.items);
        if requests.is_empty() && limits.is_empty() {
            return Ok(());
        }
        let mut told = Vec::new();
        let spec = object::field_mut(review.object, "spec");
        for (list, called) in [
            ("containers", "container"),
            ("initContainers", "init container"),
        ] {
            let containers = spec.get_mut(list).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                fill(
                    container, "requests", &requests, "request", called, &mut told,
                );
                fill(container, "limits", &limits, "limit", called, &mut told);
            }
        }
        if !told.is_empty() {
            let text = format!("LimitRanger plugin set: {}", told.join("; "));
            let metadata = object::metadata_mut(review.object);
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(ANNOTATION.to_owned(), Value::from(text));
            }
        }
        Ok(())
    }
}

/// Default requests and limits of all LimitRanges, by resource.
fn defaults(ranges: &[Object]) -> (Map<String, Value>, Map<String, Value>) {
    let (mut requests, mut limits) = (Map::new(), Map::new());
    let items = ranges
        .iter()
        .map(Arc::as_ref)
        .filter_map(|r| r.pointer("/spec/limits"));
    for item in items.filter_map(Value::as_array).flatten() {
        if item.get("type").and_then(Value::as_str) != Some("Container") {
            continue;
        }
        for (field, target) in [("defaultRequest", &mut requests), ("default", &mut limits)] {
            let given = item.get(field).and_then(Value::as_object);
            target.extend(given.cloned().unwrap_or_default());
        }
    }
    (requests, limits)
}

fn fill(
    container: &mut Value,
    field: &str,
    defaults: &Map<String, Value>,
    word: &str,
    called: &str,
    told: &mut Vec<String>,
) {
    let name = container
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let resources = object::field_mut(container, "resources");
    let own = resources.get(field).and_then(Value::as_object);
    let missing: Vec<(String, Value)> = defaults
        .iter()
        .filter(|(resource, _)| own.is_none_or(|own| !own.contains_key(*resource)))
        .map(|(resource, amount)| (resource.clone(), amount.clone()))
        .collect();
    if missing.is_empty() {
        return;
    }
    let names: Vec<&str> = missing
        .iter()
        .map(|(resource, _)| resource.as_str())
        .collect();
    told.push(format!("{} {word} for {called} {name}", names.join(", ")));
    let target = resources.entry(field).or_insert_with(|| json!({}));
    if let Some(target) = target.as_object_mut() {
        target.extend(missing);
    }
}
