//! Tests of scheduling documents beside the shared cases in `tests/schedule_vectors.rs`.

use super::*;
use crate::offline::scheduled::Scheduled;
use serde_json::json;

fn cluster(name: &str) -> Value {
    json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster", "metadata": {"name": name},
        "status": {"conditions": [{"type": "Joined", "status": "True"}, {"type": "Ready", "status": "True"}],
            "apiResourceTypes": [{"group": "apps", "version": "v1", "kind": "Deployment"},
                {"version": "v1", "kind": "ConfigMap"},
                {"group": "rbac.authorization.k8s.io", "version": "v1", "kind": "ClusterRole"}]}})
}

fn policy(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": kind, "metadata": {"name": "p"}, "spec": spec})
}

fn divide() -> Value {
    policy("PropagationPolicy", &json!({"schedulingMode": "Divide"}))
}

fn object(api_version: &str, kind: &str, label: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "labels": {label: "p"}}})
}

fn deployment(spec: &Value) -> Value {
    let mut deployment = object(
        "apps/v1",
        "Deployment",
        "kubeadmiral.io/propagation-policy-name",
    );
    deployment["spec"] = spec.clone();
    deployment
}

fn four() -> Value {
    deployment(&json!({"replicas": 4, "template": {"spec": {"containers": []}}}))
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn answers(documents: Vec<Value>) -> Answers {
    decide(documents, Features::default(), now()).unwrap()
}

fn results(documents: Vec<Value>) -> Value {
    serde_json::to_value(Scheduled::of(&answers(documents))).unwrap()["results"].clone()
}

#[test]
fn the_form_is_the_one_that_was_promised() {
    let mut far = cluster("far");
    far["spec"] = json!({"taints": [{"key": "far", "effect": "NoSchedule"}]});
    let results = results(vec![four(), divide(), cluster("b"), cluster("a"), far]);
    let result = &results[0];
    assert_eq!(
        result["object"],
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "web"})
    );
    assert_eq!(result["policy"], "default/p");
    assert_eq!(result["unschedulable"], false);
    assert_eq!(
        result["clusters"],
        json!([{"name": "a", "replicas": 2}, {"name": "b", "replicas": 2}])
    );
    assert_eq!(
        result["rejected"],
        json!([{"cluster": "far", "plugin": "TaintToleration", "reason": "untolerated taint far:NoSchedule"}])
    );
    assert_eq!(result["scores"][0]["cluster"], "a");
    assert_eq!(result["scores"][0]["plugins"]["TaintToleration"], 100);
    assert_eq!(result["triggers"]["policyName"], "p");
    assert_eq!(result["triggers"]["clusters"], json!(["a", "b", "far"]));
}

#[test]
fn objects_of_every_sort_are_answered() {
    let mut shared = object(
        "v1",
        "ConfigMap",
        "kubeadmiral.io/cluster-propagation-policy-name",
    );
    shared["metadata"]["namespace"] = json!("team");
    let role = object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "kubeadmiral.io/cluster-propagation-policy-name",
    );
    let unlabelled = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
    let wrong_label = object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "kubeadmiral.io/propagation-policy-name",
    );
    let everywhere = policy(
        "ClusterPropagationPolicy",
        &json!({"schedulingMode": "Duplicate"}),
    );
    let stranger =
        json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "x"}});
    let whole = json!([{"name": "a", "replicas": null}]);
    for (name, source, policy, clusters) in [
        ("cluster policy of a namespaced object", shared, "p", &whole),
        ("object of the cluster", role, "p", &whole),
        ("no policy", unlabelled, "", &json!([])),
        (
            "a namespaced policy of an object of the cluster",
            wrong_label,
            "",
            &json!([]),
        ),
    ] {
        let results = results(vec![
            source,
            everywhere.clone(),
            cluster("a"),
            stranger.clone(),
        ]);
        assert_eq!(results.as_array().unwrap().len(), 1, "{name}");
        assert_eq!(results[0]["policy"], policy, "{name}");
        assert_eq!(&results[0]["clusters"], clusters, "{name}");
        assert_eq!(results[0]["unschedulable"], false, "{name}");
        assert_eq!(results[0]["triggers"]["policyName"], policy, "{name}");
    }
}

#[test]
fn a_cluster_that_has_not_joined_is_left_out_with_a_word() {
    let bare = json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster", "metadata": {"name": "new"}});
    let answers = answers(vec![four(), divide(), cluster("a"), bare]);
    assert_eq!(answers.snapshot.clusters().len(), 1);
    assert!(
        answers.warnings[0].1.contains("new is left out"),
        "{:?}",
        answers.warnings
    );
}

#[test]
fn nothing_fits_is_an_answer() {
    let results = results(vec![four(), divide()]);
    assert_eq!(results[0]["unschedulable"], true);
    assert_eq!(results[0]["clusters"], json!([]));
}

