//! Tests of `drift.rs`.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_leaf_has_to_be_owned() {
    for (name, desired, fields, wanted) in [
        (
            "plain",
            json!({"spec": {"a": 1}}),
            json!({"f:spec": {"f:a": {}}}),
            true,
        ),
        (
            "lost",
            json!({"spec": {"a": 1, "b": 2}}),
            json!({"f:spec": {"f:a": {}}}),
            false,
        ),
        (
            "lost branch",
            json!({"spec": {"a": 1}}),
            json!({"f:status": {}}),
            false,
        ),
        (
            "identity",
            json!({"apiVersion": "v1", "kind": "K", "metadata": {"name": "a", "namespace": "n"}}),
            json!({}),
            true,
        ),
        (
            "empty labels",
            json!({"metadata": {"name": "a", "labels": {}}}),
            json!({}),
            true,
        ),
        (
            "label",
            json!({"metadata": {"labels": {"a": "b"}}}),
            json!({"f:metadata": {"f:labels": {"f:a": {}}}}),
            true,
        ),
        (
            "label lost",
            json!({"metadata": {"labels": {"a": "b", "c": "d"}}}),
            json!({"f:metadata": {"f:labels": {"f:a": {}}}}),
            false,
        ),
        (
            "null is no leaf",
            json!({"spec": {"a": null, "b": 1}}),
            json!({"f:spec": {"f:b": {}}}),
            true,
        ),
        (
            "empty map",
            json!({"v": {"emptyDir": {}}}),
            json!({"f:v": {"f:emptyDir": {}}}),
            true,
        ),
        (
            "empty map lost",
            json!({"v": {"emptyDir": {}}}),
            json!({"f:v": {"f:x": {}}}),
            false,
        ),
        (
            "atomic map",
            json!({"selector": {"m": {"a": 1}}}),
            json!({"f:selector": {}}),
            true,
        ),
        (
            "atomic list",
            json!({"args": ["a", "b"]}),
            json!({"f:args": {}}),
            true,
        ),
        (
            "only the map itself",
            json!({"m": {"a": 1}}),
            json!({"f:m": {".": {}}}),
            false,
        ),
        (
            "set",
            json!({"finalizers": ["a", "b"]}),
            json!({"f:finalizers": {"v:\"a\"": {}, "v:\"b\"": {}}}),
            true,
        ),
        (
            "set lost",
            json!({"finalizers": ["a", "b"]}),
            json!({"f:finalizers": {".": {}, "v:\"a\"": {}}}),
            false,
        ),
        (
            "index",
            json!({"l": [1, 2]}),
            json!({"f:l": {"i:0": {}, "i:1": {}}}),
            true,
        ),
        (
            "index lost",
            json!({"l": [1, 2]}),
            json!({"f:l": {"i:0": {}}}),
            false,
        ),
        (
            "keys",
            json!({"l": [{"name": "a", "v": 1}]}),
            json!({"f:l": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:v": {}}}}),
            true,
        ),
        (
            "element lost",
            json!({"l": [{"name": "a"}, {"name": "b"}]}),
            json!({"f:l": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}}}),
            false,
        ),
        (
            "field of an element lost",
            json!({"l": [{"name": "a", "v": 1}]}),
            json!({"f:l": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}}}),
            false,
        ),
        (
            "key filled in",
            json!({"ports": [{"port": 80}]}),
            json!({"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}),
            true,
        ),
        (
            "other key",
            json!({"ports": [{"port": 80, "protocol": "UDP"}]}),
            json!({"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:protocol": {}}}}),
            false,
        ),
    ] {
        assert_eq!(owns(&desired, &fields), wanted, "{name}");
    }
}

#[test]
fn only_our_applies_of_the_object_itself_count() {
    let entry = |manager: &str, operation: &str, subresource: &str| {
        json!({"manager": manager, "operation": operation, "subresource": subresource,
            "fieldsV1": {"f:spec": {"f:replicas": {}}}})
    };
    let fields = json!({"f:spec": {"f:replicas": {}}});
    let applied = |list: Value| applied_fields(&list).cloned();
    assert_eq!(
        applied(json!([
            entry("kubectl", "Apply", ""),
            entry("navarch", "Apply", "")
        ])),
        Some(fields)
    );
    assert_eq!(applied(json!([entry("navarch", "Update", "")])), None);
    assert_eq!(applied(json!([entry("navarch", "Apply", "status")])), None);
    assert_eq!(applied(Value::Null), None);
    let replicas = ["spec", "replicas"];
    assert!(owned_by_others(
        &json!([entry("hpa", "Update", "scale")]),
        &replicas
    ));
    assert!(!owned_by_others(
        &json!([entry("navarch", "Apply", "")]),
        &replicas
    ));
    assert!(!owned_by_others(
        &json!([entry("hpa", "Update", "")]),
        &["spec", "paused"]
    ));
}

/// The fields that an apply of an object with granular maps and lists by index would own.
fn fields_of(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (format!("f:{key}"), fields_of(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("i:{index}"), fields_of(value)))
            .collect::<Map<_, _>>()
            .into(),
        _ => json!({}),
    }
}

/// Removes the first leaf below a place; says whether there was one.
fn lose_a_leaf(fields: &mut Value) -> bool {
    let Some(map) = fields.as_object_mut() else {
        return false;
    };
    let Some(key) = map.keys().next().cloned() else {
        return false;
    };
    let below = map.get_mut(&key).is_some_and(lose_a_leaf);
    if !below {
        map.remove(&key);
    }
    // An emptied map would read as owned whole: the API server never writes one.
    map.entry(".").or_insert(json!({}));
    true
}

fn objects() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from)
    ];
    let tree = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::btree_map("[a-z]{1,3}", inner.clone(), 1..4)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
            prop::collection::vec(inner, 1..4).prop_map(Value::Array),
        ]
    });
    prop::collection::btree_map("[a-z]{1,3}", tree, 1..4)
        .prop_map(|map| json!({"spec": map.into_iter().collect::<Map<_, _>>()}))
}

proptest! {
    #[test]
    fn what_was_applied_is_owned_until_a_leaf_is_lost(object in objects()) {
        let mut fields = fields_of(&object);
        prop_assert!(owns(&object, &fields));
        lose_a_leaf(&mut fields);
        prop_assert!(!owns(&object, &fields));
    }
}
