//! Tests of `render.rs` beside the shared cases in `tests/render_vectors.rs`.

use super::*;
use navarch_crds::v1alpha1::PathDefinition;

fn federated(template: &Value, patches: &Value, annotations: &Value) -> Federated {
    Federated::from_value(json!({
        "metadata": {"name": "a", "namespace": "n", "uid": "u", "generation": 4, "annotations": annotations},
        "spec": {"template": template, "overrides": [
            {"controller": "x", "clusters": [{"cluster": "c1", "patches": patches}]}]}
    }))
    .unwrap()
}

fn type_config() -> FederatedTypeConfigSpec {
    FederatedTypeConfigSpec {
        path_definition: PathDefinition {
            replicas_spec: "spec.replicas".into(),
            ..PathDefinition::default()
        },
        ..FederatedTypeConfigSpec::default()
    }
}

fn cluster() -> ClusterName {
    ClusterName::new("c1").unwrap()
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n",
        "generation": 2, "labels": {"l": "1"}, "annotations": {"b": "1", "a": "2"}},
        "spec": {"replicas": 3, "paused": null, "template": {"spec": {"volumes": [{"emptyDir": {}}]}}}})
}

#[test]
fn what_is_applied_holds_neither_nulls_nor_fields_of_the_member() {
    let federated = federated(&deployment(), &json!([]), &json!({}));
    let desired = render(&federated, &type_config(), &cluster()).unwrap();
    assert_eq!(
        desired.object,
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n",
            "labels": {"l": "1", "kubeadmiral.io/managed": "true"},
            "annotations": {"a": "2", "b": "1", "kubeadmiral.io/source-generation": "2",
                "kubeadmiral.io/propagated-annotation-keys": "a,b", "kubeadmiral.io/propagated-label-keys": "l"}},
            "spec": {"replicas": 3, "template": {"spec": {"volumes": [{"emptyDir": {}}]}}}})
    );
    let sent = desired.to_apply(&federated);
    let applied = Applied::read(&sent).unwrap();
    assert_eq!(
        (applied.hash, applied.uid.as_str(), applied.generation),
        (desired.hash, "u", 4)
    );
}

#[test]
fn replicas_are_given_up_only_when_somebody_else_owns_them() {
    let keep = json!({"kubeadmiral.io/retain-replicas": "true"});
    for (name, annotations, replicas, sent) in [
        ("not retained", json!({}), Replicas::OwnedElsewhere, true),
        ("nobody else", keep.clone(), Replicas::Sent, true),
        ("handed over", keep, Replicas::OwnedElsewhere, false),
    ] {
        let federated = federated(&deployment(), &json!([]), &annotations);
        let desired = render_with(&federated, &type_config(), &cluster(), replicas).unwrap();
        assert_eq!(
            desired.object["spec"].get("replicas").is_some(),
            sent,
            "{name}"
        );
    }
}

#[test]
fn a_job_loses_what_the_host_generated() {
    let labels =
        json!({"controller-uid": "u", "batch.kubernetes.io/controller-uid": "u", "job-name": "a"});
    let job = |manual: bool| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"},
        "spec": {"manualSelector": manual, "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
            "template": {"metadata": {"labels": labels}}}})
    };
    let render = |manual| {
        let federated = federated(&job(manual), &json!([]), &json!({}));
        render(&federated, &type_config(), &cluster())
            .unwrap()
            .object
    };
    let plain = render(false);
    assert_eq!(
        plain["spec"]["template"]["metadata"]["labels"],
        json!({"job-name": "a"})
    );
    assert!(plain["spec"].get("selector").is_none());
    assert!(plain["metadata"].get("finalizers").is_none());
    assert_eq!(
        render(true)["spec"]["template"]["metadata"]["labels"],
        labels
    );
}

#[test]
fn a_service_loses_its_address_unless_it_has_none() {
    for (address, kept) in [("10.0.0.1", false), ("None", true)] {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
            "spec": {"clusterIP": address, "clusterIPs": [address], "ports": [{"port": 1, "nodePort": 30000}]}});
        let federated = federated(&service, &json!([]), &json!({}));
        let desired = render(&federated, &type_config(), &cluster()).unwrap();
        let spec = &desired.object["spec"];
        assert_eq!(spec.get("clusterIP").is_some(), kept, "{address}");
        assert_eq!(spec.get("clusterIPs").is_some(), kept, "{address}");
    }
}

#[test]
fn a_node_port_is_asked_for_once_and_the_members_from_then_on() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 1}, {"port": 2, "nodePort": 30000}]}});
    let federated = federated(&service, &json!([]), &json!({}));
    let desired = render(&federated, &type_config(), &cluster()).unwrap();
    let ports = |object: &serde_json::Value| object["spec"]["ports"].clone();
    assert_eq!(ports(&desired.to_create(&federated)), ports(&service));
    assert_eq!(
        ports(&desired.to_apply(&federated)),
        json!([{"port": 1}, {"port": 2}])
    );
}

#[test]
fn finalizers_of_overrides_are_appended_once() {
    let patch = json!({"op": "add", "path": "/metadata/finalizers/-", "value": "x/y"});
    let federated = federated(&deployment(), &json!([patch, patch]), &json!({}));
    let object = render(&federated, &type_config(), &cluster())
        .unwrap()
        .object;
    assert_eq!(object["metadata"]["finalizers"], json!(["x/y"]));
}

#[test]
fn what_names_the_object_cannot_be_overridden() {
    let patches = json!([{"path": "/metadata/name", "value": "evil"}, {"op": "remove", "path": "/kind", "value": null}]);
    let error = render(
        &federated(&deployment(), &patches, &json!({})),
        &type_config(),
        &cluster(),
    )
    .unwrap_err();
    assert_eq!(
        error,
        RenderError::RefusedPaths(vec!["/kind".into(), "/metadata/name".into()])
    );
    assert_eq!(error.status(), PropagationStatusType::ApplyOverridesFailed);
}

#[test]
fn overrides_apply_in_the_order_of_the_type_config_and_strangers_last() {
    let set = |controller: &str, value: i64| {
        json!({"controller": controller, "clusters": [
        {"cluster": "c1", "patches": [{"op": "replace", "path": "/spec/replicas", "value": value}]}]})
    };
    let mut federated = federated(&deployment(), &json!([]), &json!({}));
    federated.spec.overrides =
        serde_json::from_value(json!([set("late", 1), set("early", 2)])).unwrap();
    let mut config = type_config();
    config.controllers = vec![vec!["early".into()], vec!["late".into()]];
    let replicas = |federated: &Federated, config: &_| {
        render(federated, config, &cluster()).unwrap().object["spec"]["replicas"].clone()
    };
    assert_eq!(replicas(&federated, &config), 1);
    config.controllers = vec![vec!["late".into()]];
    assert_eq!(replicas(&federated, &config), 2);
}
