//! Errors never evict; what was down is caught up with; a restart with nothing to do writes nothing.

use serde_json::json;

use super::harness::{Federation, config_map, federated, policy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_nothing_to_do_writes_nothing() {
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
    federation.host.server.request_log().clear();
    for member in &federation.members {
        member.server.request_log().clear();
    }
    federation.start_manager().await;
    // A later change shows that the restart was over.
    federation.host.create(config_map("shop", "later")).await;
    for member in &federation.members {
        member
            .until(
                &config_map("shop", "later"),
                "the later copy exists",
                |_| true,
            )
            .await;
        let other: Vec<_> = member
            .writes()
            .into_iter()
            .filter(|entry| entry.name != "later")
            .collect();
        assert!(other.is_empty(), "{other:?}");
    }
    let other: Vec<_> = federation
        .host
        .writes()
        .into_iter()
        .filter(|entry| entry.name == "settings-configmaps" || entry.name == "settings")
        .collect();
    assert!(other.is_empty(), "{other:?}");
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_does_not_exist_is_told_of_and_keeps_what_is_placed() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let member = &federation.members[0];
    member.until(&map, "the copy exists", |_| true).await;
    federation.host.delete(&policy("shop", &json!([]))).await;
    let note = federation.host.until_event("shop", "PolicyNotFound").await;
    assert!(note.contains("shop/everywhere"), "{note}");
    assert!(member.get(&map).await.is_some());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_down_gets_what_it_missed_and_hurts_nobody() {
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let first = config_map("shop", "first");
    let second = config_map("shop", "second");
    federation.host.create(first.clone()).await;
    federation.host.create(second.clone()).await;
    for member in &federation.members {
        member.until(&first, "the copy exists", |_| true).await;
        member.until(&second, "the copy exists", |_| true).await;
    }
    federation.members[1].server.partition(true);
    federation.until_cluster("member-2", "Unknown").await;
    federation.host.delete(&first).await;
    federation
        .host
        .merge(&second, json!({ "data": { "key": "new" } }))
        .await;
    let is_new = |copy: &serde_json::Value| copy["data"]["key"] == "new";
    federation.members[0]
        .until(&second, "the change is there", is_new)
        .await;
    federation.members[0].until_gone(&first).await;
    federation.host.until_event("shop", "DeletionBlocked").await;
    assert!(federation.host.get(&first).await.is_some());
    federation.members[1].server.partition(false);
    federation.host.until_gone(&first).await;
    federation.members[1].until_gone(&first).await;
    federation.members[1]
        .until(&second, "the change is there", is_new)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_answers_500_is_tried_again() {
    use navarch_sandbox::faults::{Fault, Matching};
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let member = &federation.members[0];
    let rule = member
        .server
        .faults()
        .add(Matching::new("apply", "configmaps"), Fault::Status(500));
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    federation
        .host
        .until_event("shop", "CreateInClusterFailed")
        .await;
    member.server.faults().remove(rule);
    member.until(&map, "the copy exists", |_| true).await;
    federation.stop().await;
}
