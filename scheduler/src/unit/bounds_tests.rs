//! Tests of `bounds`: what each annotation may do under each setting.

use navarch_crds::v1alpha1::{FederatedTypeConfigSpec, PropagationPolicySpec};
use serde_json::{Value, json};

use super::*;
use crate::unit::{Features, Unit, UnitInputs, build};

fn built(
    setting: ObjectOverrides,
    spec: &Value,
    annotation: &str,
    text: &str,
) -> (Unit, Vec<Ignored>) {
    let spec: PropagationPolicySpec = serde_json::from_value(spec.clone()).unwrap();
    let type_config: FederatedTypeConfigSpec = serde_json::from_value(json!({
        "sourceType": { "group": "apps", "version": "v1", "kind": "Deployment", "pluralName": "deployments" },
        "pathDefinition": { "replicasSpec": "spec.replicas" },
    }))
    .unwrap();
    let annotations = BTreeMap::from([(annotation.to_owned(), text.to_owned())]);
    build(UnitInputs {
        policy: &CheckedPolicy::check(&spec).unwrap(),
        type_config: &type_config,
        template: &json!({ "metadata": { "name": "web" }, "spec": { "replicas": 3, "template": { "spec": {} } } }),
        annotations: &annotations,
        placements: &[],
        overrides: &[],
        features: Features {
            object_overrides: setting,
            ..Features::default()
        },
    })
    .unwrap()
}

/// A policy that says something of everything.
fn full() -> Value {
    json!({ "schedulingMode": "Divide", "maxClusters": 3, "clusterSelector": { "zone": "a" },
        "clusterAffinity": [
            { "matchExpressions": [{ "key": "tier", "operator": "In", "values": ["1"] }] },
            { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["b"] }] },
        ],
        "tolerations": [{ "key": "spot", "operator": "Exists" }, { "key": "team", "value": "x", "effect": "NoSchedule" }],
        "placement": [
            { "cluster": "a", "preferences": { "minReplicas": 2, "maxReplicas": 5, "weight": 2, "priority": 3 } },
            { "cluster": "b", "preferences": { "weight": 1 } },
        ] })
}

fn open() -> Value {
    json!({ "schedulingMode": "Duplicate" })
}

