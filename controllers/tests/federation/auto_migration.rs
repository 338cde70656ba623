//! Replicas that find no room: estimates in KubeAdmiral's form, moves in the same write, nothing on what is not known.
//! There are no controllers in these members: pods and statuses are what the test says.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::harness::{Cluster, Federation, config_map, deployment, federated, policy};

const INFO: &str = "kubeadmiral.io/auto-migration-info";
const LABEL: &str = "kubeadmiral.io/propagation-policy-name";

/// A namespace whose policy divides and migrates.
async fn namespace(federation: &Federation, migration: Value) {
    federation
        .host
        .create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }))
        .await;
    let mut divides = policy("shop", &json!([]));
    divides["spec"]["schedulingMode"] = json!("Divide");
    divides["spec"]["autoMigration"] = migration;
    federation.host.create(divides).await;
}

fn info(object: &Value) -> Option<String> {
    let text = object["metadata"]["annotations"][INFO].as_str();
    text.map(str::to_owned)
}

fn capacity(object: &Value, member: &str) -> Option<i64> {
    let info: Value = serde_json::from_str(&info(object)?).unwrap();
    info["estimatedCapacity"][member].as_i64()
}

/// What a member's own controllers would say: so many replicas, so many of them ready.
async fn reports(member: &Cluster, copy: &Value, replicas: i64, ready: i64) {
    let seen = member.get(copy).await.unwrap();
    let status = json!({ "status": { "observedGeneration": seen["metadata"]["generation"], "replicas": replicas,
        "updatedReplicas": replicas, "readyReplicas": ready, "availableReplicas": ready } });
    member.merge_status(copy, status).await;
}

fn pod(name: &str, labels: &Value, owner: [&str; 3]) -> Value {
    let [api_version, kind, of] = owner;
    json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "shop", "labels": labels, "ownerReferences": [
            { "apiVersion": api_version, "kind": kind, "name": of, "uid": "of-a-test", "controller": true }] },
        "spec": { "containers": [{ "name": "main", "image": "nginx:1" }] } })
}

/// A pod of a Deployment.
fn pod_of(deployment: &str, name: &str) -> Value {
    let labels = json!({ "app": deployment, "pod-template-hash": "7f" });
    let set = format!("{deployment}-7f");
    pod(name, &labels, ["apps/v1", "ReplicaSet", &set])
}

/// Makes a pod that has found no node since then. Its owner has to be there, or it is collected as garbage.
async fn refused(member: &Cluster, mut pod: Value, since: Timestamp) {
    let reference = pod["metadata"]["ownerReferences"][0].clone();
    let mut owner = json!({ "apiVersion": reference["apiVersion"], "kind": reference["kind"],
        "metadata": { "name": reference["name"], "namespace": "shop" } });
    let found = match member.get(&owner).await {
        Some(found) => found,
        None => {
            let labels = pod["metadata"]["labels"].clone();
            owner["spec"] = json!({ "replicas": 0, "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": pod["spec"] } });
            member.create(owner).await
        }
    };
    pod["metadata"]["ownerReferences"][0]["uid"] = found["metadata"]["uid"].clone();
    member.create(pod.clone()).await;
    let since = Timestamp::from_second(since.as_second()).unwrap();
    let status = json!({ "status": { "phase": "Pending", "conditions": [{ "type": "PodScheduled",
        "status": "False", "reason": "Unschedulable", "lastTransitionTime": since }] } });
    member.merge_status(&pod, status).await;
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - jiff::SignedDuration::from_secs(seconds)
}

async fn until_replicas(member: &Cluster, copy: &Value, replicas: i64) -> Value {
    let what = format!("it has {replicas} replicas");
    member
        .until(copy, &what, |copy| copy["spec"]["replicas"] == replicas)
        .await
}

