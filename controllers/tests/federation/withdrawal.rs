//! Copies go when they are not wanted any more, and nothing else goes.

use serde_json::json;

use super::harness::{Federation, config_map, federated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_the_source_deletes_every_copy_first() {
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    for member in &federation.members {
        member.until(&map, "the copy exists", |_| true).await;
    }
    federation.host.delete(&map).await;
    federation.host.until_gone(&map).await;
    federation
        .host
        .until_gone(&federated("shop", "settings-configmaps"))
        .await;
    for member in &federation.members {
        assert!(member.get(&map).await.is_none());
    }
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_the_policy_label_withdraws_and_keeps_the_source() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    let patch =
        json!({ "metadata": { "labels": { "kubeadmiral.io/propagation-policy-name": null } } });
    federation.host.merge(&map, patch).await;
    member.until_gone(&map).await;
    federation
        .host
        .until_gone(&federated("shop", "settings-configmaps"))
        .await;
    federation
        .host
        .until(&map, "our finalizer is gone", |map| {
            map["metadata"].get("finalizers").is_none()
        })
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphan_all_keeps_copies_without_our_label() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let mut map = config_map("shop", "settings");
    map["metadata"]["annotations"] = json!({ "kubeadmiral.io/orphan": "all" });
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    federation.host.delete(&map).await;
    federation.host.until_gone(&map).await;
    let copy = member.get(&map).await.unwrap();
    assert!(
        copy["metadata"]["labels"]
            .get("kubeadmiral.io/managed")
            .is_none()
    );
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_is_not_ours_is_left_alone_and_told_of() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let member = &federation.members[0];
    member
        .create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }))
        .await;
    let mut foreign = config_map("shop", "settings");
    foreign["metadata"]["labels"] = json!({});
    foreign["data"] = json!({ "mine": "yes" });
    member.create(foreign.clone()).await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    federation.host.until_event("shop", "AlreadyExists").await;
    assert_eq!(
        member.get(&map).await.unwrap()["data"],
        json!({ "mine": "yes" })
    );
    federation
        .host
        .until(
            &federated("shop", "settings-configmaps"),
            "the status says so",
            |object| object["status"]["clusters"][0]["status"] == "AlreadyExists",
        )
        .await;
    federation.host.delete(&map).await;
    federation.host.until_gone(&map).await;
    assert!(member.get(&map).await.is_some());
    federation.stop().await;
}
