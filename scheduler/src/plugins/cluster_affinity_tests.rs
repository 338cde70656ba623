//! Tests of `cluster_affinity`: tables and properties beside the code they hold.

use navarch_crds::v1alpha1::ClusterSelectorTerm;
use serde_json::{Value, json};

use super::*;
use crate::plugins::fixtures::{NOW, check_filter, cluster, scores, unit};
use crate::selector::Term;

fn term(value: Value) -> Term {
    Term::new(&serde_json::from_value::<ClusterSelectorTerm>(value).unwrap())
}

fn labels(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] })
}

fn field(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "matchFields": [{ "key": key, "operator": operator, "values": values }] })
}

fn requiring(terms: Vec<Value>) -> Unit {
    let mut unit = unit().build();
    unit.affinity.required = Some(terms.into_iter().map(term).collect());
    unit
}

#[test]
fn required_terms_are_alternatives() {
    let cluster = cluster("c").label("zone", "a").label("size", "7").build();
    let both = json!({
        "matchExpressions": [{ "key": "zone", "operator": "Exists", "values": [] }],
        "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["d"] }],
    });
    for (name, terms, fits) in [
        ("no terms at all", vec![], false),
        ("a term without parts", vec![json!({})], false),
        ("In", vec![labels("zone", "In", &["a", "b"])], true),
        ("In, other value", vec![labels("zone", "In", &["b"])], false),
        ("NotIn", vec![labels("zone", "NotIn", &["b"])], true),
        (
            "NotIn, label absent",
            vec![labels("x", "NotIn", &["b"])],
            true,
        ),
        ("Exists", vec![labels("zone", "Exists", &[])], true),
        (
            "DoesNotExist",
            vec![labels("zone", "DoesNotExist", &[])],
            false,
        ),
        ("Gt", vec![labels("size", "Gt", &["6"])], true),
        ("Gt equal", vec![labels("size", "Gt", &["7"])], false),
        ("Lt", vec![labels("size", "Lt", &["8"])], true),
        ("Lt of a text", vec![labels("zone", "Lt", &["8"])], false),
        ("name", vec![field("metadata.name", "In", &["c"])], true),
        (
            "name not",
            vec![field("metadata.name", "NotIn", &["c"])],
            false,
        ),
        (
            "another field reads as empty",
            vec![field("metadata.uid", "NotIn", &["c"])],
            true,
        ),
        ("both parts have to match", vec![both], false),
        (
            "second alternative",
            vec![labels("zone", "In", &["b"]), labels("zone", "In", &["a"])],
            true,
        ),
        (
            "a fault behind a match is not reached",
            vec![labels("zone", "Exists", &[]), labels("zone", "Near", &[])],
            true,
        ),
    ] {
        check_filter(name, &ClusterAffinity, &requiring(terms), &cluster, fits);
    }
}

#[test]
fn the_selector_has_to_match_as_well() {
    let cluster = cluster("c").label("zone", "a").build();
    let select = |value: &str| {
        let mut unit = unit().build();
        unit.selector.insert("zone".into(), value.into());
        unit
    };
    check_filter("equal", &ClusterAffinity, &select("a"), &cluster, true);
    check_filter("different", &ClusterAffinity, &select("b"), &cluster, false);
}

#[test]
fn a_mistyped_term_fails_the_decision() {
    let cluster = cluster("c").label("zone", "a").build();
    for (name, value) in [
        ("operator", labels("zone", "Near", &["a"])),
        ("In without values", labels("zone", "In", &[])),
        ("Exists with values", labels("zone", "Exists", &["a"])),
        ("Gt of a text", labels("zone", "Gt", &["a"])),
        ("key", labels("not a key", "Exists", &[])),
        ("prefix", labels("UPPER/zone", "Exists", &[])),
        ("value", labels("zone", "In", &["not a value"])),
        ("field operator", field("metadata.name", "Exists", &[])),
        ("field values", field("metadata.name", "In", &["a", "b"])),
    ] {
        let unit = requiring(vec![value]);
        let context = ClusterContext::new(&unit, &cluster, NOW, false);
        let verdict = ClusterAffinity.filter(&context);
        assert!(matches!(verdict, Verdict::Broken(_)), "{name}: {verdict:?}");
    }
}

#[test]
fn preferred_terms_add_their_weights() {
    let mut unit = unit().build();
    unit.affinity.preferred = vec![
        (10, term(labels("zone", "In", &["a"]))),
        (30, term(labels("gpu", "Exists", &[]))),
        (0, term(labels("zone", "Near", &[]))),
        (50, term(json!({}))),
    ];
    let clusters = [
        cluster("both").label("zone", "a").label("gpu", "1").build(),
        cluster("none").build(),
        cluster("zone").label("zone", "a").build(),
    ];
    assert_eq!(scores(&ClusterAffinity, &unit, &clusters), [100, 0, 25]);
}
