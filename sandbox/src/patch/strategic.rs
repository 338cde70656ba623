//! Strategic merge patch: like a merge patch, but lists merge by the keys the schema names, and directives in the patch
//! say what a plain merge cannot (https://github.com/kubernetes/community, contributors/devel/sig-api-machinery/
//! strategic-merge-patch.md). Objects here; lists are in `strategic_list`.

use super::strategic_list::{in_order, merge_lists, remove_values};
use super::{PatchError, go_kind, go_value};
use crate::schema::Node;
use serde_json::{Map, Value};

pub(super) const DIRECTIVE: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const ORDER: &str = "$setElementOrder/";
pub(super) const DELETE_VALUES: &str = "$deleteFromPrimitiveList/";

/// The object with the patch merged in.
///
/// # Errors
/// The patch is not an object, or a directive in it is malformed.
pub fn apply(object: &Value, patch: &Value, node: &Node) -> Result<Value, PatchError> {
    let Value::Object(patch) = patch else {
        return Err(PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go_kind(patch)
        )));
    };
    let original = object.as_object().cloned().unwrap_or_default();
    merge_maps(original, patch, node).map(Value::Object)
}

pub(super) fn bad(message: impl Into<String>) -> PatchError {
    PatchError::Unmergeable(message.into())
}

pub(super) fn merge_maps(
    mut original: Map<String, Value>,
    patch: &Map<String, Value>,
    node: &Node,
) -> Result<Map<String, Value>, PatchError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                let mut patch = patch.clone();
                patch.remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(bad(format!(
                "unknown patch type: {} in map: {}",
                go_value(directive),
                go_value(&Value::Object(patch.clone()))
            ))),
        };
    }
    retain_keys(&mut original, patch)?;
    let ordered = order_lists(&mut original, patch, node)?;
    for (key, value) in patch {
        if key == RETAIN_KEYS || key.starts_with(ORDER) || ordered.contains(key) {
            continue;
        }
        if let Some(field) = key.strip_prefix(DELETE_VALUES) {
            let values = value
                .as_array()
                .ok_or_else(|| bad("invalid primitive list patch format"))?;
            if let Some(Value::Array(items)) = original.get_mut(field) {
                remove_values(items, values);
            }
            continue;
        }
        if value.is_null() {
            original.remove(key);
            continue;
        }
        let merged = match original.remove(key) {
            Some(before) => merge_field(before, value, node.child(key).as_ref())?,
            None => without_directives(value).unwrap_or(Value::Null),
        };
        original.insert(key.clone(), merged);
    }
    Ok(original)
}

fn merge_field(before: Value, patch: &Value, node: Option<&Node>) -> Result<Value, PatchError> {
    let anything = Node::anything();
    let node = node.unwrap_or(&anything);
    let replaces = node.patch_strategies().contains(&"replace");
    match (before, patch) {
        (Value::Object(before), Value::Object(patch)) if !replaces => {
            merge_maps(before, patch, node).map(Value::Object)
        }
        (Value::Array(before), Value::Array(patch))
            if node.patch_strategies().contains(&"merge") =>
        {
            merge_lists(before, patch, node).map(Value::Array)
        }
        // A list that is not merged is taken as it stands, directives and all.
        (Value::Array(_), Value::Array(_)) => Ok(patch.clone()),
        _ => Ok(without_directives(patch).unwrap_or(Value::Null)),
    }
}

/// Keys that the patch does not retain go.
fn retain_keys(
    original: &mut Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<(), PatchError> {
    let Some(retain) = patch.get(RETAIN_KEYS) else {
        return Ok(());
    };
    let format = || bad("invalid patch format of retainKeys");
    let keys: Vec<&str> = retain
        .as_array()
        .ok_or_else(format)?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let is_kept = |key: &str| keys.contains(&key);
    let unnamed = |key: &&String| {
        let field = key
            .strip_prefix(ORDER)
            .or_else(|| key.strip_prefix(DELETE_VALUES))
            .unwrap_or(key);
        key.as_str() != RETAIN_KEYS
            && !is_kept(field)
            && !patch.get(*key).is_some_and(Value::is_null)
    };
    if patch.keys().any(|key| unnamed(&key)) {
        return Err(format());
    }
    original.retain(|key, _| is_kept(key));
    Ok(())
}

/// Lists whose order the patch sets are merged and ordered; their names come back.
fn order_lists(
    original: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    node: &Node,
) -> Result<Vec<String>, PatchError> {
    let mut done = Vec::new();
    for (key, order) in patch {
        let Some(field) = key.strip_prefix(ORDER) else {
            continue;
        };
        let order = order
            .as_array()
            .ok_or_else(|| bad("invalid patch format of setElementOrder list"))?;
        let list = node.child(field).unwrap_or_else(Node::anything);
        let before = original.get(field).and_then(Value::as_array).cloned();
        let deleted = patch
            .get(&format!("{DELETE_VALUES}{field}"))
            .and_then(Value::as_array);
        let patched = match patch.get(field) {
            Some(Value::Null) => continue,
            other => other.and_then(Value::as_array),
        };
        let mut merged = match (&before, patched) {
            (None, None) => continue,
            (Some(before), None) => before.clone(),
            (None, Some(patched)) => patched.iter().filter_map(without_directives).collect(),
            (Some(before), Some(patched)) => merge_lists(before.clone(), patched, &list)?,
        };
        if let Some(deleted) = deleted {
            remove_values(&mut merged, deleted);
        }
        let ordered = in_order(
            merged,
            order,
            before.as_deref().unwrap_or_default(),
            list.merge_key(),
        )?;
        original.insert(field.to_owned(), Value::Array(ordered));
        done.push(field.to_owned());
    }
    Ok(done)
}

/// A value that is new to the object: directives in it mean nothing, nulls are left out. None for an item that the
/// patch would have deleted.
pub(super) fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Object(fields) => {
            if fields.get(DIRECTIVE).and_then(Value::as_str) == Some("delete") {
                return None;
            }
            let kept = fields.iter().filter(|(k, v)| {
                !v.is_null()
                    && *k != DIRECTIVE
                    && *k != RETAIN_KEYS
                    && !k.starts_with(ORDER)
                    && !k.starts_with(DELETE_VALUES)
            });
            Some(Value::Object(
                kept.filter_map(|(k, v)| Some((k.clone(), without_directives(v)?)))
                    .collect(),
            ))
        }
        Value::Array(items) => Some(Value::Array(
            items.iter().filter_map(without_directives).collect(),
        )),
        other => Some(other.clone()),
    }
}
