//! A source becomes copies, and what the copies do comes back.

use serde_json::json;

use super::harness::{Federation, config_map, deployment, federated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_reaches_both_members_and_its_status_comes_back() {
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let web = deployment("shop", "web");
    federation.host.create(web.clone()).await;
    for member in &federation.members {
        let copy = member.until(&web, "the copy exists", |_| true).await;
        assert_eq!(copy["metadata"]["labels"]["kubeadmiral.io/managed"], "true");
        member
            .merge_status(
                &web,
                json!({ "status": { "replicas": 2, "readyReplicas": 2, "availableReplicas": 2,
                    "updatedReplicas": 2, "observedGeneration": copy["metadata"]["generation"] } }),
            )
            .await;
    }
    let source = federation
        .host
        .until(&web, "4 replicas are ready", |source| {
            source["status"]["readyReplicas"] == 4
        })
        .await;
    assert_eq!(
        source["metadata"]["finalizers"],
        json!(["kubeadmiral.io/federate-controller"])
    );
    let object = federated("shop", "web-deployments.apps");
    federation
        .host
        .until(&object, "both clusters are OK", |object| {
            object["status"]["conditions"][0]["status"] == "True"
                && object["status"]["clusters"]
                    .as_array()
                    .is_some_and(|all| all.len() == 2)
        })
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_object_costs_one_federated_object_and_one_apply_a_member() {
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    // The first object makes the namespace there.
    let first = config_map("shop", "first");
    federation.host.create(first.clone()).await;
    for member in &federation.members {
        member.until(&first, "the copy exists", |_| true).await;
    }
    let done = |name: &str| federated("shop", &format!("{name}-configmaps"));
    let is_done =
        |object: &serde_json::Value| object["status"]["conditions"][0]["status"] == "True";
    federation
        .host
        .until(&done("first"), "all is reported", is_done)
        .await;
    federation.host.server.request_log().clear();
    for member in &federation.members {
        member.server.request_log().clear();
    }
    federation.host.create(config_map("shop", "second")).await;
    federation
        .host
        .until(&done("second"), "all is reported", is_done)
        .await;
    // The finalizer follows the federated object, beside its status.
    let held = |object: &serde_json::Value| {
        let finalizers = object["metadata"]["finalizers"].as_array();
        finalizers.is_some_and(|finalizers| finalizers.len() == 1)
    };
    let second = config_map("shop", "second");
    federation.host.until(&second, "it is held", held).await;
    let written = || -> Vec<String> {
        let writes = federation.host.writes();
        // The first object may still be settling on a machine under load; creates carry no name.
        let ours = writes.iter().filter(|entry| {
            entry.resource != "federatedclusters" && !entry.name.starts_with("first")
        });
        ours.map(|entry| format!("{} {}/{}", entry.verb, entry.resource, entry.subresource))
            .collect()
    };
    // A request is logged after its effect can be seen.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while written().len() < 3 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let mut host = written();
    assert_eq!(
        host.first().map(String::as_str),
        Some("create federatedobjects/")
    );
    host.sort();
    assert_eq!(
        host,
        [
            "create federatedobjects/",
            "patch configmaps/",
            "patch federatedobjects/status"
        ]
    );
    for member in &federation.members {
        let mut writes = member.writes();
        writes.retain(|entry| entry.name != "first");
        assert_eq!(writes.len(), 1, "{writes:?}");
        assert_eq!(
            (writes[0].verb.as_str(), writes[0].resource.as_str()),
            ("apply", "configmaps")
        );
    }
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_of_the_source_reaches_the_copies() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    federation
        .host
        .merge(&map, json!({ "data": { "key": "other", "more": "1" } }))
        .await;
    member
        .until(&map, "the new data is there", |copy| {
            copy["data"]["more"] == "1"
        })
        .await;
    federation
        .host
        .merge(&map, json!({ "data": { "more": null } }))
        .await;
    let gone = |copy: &serde_json::Value| copy["data"].get("more").is_none();
    member.until(&map, "the removed key is gone", gone).await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_undone_and_foreign_fields_are_kept() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    let copy = member.until(&map, "the copy exists", |_| true).await;
    member
        .merge(
            &map,
            json!({ "data": { "key": "drifted", "foreign": "stays" } }),
        )
        .await;
    let mended = member
        .until(&map, "the value is back", |copy| {
            copy["data"]["key"] == "value"
        })
        .await;
    assert_eq!(mended["data"]["foreign"], "stays");
    member.delete(&map).await;
    member
        .until(&map, "the copy is back", |again| {
            again["metadata"]["uid"] != copy["metadata"]["uid"]
        })
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_an_object_goes_is_told_once_and_when_it_changes_on_both_objects() {
    const REASON: &str = "ScheduleFederatedObject";
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let host = &federation.host;
    let web = config_map("shop", "web");
    host.create(web.clone()).await;
    let note = host.until_event_about("shop", "web", REASON).await;
    assert_eq!(note, "scheduling success: [member-1:nil, member-2:nil]");
    // A change that moves nothing is not told.
    host.merge(&web, json!({ "data": { "color": "red" } }))
        .await;
    for member in &federation.members {
        member
            .until(&web, "it is red", |copy| copy["data"]["color"] == "red")
            .await;
    }
    assert_eq!(host.events("shop", REASON).await.len(), 1);
    let there = json!([{ "cluster": "member-2" }]).to_string();
    let annotations = json!({ "kubeadmiral.io/placements": there });
    host.merge(&web, json!({ "metadata": { "annotations": annotations } }))
        .await;
    let note = host
        .until_event_about("shop", "web-configmaps", REASON)
        .await;
    assert_eq!(note, "scheduling success: [member-2:nil]");
    // On the source, it came before.
    assert_eq!(host.events("shop", REASON).await.len(), 3);
    federation.stop().await;
}
