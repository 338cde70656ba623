//! Where pods run: capacity, cordons, lost nodes; and how Services find them.

use super::{apps, bench, condition, core, deployment, rolled_out};
use crate::cluster::WriteOptions;
use crate::object::{self, Gvr, Object};
use crate::simulate::{NodeCapacity, SimulationOptions};
use serde_json::{Value, json};

fn small(nodes: usize) -> SimulationOptions {
    let capacity = NodeCapacity {
        cpu: "1".to_owned(),
        ..NodeCapacity::default()
    };
    SimulationOptions {
        capacity,
        ..SimulationOptions::nodes(nodes)
    }
}

fn large_pods(name: &str, replicas: i64) -> Value {
    let mut made = deployment(name, replicas);
    made["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "600m"}});
    made
}

fn node(bench: &super::Bench, change: impl Fn(&mut Value)) {
    let by = WriteOptions::by("test");
    bench
        .cluster
        .mutate(&core("nodes"), "", "node-0", &by, |node| {
            change(node);
            Ok(())
        })
        .expect("changed");
}

#[tokio::test]
async fn a_pod_that_fits_nowhere_waits_and_says_why() {
    let bench = bench(small(2));
    let gvr = apps("deployments");
    bench.create(&gvr, large_pods("big", 3));
    let waiting = |pods: &[Object]| {
        pods.iter()
            .filter(|p| condition(p, "PodScheduled")["reason"] == "Unschedulable")
            .count()
            == 1
    };
    let pods = bench
        .until_all(&core("pods"), "app=big", "one waiting", waiting)
        .await;
    let pod = pods
        .iter()
        .find(|p| condition(p, "PodScheduled")["status"] == "False");
    let pod = pod.expect("a waiting pod");
    let message = "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.";
    assert_eq!(condition(pod, "PodScheduled")["message"], message);
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(bench.events("FailedScheduling"), [message]);
    bench.change(&gvr, "big", |d| d["spec"]["replicas"] = json!(2));
    bench.until(&gvr, "big", "rolled out", rolled_out).await;
}

#[tokio::test]
async fn a_waiting_pod_is_placed_when_room_appears() {
    let bench = bench(small(1));
    let gvr = apps("deployments");
    bench.create(&gvr, large_pods("first", 1));
    bench.until(&gvr, "first", "rolled out", rolled_out).await;
    bench.create(&gvr, large_pods("second", 1));
    let waiting = |pods: &[Object]| {
        pods.iter()
            .any(|p| condition(p, "PodScheduled")["reason"] == "Unschedulable")
    };
    bench
        .until_all(&core("pods"), "app=second", "waiting", waiting)
        .await;
    bench.change(&gvr, "first", |d| d["spec"]["replicas"] = json!(0));
    bench.until(&gvr, "second", "rolled out", rolled_out).await;
}

#[tokio::test]
async fn a_cordoned_node_is_tainted_and_takes_nothing() {
    let bench = bench(SimulationOptions::nodes(1));
    node(&bench, |node| node["spec"]["unschedulable"] = json!(true));
    let tainted =
        |node: &Value| node["spec"]["taints"][0]["key"] == "node.kubernetes.io/unschedulable";
    bench
        .until(&core("nodes"), "node-0", "tainted", tainted)
        .await;
    let gvr = apps("deployments");
    bench.create(&gvr, deployment("web", 1));
    let waiting = |pods: &[Object]| {
        pods.iter().any(|p| {
            let message = condition(p, "PodScheduled")["message"]
                .as_str()
                .unwrap_or_default();
            message.starts_with("0/1 nodes are available: 1 node(s) were unschedulable.")
        })
    };
    bench
        .until_all(&core("pods"), "app=web", "waiting", waiting)
        .await;
    node(&bench, |node| {
        node["spec"]
            .as_object_mut()
            .map(|s| s.remove("unschedulable"));
    });
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
}

#[tokio::test]
async fn a_lost_node_makes_its_pods_unready_until_it_is_back() {
    let bench = bench(SimulationOptions::nodes(1));
    let gvr = apps("deployments");
    bench.create(&gvr, deployment("web", 2));
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
    bench.simulation.set_node_running("node-0", false);
    let lost = |node: &Value| condition(node, "Ready")["status"] == "Unknown";
    bench.until(&core("nodes"), "node-0", "lost", lost).await;
    let down = |d: &Value| d["status"].get("readyReplicas").is_none();
    bench.until(&gvr, "web", "down", down).await;
    bench.simulation.set_node_running("node-0", true);
    bench.until(&gvr, "web", "rolled out", rolled_out).await;
}

#[tokio::test]
async fn a_service_has_the_addresses_of_its_ready_pods() {
    let bench = bench(SimulationOptions::nodes(1));
    let service = json!({
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    });
    bench.create(&core("services"), service);
    bench.create(&apps("deployments"), deployment("web", 2));
    let slices = Gvr::new("discovery.k8s.io", "v1", "endpointslices");
    let full = |slices: &[Object]| {
        slices.iter().any(|s| {
            let endpoints = s["endpoints"].as_array().map_or(&[][..], Vec::as_slice);
            endpoints.len() == 2 && endpoints.iter().all(|e| e["conditions"]["ready"] == true)
        })
    };
    let found = bench
        .until_all(&slices, "kubernetes.io/service-name=web", "full", full)
        .await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["ports"][0]["port"], 8080);
    assert!(object::name(&found[0]).starts_with("web-"));
    let filled = |e: &Value| {
        let addresses = e["subsets"][0]["addresses"].as_array();
        addresses.is_some_and(|a| a.len() == 2)
    };
    bench
        .until(&core("endpoints"), "web", "filled", filled)
        .await;
}
