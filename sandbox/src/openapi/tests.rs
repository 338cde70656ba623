//! The documents against those a real server gave.

use super::{v2_json, v2_protobuf, v3_document, v3_index};
use crate::discovery::digest_text;
use crate::recorded;
use crate::registry::{Registry, ResourceInfo};
use serde_json::{Value, json};
use std::sync::Arc;

fn with_widgets() -> Vec<Arc<ResourceInfo>> {
    let registry = Registry::builtin();
    let mut definition = recorded::commands()
        .iter()
        .flat_map(|c| c["requests"].as_array().into_iter().flatten())
        .map(|r| &r["body"])
        .find(|b| {
            b["metadata"]["name"] == "widgets.shop.example" && b["spec"]["versions"].is_array()
        })
        .unwrap()
        .clone();
    definition["status"] = json!({"acceptedNames": definition["spec"]["names"],
        "conditions": [{"type": "Established", "status": "True"}, {"type": "NamesAccepted", "status": "True"}]});
    registry.set_custom(&[Arc::new(definition)]);
    registry.resources()
}

fn first_difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                let (a, b) = (
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                );
                if let Some(found) = first_difference(&format!("{path}/{key}"), a, b) {
                    return Some(found);
                }
            }
            None
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path}\n  ours   {a:.300}\n  theirs {b:.300}")),
    }
}

#[test]
fn documents_of_a_custom_resource_equal_the_recorded_ones() {
    let resources = with_widgets();
    let document = v3_document("apis/shop.example/v1", &resources).unwrap();
    let ours: Value = serde_json::from_slice(&document.body).unwrap();
    let theirs = recorded::json_file("bodies/5469e89d022b424a.json.gz");
    assert_eq!(first_difference("", &ours, &theirs), None);
    let index = v3_index(&resources);
    let url = index["paths"]["apis/shop.example/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap();
    assert_eq!(
        url,
        format!("/openapi/v3/apis/shop.example/v1?hash={}", document.hash)
    );
    let v2: Value = serde_json::from_slice(&v2_json(&resources).body).unwrap();
    let widget = &v2["definitions"]["example.shop.v1.Widget"];
    assert_eq!(
        widget["properties"]["spec"]["properties"]["limit"],
        json!({"x-kubernetes-int-or-string": true})
    );
    assert!(v2["paths"]["/apis/shop.example/v1/widgets"].is_object());
    assert!(v2_protobuf(&resources).body.len() > v2_protobuf(&[]).body.len() + 10_000);
}

#[test]
fn every_entry_of_the_index_has_its_document_with_that_hash() {
    let index = v3_index(&[]);
    for (path, entry) in index["paths"].as_object().unwrap() {
        let document = v3_document(path, &[]).unwrap_or_else(|| panic!("{path}"));
        let url = entry["serverRelativeURL"].as_str().unwrap();
        assert!(url.ends_with(&document.hash), "{path}");
        let value: Value = serde_json::from_slice(&document.body).unwrap();
        assert!(!value["paths"].as_object().unwrap().is_empty(), "{path}");
        if path.ends_with("/v1") && path.starts_with("apis/") && !path.contains("authentication") {
            let schemas = value["components"]["schemas"].as_object().unwrap();
            assert!(
                schemas
                    .values()
                    .any(|s| s.get("x-kubernetes-group-version-kind").is_some()),
                "{path}"
            );
        }
    }
    assert!(v3_document("apis/nosuch/v1", &[]).is_none());
}

#[test]
fn a_document_made_from_v2_is_nearly_the_recorded_one() {
    let v2 = super::documents::v2_value();
    let made = super::upgrade::document(v2, "apis/policy/v1");
    let recorded: Value =
        serde_json::from_slice(&v3_document("apis/policy/v1", &[]).unwrap().body).unwrap();
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&made["paths"]), keys(&recorded["paths"]));
    assert_eq!(
        keys(&made["components"]["schemas"]),
        keys(&recorded["components"]["schemas"])
    );
}

#[test]
fn v2_in_protobuf_differs_from_the_recorded_document_in_the_order_of_keys_alone() {
    // The recorded bytes; ours differ in the order of three keys of an extension's YAML text.
    let mut bytes = v2_protobuf(&[]).body.to_vec();
    assert_eq!(bytes.len(), 1_841_647);
    bytes.sort_unstable();
    assert_eq!(digest_text(&bytes), PROTOBUF_SORTED);
}

/// SHA-512 of the recorded protobuf document's bytes in ascending order.
const PROTOBUF_SORTED: &str = "01378BAF21DC1D211F361DC90C5A9636C0DB3453833E127734184522E1D97F5380172C45FEE0537E6A6E3325202756F87B5DF4DB94536899E31116F48ECDAFB5";
