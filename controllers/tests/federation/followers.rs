//! What a workload refers to goes where it goes, and nothing goes by mistake.

use serde_json::{Value, json};

use super::harness::{Federation, config_map, deployment, federated, placed_by};

const POLICY: &str = "kubeadmiral.io/propagation-policy-name";

/// An object that no policy names.
fn plain(api_version: &str, kind: &str, name: &str) -> Value {
    json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name, "namespace": "shop" } })
}

fn map(name: &str) -> Value {
    plain("v1", "ConfigMap", name)
}

/// A Deployment whose pods read a map, and a Secret that may be missing.
fn reader() -> Value {
    let mut reader = deployment("shop", "reader");
    reader["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([
        { "configMapRef": { "name": "settings" } }, { "secretRef": { "name": "late", "optional": true } } ]);
    reader
}

fn leaders(object: &Value) -> Vec<&str> {
    let follows = object["spec"]["follows"].as_array();
    let names = follows.into_iter().flatten();
    names.filter_map(|leader| leader["name"].as_str()).collect()
}

const FOLLOWER: &str = "kubeadmiral.io/follower-controller";
const SCHEDULER: &str = "kubeadmiral.io/global-scheduler";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_come_before_or_after_their_leader_and_end_with_it() {
    let federation = Federation::start(2).await;
    let host = &federation.host;
    federation.namespace("shop").await;
    host.create(map("settings")).await;
    host.create(reader()).await;
    for member in &federation.members {
        member
            .until(&map("settings"), "the map is there", |_| true)
            .await;
    }
    let object = federated("shop", "settings-configmaps");
    let found = host.get(&object).await.unwrap();
    assert_eq!(
        found["spec"]["follows"],
        json!([{ "group": "apps", "kind": "Deployment", "namespace": "shop", "name": "reader" }])
    );
    assert_eq!(placed_by(&found, FOLLOWER), ["member-1", "member-2"]);
    // It was not there when its leader was first seen.
    let late = plain("v1", "Secret", "late");
    host.create(late.clone()).await;
    for member in &federation.members {
        member.until(&late, "the secret is there", |_| true).await;
    }
    // One leader less, and with the last one it is an ordinary object of the host again.
    host.delete(&reader()).await;
    for member in &federation.members {
        member.until_gone(&map("settings")).await;
        member.until_gone(&late).await;
    }
    host.until_gone(&object).await;
    host.until(&map("settings"), "nobody holds it", |map| {
        map["metadata"].get("finalizers").is_none()
    })
    .await;
    assert!(host.get(&late).await.is_some());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_withdraws_nothing_and_writes_nothing() {
    let mut federation = Federation::start(1).await;
    federation.namespace("shop").await;
    federation.host.create(map("settings")).await;
    federation.host.create(reader()).await;
    let is_settled = |object: &Value| {
        object["status"]["conditions"][0]["status"] == "True"
            && object["status"]["syncedGeneration"] == object["metadata"]["generation"]
    };
    for name in ["settings-configmaps", "reader-deployments.apps"] {
        let object = federated("shop", name);
        federation
            .host
            .until(&object, "all is well", is_settled)
            .await;
    }
    let held = |map: &Value| map["metadata"]["finalizers"].is_array();
    federation
        .host
        .until(&map("settings"), "it is held", held)
        .await;
    let object = federated("shop", "settings-configmaps");
    federation.stop_manager().await;
    let before = federation.host.get(&object).await.unwrap();
    federation.clear_logs();
    federation.start_manager().await;
    let other = config_map("shop", "other");
    federation.host.create(other.clone()).await;
    let member = &federation.members[0];
    member
        .until(&other, "the manager is at work", |_| true)
        .await;
    let after = federation.host.get(&object).await.unwrap();
    assert_eq!(before["spec"], after["spec"]);
    assert_eq!(
        before["metadata"]["resourceVersion"],
        after["metadata"]["resourceVersion"]
    );
    let touched: Vec<_> = member
        .writes()
        .into_iter()
        .filter(|write| write.name == "settings")
        .collect();
    assert!(touched.is_empty(), "{touched:?}");
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_annotation_that_cannot_be_read_withdraws_nothing_also_after_a_restart() {
    let mut federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let settings = map("settings");
    federation.host.create(settings.clone()).await;
    let mut leader = deployment("shop", "web");
    let list = json!([{ "kind": "ConfigMap", "name": "settings" }]).to_string();
    leader["metadata"]["annotations"] = json!({ "kubeadmiral.io/followers": list });
    federation.host.create(leader.clone()).await;
    federation.members[0]
        .until(&settings, "it follows", |_| true)
        .await;
    let annotated = |text: Value| json!({ "metadata": { "annotations": { "kubeadmiral.io/followers": text } } });
    federation
        .host
        .merge(&leader, annotated(json!("[nonsense")))
        .await;
    let note = federation
        .host
        .until_event("shop", "FailedInferFollowers")
        .await;
    assert!(note.contains("kubeadmiral.io/followers"), "{note}");
    federation.stop_manager().await;
    federation.start_manager().await;
    let other = config_map("shop", "other");
    federation.host.create(other.clone()).await;
    federation.members[0]
        .until(&other, "the manager is at work", |_| true)
        .await;
    let object = federation
        .host
        .get(&federated("shop", "settings-configmaps"))
        .await
        .unwrap();
    assert_eq!(leaders(&object), ["web"]);
    assert!(federation.members[0].get(&settings).await.is_some());
    federation.host.merge(&leader, annotated(Value::Null)).await;
    federation.members[0].until_gone(&settings).await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_of_its_own_and_leaders_add_up_and_each_goes_alone() {
    let federation = Federation::start(2).await;
    let host = &federation.host;
    federation.namespace("shop").await;
    let mut first = plain("core.kubeadmiral.io/v1alpha1", "PropagationPolicy", "first");
    first["spec"] =
        json!({ "schedulingMode": "Duplicate", "placement": [{ "cluster": "member-1" }] });
    host.create(first).await;
    let mut settings = map("settings");
    settings["metadata"]["labels"] = json!({ POLICY: "first" });
    host.create(settings.clone()).await;
    federation.members[0]
        .until(&settings, "its policy places it", |_| true)
        .await;
    assert!(federation.members[1].get(&settings).await.is_none());
    host.create(reader()).await;
    let object = federated("shop", "settings-configmaps");
    federation.members[1]
        .until(&settings, "its leader does, too", |_| true)
        .await;
    let found = host.get(&object).await.unwrap();
    assert_eq!(placed_by(&found, SCHEDULER), ["member-1"]);
    assert_eq!(placed_by(&found, FOLLOWER), ["member-1", "member-2"]);
    let labelled = |policy: Value| json!({ "metadata": { "labels": { POLICY: policy } } });
    host.merge(&settings, labelled(Value::Null)).await;
    host.until(&object, "its leader alone places it", |object| {
        placed_by(object, SCHEDULER).is_empty() && placed_by(object, FOLLOWER).len() == 2
    })
    .await;
    host.merge(&settings, labelled(json!("first"))).await;
    host.until(&object, "both place it again", |object| {
        placed_by(object, SCHEDULER).len() == 1 && placed_by(object, FOLLOWER).len() == 2
    })
    .await;
    let aloof =
        json!({ "metadata": { "annotations": { "kubeadmiral.io/disable-following": "true" } } });
    host.merge(&settings, aloof).await;
    federation.members[1].until_gone(&settings).await;
    assert!(federation.members[0].get(&settings).await.is_some());
    assert!(leaders(&host.get(&object).await.unwrap()).is_empty());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_policy_or_a_namespace_keeps_apart_does_not_follow() {
    let federation = Federation::start(1).await;
    let host = &federation.host;
    federation.namespace("shop").await;
    federation.namespace("bank").await;
    let mut vault = map("vault");
    vault["metadata"]["namespace"] = json!("bank");
    host.create(vault.clone()).await;
    host.create(map("settings")).await;
    let member = &federation.members[0];
    let mut leader = deployment("shop", "web");
    leader["metadata"]["annotations"] = json!({ "kubeadmiral.io/followers": json!([
        { "kind": "ConfigMap", "name": "vault", "namespace": "bank" },
        { "kind": "ConfigMap", "name": "kube-root-ca.crt" },
        { "kind": "ConfigMap", "name": "settings" } ]).to_string() });
    host.create(leader).await;
    member
        .until(&map("settings"), "what may follow does", |_| true)
        .await;
    for (namespace, name) in [
        ("bank", "vault-configmaps"),
        ("shop", "kube-root-ca.crt-configmaps"),
    ] {
        assert!(
            host.get(&federated(namespace, name)).await.is_none(),
            "{name}"
        );
    }
    assert!(member.get(&vault).await.is_none());
    let policy = plain(
        "core.kubeadmiral.io/v1alpha1",
        "PropagationPolicy",
        "everywhere",
    );
    host.merge(
        &policy,
        json!({ "spec": { "disableFollowerScheduling": true } }),
    )
    .await;
    member.until_gone(&map("settings")).await;
    host.until_gone(&federated("shop", "settings-configmaps"))
        .await;
    federation.stop().await;
}
