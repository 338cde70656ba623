//! Ownership against what a real server answered, and by property.

use super::{ApplyError, Write, after_update, apply, keep_times};
use crate::object::Gvk;
use crate::patch;
use crate::schema::unpack;
use crate::schema::{Node, Schemas, defaults, unknown};
use serde_json::Value;

/// The schema of a built-in kind, or of the custom resource the recording defines.
fn node_of(gvk: &Gvk) -> Node {
    if gvk.group == "shop.example" {
        return recorded_widget();
    }
    Schemas::builtin().root(gvk).unwrap()
}

/// The custom resource the recording defines.
pub(crate) fn recorded_widget() -> Node {
    static WIDGET: std::sync::OnceLock<Node> = std::sync::OnceLock::new();
    WIDGET.get_or_init(read_recorded_widget).clone()
}

fn read_recorded_widget() -> Node {
    let writes = unpack(include_bytes!("../../data/writes.json.gz"));
    let definition = writes.as_array().unwrap().iter().find(|w| {
        w.pointer("/answer/metadata/name").and_then(Value::as_str) == Some("widgets.shop.example")
            && w["answer"]["kind"] == "CustomResourceDefinition"
    });
    let schema = definition
        .unwrap()
        .pointer("/answer/spec/versions/0/schema/openAPIV3Schema");
    Node::structural(schema.unwrap())
}

fn write<'a>(manager: &'a str, api_version: &'a str, node: &'a Node) -> Write<'a> {
    Write {
        manager,
        api_version,
        subresource: "",
        // later than everything recorded
        time: "2026-01-01T00:00:00Z",
        ignored: &["status"],
        node,
    }
}

fn managed(object: &Value) -> Value {
    object
        .pointer("/metadata/managedFields")
        .cloned()
        .unwrap_or(Value::Null)
}