/// A Deployment of four, two in each of two members.
async fn four(federation: &Federation) -> Value {
    let mut web = deployment("shop", "web");
    web["spec"]["replicas"] = json!(4);
    federation.host.create(web.clone()).await;
    for member in &federation.members {
        until_replicas(member, &web, 2).await;
        reports(member, &web, 2, 2).await;
    }
    web
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_without_room_move_in_one_write() {
    let federation = Federation::start(2).await;
    namespace(
        &federation,
        json!({ "when": { "podUnschedulableFor": "5s" } }),
    )
    .await;
    let web = four(&federation).await;
    let [first, second] = &federation.members[..] else {
        panic!("two members");
    };
    let object = federated("shop", "web-deployments.apps");
    federation.clear_logs();
    reports(first, &web, 2, 1).await;
    // Of another workload that the same selector finds.
    refused(first, pod_of("web-eu", "web-eu-7f-1"), ago(60)).await;
    let mut overlapping = pod_of("web", "web-eu-7f-2");
    overlapping["metadata"]["ownerReferences"][0]["name"] = json!("web-eu-7f");
    refused(first, overlapping, ago(60)).await;
    refused(first, pod_of("web", "web-7f-1"), ago(60)).await;
    until_replicas(first, &web, 1).await;
    until_replicas(second, &web, 3).await;
    let moved = federation.host.get(&object).await.unwrap();
    let expected =
        r#"{"estimatedCapacity":{"member-1":1},"scheduledReplicas":{"member-1":1,"member-2":2}}"#;
    assert_eq!(info(&moved).as_deref(), Some(expected));
    let writes = federation.host.writes();
    let of_object = |entry: &&navarch_sandbox::request_log::Entry| {
        entry.resource == "federatedobjects" && entry.subresource.is_empty()
    };
    assert_eq!(writes.iter().filter(of_object).count(), 1, "{writes:?}");
    let note = federation
        .host
        .until_event("shop", "AutoMigrationInfoUpdated")
        .await;
    assert!(note.ends_with("member-1 1"), "{note}");

    // What moved is not sent back when its pod has gone, nor is anything written.
    first.delete(&pod_of("web", "web-7f-1")).await;
    reports(first, &web, 1, 1).await;
    let more = config_map("shop", "settings");
    federation.host.create(more.clone()).await;
    first.until(&more, "the copy exists", |_| true).await;
    let grown = json!({ "spec": { "replicas": 6 } });
    federation.host.merge(&web, grown).await;
    until_replicas(second, &web, 5).await;
    let after = federation.host.get(&object).await.unwrap();
    assert_eq!(capacity(&after, "member-1"), Some(1));
    let copy = first.get(&web).await.unwrap();
    assert_eq!(copy["spec"]["replicas"], 1);

    // It is switched off: nothing is left of it.
    let off = json!({ "spec": { "autoMigration": null } });
    federation
        .host
        .merge(&policy("shop", &json!([])), off)
        .await;
    federation
        .host
        .until(&object, "nothing is said", |object| info(object).is_none())
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_kept_wait_and_run_elsewhere_besides() {
    let mut federation = Federation::start(2).await;
    let migration =
        json!({ "when": { "podUnschedulableFor": "2s" }, "keepUnschedulableReplicas": true });
    namespace(&federation, migration).await;
    let web = four(&federation).await;
    let object = federated("shop", "web-deployments.apps");
    {
        let [first, second] = &federation.members[..] else {
            panic!("two members");
        };
        reports(first, &web, 2, 1).await;
        // Nothing happens when its time has come; only the timer tells.
        refused(first, pod_of("web", "web-7f-1"), Timestamp::now()).await;
        until_replicas(second, &web, 3).await;
        until_replicas(first, &web, 2).await;
        // The pod is made anew, which is no proof of room, also for a manager that begins.
        first.delete(&pod_of("web", "web-7f-1")).await;
        refused(first, pod_of("web", "web-7f-2"), Timestamp::now()).await;
    }
    federation.stop_manager().await;
    federation.start_manager().await;
    let [first, second] = &federation.members[..] else {
        panic!("two members");
    };
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    first.until(&map, "it works again", |_| true).await;
    let kept = federation.host.get(&object).await.unwrap();
    assert_eq!(capacity(&kept, "member-1"), Some(1));
    until_replicas(second, &web, 3).await;

    // A replica that is ready is.
    let bound = json!({ "status": { "phase": "Running", "conditions": [
        { "type": "PodScheduled", "status": "True" }] } });
    first.merge_status(&pod_of("web", "web-7f-2"), bound).await;
    reports(first, &web, 2, 2).await;
    federation
        .host
        .until(&object, "nothing is said", |object| info(object).is_none())
        .await;
    until_replicas(second, &web, 2).await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_moves_on_what_is_not_known() {
    const THRESHOLD: i64 = 3;
    let federation = Federation::start(2).await;
    let migration = json!({ "when": { "podUnschedulableFor": format!("{THRESHOLD}s") } });
    namespace(&federation, migration).await;
    let web = four(&federation).await;
    let object = federated("shop", "web-deployments.apps");
    let first = &federation.members[0];
    reports(first, &web, 2, 1).await;
    let since = Timestamp::now();
    refused(first, pod_of("web", "web-7f-1"), since).await;
    first.server.partition(true);
    federation.until_cluster("member-1", "Unknown").await;
    let due = since + jiff::SignedDuration::from_secs(THRESHOLD + 1);
    if let Ok(left) = Duration::try_from(due - Timestamp::now()) {
        tokio::time::sleep(left).await;
    }
    // Also when something else is looked at meanwhile.
    let changed = json!({ "metadata": { "labels": { "tide": "high" } } });
    federation.host.merge(&web, changed).await;
    federation.members[1]
        .until(&web, "it has the change", |copy| {
            copy["metadata"]["labels"]["tide"] == "high"
        })
        .await;
    assert_eq!(info(&federation.host.get(&object).await.unwrap()), None);
    assert_eq!(
        federation.members[1].get(&web).await.unwrap()["spec"]["replicas"],
        2
    );

    // It is heard again, and its pod still waits.
    first.server.partition(false);
    first
        .until(&web, "it has the change", |copy| {
            copy["metadata"]["labels"]["tide"] == "high"
        })
        .await;
    reports(first, &web, 2, 1).await;
    until_replicas(first, &web, 1).await;
    until_replicas(&federation.members[1], &web, 3).await;
    federation.stop().await;
}

/// Lets the replicas of a type move, and says where they are.
async fn let_move(federation: &Federation, type_config: &str, paths: Value) {
    let target = json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedTypeConfig",
        "metadata": { "name": type_config } });
    let change =
        json!({ "spec": { "autoMigration": { "enabled": true }, "pathDefinition": paths } });
    federation.host.merge(&target, change).await;
}

fn labelled(mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!("shop");
    object["metadata"]["labels"] = json!({ LABEL: "everywhere" });
    object
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_with_replicas_migrates() {
    let federation = Federation::start(2).await;
    namespace(
        &federation,
        json!({ "when": { "podUnschedulableFor": "1s" } }),
    )
    .await;
    for cluster in std::iter::once(&federation.host).chain(&federation.members) {
        cluster.create(fleets()).await;
    }
    federation.host.create(fleets_config()).await;
    let_move(&federation, "statefulsets.apps", json!({ "labelSelector": "spec.selector",
        "replicasSpec": "spec.replicas", "replicasStatus": "status.replicas", "readyReplicasStatus": "status.readyReplicas" })).await;
    let_move(
        &federation,
        "jobs.batch",
        json!({ "replicasSpec": "spec.parallelism", "replicasStatus": "status.active",
        "readyReplicasStatus": "status.ready" }),
    )
    .await;
    for name in ["member-1", "member-2"] {
        let serves = |cluster: &Value| cluster["status"].to_string().contains("Fleet");
        let cluster = super::harness::cluster(name);
        federation
            .host
            .until(&cluster, "it serves fleets", serves)
            .await;
    }
    let [set, job, fleet] = set_job_and_fleet();
    for (object, path, status, owner, labels) in [
        (
            &set,
            "/spec/replicas",
            json!({ "replicas": 2, "readyReplicas": 1 }),
            ["apps/v1", "StatefulSet", "set"],
            json!({ "app": "set" }),
        ),
        (
            &job,
            "/spec/parallelism",
            json!({ "active": 2, "ready": 1 }),
            ["batch/v1", "Job", "job"],
            json!({}),
        ),
        (
            &fleet,
            "/spec/size",
            json!({ "selector": "app=fleet", "there": 2 }),
            ["apps/v1", "ReplicaSet", "fleet-7f"],
            json!({ "app": "fleet" }),
        ),
    ] {
        moves(&federation, object, path, status, owner, &labels).await;
    }
    federation.stop().await;
}

fn set_job_and_fleet() -> [Value; 3] {
    let containers = json!([{ "name": "main", "image": "nginx:1" }]);
    let template =
        json!({ "metadata": { "labels": { "app": "set" } }, "spec": { "containers": containers } });
    let set = labelled(
        json!({ "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "set" },
        "spec": { "replicas": 4, "serviceName": "set", "selector": { "matchLabels": { "app": "set" } },
            "template": template } }),
    );
    let job = labelled(
        json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "job" },
        "spec": { "parallelism": 4, "template": { "spec": { "containers": containers, "restartPolicy": "Never" } } } }),
    );
    let fleet = labelled(
        json!({ "apiVersion": "ships.example.com/v1", "kind": "Fleet",
        "metadata": { "name": "fleet" }, "spec": { "size": 4 } }),
    );
    [set, job, fleet]
}

