//! Every case that KubeAdmiral's own scheduler has answered, through the offline command's functions, as documents.
//! What they are: scheduler/testdata/README.md

#![expect(clippy::unwrap_used, reason = "a test")]

mod cases;

use navarch_controllers::offline::schedule::decide;
use navarch_controllers::offline::scheduled::Scheduled;
use navarch_scheduler::audit::audit;
use navarch_scheduler::unit::Features;
use serde_json::{Value, json};

fn cases() -> Vec<Value> {
    cases::read(include_bytes!(
        "../../scheduler/testdata/schedule-cases.jsonl.gz"
    ))
}

fn documents(case: &Value) -> Vec<Value> {
    let mut documents = case["clusters"].as_array().unwrap().clone();
    documents.extend(
        ["policy", "profile", "federatedObject"]
            .iter()
            .map(|key| case[*key].clone()),
    );
    documents
}

/// What is wrong with the answer to a case; empty if nothing.
fn check(case: &Value, documents: Vec<Value>) -> Vec<String> {
    // After the times written in the cases that have passed, before those that have not.
    let now = "2025-06-01T00:00:00Z".parse().unwrap();
    let answers = match decide(documents, Features::default(), now) {
        Ok(answers) => answers,
        Err(error) => return vec![error.to_string()],
    };
    let mut wrong = Vec::new();
    for asked in answers.answers.iter().flat_map(|answer| &answer.asked) {
        let findings = audit(
            &asked.unit,
            &answers.snapshot,
            &asked.profile,
            now,
            &asked.decision,
        );
        wrong.extend(findings.iter().map(ToString::to_string));
    }
    let shown = serde_json::to_value(Scheduled::of(&answers)).unwrap();
    assert_eq!(shown["results"].as_array().unwrap().len(), 1);
    let result = &shown["results"][0];
    let expect = &case["expect"];
    let placed = expect["clusters"].as_object().cloned().unwrap_or_default();
    let wanted: Vec<Value> = placed
        .into_iter()
        .map(|(name, replicas)| json!({"name": name, "replicas": replicas}))
        .collect();
    for (what, got, wanted) in [
        ("clusters", &result["clusters"], &Value::from(wanted)),
        (
            "unschedulable",
            &result["unschedulable"],
            &expect["unschedulable"].as_bool().unwrap_or(false).into(),
        ),
        ("triggers", &result["triggers"], &expect["triggers"]),
        ("policy", &result["policy"], &json!("default/policy")),
    ] {
        if got != wanted {
            wrong.push(format!("{what}: {got}, expected {wanted}"));
        }
    }
    wrong
}

#[test]
fn every_case_is_answered_as_kubeadmiral_does() {
    let cases = cases();
    assert_eq!(cases.len(), 300);
    let mut failed = Vec::new();
    for case in &cases {
        let in_order = documents(case);
        let mut reversed = in_order.clone();
        reversed.reverse();
        let listed = vec![json!({"apiVersion": "v1", "kind": "List", "items": in_order.clone()})];
        for documents in [in_order, reversed, listed] {
            let wrong = check(case, documents);
            if !wrong.is_empty() {
                failed.push(format!("{}: {}", case["name"], wrong.join("; ")));
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{}:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// The object as a user writes it, with the annotations and labels that were moved to the federated object.
fn source(case: &Value) -> Value {
    let federated = &case["federatedObject"];
    let mut source = federated["spec"]["template"].clone();
    for field in ["labels", "annotations"] {
        let moved = federated["metadata"][field].as_object().cloned();
        let kept = source["metadata"][field].as_object().cloned();
        let all: serde_json::Map<String, Value> = kept.into_iter().chain(moved).flatten().collect();
        source["metadata"][field] = all.into();
    }
    source
}

/// What a controller wrote stands on the federated object alone.
const OF_CONTROLLERS: [&str; 2] = [
    "kubeadmiral.io/auto-migration-info",
    "kubeadmiral.io/applied-migration-configuration",
];

#[test]
fn a_source_is_decided_as_its_federated_object() {
    let mut alone = 0;
    for case in &cases() {
        // With its federated object beside it there is one answer.
        let mut both = documents(case);
        both.push(source(case));
        assert_eq!(check(case, both), Vec::<String>::new(), "{}", case["name"]);
        let federated = &case["federatedObject"];
        let written = |key: &&str| federated["metadata"]["annotations"].get(*key).is_some();
        if federated["spec"]["placements"].is_array() || OF_CONTROLLERS.iter().any(written) {
            continue;
        }
        alone += 1;
        let mut documents = documents(case);
        documents.pop();
        documents.push(source(case));
        assert_eq!(
            check(case, documents),
            Vec::<String>::new(),
            "{}",
            case["name"]
        );
    }
    assert!(alone > 50, "{alone}");
}
