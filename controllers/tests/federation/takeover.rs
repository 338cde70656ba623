//! A federation that KubeAdmiral ran is taken over.

use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use super::harness::{Cluster, Federation, config_map, federated};

/// MD5 of what KubeAdmiral hashes of the object below, with Go's JSON encoder: its template, and that it has no overrides.
const TEMPLATE: &str = "ae3fedd1e128cbb71f375cb94fa577f3";
const NO_OVERRIDES: &str = "2979b7538b527abe06492021841caf47";
const ADMIRAL: &str = "kubeadmiral-controller-manager";

/// A copy as KubeAdmiral creates it.
fn copy() -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "settings", "namespace": "shop",
            "labels": { "kubeadmiral.io/managed": "true" },
            "annotations": { "kubeadmiral.io/propagated-annotation-keys": "",
                "kubeadmiral.io/propagated-label-keys": "" } },
        "data": { "key": "value", "other": "1" } })
}

fn version(of: &[(&str, &Value)]) -> Value {
    let versions: Vec<Value> = of
        .iter()
        .map(|(cluster, copy)| {
            let version = copy["metadata"]["resourceVersion"].as_str().unwrap();
            json!({ "clusterName": cluster, "version": format!("rv:{version}") })
        })
        .collect();
    json!({ "status": { "templateVersion": TEMPLATE, "overridesVersion": NO_OVERRIDES,
        "clusterVersions": versions } })
}

async fn create_as(cluster: &Cluster, object: &Value) -> Value {
    let params = PostParams {
        field_manager: Some(ADMIRAL.to_owned()),
        ..PostParams::default()
    };
    let read: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let made = cluster.api(object).create(&params, &read).await.unwrap();
    serde_json::to_value(made).unwrap()
}

/// Host and members as KubeAdmiral leaves them: the federated object is what we would make of the source ourselves, without
/// our notes; the copies carry nothing of ours.
async fn taken_over() -> Federation {
    let mut federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let mut map = config_map("shop", "settings");
    map["data"] = json!({ "key": "value", "other": "1" });
    federation.host.create(map.clone()).await;
    let own = federated("shop", "settings-configmaps");
    federation
        .host
        .until(&own, "both copies are told of", |object| {
            object["status"]["clusters"].as_array().map(Vec::len) == Some(2)
        })
        .await;
    federation.stop_manager().await;
    let mut copies = Vec::new();
    for member in &federation.members {
        member.delete(&map).await;
        member.until_gone(&map).await;
        copies.push(create_as(member, &copy()).await);
    }
    let note = json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "PropagatedVersion",
        "metadata": { "name": "settings-configmaps", "namespace": "shop" } });
    federation.host.create(note.clone()).await;
    let versions = version(&[("member-1", &copies[0]), ("member-2", &copies[1])]);
    federation.host.merge_status(&note, versions).await;
    for cluster in federation.members.iter().chain([&federation.host]) {
        cluster.server.request_log().clear();
    }
    federation.start_manager().await;
    federation
}

fn writes(cluster: &Cluster) -> Vec<String> {
    let writes = cluster.writes();
    writes
        .iter()
        .map(|entry| format!("{} {}", entry.verb, entry.name))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_writes_nothing_and_a_field_that_goes_later_really_goes() {
    let federation = taken_over().await;
    let map = config_map("shop", "settings");
    // Something that comes after it has come through: what was there before has been looked at.
    federation.host.create(config_map("shop", "later")).await;
    for member in &federation.members {
        member
            .until(&config_map("shop", "later"), "the copy exists", |_| true)
            .await;
        assert_eq!(writes(member), ["apply later"]);
    }
    let now = federation.members[0].get(&map).await.unwrap();
    assert!(now["metadata"]["annotations"]["navarch.dev/applied"].is_null());

    federation
        .host
        .merge(&map, json!({ "data": { "other": null, "third": "3" } }))
        .await;
    for member in &federation.members {
        let copy = member
            .until(&map, "the change", |copy| copy["data"]["third"] == "3")
            .await;
        assert_eq!(copy["data"], json!({ "key": "value", "third": "3" }));
        let managers: Vec<&Value> = copy["metadata"]["managedFields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["manager"])
            .collect();
        assert_eq!(managers, ["navarch"]);
    }
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_changed_meanwhile_is_put_back() {
    let mut federation = taken_over().await;
    federation.stop_manager().await;
    let map = config_map("shop", "settings");
    let changed = json!({ "data": { "key": "changed" } });
    federation.members[0].merge(&map, changed).await;
    federation.start_manager().await;
    federation.members[0]
        .until(&map, "it is put back", |copy| {
            copy["data"]["key"] == "value"
        })
        .await;
    federation.stop().await;
}
