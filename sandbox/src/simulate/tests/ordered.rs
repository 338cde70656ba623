//! StatefulSets and DaemonSets.

use super::{apps, bench, core, template};
use crate::object::{self, Object};
use crate::simulate::{Behaviour, Rule, SimulationOptions};
use serde_json::{Value, json};

fn stateful(replicas: i64) -> Value {
    json!({
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas, "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": template("db", "registry.example/db:1"),
        },
    })
}

fn daemon() -> Value {
    json!({
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": template("agent", "registry.example/agent:1"),
        },
    })
}

fn ready(set: &Value) -> bool {
    let status = &set["status"];
    status["readyReplicas"] == set["spec"]["replicas"]
        && status["updatedReplicas"] == set["spec"]["replicas"]
        && status["currentRevision"] == status["updateRevision"]
        && status["observedGeneration"] == set["metadata"]["generation"]
}

fn names(pods: &[Object]) -> Vec<&str> {
    pods.iter().map(|p| object::name(p)).collect()
}

#[tokio::test]
async fn a_stateful_set_numbers_its_pods_in_order() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("statefulsets");
    bench.create(&gvr, stateful(3));
    let db = bench.until(&gvr, "db", "ready", ready).await;
    assert_eq!(db["status"]["availableReplicas"], 3);
    let pods = bench.list(&core("pods"), "app=db");
    assert_eq!(names(&pods), ["db-0", "db-1", "db-2"]);
    let label = object::label(&pods[1], "apps.kubernetes.io/pod-index");
    assert_eq!(label, Some("1"));
    assert_eq!(
        bench.events("SuccessfulCreate").len(),
        3,
        "one at a time, once each"
    );
    bench.change(&gvr, "db", |db| db["spec"]["replicas"] = json!(1));
    let one = |pods: &[Object]| names(pods) == ["db-0"];
    bench
        .until_all(&core("pods"), "app=db", "one pod", one)
        .await;
}

#[tokio::test]
async fn an_unready_pod_holds_up_the_next_one() {
    let bench = bench(SimulationOptions::nodes(1));
    bench.simulation.behave(Rule::new(Behaviour::NeverReady));
    let gvr = apps("statefulsets");
    bench.create(&gvr, stateful(2));
    let running = |pod: &Value| pod["status"]["phase"] == "Running";
    bench.until(&core("pods"), "db-0", "running", running).await;
    let observed = |db: &Value| db["status"]["replicas"] == 1;
    bench.until(&gvr, "db", "observed", observed).await;
    assert_eq!(bench.list(&core("pods"), "app=db").len(), 1);
    bench.simulation.behave_normally();
    bench.until(&gvr, "db", "ready", ready).await;
}

#[tokio::test]
async fn an_update_stops_at_the_partition() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("statefulsets");
    bench.create(&gvr, stateful(3));
    let first = bench.until(&gvr, "db", "ready", ready).await;
    bench.change(&gvr, "db", |db| {
        db["spec"]["updateStrategy"]["rollingUpdate"] = json!({"partition": 2});
        db["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/db:2");
    });
    let part = |db: &Value| {
        let status = &db["status"];
        status["updatedReplicas"] == 1 && status["readyReplicas"] == 3 && status["replicas"] == 3
    };
    let db = bench.until(&gvr, "db", "partly updated", part).await;
    assert_eq!(
        db["status"]["currentRevision"],
        first["status"]["currentRevision"]
    );
    assert_ne!(
        db["status"]["currentRevision"],
        db["status"]["updateRevision"]
    );
    bench.change(&gvr, "db", |db| {
        db["spec"]["updateStrategy"]["rollingUpdate"] = json!({"partition": 0});
    });
    bench.until(&gvr, "db", "updated", ready).await;
    for pod in bench.list(&core("pods"), "app=db") {
        assert_eq!(
            pod["spec"]["containers"][0]["image"],
            "registry.example/db:2"
        );
    }
}

#[tokio::test]
async fn a_daemon_runs_on_every_node_and_rolls() {
    let bench = bench(SimulationOptions::nodes(3));
    let gvr = apps("daemonsets");
    bench.create(&gvr, daemon());
    let everywhere = |set: &Value| {
        let status = &set["status"];
        status["numberAvailable"] == 3
            && status["updatedNumberScheduled"] == 3
            && status["observedGeneration"] == set["metadata"]["generation"]
    };
    bench.until(&gvr, "agent", "everywhere", everywhere).await;
    let mut nodes: Vec<_> = bench
        .list(&core("pods"), "app=agent")
        .iter()
        .map(|p| {
            p["spec"]["nodeName"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    nodes.sort();
    assert_eq!(nodes, ["node-0", "node-1", "node-2"]);
    bench.change(&gvr, "agent", |set| {
        set["spec"]["template"]["spec"]["containers"][0]["image"] =
            json!("registry.example/agent:2");
    });
    bench.until(&gvr, "agent", "rolled", everywhere).await;
    for pod in bench.list(&core("pods"), "app=agent") {
        assert_eq!(
            pod["spec"]["containers"][0]["image"],
            "registry.example/agent:2"
        );
    }
}

#[tokio::test]
async fn a_daemon_follows_its_node_selector() {
    let bench = bench(SimulationOptions::nodes(2));
    let mut agent = daemon();
    agent["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"});
    let gvr = apps("daemonsets");
    bench.create(&gvr, agent);
    let wanted = |number: i64| {
        move |set: &Value| {
            set["status"]["desiredNumberScheduled"] == number
                && set["status"]["numberReady"] == number
        }
    };
    bench.until(&gvr, "agent", "nowhere", wanted(0)).await;
    let by = crate::cluster::WriteOptions::by("test");
    bench
        .cluster
        .mutate(&core("nodes"), "", "node-1", &by, |node| {
            node["metadata"]["labels"]["disk"] = json!("ssd");
            Ok(())
        })
        .expect("labelled");
    bench.until(&gvr, "agent", "on one node", wanted(1)).await;
}
