//! Copies that KubeAdmiral left: whether one is what it would write today, and whose fields are to be ours when it is
//! written for the first time. Pure.

use navarch_crds::go;
use navarch_crds::keys::navarch::FIELD_MANAGER;
use navarch_crds::keys::{annotation, label};
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{
    GenericFederatedObjectSpec, OverrideWithController, PropagatedVersionStatus,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::pointer;

/// What KubeAdmiral wrote down of the copies of one federated object (`pkg/controllers/sync/version`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions {
    status: PropagatedVersionStatus,
}

impl Versions {
    /// Reads a `PropagatedVersion` or `ClusterPropagatedVersion`.
    #[must_use]
    pub fn read(object: &Value) -> Option<Self> {
        let status = serde_json::from_value(object.get("status")?.clone()).ok()?;
        Some(Self { status })
    }

    /// Whether a copy is what KubeAdmiral made of this very template and these overrides, and nobody has written it since.
    /// A copy without a generation must have the very version; one with a generation also the desired labels and
    /// annotations, because they do not count there.
    #[must_use]
    pub fn vouch_for(
        &self,
        spec: &GenericFederatedObjectSpec,
        cluster: &ClusterName,
        copy: &Value,
        desired: &Value,
    ) -> bool {
        let noted = self
            .status
            .cluster_versions
            .iter()
            .find(|noted| noted.cluster_name == cluster.as_str());
        noted.is_some_and(|noted| noted.version == version(copy))
            && self.status.template_version == hash(&spec.template)
            && self.status.overrides_version == overrides_hash(&spec.overrides)
            && has_texts(copy, desired, "labels")
            && has_texts(copy, desired, "annotations")
    }
}

/// The version of a member object as KubeAdmiral notes it (`pkg/util/propagatedversion`).
fn version(copy: &Value) -> String {
    match pointer::number(copy, &["metadata", "generation"]) {
        Some(generation) if generation != 0 => format!("gen:{generation}"),
        _ => format!(
            "rv:{}",
            pointer::text(copy, &["metadata", "resourceVersion"])
        ),
    }
}

/// The MD5 of a value as Go's encoder writes it, with its line end (`pkg/controllers/sync/resource.go`).
fn hash(value: &impl Serialize) -> String {
    let text = go::json::to_string(value).unwrap_or_default();
    format!("{:x}", md5::compute(format!("{text}\n")))
}

fn overrides_hash(overrides: &[OverrideWithController]) -> String {
    #[derive(Serialize)]
    struct Hashed<'a> {
        overrides: Option<&'a [OverrideWithController]>,
    }
    hash(&Hashed {
        overrides: Some(overrides).filter(|overrides| !overrides.is_empty()),
    })
}

fn has_texts(copy: &Value, desired: &Value, field: &str) -> bool {
    let held = pointer::texts(copy, field);
    let wanted = pointer::texts(desired, field);
    wanted
        .iter()
        .all(|(key, value)| held.get(key) == Some(value))
}

/// The name under which API servers know what KubeAdmiral writes: that of its binary.
const MANAGER: &str = "kubeadmiral-controller-manager";