#[test]
fn wrong_input_is_told_with_document_and_field() {
    let named = policy(
        "PropagationPolicy",
        &json!({"schedulingMode": "Divide", "schedulingProfile": "fast"}),
    );
    let profile = |plugins: &Value| {
        json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "SchedulingProfile", "metadata": {"name": "fast"},
            "spec": {"plugins": plugins}})
    };
    let mut odd_cluster = cluster("a");
    odd_cluster["status"]["resources"] = json!({"allocatable": {"cpu": "many"}});
    let mut odd_name = cluster("a");
    odd_name["metadata"]["name"] = json!("A_1");
    for (name, documents, told) in [
        (
            "policy missing",
            vec![four()],
            "document 1, Deployment \"web\", field metadata.labels[kubeadmiral.io/propagation-policy-name]: PropagationPolicy default/p is not in the input",
        ),
        (
            "profile missing",
            vec![four(), named.clone()],
            "document 2, PropagationPolicy \"p\", field spec.schedulingProfile: SchedulingProfile fast is not in the input",
        ),
        (
            "unknown plugin",
            vec![
                four(),
                named,
                profile(&json!({"filter": {"enabled": [{"name": "X"}]}})),
            ],
            "document 3, SchedulingProfile \"fast\", field spec.plugins: no built-in plugin is named \"X\", and a webhook cannot be asked",
        ),
        (
            "mode",
            vec![policy(
                "PropagationPolicy",
                &json!({"schedulingMode": "Both"}),
            )],
            "document 1, PropagationPolicy \"p\", field spec.schedulingMode",
        ),
        (
            "replicas",
            vec![
                deployment(&json!({"replicas": "4", "template": {"spec": {}}})),
                divide(),
            ],
            "field spec.replicas",
        ),
        (
            "pod template",
            vec![deployment(&json!({"replicas": 4})), divide()],
            "field the pod template",
        ),
        (
            "amount",
            vec![odd_cluster],
            "field status.resources.allocatable[cpu]",
        ),
        ("name", vec![odd_name], "field metadata.name"),
    ] {
        let error = decide(documents, Features::default(), now())
            .unwrap_err()
            .to_string();
        assert!(error.contains(told), "{name}: {error}");
    }
}

#[test]
fn what_is_there_already_counts_for_a_source_with_its_federated_object() {
    let mut kept = four();
    kept["metadata"]["annotations"] = json!({"kubeadmiral.io/no-scheduling": "true"});
    let federated = |placed: &[(&str, i64)]| {
        let placement: Vec<Value> = placed
            .iter()
            .map(|(name, _)| json!({"cluster": name}))
            .collect();
        let overrides: Vec<Value> = placed
            .iter()
            .map(|(name, count)| json!({"cluster": name, "patches": [{"path": "/spec/replicas", "value": count}]}))
            .collect();
        json!({"apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedObject",
            "metadata": {"name": "web-deployments.apps"},
            "spec": {"template": four(),
                "placements": [{"controller": "kubeadmiral.io/global-scheduler", "placement": placement}],
                "overrides": [{"controller": "kubeadmiral.io/global-scheduler", "clusters": overrides}]}})
    };
    let placed = federated(&[("a", 3), ("b", 1)]);
    let clusters = json!([{"name": "a", "replicas": 3}, {"name": "b", "replicas": 1}]);
    for (name, source) in [("not disrupted", four()), ("left alone", kept)] {
        let results = results(vec![
            placed.clone(),
            source,
            divide(),
            cluster("a"),
            cluster("b"),
        ]);
        assert_eq!(results.as_array().unwrap().len(), 1, "{name}");
        assert_eq!(results[0]["clusters"], clusters, "{name}");
    }
}

#[test]
fn a_migration_configuration_is_applied_as_a_pass_would() {
    let mut source = four();
    source["metadata"]["annotations"] = json!({"kubeadmiral.io/migration-configuration":
        json!({"replicasMigrations": [{"cluster": "a", "limitedCapacity": 1}]}).to_string()});
    let results = results(vec![divide(), source, cluster("a"), cluster("b")]);
    assert_eq!(
        results[0]["clusters"],
        json!([{"name": "a", "replicas": 1}, {"name": "b", "replicas": 3}])
    );
}

#[test]
fn unusable_annotations_are_told_and_the_policy_holds() {
    let mut source = four();
    source["metadata"]["annotations"] = json!({"kubeadmiral.io/maxClusters": "few"});
    let answers = answers(vec![divide(), source, cluster("a")]);
    let (document, note) = &answers.warnings[0];
    assert_eq!(*document, 2);
    assert!(note.contains("kubeadmiral.io/maxClusters"), "{note}");
}