fn affinity(terms: &Value) -> String {
    json!({ "clusterAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "clusterSelectorTerms": terms } } })
        .to_string()
}

/// A row: name, policy, annotation, text, what `Narrow` says of it.
type Row = (
    &'static str,
    Value,
    &'static str,
    String,
    Result<(), &'static str>,
);

#[expect(clippy::too_many_lines, reason = "a table")]
fn scalar_rows() -> Vec<Row> {
    let (mode, most, sticky) = (
        annotation::SCHEDULING_MODE,
        annotation::MAX_CLUSTERS,
        annotation::STICKY_CLUSTER,
    );
    let (selector, tolerations) = (annotation::CLUSTER_SELECTOR, annotation::TOLERATIONS);
    let text = str::to_owned;
    vec![
        (
            "a share instead of the whole",
            open(),
            mode,
            text("Divide"),
            Ok(()),
        ),
        (
            "the whole instead of a share",
            full(),
            mode,
            text("Duplicate"),
            Err("whole object"),
        ),
        ("fewer clusters", full(), most, text("2"), Ok(())),
        ("none at all", full(), most, text("0"), Ok(())),
        (
            "a limit where there is none",
            open(),
            most,
            text("9"),
            Ok(()),
        ),
        (
            "more clusters",
            full(),
            most,
            text("4"),
            Err("3 clusters at most"),
        ),
        (
            "sticky",
            open(),
            sticky,
            text("true"),
            Err("when an object moves"),
        ),
        (
            "further labels",
            full(),
            selector,
            text(r#"{"zone":"a","tier":"1"}"#),
            Ok(()),
        ),
        (
            "other labels",
            full(),
            selector,
            text(r#"{"zone":"b"}"#),
            Err("zone=a"),
        ),
        ("no labels", full(), selector, text("{}"), Err("zone=a")),
        (
            "labels where none are asked",
            open(),
            selector,
            text(r#"{"zone":"b"}"#),
            Ok(()),
        ),
        ("no tolerations", full(), tolerations, text("[]"), Ok(())),
        (
            "a tighter toleration",
            full(),
            tolerations,
            text(r#"[{"key":"spot","value":"x"}]"#),
            Ok(()),
        ),
        (
            "another effect",
            full(),
            tolerations,
            text(r#"[{"key":"team","value":"x"}]"#),
            Err("team"),
        ),
        (
            "another value",
            full(),
            tolerations,
            text(r#"[{"key":"team","value":"y","effect":"NoSchedule"}]"#),
            Err("team"),
        ),
        (
            "any value",
            full(),
            tolerations,
            text(r#"[{"key":"team","operator":"Exists","effect":"NoSchedule"}]"#),
            Err("team"),
        ),
        (
            "everything",
            full(),
            tolerations,
            text(r#"[{"operator":"Exists"}]"#),
            Err("any key"),
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn list_rows() -> Vec<Row> {
    let (required, placements) = (annotation::AFFINITY, annotation::PLACEMENTS);
    let tier = json!({ "key": "tier", "operator": "In", "values": ["1"] });
    let further = json!({ "key": "gpu", "operator": "Exists", "values": [] });
    let terms = |terms: Value| affinity(&terms);
    let preferred = json!({ "clusterAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [
        { "weight": 1, "preference": { "matchExpressions": [tier] } }] } });
    let wish = |cluster: &str, wish: Value| {
        json!([{ "cluster": cluster, "preferences": wish }]).to_string()
    };
    vec![
        (
            "one of the terms",
            full(),
            required,
            terms(json!([{ "matchExpressions": [tier] }])),
            Ok(()),
        ),
        (
            "a term with more in it",
            full(),
            required,
            terms(json!([{ "matchExpressions": [further, tier] }])),
            Ok(()),
        ),
        (
            "a further term",
            full(),
            required,
            terms(json!([{ "matchExpressions": [tier] }, { "matchExpressions": [further] }])),
            Err("one of its terms"),
        ),
        (
            "no terms match nothing",
            full(),
            required,
            terms(json!([])),
            Ok(()),
        ),
        (
            "no affinity",
            full(),
            required,
            "{}".to_owned(),
            Err("requires an affinity"),
        ),
        (
            "terms where none are asked",
            open(),
            required,
            terms(json!([{ "matchExpressions": [further] }])),
            Ok(()),
        ),
        (
            "preferences",
            open(),
            required,
            preferred.to_string(),
            Err("preferences"),
        ),
        (
            "one of the clusters",
            full(),
            placements,
            wish("a", json!({})),
            Ok(()),
        ),
        (
            "another cluster",
            full(),
            placements,
            wish("c", json!({})),
            Err("cluster c"),
        ),
        (
            "all clusters",
            full(),
            placements,
            "[]".to_owned(),
            Err("names the clusters"),
        ),
        (
            "clusters where none are named",
            open(),
            placements,
            wish("c", json!({})),
            Ok(()),
        ),
        (
            "a tighter maximum",
            full(),
            placements,
            wish("a", json!({ "maxReplicas": 4 })),
            Ok(()),
        ),
        (
            "a wider maximum",
            full(),
            placements,
            wish("a", json!({ "maxReplicas": 6 })),
            Err("6 replicas at most"),
        ),
        (
            "a maximum where there is none",
            full(),
            placements,
            wish("b", json!({ "maxReplicas": 1 })),
            Ok(()),
        ),
        (
            "a greater minimum",
            full(),
            placements,
            wish("a", json!({ "minReplicas": 3 })),
            Err("3 replicas at least"),
        ),
        (
            "the same weight",
            full(),
            placements,
            wish("a", json!({ "weight": 2 })),
            Ok(()),
        ),
        (
            "another weight",
            full(),
            placements,
            wish("a", json!({ "weight": 3 })),
            Err("the weight of a"),
        ),
        (
            "another priority",
            full(),
            placements,
            wish("b", json!({ "priority": 9 })),
            Err("the priority of b"),
        ),
    ]
}

#[test]
fn what_narrows_counts_and_what_widens_is_refused_with_a_reason() {
    for (name, policy, annotation, text, expected) in scalar_rows().into_iter().chain(list_rows()) {
        let (unit, ignored) = built(ObjectOverrides::Narrow, &policy, annotation, &text);
        let said: Vec<&str> = ignored.iter().map(|one| one.message.as_str()).collect();
        let (plain, _) = built(ObjectOverrides::Narrow, &policy, "other", "");
        match expected {
            Ok(()) => assert_eq!(said, [""; 0], "{name}"),
            Err(part) => {
                assert!(
                    said.len() == 1 && said[0].contains(part),
                    "{name}: {said:?}"
                );
                assert_eq!(ignored[0].annotation, annotation, "{name}");
                assert_eq!(unit, plain, "{name}: the policy holds");
            }
        }
        let (denied, ignored) = built(ObjectOverrides::Deny, &policy, annotation, &text);
        assert_eq!(ignored.len(), 1, "{name}: denied");
        assert_eq!(
            denied,
            built(ObjectOverrides::Deny, &policy, "other", "").0,
            "{name}"
        );
        let (_, ignored) = built(ObjectOverrides::Allow, &policy, annotation, &text);
        assert_eq!(ignored, [], "{name}: allowed");
    }
}

#[test]
fn what_repeats_the_policy_is_never_refused() {
    let placement = full()["placement"].to_string();
    for (annotation, text) in [
        (annotation::SCHEDULING_MODE, "Divide"),
        (annotation::MAX_CLUSTERS, "3"),
        (annotation::STICKY_CLUSTER, "false"),
        (annotation::CLUSTER_SELECTOR, r#"{"zone":"a"}"#),
        (annotation::PLACEMENTS, &placement),
    ] {
        for setting in [ObjectOverrides::Deny, ObjectOverrides::Narrow] {
            assert_eq!(
                built(setting, &full(), annotation, text).1,
                [],
                "{annotation}"
            );
        }
    }
}

#[test]
fn limits_of_the_policy_hold_where_the_object_does_not_repeat_them() {
    let text = r#"[{"cluster":"a","preferences":{"minReplicas":1}}]"#;
    let (unit, _) = built(
        ObjectOverrides::Narrow,
        &full(),
        annotation::PLACEMENTS,
        text,
    );
    let named = &unit.clusters;
    assert_eq!(named.names.iter().collect::<Vec<_>>(), ["a"]);
    assert_eq!(
        (named.min["a"], named.max["a"], named.weights["a"]),
        (1, 5, 2)
    );
}

#[test]
fn what_cannot_be_read_is_told_once() {
    let (_, ignored) = built(
        ObjectOverrides::Deny,
        &full(),
        annotation::MAX_CLUSTERS,
        "few",
    );
    assert_eq!(ignored.len(), 1);
}
