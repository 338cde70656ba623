//! Makes JSON merge patches (RFC 7386). Pure.

use serde_json::{Map, Value};

/// The merge patch that makes `after` from `before`; both are objects. `null` stands for removal,
/// so a `null` in `after` cannot be told from absence, as the format has it.
#[must_use]
pub fn create(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return after.clone();
    };
    let mut patch = Map::new();
    for (key, new) in after {
        match before.get(key) {
            Some(old) if old == new => {}
            Some(old @ Value::Object(_)) if new.is_object() => {
                patch.insert(key.clone(), create(old, new));
            }
            _ => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_differences_are_in_the_patch() {
        for (name, before, after, wanted) in [
            (
                "equal",
                json!({"a": {"b": [1]}}),
                json!({"a": {"b": [1]}}),
                json!({}),
            ),
            (
                "removed",
                json!({"a": 1, "b": 2}),
                json!({"b": 2}),
                json!({"a": null}),
            ),
            (
                "nested",
                json!({"a": {"b": 1, "c": 2}}),
                json!({"a": {"b": 3, "c": 2}}),
                json!({"a": {"b": 3}}),
            ),
            (
                "lists whole",
                json!({"a": [1, 2]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                "emptied",
                json!({"a": {"b": 1}}),
                json!({"a": {}}),
                json!({"a": {"b": null}}),
            ),
            (
                "other type",
                json!({"a": 1}),
                json!({"a": {}}),
                json!({"a": {}}),
            ),
        ] {
            assert_eq!(create(&before, &after), wanted, "{name}");
        }
    }
}
