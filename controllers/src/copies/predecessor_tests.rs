//! Tests of `predecessor.rs`.

use super::*;
use serde_json::json;

fn spec(overrides: &Value) -> GenericFederatedObjectSpec {
    serde_json::from_value(json!({ "overrides": overrides, "template": {
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "<value>"},
        "metadata": {"name": "a", "namespace": "n", "labels": {}, "annotations": {}} } }))
    .unwrap()
}

fn versions(template: &str, overrides: &str, version: &str) -> Versions {
    Versions::read(
        &json!({ "status": { "templateVersion": template, "overridesVersion": overrides,
        "clusterVersions": [{ "clusterName": "c1", "version": version }] } }),
    )
    .unwrap()
}

/// Hashes of the texts that Go writes, made with md5sum.
const TEMPLATE: &str = "dca60222dc912ae47b59d151a09d3c34";
const NO_OVERRIDES: &str = "2979b7538b527abe06492021841caf47";
const ONE_OVERRIDE: &str = "cedb611521773c7edbad32211c8362e3";

#[test]
fn a_copy_is_vouched_for_when_nothing_differs() {
    let copy = |version: &str, generation: Value, label: &str| {
        json!({ "metadata": { "resourceVersion": version, "generation": generation,
            "labels": { "x": label, "own": "2" } } })
    };
    let by_version = copy("7", Value::Null, "1");
    let by_generation = copy("9", json!(3), "1");
    let relabelled = copy("9", json!(3), "2");
    let no = json!([]);
    let one = json!([{ "controller": "c", "clusters": [{ "cluster": "c1",
        "patches": [{ "path": "/data/key", "value": "b" }] }] }]);
    let noted = |version: &str| versions(TEMPLATE, NO_OVERRIDES, version);
    let overridden = versions(TEMPLATE, ONE_OVERRIDE, "rv:7");
    let older = versions("0", NO_OVERRIDES, "rv:7");
    let desired = json!({ "metadata": { "labels": { "x": "1" } } });
    let cluster = ClusterName::new("c1").unwrap();
    for (name, versions, overrides, copy, vouched) in [
        ("by version", noted("rv:7"), &no, &by_version, true),
        ("with overrides", overridden, &one, &by_version, true),
        ("by generation", noted("gen:3"), &no, &by_generation, true),
        ("written since", noted("rv:6"), &no, &by_version, false),
        ("regenerated", noted("gen:2"), &no, &by_generation, false),
        ("another label", noted("gen:3"), &no, &relabelled, false),
        ("another template", older, &no, &by_version, false),
        ("other overrides", noted("rv:7"), &one, &by_version, false),
    ] {
        let told = versions.vouch_for(&spec(overrides), &cluster, copy, &desired);
        assert_eq!(told, vouched, "{name}");
    }
}

fn copy(entries: &Value) -> Value {
    json!({ "metadata": { "managedFields": entries, "annotations": {
        "kubeadmiral.io/propagated-label-keys": "app", "kubeadmiral.io/propagated-annotation-keys": "" } } })
}

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({ "manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": fields,
        "fieldsType": "FieldsV1" })
}

#[test]
fn fields_of_the_predecessor_become_ours() {
    let theirs = json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {}, "f:foreign": {} } },
        "f:spec": { "f:replicas": {}, "f:paused": {} } });
    let taken = take_fields(
        &copy(&json!([entry(MANAGER, "Update", &theirs)])),
        "spec.replicas",
    );
    let taken = taken.unwrap();
    assert_eq!(
        taken,
        json!([
            entry(
                MANAGER,
                "Update",
                &json!({ "f:metadata": { "f:labels": { "f:foreign": {} } },
                "f:spec": { "f:replicas": {} } })
            ),
            entry(
                FIELD_MANAGER,
                "Apply",
                &json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
                "f:spec": { "f:paused": {} } })
            ),
        ])
    );
    // Once is enough.
    assert_eq!(take_fields(&copy(&taken), "spec.replicas"), None);
}

#[test]
fn nothing_of_others_is_taken() {
    let fields = json!({ "f:spec": { "f:paused": {} } });
    let mut status = entry(MANAGER, "Update", &fields);
    status["subresource"] = json!("status");
    let by_kubectl = entry("kubectl-create", "Update", &fields);
    for (name, entries, takes) in [
        ("a status", json!([status]), false),
        (
            "a controller's",
            json!([entry("kube-controller-manager", "Update", &fields)]),
            false,
        ),
        (
            "an apply",
            json!([entry("kubectl", "Apply", &fields)]),
            false,
        ),
        ("a person's", json!([by_kubectl]), false),
        (
            "only replicas",
            json!([entry(
                MANAGER,
                "Update",
                &json!({"f:spec": {"f:replicas": {}}})
            )]),
            false,
        ),
    ] {
        assert_eq!(
            take_fields(&copy(&entries), "spec.replicas").is_some(),
            takes,
            "{name}"
        );
    }
}

#[test]
fn what_is_ours_already_stays_ours() {
    let entries = json!([
        entry(FIELD_MANAGER, "Apply", &json!({ "f:data": { "f:a": {} } })),
        entry(MANAGER, "Update", &json!({ "f:data": { "f:b": {} } })),
    ]);
    assert_eq!(
        take_fields(&copy(&entries), "").unwrap(),
        json!([entry(
            FIELD_MANAGER,
            "Apply",
            &json!({ "f:data": { "f:a": {}, "f:b": {} } })
        )])
    );
}
