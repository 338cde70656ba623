//! What is not known any more is not gone: an object that cannot be read, a placement that somebody dropped without word,
//! a type config that was deleted. And what has gone is missed, also when nobody watched.

use navarch_sandbox::faults::{Fault, Matching};
use serde_json::{Value, json};

use super::harness::{Federation, SYSTEM, cluster, config_map, federated, policy};

fn definition() -> Value {
    json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "federatedclusters.core.kubeadmiral.io" } })
}

/// From now on the host stores anything as a FederatedCluster.
async fn loosen(federation: &Federation) {
    let found = federation.host.get(&definition()).await.unwrap();
    let mut versions = found["spec"]["versions"].clone();
    versions[0]["schema"]["openAPIV3Schema"] =
        json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let patch = json!({ "spec": { "versions": versions } });
    federation.host.merge(&definition(), patch).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_cannot_be_read_after_a_restart_keeps_what_is_placed_there() {
    let mut federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let object = federated("shop", "settings-configmaps");
    federation
        .host
        .until(&object, "all is well", |object| {
            object["status"]["conditions"][0]["status"] == "True"
        })
        .await;
    federation.stop_manager().await;
    loosen(&federation).await;
    let odd = json!({ "spec": { "taints": "none" } });
    federation.host.merge(&cluster("member-2"), odd).await;
    federation.start_manager().await;
    let note = federation
        .host
        .until_event("default", "ClusterUnreadable")
        .await;
    assert!(note.contains("correct it"), "{note}");
    let note = federation
        .host
        .until_event("shop", "ClusterUnreadable")
        .await;
    assert!(note.contains("member-2"), "{note}");
    let change = json!({ "data": { "key": "new" } });
    federation.host.merge(&map, change).await;
    let is_new = |copy: &Value| copy["data"]["key"] == "new";
    federation.members[0]
        .until(&map, "the change is there", is_new)
        .await;
    let found = federation.host.get(&object).await.unwrap();
    let placed = &found["spec"]["placements"][0]["placement"];
    assert_eq!(placed.as_array().map(Vec::len), Some(2), "{placed}");
    assert!(federation.members[1].get(&map).await.is_some());
    let mended = json!({ "spec": { "taints": null } });
    federation.host.merge(&cluster("member-2"), mended).await;
    federation.members[1]
        .until(&map, "the change is there, too", is_new)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_placement_that_somebody_drops_is_withdrawn_also_when_the_member_is_down_and_the_object_goes()
 {
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let never = Matching {
        subresource: Some("status".to_owned()),
        ..Matching::new("patch", "federatedobjects")
    };
    federation
        .host
        .server
        .faults()
        .add(never, Fault::Status(500));
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    for member in &federation.members {
        member.until(&map, "the copy exists", |_| true).await;
    }
    federation.members[1].server.partition(true);
    federation.until_cluster("member-2", "Unknown").await;
    let object = federated("shop", "settings-configmaps");
    let found = federation.host.get(&object).await.unwrap();
    let mut placements = found["spec"]["placements"].clone();
    placements[0]["placement"] = json!([{ "cluster": "member-1" }]);
    let patch = json!({ "spec": { "placements": placements } });
    federation.host.merge(&object, patch).await;
    federation
        .host
        .until(&object, "the record is kept", |object| {
            object["metadata"]["annotations"]["navarch.dev/withdrawing"] == "[\"member-2\"]"
        })
        .await;
    federation.host.delete(&map).await;
    federation.members[0].until_gone(&map).await;
    federation.host.until_event("shop", "DeletionBlocked").await;
    assert!(federation.host.get(&map).await.is_some());
    federation.members[1].server.partition(false);
    federation.host.until_gone(&map).await;
    assert!(federation.members[1].get(&map).await.is_none());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_config_that_is_deleted_is_missed_aloud_and_its_return_is_enough() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    let config = json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedTypeConfig",
        "metadata": { "name": "configmaps" } });
    let mut again = federation.host.get(&config).await.unwrap();
    federation.host.delete(&config).await;
    let note = federation
        .host
        .until_event("shop", "TypeConfigMissing")
        .await;
    assert!(note.contains("FederatedTypeConfig configmaps"), "{note}");
    federation.host.delete(&map).await;
    assert!(federation.host.get(&map).await.is_some());
    assert!(member.get(&map).await.is_some());
    again["metadata"] = json!({ "name": "configmaps" });
    federation.host.create(again).await;
    federation.host.until_gone(&map).await;
    assert!(member.get(&map).await.is_none());
    federation.stop().await;
}

/// An object of the federation's own API.
fn core(kind: &str, namespace: Option<&str>, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": kind,
        "metadata": { "name": name, "namespace": namespace }, "spec": spec })
}

/// A ConfigMap, the reason of the event about it when what it needs has gone, and the words that name that.
type Row = (Value, &'static str, &'static str);

fn row(name: &str, labels: &Value, reason: &'static str, what: &'static str) -> Row {
    let mut map = config_map("shop", name);
    map["metadata"]["labels"] = labels.clone();
    (map, reason, what)
}

fn rows() -> [Row; 5] {
    let own = "kubeadmiral.io/propagation-policy-name";
    let wide = "kubeadmiral.io/cluster-propagation-policy-name";
    let (override_own, override_all) = (
        "kubeadmiral.io/override-policy-name",
        "kubeadmiral.io/cluster-override-policy-name",
    );
    [
        row(
            "a",
            &json!({ own: "everywhere" }),
            "PolicyNotFound",
            "PropagationPolicy shop/everywhere",
        ),
        row(
            "b",
            &json!({ wide: "wide" }),
            "PolicyNotFound",
            "ClusterPropagationPolicy wide",
        ),
        row(
            "c",
            &json!({ own: "profiled" }),
            "ProfileNotFound",
            "SchedulingProfile plain",
        ),
        row(
            "d",
            &json!({ own: "profiled", override_own: "own" }),
            "OverridePolicyNotFound",
            "OverridePolicy own",
        ),
        row(
            "e",
            &json!({ own: "profiled", override_all: "shared" }),
            "OverridePolicyNotFound",
            "ClusterOverridePolicy shared",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_while_nobody_watches_is_missed_and_its_objects_stay() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let (host, member) = (&federation.host, &federation.members[0]);
    let profiled = json!({ "schedulingMode": "Duplicate", "schedulingProfile": "plain" });
    let gone = [
        policy("shop", &json!([])),
        core("SchedulingProfile", None, "plain", &json!({})),
        core("OverridePolicy", Some("shop"), "own", &json!({})),
        core("ClusterOverridePolicy", None, "shared", &json!({})),
        core("ClusterPropagationPolicy", None, "wide", &profiled),
    ];
    for object in &gone[1..] {
        host.create(object.clone()).await;
    }
    let stays = core("PropagationPolicy", Some("shop"), "profiled", &profiled);
    host.create(stays).await;
    let rows = rows();
    for (map, ..) in &rows {
        host.create(map.clone()).await;
        member.until(map, "the copy exists", |_| true).await;
    }
    host.vanish(&gone).await;
    for (map, reason, what) in &rows {
        let name = map["metadata"]["name"].as_str().unwrap();
        let note = host.until_event_about("shop", name, reason).await;
        assert!(note.contains(what), "{note}");
        assert!(member.get(map).await.is_some(), "{name}");
    }
    let secret = json!({ "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "member-1", "namespace": SYSTEM } });
    host.vanish(&[secret]).await;
    federation
        .until_condition("member-1", "Ready", "SecretNotFound")
        .await;
    federation.stop().await;
}
