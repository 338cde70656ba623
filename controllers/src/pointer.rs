//! Addresses inside objects: dot paths (type configs) and JSON pointers (overrides). Reading and
//! removing only; what a patch does is in `copies/patches.rs`.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The value behind steps from key to key.
#[must_use]
pub fn get<'a>(object: &'a Value, steps: &[&str]) -> Option<&'a Value> {
    steps.iter().try_fold(object, |value, step| value.get(step))
}

/// The text behind steps; empty when there is none.
#[must_use]
pub fn text<'a>(object: &'a Value, steps: &[&str]) -> &'a str {
    get(object, steps)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The whole number behind steps.
#[must_use]
pub fn number(object: &Value, steps: &[&str]) -> Option<i64> {
    get(object, steps).and_then(Value::as_i64)
}

/// The list behind steps; empty when there is none.
#[must_use]
pub fn list<'a>(object: &'a Value, steps: &[&str]) -> &'a [Value] {
    get(object, steps)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The value at a dot path (`spec.replicas`); an empty path leads nowhere.
#[must_use]
pub fn at_dots<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return None;
    }
    path.split('.')
        .try_fold(object, |value, step| value.get(step))
}

/// Removes what stands behind steps from key to key.
pub fn remove(object: &mut Value, steps: &[&str]) -> Option<Value> {
    let (last, parents) = steps.split_last()?;
    let parent = parents
        .iter()
        .try_fold(object, |value, step| value.get_mut(step))?;
    parent.as_object_mut()?.remove(*last)
}

/// The map behind steps, made where it is missing (or is no map).
pub fn map_mut<'a>(object: &'a mut Value, steps: &[&str]) -> &'a mut Map<String, Value> {
    let mut here = object;
    for step in steps {
        here = as_map(here)
            .entry((*step).to_owned())
            .or_insert(Value::Null);
    }
    as_map(here)
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    #[expect(clippy::expect_used, reason = "it was made a map in the lines above")]
    value.as_object_mut().expect("a map")
}

/// `metadata.labels` or `metadata.annotations`: none when a value is no text, as Kubernetes' own
/// reader of untyped objects has it.
#[must_use]
pub fn texts(object: &Value, field: &str) -> BTreeMap<String, String> {
    let Some(map) = get(object, &["metadata", field]).and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    map.iter()
        .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect::<Option<_>>()
        .unwrap_or_default()
}

/// A map of texts as a value.
#[must_use]
pub fn texts_value(texts: &BTreeMap<String, String>) -> Value {
    texts
        .iter()
        .map(|(key, value)| (key.clone(), Value::String(value.clone())))
        .collect::<Map<_, _>>()
        .into()
}

/// One step of a JSON pointer with `~1` and `~0` read (RFC 6901), in one pass from the left.
#[must_use]
pub fn decode(step: &str) -> String {
    let mut decoded = String::with_capacity(step.len());
    let mut rest = step;
    while let Some((before, after)) = rest.split_once('~') {
        decoded.push_str(before);
        if let Some(tail) = after.strip_prefix('1') {
            decoded.push('/');
            rest = tail;
        } else if let Some(tail) = after.strip_prefix('0') {
            decoded.push('~');
            rest = tail;
        } else {
            decoded.push('~');
            rest = after;
        }
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn escapes_of_a_pointer_are_read_once() {
        for (step, wanted) in [("a~1b", "a/b"), ("~01", "~1"), ("~", "~"), ("x~2", "x~2")] {
            assert_eq!(decode(step), wanted, "{step}");
        }
    }

    #[test]
    fn a_map_with_a_value_that_is_no_text_counts_as_absent() {
        let object = json!({"metadata": {"labels": {"a": "b", "c": 1}}});
        assert!(texts(&object, "labels").is_empty());
    }

    #[test]
    fn missing_maps_are_made() {
        let mut object = json!({"a": null});
        map_mut(&mut object, &["a", "b"]).insert("c".into(), json!(1));
        assert_eq!(object, json!({"a": {"b": {"c": 1}}}));
    }
}
