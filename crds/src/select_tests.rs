//! Tables for `select.rs`.

use super::*;
use serde_json::{Value, json};

fn labels() -> Labels {
    [
        ("zone", "eu"),
        ("size", "10"),
        ("kubernetes.io/os", "linux"),
        ("none", ""),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

fn read(terms: &Value) -> Vec<ClusterSelectorTerm> {
    serde_json::from_value(terms.clone()).unwrap()
}

fn check(rows: impl IntoIterator<Item = (&'static str, Value, bool)>) {
    for (name, terms, expected) in rows {
        let answer = cluster_terms_match(&read(&terms), "member-1", &labels());
        assert_eq!(answer, Ok(expected), "{name}");
    }
}

fn check_error(rows: impl IntoIterator<Item = (&'static str, Value, &'static str)>) {
    for (name, terms, part) in rows {
        let terms = read(&terms);
        let error = cluster_terms_match(&terms, "member-1", &labels())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{name}: {error}");
        assert!(check_cluster_terms(&terms).is_err(), "{name}");
    }
}

fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    json!([{"matchExpressions": [{"key": key, "operator": operator, "values": values}]}])
}

fn field(key: &str, operator: &str, values: &[&str]) -> Value {
    json!([{"matchFields": [{"key": key, "operator": operator, "values": values}]}])
}

#[test]
fn expressions_select_clusters_by_label() {
    check([
        ("in", expression("zone", "In", &["us", "eu"]), true),
        ("in, absent", expression("zoo", "In", &["eu"]), false),
        ("not in", expression("zone", "NotIn", &["us"]), true),
        ("not in, absent", expression("zoo", "NotIn", &["us"]), true),
        ("exists", expression("none", "Exists", &[]), true),
        (
            "does not exist",
            expression("zoo", "DoesNotExist", &[]),
            true,
        ),
        ("greater", expression("size", "Gt", &["9"]), true),
        ("greater, equal", expression("size", "Gt", &["10"]), false),
        ("less", expression("size", "Lt", &["11"]), true),
        ("less, no number", expression("zone", "Lt", &["11"]), false),
        ("greater, absent", expression("zoo", "Gt", &["1"]), false),
        ("empty value", expression("none", "In", &[""]), true),
        (
            "prefix",
            expression("kubernetes.io/os", "In", &["linux"]),
            true,
        ),
    ]);
}

#[test]
fn fields_select_clusters_by_name() {
    check([
        ("name", field("metadata.name", "In", &["member-1"]), true),
        (
            "other name",
            field("metadata.name", "In", &["member-2"]),
            false,
        ),
        (
            "not the name",
            field("metadata.name", "NotIn", &["member-1"]),
            false,
        ),
        (
            "unknown field in",
            field("metadata.zone", "In", &["eu"]),
            false,
        ),
        (
            "unknown field not in",
            field("metadata.zone", "NotIn", &["eu"]),
            true,
        ),
    ]);
}

#[test]
fn terms_are_ored_and_stop_at_the_first_match() {
    let other_zone = json!({"key": "zone", "operator": "In", "values": ["us"]});
    let any_zone = json!({"key": "zone", "operator": "Exists", "values": []});
    let name = json!({"key": "metadata.name", "operator": "In", "values": ["member-1"]});
    let broken = json!({"key": "zone", "operator": "What", "values": []});
    check([
        ("no terms", json!([]), false),
        ("empty term", json!([{}]), false),
        (
            "null parts",
            json!([{"matchExpressions": null, "matchFields": null}]),
            false,
        ),
        ("second term", json!([{}, {"matchFields": [name]}]), true),
        (
            "fields are not reached",
            json!([{"matchExpressions": [other_zone], "matchFields": [broken]}]),
            false,
        ),
        (
            "a match comes before the error",
            json!([{"matchExpressions": [any_zone]}, {"matchExpressions": [broken]}]),
            true,
        ),
    ]);
}

#[test]
fn malformed_operators_and_values_are_errors() {
    let behind = json!([{"matchExpressions": [
        {"key": "zone", "operator": "In", "values": ["us"]},
        {"key": "zone", "operator": "In", "values": []},
    ]}]);
    check_error([
        ("operator", expression("zone", "in", &["eu"]), "no operator"),
        (
            "no operator",
            expression("zone", "", &["eu"]),
            "no operator",
        ),
        (
            "in without values",
            expression("zone", "In", &[]),
            "at least one",
        ),
        (
            "exists with values",
            expression("zone", "Exists", &["eu"]),
            "give none",
        ),
        (
            "two limits",
            expression("size", "Gt", &["1", "2"]),
            "exactly one",
        ),
        (
            "no integer",
            expression("size", "Gt", &["x"]),
            "give an integer",
        ),
        (
            "field operator",
            field("metadata.name", "Exists", &[]),
            "cluster field",
        ),
        (
            "field values",
            field("metadata.name", "In", &["a", "b"]),
            "exactly one",
        ),
        ("behind one that does not match", behind, "at least one"),
    ]);
}

#[test]
fn what_no_label_can_have_is_an_error() {
    let long = "x".repeat(64);
    check_error([
        ("key", expression("-zone", "Exists", &[]), "key of a label"),
        ("empty key", expression("", "Exists", &[]), "key of a label"),
        (
            "two slashes",
            expression("a/b/c", "Exists", &[]),
            "key of a label",
        ),
        (
            "bad prefix",
            expression("A/b", "Exists", &[]),
            "key of a label",
        ),
        (
            "long key",
            expression(&long, "Exists", &[]),
            "key of a label",
        ),
        (
            "long value",
            expression("zone", "In", &[&long]),
            "value of label",
        ),
        (
            "value",
            expression("zone", "In", &["eu!"]),
            "value of label",
        ),
    ]);
}

#[test]
fn label_selectors_select_objects() {
    let check = |selector: Value| {
        let selector: Option<LabelSelector> = serde_json::from_value(selector).ok();
        labels_match(selector.as_ref(), &labels())
    };
    assert_eq!(labels_match(None, &labels()), Ok(false));
    assert_eq!(check(json!({})), Ok(true));
    assert_eq!(
        check(json!({"matchLabels": {"zone": "eu", "size": "10"}})),
        Ok(true)
    );
    assert_eq!(check(json!({"matchLabels": {"zone": "us"}})), Ok(false));
    assert_eq!(
        check(json!({
            "matchLabels": {"zone": "eu"},
            "matchExpressions": [{"key": "size", "operator": "NotIn", "values": ["10"]}],
        })),
        Ok(false)
    );
    assert!(check(json!({"matchLabels": {"zone": "a b"}})).is_err());
    assert!(
        check(json!({"matchExpressions": [{"key": "size", "operator": "Gt", "values": ["1"]}]}))
            .is_err()
    );
}

#[test]
fn maps_select_by_equality() {
    let map = |key: &str, value: &str| Labels::from([(key.to_owned(), value.to_owned())]);
    assert!(map_matches(&Labels::new(), &labels()));
    assert!(map_matches(&map("zone", "eu"), &labels()));
    assert!(!map_matches(&map("zone", "us"), &labels()));
    assert!(!map_matches(&map("zoo", ""), &labels()));
}
