//! The types against the schemas: every field that a definition names is read and written back,
//! and nothing that an API server or KubeAdmiral may have stored makes reading fail.

use navarch_crds::multicluster::{ServiceExport, ServiceImport};
use navarch_crds::quota::{GlobalQuota, QuotaLedger};
use navarch_crds::v1alpha1::{
    ClusterCollectedStatus, ClusterFederatedObject, ClusterOverridePolicy,
    ClusterPropagatedVersion, ClusterPropagationPolicy, CollectedStatus, FederatedCluster,
    FederatedObject, FederatedTypeConfig, OverridePatch, OverridePolicy, PropagatedVersion,
    PropagationPolicy, PropagationPolicySpec, SchedulerPluginWebhookConfiguration,
    SchedulingProfile,
};
use navarch_crds::{definitions, go};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn again<T: DeserializeOwned + Serialize>(object: Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(object)?)
}

fn through_its_type(kind: &str, object: Value) -> Result<Value, serde_json::Error> {
    match kind {
        "FederatedTypeConfig" => again::<FederatedTypeConfig>(object),
        "FederatedCluster" => again::<FederatedCluster>(object),
        "FederatedObject" => again::<FederatedObject>(object),
        "ClusterFederatedObject" => again::<ClusterFederatedObject>(object),
        "PropagationPolicy" => again::<PropagationPolicy>(object),
        "ClusterPropagationPolicy" => again::<ClusterPropagationPolicy>(object),
        "OverridePolicy" => again::<OverridePolicy>(object),
        "ClusterOverridePolicy" => again::<ClusterOverridePolicy>(object),
        "SchedulingProfile" => again::<SchedulingProfile>(object),
        "SchedulerPluginWebhookConfiguration" => {
            again::<SchedulerPluginWebhookConfiguration>(object)
        }
        "PropagatedVersion" => again::<PropagatedVersion>(object),
        "ClusterPropagatedVersion" => again::<ClusterPropagatedVersion>(object),
        "CollectedStatus" => again::<CollectedStatus>(object),
        "ClusterCollectedStatus" => again::<ClusterCollectedStatus>(object),
        "ServiceExport" => again::<ServiceExport>(object),
        "ServiceImport" => again::<ServiceImport>(object),
        "GlobalQuota" => again::<GlobalQuota>(object),
        "QuotaLedger" => again::<QuotaLedger>(object),
        other => Err(serde::de::Error::custom(format!(
            "{other} has no row in this test"
        ))),
    }
}

/// How the leaves of an example look.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaves {
    Filled,
    Null,
}

/// An example of a schema with every field. With `Null`, objects are kept down to the given depth
/// and everything below is null.
fn example(schema: &Value, leaves: Leaves, depth: u32) -> Value {
    if leaves == Leaves::Null && depth == 0 {
        return Value::Null;
    }
    let depth = depth.saturating_sub(1);
    if let Some(value) = schema.get("enum").and_then(|values| values.get(0)) {
        return value.clone();
    }
    if schema.get("x-kubernetes-int-or-string").is_some() {
        return json!("100m");
    }
    let format = schema.get("format").and_then(Value::as_str);
    match (schema.get("type").and_then(Value::as_str), format) {
        (Some("string"), Some("date-time")) => json!("2025-03-01T10:00:00Z"),
        (Some("string"), _) => json!("text"),
        (Some("integer"), _) => json!(7),
        (Some("boolean"), _) => json!(true),
        (Some("array"), _) => json!([example(&schema["items"], leaves, depth)]),
        (Some("object"), _) => match schema.get("additionalProperties") {
            Some(values) => json!({ "key": example(values, leaves, depth) }),
            None => schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, inner)| (name.clone(), example(inner, leaves, depth)))
                .collect::<Map<String, Value>>()
                .into(),
        },
        _ => json!({"anything": ["at", 1, null]}),
    }
}

fn each_kind(mut check: impl FnMut(&str, &str, &Value)) {
    for document in definitions::documents() {
        let kind = document["spec"]["names"]["kind"]
            .as_str()
            .unwrap_or_default();
        let group = document["spec"]["group"].as_str().unwrap_or_default();
        let schema = &document["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        check(kind, &format!("{group}/v1alpha1"), schema);
    }
}

#[test]
fn every_field_of_the_schema_is_read_and_written_back() {
    each_kind(|kind, api_version, schema| {
        let mut object = example(schema, Leaves::Filled, 0);
        object["apiVersion"] = json!(api_version);
        object["kind"] = json!(kind);
        object["metadata"] = json!({"name": "example", "labels": {"a": "b"}});
        let answer = through_its_type(kind, object.clone());
        assert_eq!(
            answer.unwrap_or_else(|error| panic!("{kind}: {error}")),
            object,
            "{kind}"
        );
    });
}

#[test]
fn missing_and_null_parts_are_read_at_any_depth() {
    each_kind(|kind, _, schema| {
        for depth in 1..9 {
            let object = example(schema, Leaves::Null, depth);
            // A map from text to text is the one place where null has no place (Go reads it as
            // empty text, and no API server stores it).
            let object = without_null_map_values(object);
            if let Err(error) = through_its_type(kind, object.clone()) {
                panic!("{kind} at depth {depth}: {error}\n{object}");
            }
        }
        for object in [
            json!({}),
            json!({"metadata": null}),
            json!({"metadata": {}, "spec": null, "status": null}),
            json!({"metadata": {}, "spec": {}, "status": {}}),
            json!({"metadata": {}, "spec": {"unknown": {"a": [1]}}, "more": 1}),
        ] {
            assert!(
                through_its_type(kind, object.clone()).is_ok(),
                "{kind}: {object}"
            );
        }
    });
}

fn without_null_map_values(value: Value) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .filter(|(key, value)| !(key == "key" && value.is_null()))
            .map(|(key, value)| (key, without_null_map_values(value)))
            .collect::<Map<String, Value>>()
            .into(),
        Value::Array(items) => items
            .into_iter()
            .filter(|item| !item.is_null())
            .map(without_null_map_values)
            .collect(),
        other => other,
    }
}

