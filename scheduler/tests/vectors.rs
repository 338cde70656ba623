//! Runs every case that KubeAdmiral's own scheduler has answered. What they are: testdata/README.md
#![expect(clippy::unwrap_used, reason = "a test stops at what it cannot read")]

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use jiff::Timestamp;
use navarch_crds::v1alpha1::{
    FederatedCluster, FederatedObject, FederatedTypeConfigSpec, PropagationPolicy,
    SchedulingProfile,
};
use navarch_scheduler::audit::audit;
use navarch_scheduler::policy::CheckedPolicy;
use navarch_scheduler::profile::Profile;
use navarch_scheduler::snapshot::{Cluster, Snapshot};
use navarch_scheduler::trigger::{self, TriggerInputs};
use navarch_scheduler::unit::{self, Features, UnitInputs};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    name: String,
    clusters: Vec<FederatedCluster>,
    policy: PropagationPolicy,
    profile: Option<SchedulingProfile>,
    federated_object: FederatedObject,
    expect: Expected,
}

#[derive(Deserialize)]
struct Expected {
    clusters: Option<BTreeMap<String, Option<i64>>>,
    #[serde(default)]
    unschedulable: bool,
    triggers: Value,
}

fn cases() -> Vec<Case> {
    let packed = include_bytes!("../testdata/schedule-cases.jsonl.gz").as_slice();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn deployments() -> FederatedTypeConfigSpec {
    serde_json::from_value(json!({
        "sourceType": { "group": "apps", "version": "v1", "kind": "Deployment",
            "pluralName": "deployments", "scope": "Namespaced" },
        "pathDefinition": { "replicasSpec": "spec.replicas" },
    }))
    .unwrap()
}

/// What is wrong with the answer to a case; empty if nothing.
fn check(case: &Case, shuffle: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut clusters: Vec<Arc<Cluster>> = case
        .clusters
        .iter()
        .map(|cluster| Arc::new(Cluster::new(cluster).unwrap()))
        .collect();
    if shuffle {
        clusters.reverse();
    }
    let snapshot = Snapshot::new(clusters, 1);
    let policy = CheckedPolicy::check(&case.policy.spec).unwrap();
    let profile = Profile::merge(case.profile.as_ref().map(|profile| &profile.spec)).unwrap();
    let object = &case.federated_object;
    let annotations = object.metadata.annotations.clone().unwrap_or_default();
    let type_config = deployments();
    let (unit, _) = unit::build(UnitInputs {
        policy: &policy,
        type_config: &type_config,
        template: &object.spec.template,
        annotations: &annotations,
        placements: &object.spec.placements,
        overrides: &object.spec.overrides,
        features: Features::default(),
    })
    .unwrap();
    // After the times written in the cases that have passed, before those that have not.
    let now: Timestamp = "2025-06-01T00:00:00Z".parse().unwrap();
    let decision = match navarch_scheduler::schedule(&unit, &snapshot, &profile, now) {
        Ok(decision) => decision,
        Err(broken) => return vec![format!("{broken}: {}", broken.error)],
    };
    let placed: BTreeMap<String, Option<i64>> = decision
        .placement
        .iter()
        .map(|(name, count)| (name.to_string(), *count))
        .collect();
    let expected = case.expect.clusters.clone().unwrap_or_default();
    if placed != expected {
        wrong.push(format!("placed on {placed:?}, expected {expected:?}"));
    }
    if decision.unschedulable() != case.expect.unschedulable {
        wrong.push(format!("unschedulable: {}", decision.unschedulable()));
    }
    let findings = audit(&unit, &snapshot, &profile, now, &decision);
    wrong.extend(findings.iter().map(ToString::to_string));
    let document = trigger::document(TriggerInputs {
        annotations: &annotations,
        template: &object.spec.template,
        type_config: &type_config,
        policy: Some((case.policy.metadata.name.as_deref().unwrap(), &policy)),
        snapshot: &snapshot,
    })
    .unwrap();
    let written: Value = serde_json::from_str(&document.to_json()).unwrap();
    if written != case.expect.triggers {
        wrong.push(format!(
            "triggers {written}, expected {}",
            case.expect.triggers
        ));
    }
    // A document as KubeAdmiral wrote it is not a reason to decide again, nor to write.
    let stored = serde_json::to_string(&case.expect.triggers).unwrap();
    let outcome = trigger::decide(Some(&stored), &document, Some(&policy));
    if outcome.reschedule || outcome.store != stored || outcome.deferred.is_some() {
        wrong.push(format!("take-over is not quiet: {outcome:?}"));
    }
    wrong
}

#[test]
fn every_answer_is_that_of_kubeadmiral() {
    let cases = cases();
    assert_eq!(cases.len(), 300);
    let mut failed = Vec::new();
    for case in &cases {
        for shuffle in [false, true] {
            let wrong = check(case, shuffle);
            if !wrong.is_empty() {
                failed.push(format!("{}: {}", case.name, wrong.join("; ")));
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} of 600:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
