//! The documents against those a real server gave.

use super::{Part, aggregated, compare_versions, group, group_list, resource_list};
use crate::recorded;
use crate::registry::Registry;
use serde_json::Value;
use std::sync::Arc;

/// The answer recorded for a path, in the given form, at or after a command.
fn answer(path: &str, accept: &str, after: u64) -> Value {
    recorded::commands()
        .iter()
        .filter(|c| c["n"].as_u64() >= Some(after))
        .flat_map(|c| c["requests"].as_array().into_iter().flatten())
        .find(|r| {
            let asked = r["path"].as_str().unwrap().split('?').next() == Some(path);
            let header = r["requestHeaders"]["Accept"].as_str().unwrap_or_default();
            asked && header.starts_with(accept) && r["status"] == 200
        })
        .unwrap_or_else(|| panic!("{path} was recorded"))["body"]
        .clone()
}

const AGGREGATED: &str = "application/json;g=apidiscovery";

fn with_widgets() -> Registry {
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
    definition["status"] = serde_json::json!({"acceptedNames": definition["spec"]["names"],
        "conditions": [{"type": "Established", "status": "True"}, {"type": "NamesAccepted", "status": "True"}]});
    registry.set_custom(&[Arc::new(definition)]);
    registry
}

#[test]
fn documents_equal_the_recorded_ones() {
    let built_in = Registry::builtin().resources();
    let custom = with_widgets().resources();
    let cases = [
        (
            aggregated(Part::Core, &built_in),
            answer("/api", AGGREGATED, 0),
        ),
        (
            aggregated(Part::Groups, &built_in),
            answer("/apis", AGGREGATED, 0),
        ),
        (
            aggregated(Part::Groups, &custom),
            answer("/apis", AGGREGATED, 523),
        ),
        (
            group_list(&built_in),
            answer("/apis", "application/json, */*", 0),
        ),
        (
            group("apps", &built_in).unwrap(),
            answer("/apis/apps", "", 0),
        ),
        (
            group("shop.example", &custom).unwrap(),
            answer("/apis/shop.example", "", 523),
        ),
        (
            resource_list("", "v1", &built_in).unwrap(),
            answer("/api/v1", "", 0),
        ),
        (
            resource_list("apps", "v1", &built_in).unwrap(),
            answer("/apis/apps/v1", "", 0),
        ),
        (
            resource_list("shop.example", "v1", &custom).unwrap(),
            answer("/apis/shop.example/v1", "", 523),
        ),
    ];
    for (ours, expected) in cases {
        let (ours, expected) = (recorded::lines(&ours), recorded::lines(&expected));
        let different = expected
            .iter()
            .zip(&ours)
            .enumerate()
            .find(|(_, (a, b))| a != b);
        assert!(ours == expected, "{different:?}");
    }
    assert!(group("nosuch", &custom).is_none());
    assert!(resource_list("apps", "v9", &custom).is_none());
}

#[test]
fn versions_are_ordered_by_stability() {
    let mut versions = ["v1beta1", "foo", "v10", "v1alpha1", "v2", "v1beta2", "v1"];
    versions.sort_by(|a, b| compare_versions(a, b));
    assert_eq!(
        versions,
        ["v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha1", "foo"]
    );
}
