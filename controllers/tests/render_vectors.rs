//! Every case that KubeAdmiral's own federate, override and sync code has answered, through the
//! offline command's function. What they are: testdata/README.md

#![expect(clippy::unwrap_used, reason = "a test")]

mod cases;

use std::collections::BTreeMap;

use navarch_controllers::offline;
use serde_json::Value;

/// What is wrong with the answer to a case; empty if nothing.
fn check(case: &Value) -> Vec<String> {
    let mut documents: Vec<Value> = [
        "source",
        "propagationPolicy",
        "clusterOverridePolicy",
        "overridePolicy",
    ]
    .iter()
    .map(|key| case[*key].clone())
    .collect();
    documents.extend(case["clusters"].as_array().unwrap().clone());
    let rendered = serde_json::to_value(offline::render(documents).unwrap()).unwrap();
    let result = &rendered["results"][0];
    let expect = &case["expect"];
    let mut wrong = Vec::new();
    let mut compare = |what: &str, got: &Value, wanted: &Value| {
        if got != wanted {
            wrong.push(format!("{what}:\n got    {got}\n wanted {wanted}"));
        }
    };
    compare(
        "federated object",
        &result["federatedObject"],
        &expect["federatedObject"],
    );
    let copies: BTreeMap<&str, &Value> = result["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| (copy["cluster"].as_str().unwrap(), &copy["object"]))
        .collect();
    let none = serde_json::Map::new();
    let members = expect["members"].as_object().unwrap_or(&none);
    for (cluster, wanted) in members {
        let got = copies
            .get(cluster.as_str())
            .copied()
            .unwrap_or(&Value::Null);
        compare(cluster, got, wanted);
    }
    compare(
        "number of copies",
        &copies.len().into(),
        &members.len().into(),
    );
    let errors = result["errors"].as_array().unwrap();
    let refused = expect["memberErrors"].as_object().unwrap_or(&none);
    for cluster in refused.keys() {
        let told = errors
            .iter()
            .any(|error| error["cluster"] == cluster.as_str());
        compare("error of a member", &told.into(), &true.into());
    }
    let fails = !refused.is_empty() || !expect["overrideError"].is_null();
    compare("errors", &(!errors.is_empty()).into(), &fails.into());
    wrong
}

#[test]
fn every_answer_is_that_of_kubeadmiral() {
    let cases = cases::read(include_bytes!("../testdata/render-cases.jsonl.gz"));
    assert_eq!(cases.len(), 200);
    let failed: Vec<String> = cases
        .iter()
        .map(|case| (case, check(case)))
        .filter(|(_, wrong)| !wrong.is_empty())
        .map(|(case, wrong)| format!("{}: {}", case["name"], wrong.join("\n")))
        .collect();
    assert!(
        failed.is_empty(),
        "{} cases:\n{}",
        failed.len(),
        failed.join("\n\n")
    );
}
