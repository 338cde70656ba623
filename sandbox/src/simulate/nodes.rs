//! Nodes: registered at the start as kubelets do, kept by what the node controllers do (the taints of cordoned and of
//! unreachable nodes, old-style labels).

use super::engine::{Again, Controller, Seen};
use super::events::Note;
use super::field;
use super::kinds::Kind;
use super::options::SimulationOptions;
use super::world::{KUBELET, World, gone_is_fine};
use crate::cluster::{Cluster, WriteOptions};
use crate::object::{self, Gvr};
use crate::status::Status;
use crate::store::Key;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// Makes the nodes that are not there yet.
pub(crate) fn register(cluster: &Cluster, options: &SimulationOptions) {
    for (index, name) in options.node_names().iter().enumerate() {
        let node = node(name, index, options);
        let gvr = Kind::Node.gvr();
        match cluster.create(&gvr, "", node, &WriteOptions::by(KUBELET)) {
            Ok(_) => {}
            Err(status) if status.reason == "AlreadyExists" => {}
            Err(status) => tracing::error!(name, message = status.message, "no node was made"),
        }
        lease(cluster, name);
    }
}

/// The lease of a node; without its namespace there is none.
fn lease(cluster: &Cluster, name: &str) {
    let gvr = Gvr::new("coordination.k8s.io", "v1", "leases");
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
    let lease = json!({
        "metadata": {"name": name},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now.to_string()},
    });
    let options = WriteOptions::by(KUBELET);
    if let Err(status) = cluster.create(&gvr, "kube-node-lease", lease, &options) {
        tracing::debug!(name, message = status.message, "no lease was made");
    }
}

fn node(name: &str, index: usize, options: &SimulationOptions) -> Value {
    let mut labels = Map::new();
    for prefix in ["beta.kubernetes.io", "kubernetes.io"] {
        labels.insert(format!("{prefix}/arch"), "amd64".into());
        labels.insert(format!("{prefix}/os"), "linux".into());
    }
    labels.insert("kubernetes.io/hostname".to_owned(), name.into());
    for (key, value) in &options.node_labels {
        labels.insert(key.clone(), value.clone().into());
    }
    let mut capacity = Map::new();
    capacity.insert("cpu".to_owned(), options.capacity.cpu.clone().into());
    capacity.insert("memory".to_owned(), options.capacity.memory.clone().into());
    capacity.insert("pods".to_owned(), options.capacity.pods.to_string().into());
    for (resource, amount) in &options.capacity.extended {
        capacity.insert(resource.clone(), amount.clone().into());
    }
    let address = format!("10.0.{}.{}", index / 250, index % 250 + 1);
    let third = index % 250;
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": format!("10.244.{third}.0/24"), "podCIDRs": [format!("10.244.{third}.0/24")]},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "conditions": conditions(),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            "nodeInfo": {
                "architecture": "amd64",
                "operatingSystem": "linux",
                "kubeletVersion": "v1.34.4",
                "kubeProxyVersion": "",
                "containerRuntimeVersion": "sandbox://1",
                "osImage": "Navarch sandbox",
                "kernelVersion": "0.0.0-sandbox",
                "machineID": "", "systemUUID": "", "bootID": "",
            },
        },
    })
}

fn conditions() -> Value {
    let now = object::now();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    json!([
        condition(
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available"
        ),
        condition(
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure"
        ),
        condition(
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available"
        ),
        condition(
            "Ready",
            "True",
            "KubeletReady",
            "kubelet is posting ready status"
        ),
    ])
}

#[derive(Debug, Default)]
pub(crate) struct Nodes {
    /// Uids of nodes whose registration was told.
    told: BTreeSet<String>,
}

impl Controller for Nodes {
    fn observe(&mut self, seen: &Seen<'_>, _world: &World, wake: &mut Vec<Key>) {
        if seen.kind == Kind::Node && seen.new.is_some() {
            wake.push(seen.key.clone());
        }
    }

    fn switched(&self, world: &World, wake: &mut Vec<Key>) {
        wake.extend(world.cache(Kind::Node).all().map(|(key, _)| key.clone()));
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(node) = world.get(Kind::Node, key) else {
            return Ok(None);
        };
        report(&node, world)?;
        let down = world.switches.is_down(&key.name);
        let cordoned = field::flag(&node, "/spec/unschedulable");
        let wanted = [
            (UNSCHEDULABLE, "NoSchedule", cordoned),
            (UNREACHABLE, "NoSchedule", down),
            (UNREACHABLE, "NoExecute", down),
        ];
        let has = |taint: &str, effect: &str| {
            field::list(&node, "/spec/taints")
                .iter()
                .any(|t| field::text(t, "/key") == taint && field::text(t, "/effect") == effect)
        };
        if wanted.iter().any(|(t, e, yes)| has(t, e) != *yes) {
            let changed = world.edit(Kind::Node, &node, |live| put_taints(live, &wanted));
            gone_is_fine(changed.map(|_| ()))?;
        }
        if self.told.insert(object::uid(&node).to_owned()) {
            let name = &key.name;
            let message = format!("Node {name} event: Registered Node {name} in Controller");
            let note = Note::normal("node-controller", &node, "RegisteredNode", message);
            world.recorder.say(note);
        }
        Ok(None)
    }
}

fn put_taints(node: &mut Value, wanted: &[(&str, &str, bool)]) {
    let spec = object::field_mut(node, "spec");
    let mut taints = match spec.remove("taints") {
        Some(Value::Array(taints)) => taints,
        _ => Vec::new(),
    };
    for (key, effect, yes) in wanted {
        let is = |t: &Value| field::text(t, "/key") == *key && field::text(t, "/effect") == *effect;
        if *yes && !taints.iter().any(is) {
            taints.push(json!({"key": key, "effect": effect, "timeAdded": object::now()}));
        } else if !*yes {
            taints.retain(|t| !is(t));
        }
    }
    if !taints.is_empty() {
        spec.insert("taints".to_owned(), taints.into());
    }
}

/// What the node's kubelet, or the node controller in its place, reports.
fn report(node: &crate::object::Object, world: &World) -> Result<(), Status> {
    let down = world.switches.is_down(object::name(node));
    let unknown =
        field::condition(node, "Ready").is_some_and(|c| field::text(c, "/status") == "Unknown");
    if down == unknown {
        return Ok(());
    }
    let mut status = node.get("status").cloned().unwrap_or(json!({}));
    let (conditions, manager) = if down {
        let mut gone = conditions();
        for condition in gone.as_array_mut().into_iter().flatten() {
            let map = object::map_mut(condition);
            map.insert("status".to_owned(), "Unknown".into());
            map.insert("reason".to_owned(), "NodeStatusUnknown".into());
            map.insert(
                "message".to_owned(),
                "Kubelet stopped posting node status.".into(),
            );
        }
        (gone, super::world::CONTROLLERS)
    } else {
        (conditions(), KUBELET)
    };
    object::map_mut(&mut status).insert("conditions".to_owned(), conditions);
    world.set_status(Kind::Node, node, &status, manager)
}
