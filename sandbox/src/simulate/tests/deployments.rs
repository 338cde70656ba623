//! Deployments: rollouts, scaling, rollback, pausing, deadlines.

use super::{apps, bench, condition, core, deployment, rolled_out};
use crate::object;
use crate::simulate::{Behaviour, Rule, SimulationOptions};
use serde_json::{Value, json};

fn revision(object: &Value) -> Option<&str> {
    object::annotation(object, "deployment.kubernetes.io/revision")
}

fn set_image(deployment: &mut Value, image: &str) {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
}

#[tokio::test]
async fn a_deployment_becomes_ready_and_says_so() {
    let bench = bench(SimulationOptions::nodes(2));
    bench.create(&apps("deployments"), deployment("web", 3));
    let web = bench
        .until(&apps("deployments"), "web", "rolled out", |d| {
            rolled_out(d) && condition(d, "Progressing")["reason"] == "NewReplicaSetAvailable"
        })
        .await;
    assert_eq!(revision(&web), Some("1"));
    assert_eq!(web["status"]["readyReplicas"], 3);
    assert!(web["status"].get("unavailableReplicas").is_none());
    let available = condition(&web, "Available");
    assert_eq!(available["status"], "True");
    assert_eq!(available["reason"], "MinimumReplicasAvailable");
    assert_eq!(available["message"], "Deployment has minimum availability.");
    let sets = bench.list(&apps("replicasets"), "app=web");
    assert_eq!(sets.len(), 1);
    let name = object::name(&sets[0]);
    let hash = object::label(&sets[0], "pod-template-hash").expect("a hash");
    assert_eq!(name, format!("web-{hash}"));
    assert_eq!(
        condition(&web, "Progressing")["message"],
        format!("ReplicaSet \"{name}\" has successfully progressed.")
    );
    let pods = bench.list(&core("pods"), "app=web");
    assert_eq!(pods.len(), 3);
    for pod in &pods {
        assert!(object::name(pod).starts_with(&format!("{name}-")));
        assert_eq!(pod["status"]["phase"], "Running");
        assert_eq!(condition(pod, "Ready")["status"], "True");
        assert_eq!(pod["status"]["containerStatuses"][0]["ready"], true);
    }
    assert_eq!(
        bench.events("ScalingReplicaSet"),
        [format!("Scaled up replica set {name} from 0 to 3")]
    );
    assert_eq!(bench.events("SuccessfulCreate").len(), 3);
    assert_eq!(bench.events("Scheduled").len(), 3);
    bench.simulation.stop().await;
}

#[tokio::test]
async fn an_update_rolls_and_an_undo_brings_the_old_set_back() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("deployments");
    bench.create(&gvr, deployment("web", 4));
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    let first = bench.list(&apps("replicasets"), "app=web").remove(0);
    bench.change(&gvr, "web", |d| set_image(d, "registry.example/web:2"));
    let web = bench.until(&gvr, "web", "rolled out", rolled_out).await;
    assert_eq!(revision(&web), Some("2"));
    let sets = bench.list(&apps("replicasets"), "app=web");
    assert_eq!(sets.len(), 2);
    let of = |n: &str| sets.iter().find(|s| object::name(s) == n).expect("kept");
    assert_eq!(of(object::name(&first))["spec"]["replicas"], 0);
    bench.change(&gvr, "web", |d| set_image(d, "registry.example/web:1"));
    let web = bench.until(&gvr, "web", "rolled out", rolled_out).await;
    assert_eq!(revision(&web), Some("3"));
    let sets = bench.list(&apps("replicasets"), "app=web");
    assert_eq!(sets.len(), 2, "the old set is used again");
    let again = sets
        .iter()
        .find(|s| object::name(s) == object::name(&first));
    let again = again.expect("the first set");
    assert_eq!(revision(again), Some("3"));
    let history = object::annotation(again, "deployment.kubernetes.io/revision-history");
    assert_eq!(history, Some("1"));
}

#[tokio::test]
async fn a_rollout_that_cannot_become_ready_keeps_most_old_pods() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("deployments");
    let mut web = deployment("web", 4);
    web["spec"]["progressDeadlineSeconds"] = json!(1);
    bench.create(&gvr, web);
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    let mut rule = Rule::new(Behaviour::NeverReady);
    rule.image = Some("web:2".to_owned());
    bench.simulation.behave(rule);
    bench.change(&gvr, "web", |d| set_image(d, "registry.example/web:2"));
    let late = |d: &Value| condition(d, "Progressing")["reason"] == "ProgressDeadlineExceeded";
    let web = bench.until(&gvr, "web", "late", late).await;
    assert_eq!(condition(&web, "Progressing")["status"], "False");
    assert_eq!(
        web["status"]["availableReplicas"], 3,
        "maxUnavailable is 25 %"
    );
    assert_eq!(web["status"]["updatedReplicas"], 2, "maxSurge is 25 %");
    assert_eq!(condition(&web, "Available")["status"], "True");
    bench.simulation.behave_normally();
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
}

