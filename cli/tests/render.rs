//! `navarch render` as a user runs it: the shared render cases through the binary, and what it says to wrong input.
//! The cases: controllers/testdata/README.md.
#![allow(clippy::unwrap_used, reason = "a test fails with what is wrong")]

#[path = "../../controllers/tests/cases/mod.rs"]
mod cases;
mod program;

use std::process::Output;

use serde_json::{Value, json};

fn render(input: &str) -> Output {
    let (output, read_all) = program::run(&["render", "-o", "json", "-f", "-"], input);
    read_all.unwrap();
    output
}

fn input(case: &Value) -> String {
    let mut documents = vec![&case["source"]];
    documents.extend(case["clusters"].as_array().unwrap());
    let policies = [
        "propagationPolicy",
        "clusterOverridePolicy",
        "overridePolicy",
    ];
    documents.extend(
        policies
            .iter()
            .map(|key| &case[*key])
            .filter(|policy| !policy.is_null()),
    );
    documents
        .into_iter()
        .map(|document| format!("---\n{document}\n"))
        .collect()
}

/// What a running control plane adds is not part of the cases.
fn comparable(federated: &Value) -> Value {
    let mut federated = federated.clone();
    let object = federated.as_object_mut().unwrap();
    object.remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("creationTimestamp");
    metadata.remove("finalizers");
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        for key in [
            "kubeadmiral.io/pending-controllers",
            "kubeadmiral.io/scheduling",
            "kubeadmiral.io/scheduling-triggers",
            "internal.kubeadmiral.io/enable-follower-scheduling",
        ] {
            annotations.remove(key);
        }
    }
    federated
}

#[test]
fn every_shared_case_renders_as_kubeadmiral_does() {
    let cases = cases::read(include_bytes!(
        "../../controllers/testdata/render-cases.jsonl.gz"
    ));
    assert_eq!(cases.len(), 200);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let output = render(&input(case));
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let rendered: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = rendered["results"].as_array().unwrap();
        assert_eq!(results.len(), 1, "{name}");
        check(name, &results[0], &case["expect"]);
    }
}

fn check(name: &str, result: &Value, expect: &Value) {
    assert_eq!(
        comparable(&result["federatedObject"]),
        comparable(&expect["federatedObject"]),
        "{name}: federated object"
    );
    let members: serde_json::Map<String, Value> = result["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| {
            (
                copy["cluster"].as_str().unwrap().to_owned(),
                copy["object"].clone(),
            )
        })
        .collect();
    let expected = expect["members"].as_object().cloned().unwrap_or_default();
    assert_eq!(members, expected, "{name}: members");
    let errors = result["errors"].as_array().unwrap();
    let failed = expect["memberErrors"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    let expected_errors = expect["overrideError"].is_string() || failed > 0;
    assert_eq!(!errors.is_empty(), expected_errors, "{name}: {errors:?}");
    for cluster in expect["memberErrors"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(cluster, _)| cluster)
    {
        assert!(
            errors
                .iter()
                .any(|error| error["cluster"] == cluster.as_str()),
            "{name}: {cluster}"
        );
    }
}

#[test]
fn unreadable_input_ends_with_1_and_names_file_document_and_field() {
    let policy = json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": "p", "namespace": "default"}, "spec": {"schedulingMode": "Divide", "maxClusters": "many"}});
    for (name, input, expected) in [
        (
            "broken YAML",
            "a: [\n".to_owned(),
            "standard input, document 1",
        ),
        (
            "no kind",
            "apiVersion: v1\nmetadata: {name: a}\n".to_owned(),
            "field kind",
        ),
        (
            "wrong type",
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n---\n{policy}\n"),
            "standard input, document 2",
        ),
    ] {
        let output = render(&input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
        assert!(
            !said.contains("panicked") && !said.contains("backtrace"),
            "{name}: {said}"
        );
    }
}

#[test]
fn a_missing_file_is_named() {
    let (output, _) = program::run(&["render", "-f", "/nosuch/file.yaml"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nosuch/file.yaml"));
}
