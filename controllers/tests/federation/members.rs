//! When is a member well, what does it serve, and what if it never returns?

use std::time::Duration;

use navarch_controllers::LeaderElection;
use navarch_sandbox::cluster::WriteOptions;
use navarch_sandbox::faults::{Fault, Matching};
use navarch_sandbox::object::Gvr;
use serde_json::{Value, json};

use super::harness::{Federation, SYSTEM, cluster, config_map, federated};

/// Waits until `done`.
async fn until(what: &str, done: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn health_checks(times: Option<u32>) -> Matching {
    Matching {
        times,
        ..Matching::new("get", "")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blink_of_a_member_is_not_told_of_and_a_lasting_trouble_is() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let object = federated("shop", "settings-configmaps");
    let state = |wanted: &'static str| {
        move |object: &Value| object["status"]["clusters"][0]["status"] == wanted
    };
    federation
        .host
        .until(&object, "it is OK", state("OK"))
        .await;
    let member = &federation.members[0];
    federation.clear_logs();
    let faults = member.server.faults();
    faults.add(health_checks(Some(2)), Fault::Status(500));
    let log = member.server.request_log();
    let probes = |status: u16| {
        let entries = log.entries();
        let probes = entries.iter().filter(|entry| entry.path == "/healthz");
        probes.filter(|entry| entry.status == status).count()
    };
    until("two bad probes and two good ones", || {
        probes(500) == 2 && probes(200) >= 2
    })
    .await;
    let writes = federation.host.writes();
    let told = writes
        .iter()
        .filter(|entry| entry.subresource == "status" && entry.name == "settings-configmaps");
    assert_eq!(told.count(), 0, "{writes:?}");
    let rule = faults.add(health_checks(None), Fault::Status(500));
    federation
        .host
        .until(&object, "it is not ready", state("ClusterNotReady"))
        .await;
    assert!(member.get(&map).await.is_some());
    faults.remove(rule);
    federation
        .host
        .until(&object, "it is OK again", state("OK"))
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_serves_is_asked_in_two_requests() {
    let federation = Federation::start(1).await;
    let log = federation.members[0].server.request_log();
    let asked = |path: &str| {
        let entries = log.entries();
        entries.iter().filter(|entry| entry.path == path).count()
    };
    until("each look is complete", || {
        asked("/api") >= 1 && asked("/apis") == asked("/api")
    })
    .await;
    assert_eq!((asked("/api/v1"), asked("/apis/apps/v1")), (0, 0));
    let found = federation.host.get(&cluster("member-1")).await.unwrap();
    let types = found["status"]["apiResourceTypes"].as_array().unwrap();
    let serves = |kind: &str, plural: &str, scope: &str| {
        types.iter().any(|served| {
            served["kind"] == kind && served["pluralName"] == plural && served["scope"] == scope
        })
    };
    assert!(serves("Deployment", "deployments", "Namespaced"));
    assert!(serves("Namespace", "namespaces", "Cluster"));
    assert!(
        !types
            .iter()
            .any(|served| served["pluralName"] == "deployments/status")
    );
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_comes_while_nobody_reaches_the_member_is_found() {
    let federation = Federation::start(1).await;
    let server = &federation.members[0].server;
    let gvr = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let definition = json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "ships.sea.example" },
        "spec": { "group": "sea.example", "scope": "Namespaced",
            "names": { "plural": "ships", "singular": "ship", "kind": "Ship", "listKind": "ShipList" },
            "versions": [{ "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object" } } }] } });
    server.partition(true);
    let store = server.cluster();
    store
        .create(&gvr, "", definition, &WriteOptions::default())
        .unwrap();
    let established = || {
        let found = store.get(&gvr, "", "ships.sea.example").unwrap();
        let conditions = found["status"]["conditions"].as_array();
        conditions.is_some_and(|all| {
            let is = |one: &Value| one["type"] == "Established" && one["status"] == "True";
            all.iter().any(is)
        })
    };
    until("the type is served", established).await;
    // No watch that begins again where it was cut can tell of it.
    store.compact();
    server.partition(false);
    let serves_ships = |cluster: &Value| {
        let types = cluster["status"]["apiResourceTypes"].as_array();
        types.is_some_and(|types| types.iter().any(|served| served["kind"] == "Ship"))
    };
    federation
        .host
        .until(&cluster("member-1"), "the type is reported", serves_ships)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_is_refused_is_tried_again_before_leadership_is_given_up() {
    let mut federation = Federation::start(1).await;
    federation.namespace("shop").await;
    federation.stop_manager().await;
    let election = LeaderElection {
        retry_period: Duration::from_millis(50),
        ..LeaderElection::new(SYSTEM, "only")
    };
    federation.start_elected(election).await;
    let first = config_map("shop", "first");
    federation.host.create(first.clone()).await;
    let member = &federation.members[0];
    member.until(&first, "the copy exists", |_| true).await;
    federation.host.server.request_log().clear();
    let refused = Matching {
        times: Some(3),
        ..Matching::new("update", "leases")
    };
    federation
        .host
        .server
        .faults()
        .add(refused, Fault::Status(409));
    let log = federation.host.server.request_log();
    let renewals = |status: u16| {
        let entries = log.entries();
        let renewals = entries
            .iter()
            .filter(|entry| entry.resource == "leases" && entry.verb == "update");
        renewals.filter(|entry| entry.status == status).count()
    };
    until("three refused renewals and one that is not", || {
        renewals(409) == 3 && renewals(200) >= 1
    })
    .await;
    let second = config_map("shop", "second");
    federation.host.create(second.clone()).await;
    member.until(&second, "it still leads", |_| true).await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_never_returns_is_forgotten_when_somebody_says_so() {
    let federation = Federation::start(2).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    for member in &federation.members {
        member.until(&map, "the copy exists", |_| true).await;
    }
    federation.members[1].server.partition(true);
    federation.until_cluster("member-2", "Unknown").await;
    federation.host.delete(&map).await;
    federation.host.until_event("shop", "DeletionBlocked").await;
    federation.host.delete(&cluster("member-2")).await;
    federation.host.until_event("default", "LeaveFailed").await;
    assert!(federation.host.get(&cluster("member-2")).await.is_some());
    let decision = json!({ "at": "2026-01-02T03:04:05Z", "by": "ann" }).to_string();
    let patch = json!({ "metadata": { "annotations": { "navarch.dev/forget": decision } } });
    federation.host.merge(&cluster("member-2"), patch).await;
    federation.host.until_gone(&cluster("member-2")).await;
    federation.host.until_gone(&map).await;
    let note = federation
        .host
        .until_event("default", "ClusterForgotten")
        .await;
    assert!(note.contains("by ann at 2026-01-02"), "{note}");
    assert!(federation.members[0].get(&map).await.is_none());
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgetting_does_not_wait_for_a_member_that_was_to_be_cleaned() {
    let federation = Federation::start(1).await;
    federation.namespace("shop").await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;
    federation.members[0].server.partition(true);
    let patch = json!({ "metadata": { "annotations": { "kubeadmiral.io/cascading-delete": "",
        "navarch.dev/forget": "{}" } } });
    federation.host.merge(&cluster("member-1"), patch).await;
    federation.host.delete(&cluster("member-1")).await;
    federation.host.until_gone(&cluster("member-1")).await;
    federation.stop().await;
}
