//! Whether a member object still is what was applied, read from who owns which field
//! (`metadata.managedFields`, FieldsV1). The walk knows no schema: what the apply of the same
//! object made the API server write down is compared with the object itself. Pure.

use navarch_crds::keys::navarch;
use serde_json::{Map, Value};

/// What identifies the object and is never owned.
const IDENTITY: [&str; 2] = ["apiVersion", "kind"];
const IDENTITY_METADATA: [&str; 2] = ["name", "namespace"];

/// The fields that our applies own, from `metadata.managedFields`. `None`: nothing, as after a
/// person replaced the object or took the whole of it over.
#[must_use]
pub fn applied_fields(managed_fields: &Value) -> Option<&Value> {
    entries(managed_fields)
        .find(|entry| {
            entry.get("manager").and_then(Value::as_str) == Some(navarch::FIELD_MANAGER)
                && entry.get("operation").and_then(Value::as_str) == Some("Apply")
                && !has_subresource(entry)
        })
        .and_then(|entry| entry.get("fieldsV1"))
}

fn entries(managed_fields: &Value) -> impl Iterator<Item = &Value> {
    managed_fields.as_array().into_iter().flatten()
}

fn has_subresource(entry: &Value) -> bool {
    let name = entry.get("subresource").and_then(Value::as_str);
    name.is_some_and(|name| !name.is_empty())
}

/// Whether somebody but our applies owns the field behind steps; a subresource (`scale`) counts.
#[must_use]
pub fn owned_by_others(managed_fields: &Value, steps: &[&str]) -> bool {
    entries(managed_fields)
        .filter(|entry| {
            entry.get("manager").and_then(Value::as_str) != Some(navarch::FIELD_MANAGER)
        })
        .filter_map(|entry| entry.get("fieldsV1"))
        .any(|fields| {
            steps
                .iter()
                .try_fold(fields, |here, step| here.get(format!("f:{step}")))
                .is_some()
        })
}

/// Whether a set of fields covers every leaf of the desired object.
#[must_use]
pub fn owns(desired: &Value, fields_v1: &Value) -> bool {
    let (Some(object), Some(fields)) = (desired.as_object(), fields_v1.as_object()) else {
        return false;
    };
    object
        .iter()
        .filter(|(key, _)| !IDENTITY.contains(&key.as_str()))
        .all(|(key, value)| match value {
            Value::Object(metadata) if key == "metadata" => {
                let named = metadata
                    .iter()
                    .filter(|(key, value)| {
                        !IDENTITY_METADATA.contains(&key.as_str()) && !is_empty(value)
                    })
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect::<Map<_, _>>();
                named.is_empty()
                    || fields
                        .get("f:metadata")
                        .is_some_and(|fields| covers(&named.into(), fields))
            }
            _ => has_field(fields, key, value),
        })
}

fn has_field(fields: &Map<String, Value>, key: &str, value: &Value) -> bool {
    value.is_null()
        || fields
            .get(&format!("f:{key}"))
            .is_some_and(|fields| covers(value, fields))
}

/// Whether the fields below a path cover the value at it. No fields below it: the path is owned as
/// a whole, a plain value or an atomic map or list.
fn covers(value: &Value, fields: &Value) -> bool {
    let Some(fields) = fields.as_object() else {
        return false;
    };
    if fields.keys().all(|key| key == ".") {
        // `.` alone: the map or list itself and nothing in it.
        return !fields.contains_key(".") || is_empty(value);
    }
    match value {
        Value::Object(map) => map.iter().all(|(key, value)| has_field(fields, key, value)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .all(|(index, item)| covers_item(index, item, fields)),
        _ => true,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// An element of a list: by its keys (`k:`), by its value (`v:`) or by its index (`i:`).
fn covers_item(index: usize, item: &Value, fields: &Map<String, Value>) -> bool {
    if fields.contains_key(&format!("i:{index}")) {
        return fields
            .get(&format!("i:{index}"))
            .is_some_and(|fields| covers(item, fields));
    }
    fields.iter().any(|(key, fields)| {
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        if let Some(keys) = key.strip_prefix("k:") {
            read(keys).is_some_and(|keys| has_keys(item, &keys)) && covers(item, fields)
        } else if let Some(value) = key.strip_prefix("v:") {
            read(value).as_ref() == Some(item)
        } else {
            false
        }
    })
}

/// Whether an element is the one with these keys. A key that the element does not have was filled
/// in by the API server (the protocol of a port).
fn has_keys(item: &Value, keys: &Value) -> bool {
    let (Some(item), Some(keys)) = (item.as_object(), keys.as_object()) else {
        return false;
    };
    keys.iter().all(|(key, value)| {
        item.get(key)
            .is_none_or(|own| own.is_null() || own == value)
    })
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
