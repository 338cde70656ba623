//! Room that decisions have promised. Nothing runs in these members: pods come when the test makes them.

use serde_json::{Value, json};

use super::harness::{Federation, cluster, deployment, federated};

/// Gives a member a node of so many processors.
async fn node(federation: &Federation, index: usize, cpu: &str) {
    let member = &federation.members[index];
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node" } });
    member.create(node.clone()).await;
    let amounts = json!({ "cpu": cpu, "memory": "64Gi", "pods": "110" });
    let status = json!({ "status": { "allocatable": amounts,
        "conditions": [{ "type": "Ready", "status": "True" }] } });
    member.merge_status(&node, status).await;
    let name = format!("member-{}", index + 1);
    federation
        .host
        .until(&cluster(&name), "its processors are known", |cluster| {
            cluster["status"]["resources"]["allocatable"]["cpu"] == cpu
        })
        .await;
}

/// A namespace with the policy `everywhere`, which looks at room.
async fn namespace(federation: &Federation, spec: Value) {
    let host = &federation.host;
    host.create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }))
        .await;
    host.create(
        json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "SchedulingProfile",
        "metadata": { "name": "room" },
        "spec": { "plugins": { "filter": { "enabled": [{ "name": "ClusterResourcesFit" }] } } } }),
    )
    .await;
    let policy = json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": { "name": "everywhere", "namespace": "shop" }, "spec": spec });
    host.create(policy).await;
}

fn workload(name: &str, replicas: i64, cpu: &str) -> Value {
    let mut workload = deployment("shop", name);
    workload["spec"]["replicas"] = json!(replicas);
    workload["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({ "requests": { "cpu": cpu } });
    workload
}

fn fed(name: &str) -> Value {
    federated("shop", &format!("{name}-deployments.apps"))
}

/// Clusters and replicas as they are written down.
fn shares(federated: &Value) -> Vec<(String, i64)> {
    let overrides = federated["spec"]["overrides"][0]["clusters"].as_array();
    let share = |entry: &Value| {
        let name = entry["cluster"].as_str().unwrap_or_default().to_owned();
        (name, entry["patches"][0]["value"].as_i64().unwrap_or(-1))
    };
    overrides.into_iter().flatten().map(share).collect()
}

async fn placed(federation: &Federation, name: &str) -> Vec<(String, i64)> {
    let is_placed = |object: &Value| !shares(object).is_empty();
    let found = federation
        .host
        .until(&fed(name), "it is placed", is_placed)
        .await;
    shares(&found)
}

/// Makes the pods of a copy and lets it report them, as the member's controllers would; `all` of them are told of on
/// the host then.
async fn run(federation: &Federation, index: usize, workload: &Value, pods: i64, all: i64) {
    let member = &federation.members[index];
    let copy = member.until(workload, "the copy exists", |_| true).await;
    let name = workload["metadata"]["name"].as_str().unwrap();
    for number in 0..pods {
        member
            .create(json!({ "apiVersion": "v1", "kind": "Pod",
                "metadata": { "name": format!("{name}-{number}"), "namespace": "shop" },
                "spec": workload["spec"]["template"]["spec"] }))
            .await;
    }
    let status = json!({ "status": { "observedGeneration": copy["metadata"]["generation"],
        "replicas": pods, "updatedReplicas": pods } });
    member.merge_status(workload, status).await;
    federation
        .host
        .until(workload, "its pods are counted", |source| {
            source["status"]["replicas"] == all
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_spread_by_the_room_that_each_decision_leaves() {
    let federation = Federation::start(2).await;
    node(&federation, 0, "6").await;
    node(&federation, 1, "2").await;
    let spec = json!({ "schedulingMode": "Divide", "schedulingProfile": "room" });
    namespace(&federation, spec).await;
    let names: Vec<String> = (0..8).map(|number| format!("web-{number}")).collect();
    let making = names
        .iter()
        .map(|name| federation.host.create(workload(name, 1, "1")));
    futures::future::join_all(making).await;
    let mut found = [0, 0];
    for name in &names {
        let placed = placed(&federation, name).await;
        assert_eq!(placed.len(), 1, "{placed:?}");
        found[usize::from(placed[0].0 == "member-2")] += 1;
    }
    // No pod has been seen anywhere: all of this is known from decisions alone.
    assert_eq!(found, [6, 2]);
    federation.host.create(workload("late", 1, "1")).await;
    let note = federation.host.until_event("shop", "NothingFits").await;
    assert!(note.contains("cpu"), "{note}");
    // What was promised and never used is free again.
    federation.host.delete(&workload(&names[0], 1, "1")).await;
    placed(&federation, "late").await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_that_are_seen_count_once_and_nobody_is_driven_away_by_his_own() {
    let mut federation = Federation::start(2).await;
    node(&federation, 0, "12").await;
    node(&federation, 1, "8").await;
    let when = json!({ "replicaRescheduling": { "avoidDisruption": false } });
    let spec = json!({ "schedulingMode": "Divide", "schedulingProfile": "room",
        "reschedulePolicy": when });
    namespace(&federation, spec).await;
    let web = workload("web", 10, "1");
    federation.host.create(web.clone()).await;
    let before = [("member-1".to_owned(), 6), ("member-2".to_owned(), 4)];
    assert_eq!(placed(&federation, "web").await, before);
    // Reason enough to decide again.
    let decide_again = async |federation: &Federation, number: i64| {
        let hash = |object: &Value| {
            let text =
                object["metadata"]["annotations"]["kubeadmiral.io/scheduling-triggers"].as_str();
            text.unwrap_or_default().to_owned()
        };
        let old = hash(&federation.host.get(&fed("web")).await.unwrap());
        let tolerations = json!([{ "key": format!("any-{number}"), "operator": "Exists" }]);
        let patch = json!({ "metadata": { "annotations": {
            "kubeadmiral.io/tolerations": tolerations.to_string() } } });
        federation.host.merge(&web, patch).await;
        let new = |object: &Value| hash(object) != old;
        let found = federation
            .host
            .until(&fed("web"), "it is decided again", new)
            .await;
        shares(&found)
    };
    let found = decide_again(&federation, 1).await;
    assert_eq!(found, before, "while no pod is seen");
    run(&federation, 0, &web, 6, 6).await;
    assert_eq!(
        decide_again(&federation, 2).await,
        before,
        "pods in one member"
    );
    run(&federation, 1, &web, 4, 10).await;
    assert_eq!(decide_again(&federation, 3).await, before, "pods in both");
    // Six and four are left, and a manager that starts knows it: neither double nor not at all.
    federation.stop_manager().await;
    federation.start_manager().await;
    federation.until_ready("member-1").await;
    federation.until_ready("member-2").await;
    assert_eq!(
        decide_again(&federation, 4).await,
        before,
        "after a restart"
    );
    federation.host.create(workload("other", 10, "1")).await;
    assert_eq!(placed(&federation, "other").await, before);
    federation.host.create(workload("late", 1, "1")).await;
    federation.host.until_event("shop", "NothingFits").await;
    federation.stop().await;
}
