//! Tests of the offline command's function beside the shared cases in `tests/render_vectors.rs`.

use super::*;
use serde_json::json;

fn cluster(name: &str) -> Value {
    json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster", "metadata": {"name": name}})
}

fn policy(mode: &str) -> Value {
    json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": "p", "namespace": "default"}, "spec": {"schedulingMode": mode}})
}

fn deployment(labels: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": labels},
        "spec": {"replicas": 4, "template": {"spec": {"containers": []}}}})
}

fn labelled() -> Value {
    deployment(&json!({"kubeadmiral.io/propagation-policy-name": "p"}))
}

fn run(documents: Vec<Value>) -> Value {
    serde_json::to_value(render(documents).unwrap()).unwrap()
}

#[test]
fn clusters_without_conditions_take_part_and_replicas_are_divided() {
    let rendered = run(vec![
        labelled(),
        policy("Divide"),
        cluster("a"),
        cluster("b"),
    ]);
    let result = &rendered["results"][0];
    assert_eq!(result["errors"], json!([]));
    assert_eq!(
        result["object"],
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"})
    );
    let counts: Vec<&Value> = result["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| &copy["object"]["spec"]["replicas"])
        .collect();
    assert_eq!(counts, [&json!(2), &json!(2)]);
}

#[test]
fn lists_are_opened() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "List", "items": [labelled()]}, policy("Duplicate"), cluster("a")]});
    assert_eq!(
        run(vec![list, Value::Null])["results"][0]["clusters"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn what_is_wrong_with_a_source_is_told_in_its_result() {
    let other =
        json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "x"}});
    let opted_out = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x",
        "annotations": {"kubeadmiral.io/no-federated-resource": "1"}}});
    let with_override = deployment(&json!({"kubeadmiral.io/propagation-policy-name": "p",
        "kubeadmiral.io/override-policy-name": "missing"}));
    for (name, documents, told) in [
        (
            "no policy label",
            vec![deployment(&json!({}))],
            "names no policy",
        ),
        (
            "policy missing",
            vec![labelled()],
            "PropagationPolicy \"p\" is not in the input",
        ),
        (
            "override policy missing",
            vec![with_override, policy("Duplicate"), cluster("a")],
            "OverridePolicy \"missing\"",
        ),
        ("no type config", vec![other], "FederatedTypeConfig"),
        ("opted out", vec![opted_out], "no-federated-resource"),
        (
            "nothing fits",
            vec![labelled(), policy("Duplicate")],
            "0/0 clusters",
        ),
        (
            "odd mode",
            vec![labelled(), policy("Odd"), cluster("a")],
            "Odd",
        ),
    ] {
        let rendered = run(documents);
        let result = &rendered["results"][0];
        assert_eq!(result["clusters"], json!([]), "{name}");
        let message = result["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(told), "{name}: {message}");
    }
}

#[test]
fn a_federated_object_is_rendered_as_it_is() {
    let federated = json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedObject",
        "metadata": {"name": "x", "namespace": "default"}, "spec": {"template": labelled(),
        "placements": [{"controller": "me", "placement": [{"cluster": "a"}, {"cluster": "gone"}]}]}});
    let rendered = run(vec![federated, cluster("a")]);
    let result = &rendered["results"][0];
    assert_eq!(result["clusters"][0]["cluster"], "a");
    assert_eq!(result["errors"][0]["cluster"], "gone");
}

#[test]
fn input_that_is_no_object_is_refused_with_its_number() {
    let error = render(vec![cluster("a"), json!({"kind": "X"})]).unwrap_err();
    assert!(
        error.to_string().starts_with("document 2: apiVersion"),
        "{error}"
    );
    let mut bad = policy("Duplicate");
    bad["spec"]["maxClusters"] = json!("many");
    assert!(matches!(
        render(vec![bad]).unwrap_err(),
        OfflineError::Malformed { document: 1, .. }
    ));
}
