//! What Katalyst reclaims in a member counts, from when its type is served there until it is not.

use serde_json::{Value, json};

use super::harness::{Cluster, Federation, cluster};

const RECLAIMED: &str = "resource.katalyst.kubewharf.io/reclaimed_millicpu";

fn definition() -> Value {
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "customnoderesources.node.katalyst.kubewharf.io" },
        "spec": { "group": "node.katalyst.kubewharf.io", "scope": "Cluster",
            "names": { "plural": "customnoderesources", "kind": "CustomNodeResource" },
            "versions": [{ "name": "v1alpha1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": any } }] } })
}

fn node_resources(amount: &str) -> Value {
    json!({ "apiVersion": "node.katalyst.kubewharf.io/v1alpha1", "kind": "CustomNodeResource",
        "metadata": { "name": "node" },
        "status": { "resources": { "allocatable": { RECLAIMED: amount } } } })
}

async fn node(member: &Cluster) {
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node" } });
    member.create(node.clone()).await;
    let status = json!({ "status": { "allocatable": { "cpu": "8", "memory": "64Gi" },
        "conditions": [{ "type": "Ready", "status": "True" }] } });
    member.merge_status(&node, status).await;
}

async fn until_there_are(federation: &Federation, amount: &Value) {
    federation
        .host
        .until(&cluster("member-1"), "what is reclaimed counts", |object| {
            object["status"]["resources"]["available"][RECLAIMED] == *amount
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_katalyst_reclaims_in_a_member_is_a_resource_like_any_other() {
    let mut federation = Federation::start(2).await;
    for member in &federation.members {
        node(member).await;
    }
    federation.stop_manager().await;
    federation.features.katalyst = true;
    federation.start_manager().await;
    let asked = |member: &Cluster| {
        let entries = member.server.request_log().entries();
        let about =
            |entry: &&navarch_sandbox::request_log::Entry| entry.resource == "customnoderesources";
        entries.iter().filter(about).count()
    };
    let member = &federation.members[0];
    member.create(definition()).await;
    member
        .until(&definition(), "it is established", |definition| {
            let conditions = definition["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Established"))
        })
        .await;
    member.create(node_resources("6k")).await;
    until_there_are(&federation, &json!("6k")).await;
    let status = json!({ "status": { "resources": { "allocatable": { RECLAIMED: "5k" } } } });
    member.merge(&node_resources("5k"), status).await;
    until_there_are(&federation, &json!("5k")).await;
    // A new manager does not take it for none on its way.
    federation.stop_manager().await;
    federation.start_manager().await;
    let more = json!({ "status": { "allocatable": { "cpu": "9" } } });
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node" } });
    federation.members[0].merge_status(&node, more).await;
    federation
        .host
        .until(&cluster("member-1"), "it is probed again", |object| {
            let resources = &object["status"]["resources"]["available"];
            assert_eq!(resources[RECLAIMED], "5k");
            resources["cpu"] == "9"
        })
        .await;
    let member = &federation.members[0];
    member.delete(&definition()).await;
    until_there_are(&federation, &Value::Null).await;
    // Where the type is not served nothing is asked about it.
    assert_eq!(asked(&federation.members[1]), 0);
    federation.stop().await;
}
