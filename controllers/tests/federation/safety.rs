//! Unknown is not "no", nothing of ours is lost, and nothing that is not ours is touched.

use std::time::Duration;

use navarch_sandbox::faults::{Fault, Matching};
use serde_json::{Value, json};

use super::harness::{Cluster, Federation, cluster, config_map, federated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_404_that_does_not_name_the_object_is_no_proof_that_a_copy_is_gone() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    let faults = member.server.faults();
    let rule = faults.add(Matching::new("delete", "configmaps"), Fault::Status(404));
    federation.host.delete(&map).await;
    federation
        .host
        .until_event("shop", "DeleteInClusterFailed")
        .await;
    let object = federated("shop", "settings-configmaps");
    assert!(federation.host.get(&object).await.is_some());
    faults.remove(rule);
    federation.host.until_gone(&map).await;
    assert!(member.get(&map).await.is_none());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_a_federated_object_that_was_replaced_go_with_its_successor() {
    let mut federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;
    federation.stop_manager().await;
    let object = federated("shop", "settings-configmaps");
    let first = federation.host.get(&object).await.unwrap();
    let bare = json!({ "metadata": { "finalizers": null } });
    federation.host.merge(&object, bare).await;
    federation.host.delete(&object).await;
    federation.host.until_gone(&object).await;
    federation.start_manager().await;
    federation
        .host
        .until(&object, "the successor is well", |object| {
            object["metadata"]["uid"] != first["metadata"]["uid"]
                && object["status"]["conditions"][0]["status"] == "True"
        })
        .await;
    federation.host.delete(&map).await;
    federation.host.until_gone(&map).await;
    assert!(federation.members[0].get(&map).await.is_none());
    federation.stop().await;
}

fn foreign() -> Value {
    let mut foreign = config_map("shop", "settings");
    foreign["metadata"]["labels"] = json!({ "whose": "mine" });
    foreign["data"] = json!({ "mine": "yes" });
    foreign
}

async fn is_untouched(member: &Cluster) {
    let wanted = foreign();
    member
        .until(&wanted, "it is as it was made", |object| {
            object["data"] == wanted["data"]
                && object["metadata"]["labels"] == wanted["metadata"]["labels"]
                && object["metadata"].get("annotations").is_none()
        })
        .await;
}

/// Nothing is read before the first apply, so an object that was there all along and one that is made while our
/// apply is on its way are met alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_we_find_when_we_apply_is_never_written_to() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let member = &federation.members[0];
    member
        .create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }))
        .await;
    member.create(foreign()).await;
    let before = member.get(&foreign()).await.unwrap();
    federation.host.create(config_map("shop", "settings")).await;
    federation.host.until_event("shop", "AlreadyExists").await;
    is_untouched(member).await;
    federation
        .host
        .delete(&config_map("shop", "settings"))
        .await;
    federation
        .host
        .until_gone(&config_map("shop", "settings"))
        .await;
    // Not even for a moment: every write would have left another version.
    assert_eq!(member.get(&foreign()).await.unwrap(), before);
    federation.stop().await;
}

/// Removing the label hides a copy from our watch like a deletion; it is still ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_loses_the_managed_label_gets_it_back() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let member = &federation.members[0];
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let copy = member.until(&map, "the copy exists", |_| true).await;
    let bare = json!({ "metadata": { "labels": { "kubeadmiral.io/managed": null } } });
    member.merge(&map, bare).await;
    let healed = member
        .until(&map, "the label is back", |object| {
            object["metadata"]["labels"]["kubeadmiral.io/managed"] == "true"
        })
        .await;
    assert_eq!(healed["metadata"]["uid"], copy["metadata"]["uid"]);
    federation.host.delete(&map).await;
    federation.host.until_gone(&map).await;
    assert!(member.get(&map).await.is_none());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_took_the_place_of_a_copy_is_not_overwritten() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let member = &federation.members[0];
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    member.until(&map, "the copy exists", |_| true).await;
    let slow = Matching::new("apply", "configmaps");
    let delay = Fault::Delay(Duration::from_secs(1));
    member.server.faults().add(slow, delay);
    let change = json!({ "data": { "key": "new" } });
    federation.host.merge(&map, change).await;
    federation
        .host
        .until(
            &federated("shop", "settings-configmaps"),
            "the change is on its way",
            |object| object["spec"]["template"]["data"]["key"] == "new",
        )
        .await;
    member.delete(&map).await;
    member.create(foreign()).await;
    federation.host.until_event("shop", "AlreadyExists").await;
    is_untouched(member).await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_opts_out_later_keeps_what_is_there() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let member = &federation.members[0];
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    member.until(&map, "the copy exists", |_| true).await;
    let note = json!({ "metadata": { "annotations": {
        "kubeadmiral.io/no-federated-resource": "true" } }, "data": { "key": "new" } });
    federation.host.merge(&map, note).await;
    // Later work shows that the change was looked at.
    let later = config_map("shop", "later");
    federation.host.create(later.clone()).await;
    member
        .until(&later, "the later copy exists", |_| true)
        .await;
    assert_eq!(member.get(&map).await.unwrap()["data"]["key"], "value");
    federation.host.delete(&map).await;
    federation.host.until_gone(&map).await;
    assert!(member.get(&map).await.is_none());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_cannot_be_listed_holds_up_no_other() {
    let mut federation = Federation::start(1).await;
    federation.namespace("shop").await;
    federation.stop_manager().await;
    let faults = federation.host.server.faults();
    faults.add(Matching::new("list", "cronjobs"), Fault::Status(503));
    federation.start_manager().await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_that_are_never_dispatched_do_not_hold_a_leaving_cluster() {
    let federation = Federation::start(1).await;
    let name = "default-namespaces";
    federation
        .host
        .create(
            json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "ClusterFederatedObject",
            "metadata": { "name": name,
                "annotations": { "kubeadmiral.io/pending-controllers": "[]" } },
            "spec": {
                "template": { "apiVersion": "v1", "kind": "Namespace",
                    "metadata": { "name": "default" } },
                "placements": [{ "controller": "kubeadmiral.io/nsautoprop-controller",
                    "placement": [{ "cluster": "member-1" }] }] } }),
        )
        .await;
    let patch = json!({ "metadata": { "annotations": { "kubeadmiral.io/cascading-delete": "" } } });
    federation.host.merge(&cluster("member-1"), patch).await;
    federation.host.delete(&cluster("member-1")).await;
    federation.host.until_gone(&cluster("member-1")).await;
    federation.stop().await;
}