/// The managed fields of a copy with those of KubeAdmiral moved into our own entry, so that a field that an apply leaves out
/// really goes; as `client-go/util/csaupgrade` does it. What a person wrote stays
/// theirs. `None`: there
/// are none to move.
///
/// Labels and annotations move only where KubeAdmiral says that it propagated them: others on the copy are kept. So are the
/// replicas, which may be somebody else's to decide.
#[must_use]
pub fn take_fields(copy: &Value, replicas: &str) -> Option<Value> {
    let entries = pointer::list(copy, &["metadata", "managedFields"]);
    let text = |entry: &Value, field: &str| pointer::text(entry, &[field]).to_owned();
    let is_moved = |entry: &Value| {
        text(entry, "operation") == "Update"
            && text(entry, "subresource").is_empty()
            && text(entry, "manager") == MANAGER
    };
    let mut moved = Value::Object(Map::new());
    let mut left = Vec::new();
    let mut own: Option<Value> = None;
    let mut like: Option<Value> = None;
    for entry in entries {
        if is_moved(entry) {
            let (taken, kept) = part(entry.get("fieldsV1")?, copy, replicas);
            unite(&mut moved, &taken);
            like.get_or_insert_with(|| entry.clone());
            if kept.as_object().is_some_and(|kept| !kept.is_empty()) {
                let mut entry = entry.clone();
                entry["fieldsV1"] = kept;
                left.push(entry);
            }
        } else if text(entry, "manager") == FIELD_MANAGER
            && text(entry, "operation") == "Apply"
            && text(entry, "subresource").is_empty()
        {
            own = Some(entry.clone());
        } else {
            left.push(entry.clone());
        }
    }
    if moved.as_object().is_none_or(Map::is_empty) {
        return None;
    }
    let mut entry = own.or(like)?;
    if text(&entry, "manager") == FIELD_MANAGER {
        unite(&mut moved, entry.get("fieldsV1").unwrap_or(&Value::Null));
    }
    entry["manager"] = FIELD_MANAGER.into();
    entry["operation"] = "Apply".into();
    entry["fieldsV1"] = moved;
    left.push(entry);
    Some(left.into())
}

/// Cuts a set of fields in two: what is taken, and what stays with its owner.
fn part(fields: &Value, copy: &Value, replicas: &str) -> (Value, Value) {
    let mut taken = fields.clone();
    let mut kept = Value::Object(Map::new());
    let steps: Vec<String> = replicas
        .split('.')
        .map(|step| format!("f:{step}"))
        .collect();
    if !replicas.is_empty() {
        cut(&mut taken, &mut kept, &steps);
    }
    for (field, noted, own) in [
        (
            "labels",
            annotation::PROPAGATED_LABEL_KEYS,
            &[label::MANAGED][..],
        ),
        (
            "annotations",
            annotation::PROPAGATED_ANNOTATION_KEYS,
            &[
                annotation::SOURCE_GENERATION,
                annotation::PROPAGATED_LABEL_KEYS,
                annotation::PROPAGATED_ANNOTATION_KEYS,
            ][..],
        ),
    ] {
        let noted = pointer::text(copy, &["metadata", "annotations", noted]);
        let propagated: Vec<String> = noted
            .split(',')
            .chain(own.iter().copied())
            .map(|key| format!("f:{key}"))
            .collect();
        let path = format!("/f:metadata/f:{field}");
        let keys: Vec<String> = fields
            .pointer(&path)
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys)
            .filter(|key| *key != "." && !propagated.contains(key))
            .cloned()
            .collect();
        for key in keys {
            let steps = ["f:metadata".to_owned(), format!("f:{field}"), key];
            cut(&mut taken, &mut kept, &steps);
        }
    }
    (taken, kept)
}

/// Moves what is at a path to the same path elsewhere. A parent that is left empty would mean that all of it is owned.
fn cut(from: &mut Value, to: &mut Value, steps: &[String]) {
    let Some((last, parents)) = steps.split_last() else {
        return;
    };
    if let Some(found) = from.as_object_mut().and_then(|map| extract(map, steps)) {
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        pointer::map_mut(to, &parents).insert(last.clone(), found);
    }
}

fn extract(from: &mut Map<String, Value>, steps: &[String]) -> Option<Value> {
    let (first, rest) = steps.split_first()?;
    if rest.is_empty() {
        return from.remove(first);
    }
    let below = from.get_mut(first)?.as_object_mut()?;
    let found = extract(below, rest)?;
    if below.is_empty() {
        from.remove(first);
    }
    Some(found)
}

/// Adds a set of fields to another.
fn unite(into: &mut Value, more: &Value) {
    let (Some(into), Some(more)) = (into.as_object_mut(), more.as_object()) else {
        return;
    };
    for (key, below) in more {
        match into.get_mut(key) {
            Some(present) => unite(present, below),
            None => {
                into.insert(key.clone(), below.clone());
            }
        }
    }
}

#[cfg(test)]
#[path = "predecessor_tests.rs"]
mod tests;
