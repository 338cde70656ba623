//! Validation against every recorded refusal, and of no recorded success.

use super::{create, update};
use crate::object::{self, Gvk};
use crate::patch;
use crate::schema::unpack;
use crate::schema::{Node, Schemas, defaults, types, unknown};
use crate::status::Status;
use serde_json::{Value, json};

/// Outcomes that are the work of admission, allocation, decoding, name generation or scale;
/// and 559, whose order is that of a Go map.
const ELSEWHERE: &[i64] = &[86, 543, 559, 566, 581, 616, 656, 673, 674, 675];

struct Outcome {
    object: Value,
    causes: Vec<crate::status::Cause>,
}

fn of_write(write: &Value) -> Option<Outcome> {
    let live = Some(&write["live"]).filter(|l| !l.is_null());
    let sent = &write["sent"];
    let gvk = Gvk::of(live.unwrap_or(sent));
    let node = match gvk.group.as_str() {
        "shop.example" => crate::apply::recorded_widget(),
        _ => Schemas::builtin().root(&gvk)?,
    };
    let mut object = match (write["type"].as_str().unwrap_or_default(), live) {
        ("application/merge-patch+json", Some(live)) => patch::merge::apply(live, sent).ok()?,
        ("application/json-patch+json", Some(live)) => patch::json::apply(live, sent).ok()?,
        ("application/strategic-merge-patch+json", Some(live)) => {
            patch::strategic::apply(live, sent, &node).ok()?
        }
        ("application/apply-patch+yaml", _) => return None,
        _ => sent.clone(),
    };
    types::check(&object, &node).ok()?;
    unknown::prune(&mut object, &node);
    defaults::apply(&gvk, &mut object, &node);
    let causes = match live {
        Some(live) => update(&gvk, live, &object, &node),
        None => create(&gvk, &object, &node),
    };
    Some(Outcome { object, causes })
}

