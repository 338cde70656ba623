//! The Secret of a member: with the cluster or after it, of a service account, gone, of no use.

use serde_json::{Value, json};

use super::harness::{Cluster, Federation, SYSTEM, announcement, cluster, config_map, credentials};

fn secret(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": name, "namespace": SYSTEM } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_lost_or_of_no_use_is_told_of_and_the_copies_stay() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    federation.host.delete(&secret("member-1")).await;
    let message = federation
        .until_condition("member-1", "Ready", "SecretNotFound")
        .await;
    assert!(message.contains("the secret member-1"), "{message}");
    federation
        .host
        .until_event("default", "SecretNotFound")
        .await;
    let mut useless = credentials(member);
    useless["data"] = json!({ "certificate-authority-data": "bm9uc2Vuc2U=" });
    federation.host.create(useless).await;
    let message = federation
        .until_condition("member-1", "Ready", "SecretUnusable")
        .await;
    assert!(message.contains("the secret member-1"), "{message}");
    assert!(member.get(&map).await.is_some());
    let data = json!({ "data": credentials(member)["data"] });
    federation.host.merge(&secret("member-1"), data).await;
    federation.until_ready("member-1").await;
    assert!(member.get(&map).await.is_some());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_comes_after_its_cluster_is_awaited_without_a_word() {
    let mut federation = Federation::start(0).await;
    let member = Cluster::start("late").await;
    federation.host.create(announcement(&member, false)).await;
    federation
        .host
        .until(&cluster("late"), "it was looked at", |cluster| {
            cluster["metadata"]["finalizers"]
                .as_array()
                .is_some_and(|all| all.len() == 2)
        })
        .await;
    federation.host.create(credentials(&member)).await;
    federation.until_ready("late").await;
    let told = federation.host.events("default", "TokenNotObtained").await;
    assert!(told.is_empty(), "{told:?}");
    federation.members.push(member);
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_is_made_on_joining_used_afterwards_and_taken_away_on_leaving() {
    let mut federation = Federation::start_with(1, true).await;
    federation.namespace("shop").await;
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "kubeadmiral-member", "namespace": SYSTEM } });
    let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": "kubeadmiral-controller-manager:kubeadmiral-member" } });
    assert!(federation.members[0].get(&account).await.is_some());
    assert!(federation.members[0].get(&role).await.is_some());
    let token = |secret: &Value| secret["data"]["service-account-token-data"].is_string();
    let stored = federation.host.get(&secret("member-1")).await.unwrap();
    assert!(token(&stored), "no token was stored");

    // What the administrator gave is not needed any more.
    federation.stop_manager().await;
    let without = json!({ "data": { "client-certificate-data": null, "client-key-data": null,
        "bootstrap-token-data": null } });
    federation.host.merge(&secret("member-1"), without).await;
    federation.start_manager().await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;

    federation.host.delete(&cluster("member-1")).await;
    federation.host.until_gone(&cluster("member-1")).await;
    let member = &federation.members[0];
    member.until_gone(&account).await;
    member.until_gone(&role).await;
    let left = federation.host.get(&secret("member-1")).await.unwrap();
    assert!(!token(&left), "the token was left behind");
    assert!(member.get(&map).await.is_some());
    federation.stop().await;
}