#[test]
fn unknown_words_are_kept_as_they_are() {
    let policy = json!({
        "apiVersion": "core.kubeadmiral.io/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": {"name": "p"},
        "spec": {"schedulingProfile": "", "schedulingMode": "duplicate"},
    });
    assert_eq!(again::<PropagationPolicy>(policy.clone()).unwrap(), policy);
}

#[test]
fn a_policy_is_written_in_the_order_and_with_the_omissions_of_go() {
    let spec: PropagationPolicySpec = serde_json::from_value(json!({
        "reschedulePolicy": {"replicaRescheduling": {}, "disableRescheduling": true},
        "placement": [
            {"preferences": {"priority": 0, "weight": 1, "maxReplicas": 9, "minReplicas": 2}, "cluster": "a"},
            {"cluster": "b", "preferences": {"minReplicas": 0}},
        ],
        "maxClusters": 0,
        "tolerations": [
            {"tolerationSeconds": 0, "effect": "NoExecute", "value": "v", "operator": "Equal", "key": "k"},
            {},
        ],
        "clusterAffinity": [
            {"matchFields": [{"values": ["a"], "operator": "In", "key": "metadata.name"}],
             "matchExpressions": [
                {"values": null, "operator": "Exists", "key": "zone"},
                {"values": [], "operator": "Exists", "key": "zone"},
             ]},
            {"matchFields": []},
        ],
        "clusterSelector": {"b": "<2>", "a": "1"},
        "disableFollowerScheduling": false,
        "replicasStrategy": "Binpack",
        "schedulingMode": "Divide",
        "schedulingProfile": "p",
    }))
    .unwrap();
    let expected = concat!(
        r#"{"schedulingProfile":"p","schedulingMode":"Divide","replicasStrategy":"Binpack","#,
        r#""clusterSelector":{"a":"1","b":"\u003c2\u003e"},"clusterAffinity":[{"matchExpressions":["#,
        r#"{"key":"zone","operator":"Exists","values":null},{"key":"zone","operator":"Exists","values":[]}],"#,
        r#""matchFields":[{"key":"metadata.name","operator":"In","values":["a"]}]},{}],"#,
        r#""tolerations":[{"key":"k","operator":"Equal","value":"v","effect":"NoExecute","tolerationSeconds":0},{}],"#,
        r#""maxClusters":0,"placement":[{"cluster":"a","preferences":{"minReplicas":2,"maxReplicas":9,"weight":1,"priority":0}},"#,
        r#"{"cluster":"b","preferences":{}}],"#,
        r#""reschedulePolicy":{"disableRescheduling":true,"replicaRescheduling":{"avoidDisruption":true}}}"#
    );
    assert_eq!(go::json::to_string(&spec).unwrap(), expected);
}

#[test]
fn placements_and_overrides_of_controllers_are_kept_apart() {
    let mut spec = FederatedObject::default().spec;
    assert!(!spec.set_controller_placement("a", []));
    assert!(spec.set_controller_placement("a", ["c2", "c1", "c2"]));
    assert!(spec.set_controller_placement("b", ["c3"]));
    assert!(!spec.set_controller_placement("a", ["c1", "c2"]));
    assert!(spec.set_controller_placement("a", ["c4"]));
    assert_eq!(spec.placements[0].controller, "a");
    assert_eq!(
        spec.placed_clusters().into_iter().collect::<Vec<_>>(),
        ["c3", "c4"]
    );
    assert_eq!(spec.controller_placement("a").unwrap()[0].cluster, "c4");
    assert!(spec.set_controller_placement("a", []));
    assert_eq!(spec.placements.len(), 1);

    let patches = |value: i64| {
        BTreeMap::from([(
            "c1".to_owned(),
            vec![OverridePatch {
                op: "replace".to_owned(),
                path: "/spec/replicas".to_owned(),
                value: json!(value),
            }],
        )])
    };
    assert!(spec.set_controller_overrides("a", patches(1)));
    assert!(!spec.set_controller_overrides("a", patches(1)));
    assert!(spec.set_controller_overrides("a", patches(2)));
    let text = go::json::to_string(&spec.overrides).unwrap();
    assert_eq!(
        text,
        r#"[{"controller":"a","clusters":[{"cluster":"c1","patches":[{"op":"replace","path":"/spec/replicas","value":2}]}]}]"#
    );
    assert!(spec.set_controller_overrides("a", BTreeMap::new()));
    assert!(spec.controller_overrides("a").is_none());
}
