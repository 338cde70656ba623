//! `navarch schedule` as a user runs it: the shared cases through the binary, and what it says to wrong input.
//! The cases: scheduler/testdata/README.md.
#![allow(clippy::unwrap_used, reason = "a test fails with what is wrong")]

#[path = "../../controllers/tests/cases/mod.rs"]
mod cases;
mod program;

use std::process::Output;

use serde_json::{Value, json};

fn schedule(arguments: &[&str], input: &str) -> Output {
    let arguments = [&["schedule"], arguments].concat();
    let (output, _read_all) = program::run(&arguments, input);
    output
}

/// The documents of a case: YAML documents, a list, or lines of JSON, in turn.
fn input(index: usize, case: &Value) -> String {
    let mut documents: Vec<&Value> = case["clusters"].as_array().unwrap().iter().collect();
    documents.extend(
        ["profile", "policy", "federatedObject"]
            .iter()
            .map(|key| &case[*key]),
    );
    documents.retain(|document| !document.is_null());
    let lines: Vec<String> = documents.iter().map(ToString::to_string).collect();
    match index % 3 {
        0 => lines.iter().map(|line| format!("---\n{line}\n")).collect(),
        1 => lines.join("\n"),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": documents}).to_string(),
    }
}

#[test]
fn every_shared_case_is_answered_as_kubeadmiral_does() {
    let cases = cases::read(include_bytes!(
        "../../scheduler/testdata/schedule-cases.jsonl.gz"
    ));
    assert_eq!(cases.len(), 300);
    for (index, case) in cases.iter().enumerate() {
        let name = case["name"].as_str().unwrap();
        let output = schedule(&["-o", "json", "-f", "-"], &input(index, case));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name}: {said}");
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = shown["results"].as_array().unwrap();
        assert_eq!(results.len(), 1, "{name}");
        let (result, expect) = (&results[0], &case["expect"]);
        let placed: serde_json::Map<String, Value> = result["clusters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                (
                    one["name"].as_str().unwrap().to_owned(),
                    one["replicas"].clone(),
                )
            })
            .collect();
        let wanted = expect["clusters"].as_object().cloned().unwrap_or_default();
        assert_eq!(placed, wanted, "{name}");
        assert_eq!(
            result["unschedulable"].as_bool(),
            Some(expect["unschedulable"].as_bool().unwrap_or(false)),
            "{name}"
        );
        assert_eq!(result["triggers"], expect["triggers"], "{name}");
    }
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels: {kubeadmiral.io/propagation-policy-name: p}\nspec:\n  replicas: 3\n  template: {spec: {containers: []}}\n";
const POLICY: &str = "apiVersion: core.kubeadmiral.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: p}\nspec: {schedulingMode: Divide}\n";
const CLUSTER: &str = "apiVersion: core.kubeadmiral.io/v1alpha1\nkind: FederatedCluster\nmetadata: {name: a}\nstatus:\n  conditions:\n  - {type: Joined, status: \"True\"}\n  - {type: Ready, status: \"True\"}\n  apiResourceTypes:\n  - {group: apps, version: v1, kind: Deployment}\n";

#[test]
fn people_get_a_table() {
    let full = CLUSTER.replace("name: a", "name: b").replace(
        "status:\n  cond",
        "spec: {taints: [{key: full, effect: NoSchedule}]}\nstatus:\n  cond",
    );
    let input = [WEB, POLICY, CLUSTER, &full].join("---\n");
    let output = schedule(&["-f", "-"], &input);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    for part in [
        "Deployment default/web (policy default/p): placed on a:3",
        "CLUSTER   ANSWER",
        "a         3 replicas",
        "b         refused      TaintToleration: untolerated taint full:NoSchedule",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn nothing_that_fits_is_no_failure() {
    let output = schedule(&["-f", "-"], &[WEB, POLICY].join("---\n"));
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("0/0 clusters fit"), "{shown}");
}

#[test]
fn wrong_input_ends_with_1_and_names_file_document_and_field() {
    let bad = POLICY.replace("Divide}", "Divide, maxClusters: many}");
    for (name, input, expected) in [
        (
            "broken",
            "a: [\n".to_owned(),
            vec!["standard input, document 1"],
        ),
        (
            "wrong type",
            [WEB, &bad].join("---\n"),
            vec![
                "standard input, document 2",
                "PropagationPolicy p",
                "field spec.maxClusters",
            ],
        ),
        (
            "no policy",
            WEB.to_owned(),
            vec![
                "standard input, document 1",
                "PropagationPolicy default/p is not in the input",
            ],
        ),
        (
            "no profile",
            [
                WEB,
                &POLICY.replace("Divide}", "Divide, schedulingProfile: fast}"),
            ]
            .join("---\n"),
            vec![
                "standard input, document 2",
                "spec.schedulingProfile",
                "SchedulingProfile fast is not in the input",
            ],
        ),
        (
            "second line of JSON",
            format!(
                "{}\n{{\"kind\": \"X\"}}\n",
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
            ),
            vec!["standard input, document 2", "field apiVersion"],
        ),
    ] {
        let output = schedule(&["-f", "-"], &input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        for part in expected {
            assert!(said.contains(part), "{name}: {said}");
        }
        assert!(
            output.stdout.is_empty(),
            "{name}: nothing is printed beside an error"
        );
    }
}

#[test]
fn warnings_do_not_disturb_scripts() {
    let waiting =
        "apiVersion: core.kubeadmiral.io/v1alpha1\nkind: FederatedCluster\nmetadata: {name: new}\n";
    let odd = POLICY.replace("Divide}", "Divide, maxCluster: 1}");
    let output = schedule(
        &["-f", "-", "-o", "json"],
        &[WEB, &odd, CLUSTER, waiting].join("---\n"),
    );
    assert_eq!(output.status.code(), Some(0));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        shown["results"][0]["clusters"],
        json!([{"name": "a", "replicas": 3}])
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("document 2: unknown field spec.maxCluster"),
        "{said}"
    );
    assert!(
        said.contains("document 4: FederatedCluster new is left out"),
        "{said}"
    );
}
