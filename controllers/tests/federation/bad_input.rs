//! Whatever is wrong is told on the object, and nothing else is disturbed.

use serde_json::json;

use super::harness::{Federation, config_map, federated, policy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_annotation_that_cannot_be_read_is_told_and_the_policy_holds() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let mut map = config_map("shop", "settings");
    map["metadata"]["annotations"] = json!({ "kubeadmiral.io/placements": "{nonsense" });
    federation.host.create(map.clone()).await;
    let note = federation
        .host
        .until_event("shop", "AnnotationIgnored")
        .await;
    assert!(note.contains("kubeadmiral.io/placements"), "{note}");
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_names_only_an_unknown_cluster_places_nothing_and_says_so() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let narrow = json!([{ "cluster": "nowhere" }]);
    let target = policy("shop", &narrow);
    federation
        .host
        .merge(&target, json!({ "spec": { "placement": narrow } }))
        .await;
    federation.host.create(config_map("shop", "settings")).await;
    federation.host.until_event("shop", "NothingFits").await;
    assert!(
        federation.members[0]
            .get(&config_map("shop", "settings"))
            .await
            .is_none()
    );
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_placement_written_by_hand_in_an_unknown_cluster_is_told_of() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let mut object = federated("shop", "byhand-configmaps");
    object["metadata"]["annotations"] = json!({ "kubeadmiral.io/pending-controllers": "[]" });
    object["spec"] = json!({
        "template": { "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "byhand", "namespace": "shop", "labels": {}, "annotations": {} },
            "data": { "key": "value" } },
        "placements": [{ "controller": "me",
            "placement": [{ "cluster": "member-1" }, { "cluster": "nowhere" }] }],
    });
    federation.host.create(object).await;
    let note = federation
        .host
        .until_event("shop", "PlacedInUnknownCluster")
        .await;
    assert!(note.contains("nowhere"), "{note}");
    let copy = config_map("shop", "byhand");
    federation.members[0]
        .until(&copy, "the copy exists", |_| true)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_a_member_rejects_is_told_of_and_others_pass() {
    use navarch_sandbox::faults::{Fault, Matching};
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    federation.members[0]
        .server
        .faults()
        .add(Matching::new("apply", "configmaps"), Fault::Status(422));
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    federation.members[1]
        .until(&map, "the copy exists", |_| true)
        .await;
    let note = federation
        .host
        .until_event("shop", "CreateInClusterFailed")
        .await;
    assert!(note.starts_with("member-1: "), "{note}");
    federation
        .host
        .until(
            &federated("shop", "settings-configmaps"),
            "the status says so",
            |object| {
                object["status"]["clusters"][0]["status"] == "CreationFailed"
                    && object["status"]["clusters"][1]["status"] == "OK"
            },
        )
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_that_does_not_apply_keeps_what_is_there() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    let label =
        json!({ "metadata": { "labels": { "kubeadmiral.io/override-policy-name": "odd" } } });
    federation.host.merge(&map, label).await;
    federation
        .host
        .until_event("shop", "OverridePolicyNotFound")
        .await;
    federation
        .host
        .create(json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "OverridePolicy",
            "metadata": { "name": "odd", "namespace": "shop" },
            "spec": { "overrideRules": [{ "overriders": {
                "jsonpatch": [{ "operator": "replace", "path": "/data/key", "value": "patched" }] } }] } }))
        .await;
    member
        .until(&map, "the override is there", |copy| {
            copy["data"]["key"] == "patched"
        })
        .await;
    federation.stop().await;
}
