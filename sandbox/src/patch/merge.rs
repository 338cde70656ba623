//! JSON merge patch (RFC 7386). Knows no schema.

use super::{PatchError, go_kind};
use serde_json::{Map, Value};

/// The object with the patch merged in.
///
/// # Errors
/// The patch is not an object.
pub fn apply(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    if !patch.is_object() {
        return Err(PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go_kind(patch)
        )));
    }
    let mut out = object.clone();
    merge(&mut out, patch);
    Ok(out)
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(out) = target.as_object_mut() else {
        return;
    };
    for (key, value) in fields {
        if value.is_null() {
            out.remove(key);
        } else {
            merge(out.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
