//! Tests of quota's part in `explain`, `schedule` and `plan`.

use crate::offline::explained::explain;
use crate::offline::plan::{Plan, plan};
use crate::offline::schedule::decide;
use jiff::Timestamp;
use navarch_scheduler::unit::Features;
use serde_json::{Value, json};

const API: &str = "core.kubeadmiral.io/v1alpha1";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn cluster(name: &str) -> Value {
    json!({"apiVersion": API, "kind": "FederatedCluster", "metadata": {"name": name},
        "status": {"conditions": [{"type": "Joined", "status": "True"}, {"type": "Ready", "status": "True"}],
            "apiResourceTypes": [{"group": "apps", "version": "v1", "kind": "Deployment"}]}})
}

fn policy() -> Value {
    json!({"apiVersion": API, "kind": "PropagationPolicy", "metadata": {"name": "p", "namespace": "team"},
        "spec": {"schedulingMode": "Divide", "replicasStrategy": "Spread"}})
}

fn deployment(name: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "team", "labels": {"kubeadmiral.io/propagation-policy-name": "p"}},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [
            {"name": "c", "resources": {"requests": {"cpu": "1"}}}]}}}})
}

/// One that is charged so many replicas in cluster a.
fn charged(name: &str, wanted: i64, replicas: i64) -> Value {
    let scheduler = "kubeadmiral.io/global-scheduler";
    let charge = json!({"once": {"count/deployments.apps": 1},
        "clusters": {"a": {"replicas": replicas, "each": {"pods": 1, "requests.cpu": 1000}}}});
    json!({"apiVersion": API, "kind": "FederatedObject",
        "metadata": {"name": format!("{name}-deployments.apps"), "namespace": "team",
            "labels": {"kubeadmiral.io/propagation-policy-name": "p"},
            "annotations": {"navarch.dev/charge": charge.to_string()}},
        "spec": {"template": deployment(name, wanted),
            "placements": [{"controller": scheduler, "placement": [{"cluster": "a"}]}],
            "overrides": [{"controller": scheduler, "clusters": [{"cluster": "a", "patches": [
                {"op": "replace", "path": "/spec/replicas", "value": replicas}]}]}]}})
}

fn quota(limit: &str, more: &Value) -> Value {
    let mut spec = json!({"selector": {"namespaceSelector": {"matchLabels": {"team": "yes"}}},
        "resources": [{"name": "cpu", "limit": limit}]});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    json!({"apiVersion": "navarch.dev/v1alpha1", "kind": "GlobalQuota", "metadata": {"name": "q"}, "spec": spec})
}

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": {"team": "yes"}}})
}

fn world() -> Vec<Value> {
    vec![cluster("a"), cluster("b"), policy()]
}

#[test]
fn explain_counts_what_others_are_charged() {
    let mut documents = world();
    documents.push(deployment("new", 4));
    for (name, limit, fits, most) in [("room", "10", true, 7), ("short", "6", false, 3)] {
        let beside = vec![quota(limit, &json!({})), namespace(), charged("old", 3, 3)];
        let told = explain(documents.clone(), beside, Features::default(), now()).unwrap();
        let quota = told.quota.unwrap();
        assert_eq!(quota.fits, fits, "{name}: {quota:?}");
        assert_eq!(quota.replicas, Some(most), "{name}");
        assert_eq!(quota.asks["requests.cpu"], "4", "{name}");
        assert_eq!(quota.quotas[0].name, "q");
        assert_eq!(quota.quotas[0].resources[0].used, "3");
        let short = "quota q: asks for 4 more of requests.cpu, 3 free of 6".to_owned();
        assert_eq!(quota.message, (!fits).then_some(short), "{name}");
    }
    // Another namespace's labels.
    let beside = vec![quota("1", &json!({}))];
    let told = explain(documents, beside, Features::default(), now()).unwrap();
    assert_eq!(told.quota, None);
}

#[test]
fn a_cap_of_a_cluster_is_planned_around_and_a_part_is_taken() {
    let capped =
        json!({"clusters": [{"names": ["a"], "resources": [{"name": "cpu", "limit": "1"}]}]});
    let mut documents = world();
    documents.extend([deployment("new", 4), quota("10", &capped), namespace()]);
    let answers = decide(documents, Features::default(), now()).unwrap();
    let answer = &answers.answers[0];
    let placement = &answer.asked.as_ref().unwrap().decision.placement;
    let counts: Vec<_> = placement.values().copied().collect();
    assert_eq!(counts, [Some(1), Some(3)]);
    let told = answer.quota.as_ref().unwrap();
    assert_eq!((told.fits, told.clusters["a"]), (true, 1));

    let mut documents = world();
    let partial = quota("3", &json!({"onExceeded": "Partial"}));
    documents.extend([deployment("new", 4), partial, namespace()]);
    let answers = decide(documents, Features::default(), now()).unwrap();
    let told = answers.answers[0].quota.as_ref().unwrap();
    assert!(!told.fits);
    assert_eq!(told.asks["requests.cpu"], "3");
    let message = told.message.as_deref().unwrap();
    assert_eq!(
        message,
        "3 of 4 replicas fit into the quota; the others wait"
    );
}

fn planned(live: &[Value], changed: Value) -> Plan {
    let mut all = world();
    all.extend(live.to_vec());
    plan(
        &all,
        vec![changed],
        &[namespace()],
        Features::default(),
        now(),
    )
    .unwrap()
}

#[test]
fn plan_tells_who_would_be_over_who_would_wait_and_who_would_come_in() {
    // It has four and wants six.
    let live = [charged("web", 6, 4), quota("4", &json!({}))];
    let raised = planned(&live, quota("6", &json!({}))).quota;
    let names: Vec<_> = raised
        .fits
        .iter()
        .map(|object| object.name.as_str())
        .collect();
    assert_eq!(
        (names.as_slice(), raised.waits.len()),
        (&["web"][..], 0),
        "{raised:?}"
    );
    let figure = &raised.quotas[0].resources[0];
    assert_eq!(
        (figure.limit.as_str(), figure.limit_then.as_str()),
        ("4", "6")
    );
    assert_eq!(
        (figure.used.as_str(), figure.used_then.as_str()),
        ("4", "6")
    );

    let lowered = planned(&live, quota("3", &json!({}))).quota;
    assert_eq!(
        lowered.quotas[0].over,
        ["4 of requests.cpu used, the limit is 3"]
    );
    assert!(lowered.waits[0].already, "{lowered:?}");
    let first = planned(&[charged("web", 6, 4)], quota("5", &json!({}))).quota;
    assert!(
        !first.waits[0].already && !first.quotas[0].before,
        "{first:?}"
    );
    assert_eq!(planned(&live, quota("4", &json!({}))).quota.quotas, []);
}

#[test]
fn those_who_ask_are_let_in_one_after_the_other() {
    let live = [charged("one", 3, 1), charged("two", 3, 1)];
    let plan = planned(&live, quota("4", &json!({}))).quota;
    let waits: Vec<_> = plan
        .waits
        .iter()
        .map(|waits| waits.message.as_str())
        .collect();
    assert_eq!(
        waits,
        ["quota q: asks for 2 more of requests.cpu, 0 free of 4"]
    );
}

#[test]
fn a_quota_that_cannot_be_is_told_before_it_is_applied() {
    let odd = quota("4", &json!({"mode": "Odd"}));
    let error = plan(&world(), vec![odd], &[], Features::default(), now()).unwrap_err();
    assert!(error.message().contains("spec.mode"), "{}", error.message());
}
