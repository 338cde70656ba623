//! Tests of `plan`: a host's state as documents, a change, and what would move.

use super::*;
use crate::offline::explained::explain;
use crate::offline::schedule::decide;
use serde_json::json;

const API: &str = "core.kubeadmiral.io/v1alpha1";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn cluster(name: &str, taints: &Value) -> Value {
    json!({"apiVersion": API, "kind": "FederatedCluster", "metadata": {"name": name}, "spec": {"taints": taints},
        "status": {"conditions": [{"type": "Joined", "status": "True"}, {"type": "Ready", "status": "True"}],
            "apiResourceTypes": [{"group": "apps", "version": "v1", "kind": "Deployment"}]}})
}

fn policy(spec: &Value) -> Value {
    json!({"apiVersion": API, "kind": "PropagationPolicy", "metadata": {"name": "p", "namespace": "default"}, "spec": spec})
}

fn deployment(name: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": []}}}})
}

/// A federated object as the scheduler left it in this world.
fn placed(world: &[Value], name: &str, replicas: i64) -> Value {
    let mut federated = json!({"apiVersion": API, "kind": "FederatedObject",
        "metadata": {"name": format!("{name}-deployments.apps"), "namespace": "default", "generation": 2,
            "labels": {"kubeadmiral.io/propagation-policy-name": "p"}, "annotations": {}},
        "spec": {"template": deployment(name, replicas)}});
    let mut documents = world.to_vec();
    documents.push(federated.clone());
    let answers = decide(documents, Features::default(), now()).unwrap();
    let answer = &answers.answers[0];
    let placement = &answer.asked.as_ref().unwrap().decision.placement;
    let names: Vec<Value> = placement
        .keys()
        .map(|name| json!({"cluster": name.as_str()}))
        .collect();
    let counts: Vec<Value> = placement
        .iter()
        .filter_map(|(name, count)| {
            let count = (*count)?;
            Some(json!({"cluster": name.as_str(), "patches": [{"op": "replace", "path": "/spec/replicas", "value": count}]}))
        })
        .collect();
    let scheduler = "kubeadmiral.io/global-scheduler";
    federated["spec"]["placements"] = json!([{"controller": scheduler, "placement": names}]);
    federated["spec"]["overrides"] = json!([{"controller": scheduler, "clusters": counts}]);
    federated["metadata"]["annotations"]["kubeadmiral.io/scheduling-triggers"] =
        answer.triggers.to_json().into();
    federated
}

fn divide() -> Value {
    policy(&json!({"schedulingMode": "Divide"}))
}

fn world() -> Vec<Value> {
    let mut world = vec![cluster("a", &json!([])), cluster("b", &json!([])), divide()];
    let objects = [placed(&world, "web", 4), placed(&world, "db", 2)];
    world.extend(objects);
    world
}

fn planned(live: &[Value], changed: Value) -> Plan {
    plan(live, vec![changed], &[], Features::default(), now()).unwrap()
}

#[test]
fn what_changes_nothing_moves_nothing() {
    let quiet = planned(&world(), divide());
    assert_eq!((quiet.moves.len(), quiet.unchanged), (0, 2), "{quiet:?}");
    assert_eq!(quiet.totals, []);
}

#[test]
fn a_taint_moves_every_replica_of_its_cluster() {
    let mut tainted = cluster("b", &json!([{"key": "down", "effect": "NoExecute"}]));
    // A file rarely has a status; that of the host holds.
    tainted.as_object_mut().unwrap().remove("status");
    let plan = planned(&world(), tainted);
    assert_eq!((plan.moves.len(), plan.unchanged), (2, 0), "{plan:?}");
    let web = plan
        .moves
        .iter()
        .find(|one| one.object.name == "web")
        .unwrap();
    assert_eq!(web.policy, "default/p");
    assert!(!web.already && !web.unschedulable);
    let counts: Vec<_> = web
        .clusters
        .iter()
        .map(|one| (one.name.as_str(), one.before, one.after))
        .collect();
    assert_eq!(counts, [("a", Some(2), Some(4)), ("b", Some(2), None)]);
    assert_eq!(
        web.reasons["b"],
        "TaintToleration: untolerated taint down:NoExecute"
    );
    let totals: Vec<_> = plan
        .totals
        .iter()
        .map(|total| {
            (
                total.name.as_str(),
                total.before.replicas,
                total.after.replicas,
                total.after.objects,
            )
        })
        .collect();
    assert_eq!(totals, [("a", 3, 6, 2), ("b", 3, 0, 0)]);
}

#[test]
fn a_policy_that_puts_decisions_off_is_told() {
    let still = json!({"schedulingMode": "Divide", "placement": [{"cluster": "a"}],
        "reschedulePolicy": {"rescheduleWhen": {"policyContentChanged": false}}});
    let plan = planned(&world(), policy(&still));
    assert_eq!((plan.moves.len(), plan.unchanged), (0, 2));
    assert_eq!(plan.deferred.len(), 2);
    assert_eq!(plan.deferred[0].reason, "policyContentChanged:false");
}

