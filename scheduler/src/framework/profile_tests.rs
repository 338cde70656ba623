//! Tests of `profile`: tables and properties beside the code they hold.

use navarch_crds::v1alpha1::SchedulingProfileSpec;
use serde_json::{Value, json};

use super::*;

fn spec(plugins: &Value) -> SchedulingProfileSpec {
    serde_json::from_value(json!({ "plugins": plugins })).unwrap()
}

fn filters(plugins: &Value) -> Result<Vec<String>, ProfileError> {
    let profile = Profile::merge(Some(&spec(plugins)))?;
    Ok(profile
        .filters
        .iter()
        .map(|named| named.name.to_string())
        .collect())
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn disabled_ones_go_and_enabled_ones_come_last() {
    let fit = || json!({ "name": "ClusterResourcesFit" });
    let all = json!({ "name": "*" });
    let mut appended = names(&FILTERS);
    appended.push("ClusterResourcesFit".into());
    for (name, plugins, expected) in [
        ("nothing said", json!({}), names(&FILTERS)),
        (
            "one disabled",
            json!({ "filter": { "disabled": [{ "name": "TaintToleration" }] } }),
            FILTERS
                .iter()
                .filter(|one| **one != "TaintToleration")
                .map(ToString::to_string)
                .collect(),
        ),
        (
            "one enabled",
            json!({ "filter": { "enabled": [fit()] } }),
            appended,
        ),
        (
            "only one",
            json!({ "filter": { "disabled": [all], "enabled": [fit()] } }),
            names(&["ClusterResourcesFit"]),
        ),
        (
            "moved to the end",
            json!({ "filter": { "disabled": [{ "name": "APIResources" }], "enabled": [{ "name": "APIResources" }] } }),
            FILTERS[1..]
                .iter()
                .chain(&["APIResources"])
                .map(ToString::to_string)
                .collect(),
        ),
        (
            "another point",
            json!({ "score": { "disabled": [{ "name": "*" }] } }),
            names(&FILTERS),
        ),
    ] {
        assert_eq!(filters(&plugins).unwrap(), expected, "{name}");
    }
}

#[test]
fn mistakes_are_refused() {
    let enabled = |name: &str| json!({ "filter": { "enabled": [{ "name": name }] } });
    assert!(matches!(
        filters(&enabled("Nothing")),
        Err(ProfileError::Unknown { .. })
    ));
    assert!(matches!(
        filters(&enabled("MaxCluster")),
        Err(ProfileError::WrongPoint { .. })
    ));
    assert!(matches!(
        filters(&enabled("APIResources")),
        Err(ProfileError::Twice { .. })
    ));
}

#[test]
fn katalyst_is_asked_where_it_is_on() {
    let features = Features {
        katalyst: true,
        ..Features::default()
    };
    let profile = Profile::merge_with(&Registry::default(), None, features).unwrap();
    assert_eq!(
        &*profile.filters.last().unwrap().name,
        "KatalystResourcesExist"
    );
    let spec = spec(&json!({ "filter": { "disabled": [{ "name": "*" }] } }));
    let profile = Profile::merge_with(&Registry::default(), Some(&spec), features).unwrap();
    assert!(profile.filters.is_empty());
}

#[test]
fn signatures_tell_objects_apart_by_what_is_read() {
    use crate::plugins::fixtures::{toleration, unit};
    let profile = Profile::merge(None).unwrap();
    let mut other_name = unit().build();
    other_name.name = "other".into();
    let one = profile.signature(&unit().build());
    assert_eq!(one, profile.signature(&other_name));
    let tolerant = unit().tolerate(toleration("k", "", "", "")).build();
    assert_ne!(one, profile.signature(&tolerant));
    assert!(one.is_some() && !profile.wakes().is_empty());
}

#[test]
fn what_a_profile_needs_from_outside_is_told() {
    let enabled = json!({ "enabled": [{ "name": "ClusterResourcesFit" }, { "name": "hook" }] });
    let other = json!({ "enabled": [{ "name": "hook", "type": "Webhook" }, { "name": "chooser" }],
        "disabled": [{ "name": "gone" }] });
    let spec = spec(&json!({ "filter": enabled, "select": other }));
    assert_eq!(
        outside(&Registry::default(), &spec)
            .into_iter()
            .collect::<Vec<_>>(),
        ["chooser", "hook"]
    );
    assert!(outside(&Registry::default(), &SchedulingProfileSpec::default()).is_empty());
}