#[test]
fn creation_owns_what_was_recorded() {
    let mut wrong = Vec::new();
    for pair in unpack(include_bytes!("../../data/defaulting.json.gz"))
        .as_array()
        .unwrap()
    {
        let mut object = pair["sent"].clone();
        let gvk = Gvk::of(&object);
        let node = node_of(&gvk);
        defaults::apply(&gvk, &mut object, &node);
        after_update(
            None,
            &mut object,
            &write("example", &gvk.api_version(), &node),
        );
        let ours = object
            .pointer("/metadata/managedFields/0/fieldsV1")
            .cloned()
            .unwrap_or(Value::Null);
        let theirs = pair
            .pointer("/stored/metadata/managedFields/0/fieldsV1")
            .cloned()
            .unwrap_or(Value::Null);
        if ours != theirs {
            wrong.push(format!(
                "{gvk} {}\n  ours   {ours}\n  theirs {theirs}",
                pair["sent"]["metadata"]["name"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Times are not compared, nor is the order of entries of the same second, nor what controllers write meanwhile.
fn owners(object: &Value) -> Value {
    let mut entries = managed(object);
    for entry in entries.as_array_mut().into_iter().flatten() {
        entry.as_object_mut().unwrap().remove("time");
    }
    if let Some(entries) = entries.as_array_mut() {
        entries.retain(|e| e["manager"] != "kube-controller-manager");
        entries.sort_by_key(ToString::to_string);
    }
    entries
}

struct Recorded {
    number: i64,
    gvk: Gvk,
    sent: Value,
    answer: Value,
    live: Option<Value>,
    kind: String,
    manager: String,
    force: bool,
    status: i64,
    subresource: bool,
}

fn recorded() -> Vec<Recorded> {
    let writes = unpack(include_bytes!("../../data/writes.json.gz"));
    let query = |path: &str, key: &str| {
        path.split(['?', '&'])
            .find_map(|p| p.strip_prefix(&format!("{key}=")).map(str::to_owned))
    };
    writes
        .as_array()
        .unwrap()
        .iter()
        .map(|w| {
            let path = w["path"].as_str().unwrap();
            let live = Some(w["live"].clone()).filter(|l| !l.is_null());
            let gvk = Gvk::of(live.as_ref().unwrap_or(&w["sent"]));
            Recorded {
                number: w["n"].as_i64().unwrap(),
                gvk,
                sent: w["sent"].clone(),
                answer: w["answer"].clone(),
                live,
                kind: w["type"].as_str().unwrap_or_default().to_owned(),
                manager: query(path, "fieldManager").unwrap_or_else(|| "kubectl".to_owned()),
                force: query(path, "force").as_deref() == Some("true"),
                status: w["status"].as_i64().unwrap(),
                subresource: [
                    "/status",
                    "/scale",
                    "/approval",
                    "/ephemeralcontainers",
                    "/token",
                ]
                .iter()
                .any(|s| path.split('?').next().unwrap().ends_with(s)),
            }
        })
        .filter(|r| r.gvk.group == "shop.example" || Schemas::builtin().root(&r.gvk).is_some())
        .collect()
}

/// The object after the write, defaulted, with managed fields; or why not.
fn carry_out(r: &Recorded, node: &Node) -> Result<Value, String> {
    let version = r.gvk.api_version();
    let by = write(&r.manager, &version, node);
    let live = r.live.as_ref();
    let patched = |made: Result<Value, patch::PatchError>| made.map_err(|e| e.to_string());
    let null = Value::Null;
    let mut object = match r.kind.as_str() {
        "application/apply-patch+yaml" => {
            let mut object =
                apply(live, &r.sent, &by, r.force).map_err(|e: ApplyError| e.to_string())?;
            defaults::apply(&r.gvk, &mut object, node);
            return Ok(object);
        }
        "application/merge-patch+json" => {
            patched(patch::merge::apply(live.unwrap_or(&null), &r.sent))?
        }
        "application/json-patch+json" => {
            patched(patch::json::apply(live.unwrap_or(&null), &r.sent))?
        }
        "application/strategic-merge-patch+json" => patched(patch::strategic::apply(
            live.unwrap_or(&null),
            &r.sent,
            node,
        ))?,
        _ => r.sent.clone(),
    };
    unknown::prune(&mut object, node);
    defaults::apply(&r.gvk, &mut object, node);
    after_update(live, &mut object, &by);
    if let Some(live) = live {
        keep_times(live, &mut object);
    }
    Ok(object)
}

/// Writes for which the recording does not tell the whole state before them.
const UNTOLD: &[(i64, &str)] = &[(119, "CertificateSigningRequest"), (165, "Deployment")];

#[test]
fn recorded_writes_have_the_recorded_owners() {
    let (mut wrong, mut right) = (Vec::new(), 0);
    for r in recorded() {
        let node = node_of(&r.gvk);
        if UNTOLD.contains(&(r.number, r.gvk.kind.as_str())) {
            continue;
        }
        if r.status >= 300 || r.subresource || r.answer["kind"] == "Status" {
            continue;
        }
        let ours = carry_out(&r, &node);
        let ours = ours.as_ref().map(owners);
        if ours.as_ref() == Ok(&owners(&r.answer)) {
            right += 1;
        } else {
            wrong.push(format!(
                "[{}] {} {} by {}\n  ours   {}\n  theirs {}",
                r.number,
                r.kind,
                r.gvk,
                r.manager,
                ours.map_or_else(|e| e.clone(), |v| v.to_string()),
                owners(&r.answer)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{right} right, {} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn recorded_applies_are_refused_with_the_recorded_words() {
    let mut seen = 0;
    for r in recorded() {
        let conflict = r.answer["message"].as_str().unwrap_or_default();
        if r.kind != "application/apply-patch+yaml"
            || r.status < 400
            || r.status == 403
            || conflict.starts_with("Operation")
        {
            continue;
        }
        let node = node_of(&r.gvk);
        assert_eq!(
            carry_out(&r, &node).map(|o| owners(&o)),
            Err(conflict.to_owned()),
            "[{}]",
            r.number
        );
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn recorded_patches_have_the_recorded_outcome() {
    let (mut wrong, mut right) = (Vec::new(), 0);
    for r in recorded() {
        if r.live.is_none()
            || r.status >= 300
            || r.subresource
            || UNTOLD.contains(&(r.number, r.gvk.kind.as_str()))
        {
            continue;
        }
        let mut ours = carry_out(&r, &node_of(&r.gvk)).unwrap_or(Value::Null);
        defaults::strategy::update(&r.gvk, r.live.as_ref().unwrap(), &mut ours);
        let parts = ["/spec", "/data", "/metadata/labels"];
        match parts
            .iter()
            .find(|p| ours.pointer(p) != r.answer.pointer(p))
        {
            None => right += 1,
            Some(part) => wrong.push(format!(
                "[{}] {} {}\n  ours   {:?}\n  theirs {:?}",
                r.number,
                r.kind,
                r.gvk,
                ours.pointer(part),
                r.answer.pointer(part)
            )),
        }
    }
    assert!(
        wrong.is_empty(),
        "{right} right, {} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Objects of one kind of custom resource, small.
fn widget() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let part = (0usize..3, "[a-b]")
        .prop_map(|(n, v)| serde_json::json!({"name": format!("n{n}"), "value": v}));
    let parts = proptest::collection::vec(part, 0..3).prop_map(|mut list| {
        list.sort_by_key(|i| i["name"].to_string());
        list.dedup_by_key(|i| i["name"].to_string());
        list
    });
    let labels = proptest::collection::btree_map("[a-c]", "[x-y]", 0..3);
    let set = proptest::collection::btree_set("[a-c]", 0..3);
    (proptest::option::of(parts), proptest::option::of(labels), proptest::option::of(set), proptest::option::of(0..3)).prop_map(|(parts, labels, set, size)| {
        let mut spec = serde_json::Map::new();
        let mut put = |name: &str, value: Option<Value>| value.map(|v| spec.insert(name.to_owned(), v));
        put("parts", parts.map(Value::from));
        put("labels", labels.map(|l| serde_json::json!(l)));
        put("set", set.map(|s| serde_json::json!(s)));
        put("size", size.map(Value::from));
        serde_json::json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
    })
}

fn widget_schema() -> Node {
    Node::structural(
        &serde_json::json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "string"}}}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "size": {"type": "integer"}}}}}),
    )
}

proptest::proptest! {
    #[test]
    fn applying_twice_changes_nothing(live in widget(), first in widget(), second in widget()) {
        for node in [widget_schema(), Node::anything()] {
            let by = |manager| write(manager, "example.com/v1", &node);
            let mut live = live.clone();
            after_update(None, &mut live, &by("someone"));
            let once = apply(Some(&live), &first, &by("a"), true).unwrap();
            let twice = apply(Some(&once), &first, &by("a"), false).unwrap();
            proptest::prop_assert_eq!(&twice, &once);
            let other = apply(Some(&once), &second, &by("a"), true).unwrap();
            let again = apply(Some(&other), &second, &by("a"), false).unwrap();
            proptest::prop_assert_eq!(again, other);
        }
    }

    #[test]
    fn what_is_applied_is_there_and_what_is_dropped_goes(first in widget(), second in widget()) {
        let node = widget_schema();
        let by = write("a", "example.com/v1", &node);
        let once = apply(None, &first, &by, false).unwrap();
        let then = apply(Some(&once), &second, &by, false).unwrap();
        // nobody else has a say: the outcome is the second configuration, but for structures that stay as empty
        let owned = super::compare::field_set(&second, &node);
        let have = super::compare::field_set(&then, &node);
        // (an empty list is nobody's, so it stays, and `spec` around it is not empty)
        let spec = super::fields::plain(&["spec"]);
        proptest::prop_assert!(owned.difference(&have).difference(&spec).is_empty());
        let left = have.difference(&owned).difference(&super::fields::plain(&["metadata.managedFields", "spec", "spec.parts", "spec.labels", "spec.set"]));
        proptest::prop_assert!(left.is_empty(), "{:?}", left.to_v1());
    }

    #[test]
    fn field_sets_go_both_ways(object in widget()) {
        let set = super::FieldSet::of_object(&object, &widget_schema());
        proptest::prop_assert_eq!(super::FieldSet::from_v1(&set.to_v1()), set);
    }
}