#[test]
fn recorded_refusals_and_successes() {
    let writes = unpack(include_bytes!("../../../data/writes.json.gz"));
    let (mut wrong, mut refused, mut taken) = (Vec::new(), 0, 0);
    for write in writes.as_array().unwrap() {
        let (number, status) = (
            write["n"].as_i64().unwrap(),
            write["status"].as_i64().unwrap(),
        );
        let path = write["path"].as_str().unwrap().split('?').next().unwrap();
        let part = [
            "/status",
            "/scale",
            "/approval",
            "/ephemeralcontainers",
            "/token",
            "/eviction",
        ]
        .iter()
        .any(|s| path.ends_with(s));
        if part || ELSEWHERE.contains(&number) || !(status < 300 || status == 422) {
            continue;
        }
        let Some(outcome) = of_write(write) else {
            continue;
        };
        let gvk = Gvk::of(&outcome.object);
        let message = if outcome.causes.is_empty() {
            String::new()
        } else {
            Status::invalid(
                &gvk.group,
                &gvk.kind,
                object::name(&outcome.object),
                &outcome.causes,
            )
            .message
        };
        let expected = if status == 422 {
            write["answer"]["message"].as_str().unwrap()
        } else {
            ""
        };
        // what changed is shown as a diff of the server's own structs, which is not imitated
        let expected = expected.split("\n@@").next().unwrap();
        if message == expected {
            if status == 422 {
                refused += 1;
            } else {
                taken += 1;
            }
        } else {
            wrong.push(format!(
                "[{number}] {gvk}\n  ours   {message}\n  theirs {expected}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{refused} refused, {taken} taken, {} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(refused >= 12 && taken > 150, "{refused} {taken}");
}

#[test]
fn recorded_errors() {
    let mut seen = 0;
    for error in unpack(include_bytes!("../../../data/errors.json.gz"))
        .as_array()
        .unwrap()
    {
        let expected = error["status"]["message"].as_str().unwrap_or_default();
        let gvk = Gvk::new("apps", "v1", "Deployment");
        let mut object = error["sent"].clone();
        if Gvk::of(&object).kind.is_empty() || error["method"] == "PATCH" {
            continue;
        }
        let gvk = if Gvk::of(&object).kind == "Service" {
            Gvk::of(&object)
        } else {
            gvk
        };
        let node = Schemas::builtin().root(&gvk).unwrap();
        let message = if expected.contains("strict decoding") {
            unknown::messages(&[], &unknown::prune(&mut object, &node)).join(", ")
        } else if expected.contains("unmarshal") {
            types::check(&object, &node).unwrap_err().to_string()
        } else if error["status"]["code"] == 422 && error["method"] == "POST" {
            defaults::apply(&gvk, &mut object, &node);
            Status::invalid(
                &gvk.group,
                &gvk.kind,
                object::name(&object),
                &create(&gvk, &object, &node),
            )
            .message
        } else {
            continue;
        };
        assert!(expected.ends_with(&message), "{message}\n{expected}");
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn custom_resources_are_held_to_their_schema() {
    let node = Node::structural(
        &json!({"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object", "required": ["size"], "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "colour": {"type": "string", "enum": ["red", "green"]},
        "note": {"type": "string", "maxLength": 4, "pattern": "^[a-z]*$"},
        "when": {"type": "string", "format": "date-time"},
        "parts": {"type": "array", "maxItems": 2, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "either": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}}}}}),
    );
    let gvk = Gvk::new("example.com", "v1", "Widget");
    let errors = |spec: Value| {
        let object = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
        create(&gvk, &object, &node)
            .into_iter()
            .map(|c| format!("{}: {}", c.field, c.message))
            .collect::<Vec<_>>()
    };
    let cases = [
        (json!({"size": 3}), vec![]),
        (
            json!({"size": 99}),
            vec![
                "spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10",
            ],
        ),
        (
            json!({"size": "big"}),
            vec![
                "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\"",
            ],
        ),
        (json!({}), vec!["spec.size: Required value"]),
        (
            json!({"size": 1, "colour": "purple"}),
            vec![
                "spec.colour: Unsupported value: \"purple\": supported values: \"red\", \"green\"",
            ],
        ),
        (
            json!({"size": 1, "note": "abcdef"}),
            vec!["spec.note: Too long: may not be more than 4 bytes"],
        ),
        (
            json!({"size": 1, "note": "A"}),
            vec!["spec.note: Invalid value: \"A\": spec.note in body should match '^[a-z]*$'"],
        ),
        (
            json!({"size": 1, "when": "now"}),
            vec![
                "spec.when: Invalid value: \"now\": spec.when in body must be of type date-time: \"now\"",
            ],
        ),
        (
            json!({"size": 1, "parts": [{"name": "a"}, {"name": "a"}]}),
            vec!["spec.parts[1]: Duplicate value: {\"name\":\"a\"}"],
        ),
        (
            json!({"size": 1, "either": {}}),
            vec![
                "spec.either: Invalid value: \"\": \"spec.either\" must validate one and only one schema (oneOf). Found none valid",
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(errors(spec.clone()), expected, "{spec}");
    }
}

/// Any JSON with names that mean something somewhere.
fn any() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        "[a-c1]{0,3}".prop_map(Value::from)
    ];
    let names = [
        "metadata",
        "spec",
        "template",
        "containers",
        "name",
        "labels",
        "selector",
        "matchLabels",
        "ports",
        "resources",
        "limits",
        "replicas",
        "strategy",
        "versions",
        "schema",
        "managedFields",
        "volumes",
        "type",
        "rules",
    ];
    leaf.prop_recursive(6, 32, 4, move |inner| {
        let key = proptest::sample::select(names.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().collect()))
        ]
    })
}

proptest::proptest! {
    #[test]
    fn no_object_panics(live in any(), new in any(), kind in proptest::sample::select(vec!["apps/v1 Deployment", "v1 Pod", "v1 Service", "batch/v1 Job", "apiextensions.k8s.io/v1 CustomResourceDefinition", "v1 Secret", "rbac.authorization.k8s.io/v1 RoleBinding"])) {
        let (version, kind) = kind.split_once(' ').unwrap();
        let gvk = Gvk::of(&json!({"apiVersion": version, "kind": kind}));
        let node = Schemas::builtin().root(&gvk).unwrap();
        for node in [node, Node::structural(&live), Node::structural(&json!({"type": "object", "properties": {"spec": {"type": "object"}}}))] {
            let mut object = new.clone();
            unknown::prune(&mut object, &node);
            let _ = types::check(&new, &node);
            let _ = types::check_patched(&new, &node);
            defaults::apply(&gvk, &mut object, &node);
            defaults::strategy::create(&gvk, &mut object, "uid", "2025-01-01T00:00:00Z");
            let _ = create(&gvk, &object, &node);
            let _ = update(&gvk, &live, &object, &node);
            let by = crate::apply::Write { manager: "m", api_version: version, subresource: "", time: "2025-01-01T00:00:00Z", ignored: &[], node: &node };
            crate::apply::after_update(Some(&live), &mut object, &by);
            let _ = crate::apply::apply(Some(&object), &new, &by, true);
        }
    }
}
