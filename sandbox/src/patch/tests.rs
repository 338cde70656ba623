//! Patches by example and by property.

use super::{PatchError, go_value, json, merge, strategic};
use crate::object::Gvk;
use crate::schema::{Node, Schemas};
use serde_json::{Value, json};

fn pod_spec() -> Node {
    Schemas::builtin()
        .component("io.k8s.api.core.v1.PodSpec")
        .unwrap()
}

#[test]
fn json_patch_operations() {
    let cases = [
        (
            "add to a list's end",
            json!({"a": [1]}),
            json!([{"op": "add", "path": "/a/-", "value": 2}]),
            Some(json!({"a": [1, 2]})),
        ),
        (
            "negative index",
            json!({"a": [1, 2]}),
            json!([{"op": "remove", "path": "/a/-1"}]),
            Some(json!({"a": [1]})),
        ),
        (
            "escaped key",
            json!({"a/b": 1}),
            json!([{"op": "replace", "path": "/a~1b", "value": 2}]),
            Some(json!({"a/b": 2})),
        ),
        (
            "replace of nothing",
            json!({}),
            json!([{"op": "replace", "path": "/a", "value": 2}]),
            Some(json!({"a": 2})),
        ),
        (
            "remove of nothing",
            json!({}),
            json!([{"op": "remove", "path": "/a"}]),
            None,
        ),
        (
            "failed test",
            json!({"a": 1}),
            json!([{"op": "test", "path": "/a", "value": 2}]),
            None,
        ),
        (
            "null is like absent to test",
            json!({}),
            json!([{"op": "test", "path": "/a", "value": null}]),
            Some(json!({})),
        ),
        (
            "move",
            json!({"a": 1}),
            json!([{"op": "move", "from": "/a", "path": "/b"}]),
            Some(json!({"b": 1})),
        ),
        (
            "unknown operation",
            json!({}),
            json!([{"op": "sing", "path": "/b"}]),
            None,
        ),
    ];
    for (name, object, patch, expected) in cases {
        assert_eq!(
            json::apply(&object, &patch),
            expected.ok_or(PatchError::Rejected),
            "{name}"
        );
    }
    let wrong = json::apply(&json!({}), &json!({})).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
    );
}

#[test]
fn merge_patch_removes_by_null() {
    let out = merge::apply(
        &json!({"a": {"b": 1, "c": 2}}),
        &json!({"a": {"b": null, "d": {"e": null, "f": 1}}}),
    )
    .unwrap();
    assert_eq!(out, json!({"a": {"c": 2, "d": {"f": 1}}}));
}

#[test]
fn strategic_merge_by_example() {
    let two = json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]});
    let cases = [
        (
            "merge by key",
            two.clone(),
            json!({"containers": [{"name": "b", "image": "z"}]}),
            json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "z"}]}),
        ),
        (
            "a new item comes first",
            two.clone(),
            json!({"containers": [{"name": "c"}]}),
            json!({"containers": [{"name": "c"}, {"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}),
        ),
        (
            "order set",
            two.clone(),
            json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "image": "z"}]}),
            json!({"containers": [{"name": "b", "image": "y"}, {"name": "a", "image": "z"}]}),
        ),
        (
            "delete an item",
            two.clone(),
            json!({"containers": [{"name": "a", "$patch": "delete"}]}),
            json!({"containers": [{"name": "b", "image": "y"}]}),
        ),
        (
            "replace a list",
            two.clone(),
            json!({"containers": [{"name": "c"}, {"$patch": "replace"}]}),
            json!({"containers": [{"name": "c"}]}),
        ),
        (
            "replace a map",
            json!({"dnsConfig": {"a": 1}}),
            json!({"dnsConfig": {"$patch": "replace", "b": 2}}),
            json!({"dnsConfig": {"b": 2}}),
        ),
        (
            "delete a map's content",
            json!({"dnsConfig": {"a": 1}}),
            json!({"dnsConfig": {"$patch": "delete"}}),
            json!({"dnsConfig": {}}),
        ),
        (
            "atomic list is replaced",
            json!({"tolerations": [{"key": "a"}]}),
            json!({"tolerations": [{"key": "b"}]}),
            json!({"tolerations": [{"key": "b"}]}),
        ),
        (
            "retainKeys",
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
            json!({"volumes": [{"$retainKeys": ["name", "configMap"], "name": "v", "configMap": {"name": "c"}}]}),
            json!({"volumes": [{"name": "v", "configMap": {"name": "c"}}]}),
        ),
        ("null removes", two, json!({"containers": null}), json!({})),
    ];
    for (name, object, patch, expected) in cases {
        assert_eq!(
            strategic::apply(&object, &patch, &pod_spec()).unwrap(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn unknown_keys_are_taken() {
    let patch = json!({"nonsense": {"a": 1}});
    assert_eq!(
        strategic::apply(&json!({}), &patch, &pod_spec()),
        Ok(patch.clone())
    );
}

#[test]
fn strategic_merge_of_primitive_lists() {
    let root = Schemas::builtin()
        .root(&Gvk::new("", "v1", "ConfigMap"))
        .unwrap();
    let object = json!({"metadata": {"finalizers": ["a", "b"]}});
    let patch =
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}});
    let out = strategic::apply(&object, &patch, &root).unwrap();
    assert_eq!(out, json!({"metadata": {"finalizers": ["c", "b"]}}));
}

#[test]
fn values_print_as_in_go() {
    assert_eq!(
        go_value(&json!({"spec": {"replicas": "three", "x": [1, null, true]}})),
        "map[spec:map[replicas:three x:[1 <nil> true]]]"
    );
}

/// Any JSON, small.
fn any() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        "[a-c]".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            Just("name".to_owned()),
            Just("containers".to_owned()),
            Just("volumes".to_owned()),
            Just("ports".to_owned()),
            Just("metadata".to_owned()),
            Just("spec".to_owned()),
            Just("$patch".to_owned()),
            Just("$retainKeys".to_owned()),
            Just("$setElementOrder/containers".to_owned()),
            Just("$deleteFromPrimitiveList/finalizers".to_owned()),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect()))
        ]
    })
}

proptest::proptest! {
    #[test]
    fn merge_patch_twice_is_once(object in any(), patch in any()) {
        if let Ok(once) = merge::apply(&object, &patch) {
            proptest::prop_assert_eq!(merge::apply(&once, &patch).unwrap(), once);
        }
    }

    #[test]
    fn no_patch_panics(object in any(), patch in any()) {
        let _ = json::apply(&object, &patch);
        let _ = strategic::apply(&object, &patch, &pod_spec());
    }
}