/// Of two replicas in the first member one finds no room: it goes to the second.
async fn moves(
    federation: &Federation,
    object: &Value,
    path: &str,
    status: Value,
    owner: [&str; 3],
    labels: &Value,
) {
    let [first, second] = &federation.members[..] else {
        panic!("two members");
    };
    let replicas = |count: i64| move |copy: &Value| copy.pointer(path) == Some(&json!(count));
    federation.host.create(object.clone()).await;
    for member in &federation.members {
        member.until(object, "it has its share", replicas(2)).await;
    }
    let mut said = json!({ "status": status });
    let seen = first.get(object).await.unwrap();
    if object["kind"] != "Job" {
        said["status"]["observedGeneration"] = seen["metadata"]["generation"].clone();
    }
    first.merge_status(object, said).await;
    refused(
        first,
        pod(&format!("{}-0", owner[2]), labels, owner),
        ago(60),
    )
    .await;
    first.until(object, "one moved away", replicas(1)).await;
    second.until(object, "and came here", replicas(3)).await;
}

/// A kind of a user's own, whose selector is where the subresource `scale` has it.
fn fleets() -> Value {
    let number = json!({ "type": "integer" });
    json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "fleets.ships.example.com" },
        "spec": { "group": "ships.example.com", "scope": "Namespaced",
            "names": { "kind": "Fleet", "listKind": "FleetList", "plural": "fleets", "singular": "fleet" },
            "versions": [{ "name": "v1", "served": true, "storage": true,
                "subresources": { "status": {}, "scale": { "specReplicasPath": ".spec.size",
                    "statusReplicasPath": ".status.there", "labelSelectorPath": ".status.selector" } },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": {
                    "spec": { "type": "object", "properties": { "size": number } },
                    "status": { "type": "object", "properties": { "there": number,
                        "observedGeneration": number, "selector": { "type": "string" } } } } } } }] } })
}

fn fleets_config() -> Value {
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedTypeConfig",
        "metadata": { "name": "fleets.ships.example.com" },
        "spec": { "sourceType": { "group": "ships.example.com", "version": "v1", "kind": "Fleet",
                "pluralName": "fleets", "scope": "Namespaced" },
            "autoMigration": { "enabled": true },
            "pathDefinition": { "labelSelector": "status.selector", "replicasSpec": "spec.size",
                "replicasStatus": "status.there" },
            "controllers": [["kubeadmiral.io/global-scheduler"], ["kubeadmiral.io/overridepolicy-controller"]] } })
}