#[tokio::test]
async fn recreate_has_no_old_pod_beside_a_new_one() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("deployments");
    let mut web = deployment("web", 2);
    web["spec"]["strategy"] = json!({"type": "Recreate"});
    bench.create(&gvr, web);
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    let mut watch = bench
        .cluster
        .watch(
            &core("pods"),
            "shop",
            &crate::cluster::WatchOptions::default(),
        )
        .expect("a watch");
    bench.change(&gvr, "web", |d| set_image(d, "registry.example/web:2"));
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    let mut alive = std::collections::BTreeMap::new();
    while let Some(event) = watch.try_next() {
        let image = event.object["spec"]["containers"][0]["image"].to_string();
        match event.kind {
            crate::cluster::WatchEventKind::Deleted => {
                alive.remove(object::name(&event.object));
            }
            _ => {
                alive.insert(object::name(&event.object).to_owned(), image);
            }
        }
        let kinds: std::collections::BTreeSet<_> = alive.values().collect();
        assert!(kinds.len() < 2, "old and new at once");
    }
}

#[tokio::test]
async fn scaling_changes_pods_and_no_revision() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("deployments");
    bench.create(&gvr, deployment("web", 1));
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    for size in [5, 2, 0] {
        bench.change(&gvr, "web", |d| d["spec"]["replicas"] = json!(size));
        let web = bench.until(&gvr, "web", "rolled out", rolled_out).await;
        assert_eq!(revision(&web), Some("1"));
        let gone = |pods: &[object::Object]| i64::try_from(pods.len()) == Ok(size);
        bench
            .until_all(&core("pods"), "app=web", "scaled", gone)
            .await;
    }
}

#[tokio::test]
async fn a_paused_deployment_does_not_roll() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("deployments");
    bench.create(&gvr, deployment("web", 2));
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    bench.change(&gvr, "web", |d| {
        d["spec"]["paused"] = json!(true);
        set_image(d, "registry.example/web:2");
    });
    let web = bench
        .until(&gvr, "web", "paused", |d| {
            condition(d, "Progressing")["reason"] == "DeploymentPaused"
        })
        .await;
    assert_eq!(
        condition(&web, "Progressing")["message"],
        "Deployment is paused"
    );
    assert_eq!(bench.list(&apps("replicasets"), "app=web").len(), 1);
    bench.change(&gvr, "web", |d| {
        d["spec"].as_object_mut().map(|s| s.remove("paused"));
    });
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    assert_eq!(bench.list(&apps("replicasets"), "app=web").len(), 2);
}

#[tokio::test]
async fn old_sets_beyond_the_limit_are_deleted() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("deployments");
    let mut web = deployment("web", 1);
    web["spec"]["revisionHistoryLimit"] = json!(1);
    bench.create(&gvr, web);
    for version in 2..5 {
        bench.until(&gvr, "web", "rolled out", rolled_out).await;
        let image = format!("registry.example/web:{version}");
        bench.change(&gvr, "web", |d| set_image(d, &image));
    }
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    let two = |sets: &[object::Object]| sets.len() == 2;
    bench
        .until_all(&apps("replicasets"), "app=web", "cleaned up", two)
        .await;
}

#[tokio::test]
async fn a_deleted_pod_is_replaced_and_a_relabelled_one_let_go() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("deployments");
    bench.create(&gvr, deployment("web", 2));
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    let pods = bench.list(&core("pods"), "app=web");
    let name = object::name(&pods[0]).to_owned();
    bench.change(&core("pods"), &name, |pod| {
        pod["metadata"]["labels"] = json!({"app": "other"});
    });
    let ready = |pods: &[object::Object]| {
        pods.len() == 2
            && pods
                .iter()
                .all(|p| condition(p, "Ready")["status"] == "True")
    };
    bench
        .until_all(&core("pods"), "app=web", "replaced", ready)
        .await;
    bench
        .until(&core("pods"), &name, "free", |p| {
            object::controller_of(p).is_none()
        })
        .await;
}

#[tokio::test]
async fn nothing_runs_after_a_stop() {
    let bench = bench(SimulationOptions::nodes(1));
    bench.create(&apps("deployments"), deployment("web", 2));
    bench.simulation.stop().await;
    let before = bench.cluster.revision();
    bench
        .cluster
        .create(
            &apps("deployments"),
            "shop",
            deployment("late", 1),
            &crate::cluster::WriteOptions::by("test"),
        )
        .expect("created");
    tokio::task::yield_now().await;
    assert_eq!(bench.cluster.revision(), before + 1);
}

#[tokio::test]
async fn many_deployments_settle_together() {
    let capacity = crate::simulate::NodeCapacity {
        pods: 1000,
        ..Default::default()
    };
    let bench = bench(SimulationOptions {
        capacity,
        ..SimulationOptions::nodes(3)
    });
    let gvr = apps("deployments");
    let many = 100;
    for number in 0..many {
        bench.create(&gvr, deployment(&format!("web-{number}"), 2));
    }
    let settled = |all: &[object::Object]| all.len() == many && all.iter().all(|d| rolled_out(d));
    bench.until_all(&gvr, "", "settled", settled).await;
    assert_eq!(bench.list(&core("pods"), "").len(), 2 * many);
}
