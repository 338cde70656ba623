//! What workload controllers ask of pods and how they make, claim and choose them.

use super::engine::Seen;
use super::field;
use super::kinds::{self, Kind};
use super::world::{World, gone_is_fine};
use crate::cluster::LabelSelector;
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The phase.
pub(crate) fn phase(pod: &Value) -> &str {
    field::text(pod, "/status/phase")
}

/// Whether it ran to its end, one way or the other.
pub(crate) fn is_finished(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether it is being deleted.
pub(crate) fn is_terminating(pod: &Value) -> bool {
    object::deletion_timestamp(pod).is_some()
}

/// Whether it counts as a replica.
pub(crate) fn is_active(pod: &Value) -> bool {
    !is_finished(pod) && !is_terminating(pod)
}

/// Whether it is ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    field::condition_is_true(pod, "Ready")
}

/// Whether it has been ready for so many seconds.
pub(crate) fn is_available(pod: &Value, min_ready: i64, now: Timestamp) -> bool {
    is_ready(pod) && available_in(pod, min_ready, now).is_none()
}

/// How long a ready pod has to stay so until it is available.
fn available_in(pod: &Value, min_ready: i64, now: Timestamp) -> Option<Duration> {
    if min_ready <= 0 {
        return None;
    }
    let since = field::condition(pod, "Ready").and_then(|c| field::time(c, "/lastTransitionTime"));
    let then = since? + jiff::SignedDuration::from_secs(min_ready);
    let left = then.duration_since(now);
    Duration::try_from(left).ok().filter(|d| !d.is_zero())
}

/// When the first of the pods that are ready but not yet available will be.
pub(crate) fn next_available(pods: &[Object], min_ready: i64, now: Timestamp) -> Option<Duration> {
    let waiting = pods.iter().filter(|p| is_ready(p) && !is_terminating(p));
    waiting
        .filter_map(|p| available_in(p, min_ready, now))
        .min()
        .map(|d| d + Duration::from_millis(20))
}

/// The pod a template makes, controlled by this owner.
pub(crate) fn from_template(template: &Value, owner: &Value) -> Value {
    let part = |path: &str| template.pointer(path).cloned().unwrap_or(json!({}));
    let mut metadata = Map::new();
    metadata.insert(
        "generateName".to_owned(),
        format!("{}-", object::name(owner)).into(),
    );
    for name in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.pointer(&format!("/metadata/{name}")) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    metadata.insert(
        "ownerReferences".to_owned(),
        json!([field::owner_reference(owner)]),
    );
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": part("/spec"),
    })
}

/// Sets a label of an object that is being made.
pub(crate) fn set_label(object: &mut Value, key: &str, value: &str) {
    let metadata = object::metadata_mut(object);
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    object::map_mut(labels).insert(key.to_owned(), value.into());
}

/// Sets an annotation of an object that is being made.
pub(crate) fn set_annotation(object: &mut Value, key: &str, value: &str) {
    let metadata = object::metadata_mut(object);
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    object::map_mut(annotations).insert(key.to_owned(), value.into());
}

/// The objects of a kind that belong to this owner: those it controls and that match its selector. Orphans that match
/// are adopted, owned ones that no longer match are let go.
pub(crate) fn claim(kind: Kind, owner: &Value, world: &World) -> Result<Vec<Object>, Status> {
    let selector = owner
        .pointer("/spec/selector")
        .cloned()
        .unwrap_or(json!({}));
    let matching = LabelSelector::from_object(&selector);
    let mut claimed = Vec::new();
    for object in world.owned(kind, owner) {
        if matching.matches(&object) {
            claimed.push(object);
        } else if object::deletion_timestamp(&object).is_none() {
            gone_is_fine(release(kind, &object, owner, world))?;
        }
    }
    if object::deletion_timestamp(owner).is_some() || matching.is_empty() {
        return Ok(claimed);
    }
    for orphan in orphans(kind, owner, &selector, world) {
        if matching.matches(&orphan) {
            let reference = field::owner_reference(owner);
            let adopted = world.edit(kind, &orphan, |live| {
                let references = object::metadata_mut(live)
                    .entry("ownerReferences")
                    .or_insert_with(|| json!([]));
                if let Some(references) = references.as_array_mut() {
                    references.push(reference.clone());
                }
            });
            match adopted {
                Ok(adopted) => claimed.push(adopted),
                Err(status) if status.code == 404 => {}
                Err(status) => return Err(status),
            }
        }
    }
    Ok(claimed)
}

fn orphans(kind: Kind, owner: &Value, selector: &Value, world: &World) -> Vec<Object> {
    let namespace = object::namespace(owner).unwrap_or_default();
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let first = labels.and_then(|l| l.iter().next());
    let free =
        |o: &Object| object::controller_of(o).is_none() && object::deletion_timestamp(o).is_none();
    let cache = world.cache(kind);
    let mut found: Vec<Object> = match (kind, first) {
        (Kind::Pod, Some((key, value))) => cache
            .under(&kinds::labelled(namespace, key, value))
            .map(|(_, o)| o.clone())
            .collect(),
        _ => cache.in_namespace(namespace).cloned().collect(),
    };
    found.retain(free);
    found
}

fn release(kind: Kind, object: &Value, owner: &Value, world: &World) -> Result<(), Status> {
    let uid = object::uid(owner).to_owned();
    let changed = world.edit(kind, object, |live| {
        let metadata = object::metadata_mut(live);
        if let Some(list) = metadata
            .get_mut("ownerReferences")
            .and_then(Value::as_array_mut)
        {
            list.retain(|r| field::text(r, "/uid") != uid);
            if list.is_empty() {
                metadata.remove("ownerReferences");
            }
        }
    });
    changed.map(|_| ())
}

/// The keys of a kind whose objects a changed pod concerns: its controller, before and after; for an orphan, those whose
/// selector may match it.
pub(crate) fn concerned(
    seen: &Seen<'_>,
    kind: Kind,
    name: &str,
    world: &World,
    wake: &mut Vec<Key>,
) {
    for state in seen.states() {
        if let Some(key) = World::controller_key(state, name) {
            if !wake.contains(&key) {
                wake.push(key);
            }
        } else if object::controller_of(state).is_none() && !is_terminating(state) {
            let namespace = object::namespace(state).unwrap_or_default();
            let labels = object::labels(state).into_iter().flatten();
            let mut terms: Vec<String> = labels
                .map(|(k, v)| kinds::selecting(namespace, k, v))
                .collect();
            terms.push(kinds::selects_anything(namespace));
            for term in terms {
                wake.extend(world.cache(kind).under(&term).map(|(key, _)| key.clone()));
            }
        }
    }
}

/// The order in which replicas are given up: first those that are worth least.
pub(crate) fn by_worth(pods: &mut [Object]) {
    let rank = |pod: &Object| {
        let unbound = field::text(pod, "/spec/nodeName").is_empty();
        let phase = match phase(pod) {
            "Pending" => 0,
            "Unknown" => 1,
            _ => 2,
        };
        let cost = object::annotation(pod, "controller.kubernetes.io/pod-deletion-cost");
        let cost: i64 = cost.and_then(|c| c.parse().ok()).unwrap_or(0);
        let created = field::text(pod, "/metadata/creationTimestamp").to_owned();
        let changed = object::resource_version(pod).and_then(|v| v.parse::<u64>().ok());
        (
            !unbound,
            phase,
            is_ready(pod),
            cost,
            std::cmp::Reverse(created),
            // Of those made in one second, the one that changed last.
            std::cmp::Reverse(changed),
        )
    };
    pods.sort_by_key(rank);
}