#[test]
fn what_cannot_be_decided_stays_and_is_told() {
    let named = json!({"schedulingMode": "Divide", "schedulingProfile": "none"});
    let plan = planned(&world(), policy(&named));
    assert_eq!((plan.moves.len(), plan.problems.len()), (0, 2));
    assert!(
        plan.problems[0].message.contains("SchedulingProfile none"),
        "{plan:?}"
    );
    let wrong = plan_error(policy(&json!({"schedulingMode": "Odd"})));
    assert!(
        wrong.starts_with("document 1, PropagationPolicy \"p\", field spec.schedulingMode"),
        "{wrong}"
    );
}

fn plan_error(changed: Value) -> String {
    plan(&world(), vec![changed], &[], Features::default(), now())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_new_object_comes() {
    let mut new = deployment("new", 2);
    new["metadata"]["labels"] = json!({"kubeadmiral.io/propagation-policy-name": "p"});
    let plan = planned(&world(), new);
    assert_eq!(plan.moves.len(), 1);
    assert!(
        plan.moves[0]
            .clusters
            .iter()
            .all(|one| !one.placed_before && one.placed_after)
    );
}

#[test]
fn an_explanation_has_every_filter_of_every_cluster() {
    let mut documents = vec![
        cluster("a", &json!([])),
        cluster("b", &json!([{"key": "down", "effect": "NoExecute"}])),
        divide(),
    ];
    let mut web = placed(&world()[..3], "web", 4);
    web["status"] =
        json!({"syncedGeneration": 1, "clusters": [{"cluster": "b", "status": "ClusterNotReady"}]});
    documents.push(web);
    let told = explain(documents, Vec::new(), Features::default(), now()).unwrap();
    assert_eq!(told.summary, "placed on a:4");
    let [a, b] = &told.clusters[..] else {
        panic!("{told:?}")
    };
    assert_eq!((a.filters.len(), b.filters.len()), (7, 7));
    assert!(a.filters.iter().all(|one| one.verdict == "fits"));
    let refused: Vec<_> = b
        .filters
        .iter()
        .filter(|one| one.verdict != "fits")
        .collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].plugin, "TaintToleration");
    assert_eq!((a.replicas, a.chosen_replicas), (Some(2), Some(4)));
    assert!(b.placed && !b.chosen);
    assert_eq!(a.figures.as_ref().unwrap().planned, 4);
    assert_eq!(b.status.as_deref(), Some("ClusterNotReady"));
    for part in [
        "the next pass decides anew",
        "generation 2 is not reported",
        "b: ClusterNotReady",
    ] {
        assert!(
            told.waiting.iter().any(|note| note.contains(part)),
            "{part}: {:?}",
            told.waiting
        );
    }
}

#[test]
fn an_object_is_not_driven_away_by_its_own_pods() {
    // Of ten processors in each cluster, eight are taken in `a`: by this object's own pods, or by others'.
    let sized = |name: &str, free: &str| {
        let mut cluster = cluster(name, &json!([]));
        cluster["status"]["resources"] =
            json!({"allocatable": {"cpu": "10"}, "available": {"cpu": free}});
        cluster
    };
    let spec =
        json!({"schedulingMode": "Divide", "maxClusters": 1, "schedulingProfile": "by-room"});
    let profile = json!({"apiVersion": API, "kind": "SchedulingProfile", "metadata": {"name": "by-room"},
        "spec": {"plugins": {"score": {"disabled": [{"name": "ClusterResourcesBalancedAllocation"}]}}}});
    let web = |replicas: i64| {
        let mut web = deployment("web", replicas);
        web["spec"]["template"]["spec"]["containers"] =
            json!([{"name": "main", "resources": {"requests": {"cpu": "2"}}}]);
        web
    };
    let empty = [
        sized("a", "10"),
        sized("b", "9"),
        policy(&spec),
        profile.clone(),
    ];
    for (name, status, expected) in [
        ("its copy was applied", json!("OK"), "a"),
        ("its copy is not there", json!("CreationFailed"), "b"),
    ] {
        let mut federated = placed(&empty, "web", 4);
        federated["spec"]["template"] = web(4);
        federated["status"] = json!({"clusters": [{"cluster": "a", "status": status}]});
        let live = [
            sized("a", "2"),
            sized("b", "9"),
            policy(&spec),
            profile.clone(),
            federated,
        ];
        let told = explain(live.to_vec(), Vec::new(), Features::default(), now()).unwrap();
        assert_eq!(told.summary, format!("placed on {expected}:4"), "{name}");
        let mut more = web(5);
        more["metadata"]["labels"] = json!({"kubeadmiral.io/propagation-policy-name": "p"});
        let plan = planned(&live, more);
        let after: Vec<&str> = plan.moves[0]
            .clusters
            .iter()
            .filter(|one| one.placed_after)
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(after, [expected], "{name}");
        // Documents that are no host's are taken at their word.
        let answers = decide(live.to_vec(), Features::default(), now()).unwrap();
        let placement = &answers.answers[0]
            .asked
            .as_ref()
            .unwrap()
            .decision
            .placement;
        assert_eq!(placement.keys().next().unwrap().as_str(), "b", "{name}");
    }
}
