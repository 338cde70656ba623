//! Clusters and kinds come and go while the manager runs.

use serde_json::{Value, json};

use std::time::Duration;

use navarch_controllers::LeaderElection;

use super::harness::{Federation, SYSTEM, cluster, config_map, federated};

fn widget_definition() -> Value {
    json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.com",
            "annotations": { "kubeadmiral.io/no-federated-resource": "true" } },
        "spec": { "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets", "singular": "widget" },
            "versions": [{ "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true } } }] } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custom_resource_reaches_a_member_once_the_member_serves_it() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let definition = widget_definition();
    federation.host.create(definition.clone()).await;
    federation
        .host
        .create(
            json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedTypeConfig",
            "metadata": { "name": "widgets.example.com" },
            "spec": { "sourceType": { "group": "example.com", "version": "v1", "kind": "Widget",
                    "pluralName": "widgets", "scope": "Namespaced" },
                "controllers": [["kubeadmiral.io/global-scheduler"],
                    ["kubeadmiral.io/overridepolicy-controller"]] } }),
        )
        .await;
    federation
        .host
        .until(&definition, "it is established", |definition| {
            definition["status"]["conditions"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["type"] == "Established"))
        })
        .await;
    let widget = json!({ "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": { "name": "one", "namespace": "shop",
            "labels": { "kubeadmiral.io/propagation-policy-name": "everywhere" } },
        "spec": { "size": 3 } });
    federation.host.create(widget.clone()).await;
    federation.host.until_event("shop", "NothingFits").await;
    federation.members[0].create(definition).await;
    federation.members[0]
        .until(&widget, "the copy exists", |copy| copy["spec"]["size"] == 3)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_leaves_keeps_its_copies_and_blocks_nobody() {
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    for member in &federation.members {
        member.until(&map, "the copy exists", |_| true).await;
    }
    federation.host.delete(&cluster("member-2")).await;
    federation.host.until_gone(&cluster("member-2")).await;
    assert!(federation.members[1].get(&map).await.is_some());
    federation.host.delete(&map).await;
    federation.host.until_gone(&map).await;
    federation
        .host
        .until_gone(&federated("shop", "settings-configmaps"))
        .await;
    assert!(federation.members[0].get(&map).await.is_none());
    assert!(federation.members[1].get(&map).await.is_some());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_with_cascading_delete_is_cleaned_before_it_leaves() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    let patch = json!({ "metadata": { "annotations": { "kubeadmiral.io/cascading-delete": "" } } });
    federation.host.merge(&cluster("member-1"), patch).await;
    federation.host.delete(&cluster("member-1")).await;
    federation.host.until_gone(&cluster("member-1")).await;
    assert!(member.get(&map).await.is_none());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_managers_one_leads_and_the_other_takes_over_when_it_stops() {
    let mut federation = Federation::start(1).await;
    federation.namespace("shop").await;
    federation.stop_manager().await;
    let election = |identity: &str| LeaderElection {
        // A leader that stops gives its lease back, so nothing here waits for one to expire. The deadlines are
        // the usual ones: a machine under load must not take the lease away from a leader that is well.
        retry_period: Duration::from_millis(100),
        ..LeaderElection::new(SYSTEM, identity)
    };
    federation.start_elected(election("first")).await;
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "federation-controller-manager", "namespace": SYSTEM } });
    let held_by = |who: &'static str| move |lease: &Value| lease["spec"]["holderIdentity"] == who;
    federation
        .host
        .until(&lease, "the first leads", held_by("first"))
        .await;
    let (stop, second) = federation.spawn_elected(election("second")).await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;
    federation.stop_manager().await;
    federation
        .host
        .until(&lease, "the second leads", held_by("second"))
        .await;
    federation
        .host
        .merge(&map, json!({ "data": { "key": "new" } }))
        .await;
    federation.members[0]
        .until(&map, "the change is there", |copy| {
            copy["data"]["key"] == "new"
        })
        .await;
    stop.cancel();
    second.await.unwrap();
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fitted_nowhere_is_placed_when_a_member_becomes_ready() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    federation.members[0].server.partition(true);
    federation.until_cluster("member-1", "Unknown").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let note = federation.host.until_event("shop", "NothingFits").await;
    assert!(note.contains("not ready"), "{note}");
    federation.members[0].server.partition(false);
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;
    federation.stop().await;
}
