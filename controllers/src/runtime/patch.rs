//! The smallest JSON merge patch (RFC 7386) between two values. Pure.

use serde_json::{Map, Value};

/// What must be sent so that `from` becomes `to`; `None`: they are equal.
pub(crate) fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return (from != to).then(|| to.clone());
    };
    let mut patch = Map::new();
    for (key, wanted) in to {
        match from.get(key) {
            None => {
                patch.insert(key.clone(), wanted.clone());
            }
            Some(present) => {
                if let Some(change) = merge_patch(present, wanted) {
                    patch.insert(key.clone(), change);
                }
            }
        }
    }
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_differences_are_sent() {
        for (name, from, to, patch) in [
            ("equal", json!({"a": 1}), json!({"a": 1}), None),
            (
                "changed",
                json!({"a": 1, "b": 2}),
                json!({"a": 1, "b": 3}),
                Some(json!({"b": 3})),
            ),
            (
                "gone",
                json!({"a": {"x": 1}}),
                json!({"a": {}}),
                Some(json!({"a": {"x": null}})),
            ),
            (
                "lists are whole",
                json!({"a": [1]}),
                json!({"a": [1, 2]}),
                Some(json!({"a": [1, 2]})),
            ),
        ] {
            assert_eq!(merge_patch(&from, &to), patch, "{name}");
        }
    }
}
