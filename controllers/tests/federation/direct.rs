//! Federated objects that users write themselves, without a source.

use serde_json::{Value, json};

use super::harness::{Federation, config_map, federated, policy};

/// A federated object of a config map, as a user would write it.
fn by_hand(name: &str, map: &str) -> Value {
    let mut object = federated("shop", name);
    object["metadata"]["labels"] = json!({
        "kubeadmiral.io/propagation-policy-name": "everywhere",
        "kubeadmiral.io/override-policy-name": "first",
    });
    object["spec"] = json!({ "template": { "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": map, "namespace": "shop" }, "data": { "key": "value" } } });
    object
}

fn first_is_different() -> Value {
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "OverridePolicy",
        "metadata": { "name": "first", "namespace": "shop" },
        "spec": { "overrideRules": [{
            "targetClusters": { "clusters": ["member-1"] },
            "overriders": { "jsonpatch": [
                { "operator": "replace", "path": "/data/key", "value": "patched" }] } }] } })
}

fn writes(federation: &Federation, name: &str) -> Vec<String> {
    federation
        .host
        .writes()
        .iter()
        .filter(|entry| entry.name == name)
        .map(|entry| format!("{} {}", entry.verb, entry.subresource))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_scheduled_overridden_and_withdrawn_like_any_other() {
    let mut federation = Federation::start(2).await;
    federation.namespace("shop").await;
    federation.host.create(first_is_different()).await;
    // What an ordinary source is given by it shows that the override policy is known.
    let mut ordinary = config_map("shop", "ordinary");
    ordinary["metadata"]["labels"]["kubeadmiral.io/override-policy-name"] = json!("first");
    federation.host.create(ordinary.clone()).await;
    federation.members[0]
        .until(&ordinary, "the copy is overridden", |copy| {
            copy["data"]["key"] == "patched"
        })
        .await;
    let object = by_hand("byhand-configmaps", "byhand");
    federation.host.create(object.clone()).await;
    let copy = config_map("shop", "byhand");
    for (member, value) in federation.members.iter().zip(["patched", "value"]) {
        member
            .until(&copy, "the copy is overridden", |copy| {
                copy["data"]["key"] == value
            })
            .await;
    }
    let settled = federation
        .host
        .until(&object, "both copies are told of", |object| {
            object["status"]["clusters"]
                .as_array()
                .is_some_and(|clusters| clusters.iter().all(|one| one["status"] == "OK"))
                && object["status"]["clusters"].as_array().map(Vec::len) == Some(2)
        })
        .await;
    let annotations = &settled["metadata"]["annotations"];
    assert!(annotations["kubeadmiral.io/scheduling-triggers"].is_string());
    assert_eq!(annotations["kubeadmiral.io/pending-controllers"], "[]");
    assert_eq!(
        settled["metadata"]["finalizers"],
        json!(["kubeadmiral.io/sync-controller"])
    );
    // One write for all of it, and one of the status.
    assert_eq!(
        writes(&federation, "byhand-configmaps"),
        ["update ", "patch status"]
    );

    federation.stop_manager().await;
    federation.host.server.request_log().clear();
    federation.start_manager().await;
    // Its change is seen after the restart, and nothing else was written.
    federation
        .host
        .merge(
            &object,
            json!({ "spec": { "template": { "data": { "key": "other" } } } }),
        )
        .await;
    federation.members[1]
        .until(&copy, "the change", |copy| copy["data"]["key"] == "other")
        .await;
    // The manager notes which template it decided about.
    let noted = writes(&federation, "byhand-configmaps");
    assert_eq!(noted.iter().filter(|write| *write == "update ").count(), 1);

    federation.host.delete(&object).await;
    federation.host.until_gone(&object).await;
    for member in &federation.members {
        assert!(member.get(&copy).await.is_none());
    }
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_policy_only_what_others_placed_stays() {
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let mut object = by_hand("byhand-configmaps", "byhand");
    object["metadata"]["labels"] =
        json!({ "kubeadmiral.io/propagation-policy-name": "everywhere" });
    object["spec"]["placements"] =
        json!([{ "controller": "me", "placement": [{ "cluster": "member-1" }] }]);
    federation.host.create(object.clone()).await;
    let copy = config_map("shop", "byhand");
    for member in &federation.members {
        member.until(&copy, "the copy exists", |_| true).await;
    }
    let unlabelled =
        json!({ "metadata": { "labels": { "kubeadmiral.io/propagation-policy-name": null } } });
    federation.host.merge(&object, unlabelled).await;
    federation.members[1].until_gone(&copy).await;
    assert!(federation.members[0].get(&copy).await.is_some());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_another_name_is_kept_and_ends_as_well() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    federation.host.create(first_is_different()).await;
    let object = by_hand("mine", "byhand");
    federation.host.create(object.clone()).await;
    let (member, copy) = (&federation.members[0], config_map("shop", "byhand"));
    let before = member.until(&copy, "the copy exists", |_| true).await;
    member.delete(&copy).await;
    member
        .until(&copy, "it is made again", |copy| {
            copy["metadata"]["uid"] != before["metadata"]["uid"]
        })
        .await;
    federation.host.delete(&object).await;
    federation.host.until_gone(&object).await;
    assert!(member.get(&copy).await.is_none());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_it_as_it_was_first_written_evicts_nothing() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let mut object = by_hand("byhand-configmaps", "byhand");
    object["metadata"]["labels"] =
        json!({ "kubeadmiral.io/propagation-policy-name": "everywhere" });
    federation.host.create(object.clone()).await;
    let (member, copy) = (&federation.members[0], config_map("shop", "byhand"));
    let before = member.until(&copy, "the copy exists", |_| true).await;
    // Without placements, triggers and finalizer, as `kubectl replace` sends it.
    let bare = json!({ "metadata": { "annotations": null, "finalizers": null },
        "spec": { "placements": null, "template": { "data": { "key": "other" } } } });
    federation.host.merge(&object, bare).await;
    let after = member
        .until(&copy, "the change", |copy| copy["data"]["key"] == "other")
        .await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_reaches_out_of_its_namespace_is_refused() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let mut object = federated("shop", "reader");
    object["metadata"]["annotations"] = json!({ "kubeadmiral.io/pending-controllers": "[]" });
    let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": "reader" }, "rules": [] });
    object["spec"] = json!({ "template": role,
        "placements": [{ "controller": "me", "placement": [{ "cluster": "member-1" }] }] });
    federation.host.create(object.clone()).await;
    let note = federation
        .host
        .until_event("shop", "FederatedObjectInvalid")
        .await;
    assert!(note.contains("ClusterFederatedObject"), "{note}");
    federation
        .host
        .until(&object, "the status says so", |object| {
            object["status"]["clusters"][0]["status"] == "ComputeResourceFailed"
        })
        .await;
    assert!(federation.members[0].get(&role).await.is_none());
    federation.host.delete(&object).await;
    federation.host.until_gone(&object).await;
    // The policy of the namespace goes on as before.
    let target = policy("shop", &json!([]));
    assert!(federation.host.get(&target).await.is_some());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_one_object_do_not_fight() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    let before = member.until(&map, "the copy exists", |_| true).await;
    let mut object = by_hand("mine", "settings");
    object["metadata"]["labels"] =
        json!({ "kubeadmiral.io/propagation-policy-name": "everywhere" });
    federation.host.create(object.clone()).await;
    federation
        .host
        .until(&object, "the status says so", |object| {
            object["status"]["clusters"][0]["status"] == "AlreadyExists"
        })
        .await;
    federation.host.delete(&object).await;
    federation.host.until_gone(&object).await;
    let after = member.get(&map).await.unwrap();
    assert_eq!(after["metadata"], before["metadata"]);
    federation.stop().await;
}
