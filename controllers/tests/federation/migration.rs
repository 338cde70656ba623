//! Migration by hand, with an end; and switches of the policy that count without a new decision.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Federation, config_map, deployment, federated, placed, policy};

const CONFIGURATION: &str = "kubeadmiral.io/migration-configuration";

/// Evicts from `member-1` for so long.
fn evicted(mut object: Value, seconds: u64) -> Value {
    let until = jiff::Timestamp::now() + Duration::from_secs(seconds);
    let wish = json!({ "workloadMigrations": [{ "cluster": "member-1", "validUntil": until }] });
    object["metadata"]["annotations"] = json!({ CONFIGURATION: wish.to_string() });
    object
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_ends_when_its_time_has_come() {
    let mut federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let object = federated("shop", "settings-configmaps");
    let both = |object: &Value| placed(object) == ["member-1", "member-2"];
    federation.host.until(&object, "it is in both", both).await;

    let wish = evicted(json!({}), 3);
    federation.host.merge(&map, wish).await;
    federation
        .host
        .until(&object, "it left one", |object| {
            placed(object) == ["member-2"]
        })
        .await;
    // Nothing else happens meanwhile: only the timer can bring it back.
    federation.host.until(&object, "it is back", both).await;
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;

    // Also when the time passes while nobody is there.
    let wish = evicted(json!({}), 2);
    let until: Value = serde_json::from_str(
        wish["metadata"]["annotations"][CONFIGURATION]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    federation.host.merge(&map, wish).await;
    federation
        .host
        .until(&object, "it left one again", |object| {
            placed(object) == ["member-2"]
        })
        .await;
    federation.stop_manager().await;
    let until: jiff::Timestamp =
        serde_json::from_value(until["workloadMigrations"][0]["validUntil"].clone()).unwrap();
    if let Ok(left) = Duration::try_from(until - jiff::Timestamp::now()) {
        tokio::time::sleep(left).await;
    }
    federation.start_manager().await;
    federation
        .host
        .until(&object, "it is back again", both)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_is_wrong_is_told_and_moves_nothing() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let mut map = config_map("shop", "settings");
    let wish = json!({ "replicasMigrations": [{ "cluster": "member-1", "limitedCapacity": 1 }] });
    map["metadata"]["annotations"] = json!({ CONFIGURATION: wish.to_string() });
    federation.host.create(map.clone()).await;
    let note = federation
        .host
        .until_event("shop", "ParseMigrationConfiguration")
        .await;
    assert!(note.contains("this object has none"), "{note}");
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auto_migration_is_switched_at_once() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    federation.host.create(deployment("shop", "web")).await;
    let object = federated("shop", "web-deployments.apps");
    let threshold = |object: &Value| {
        object["metadata"]["annotations"]["internal.kubeadmiral.io/pod-unschedulable-threshold"]
            .as_str()
            .map(str::to_owned)
    };
    federation
        .host
        .until(&object, "it is off", |object| {
            !placed(object).is_empty() && threshold(object).is_none()
        })
        .await;
    let target = policy("shop", &json!([]));
    let on = json!({ "spec": { "autoMigration": { "when": { "podUnschedulableFor": "1m" } } } });
    federation.host.merge(&target, on).await;
    federation
        .host
        .until(&object, "it is on, as Go writes it", |object| {
            threshold(object).as_deref() == Some("1m0s")
        })
        .await;
    let off = json!({ "spec": { "autoMigration": null } });
    federation.host.merge(&target, off).await;
    federation
        .host
        .until(&object, "it is off again", |object| {
            threshold(object).is_none()
        })
        .await;
    federation.stop().await;
}
