//! Nodes and pods as they stream past, folded into numbers: allocatable and available resources.
//! The JSON is dropped at once; a pod costs some tens of bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use navarch_crds::go::quantity::Quantity;
use navarch_crds::v1alpha1::Resources;
use serde_json::Value;

use crate::runtime::compact::text;
use crate::runtime::locked;

type Amounts = BTreeMap<String, Quantity>;

/// What is known of the capacity of one member.
#[derive(Debug, Default)]
pub(crate) struct Capacity {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    nodes: HashMap<Box<str>, Node>,
    pods: HashMap<Box<str>, Pod>,
    epoch: u32,
    nodes_listed: bool,
    pods_listed: bool,
}

#[derive(Debug)]
struct Node {
    schedulable: bool,
    allocatable: Amounts,
    epoch: u32,
}

#[derive(Debug)]
struct Pod {
    requests: Vec<(Box<str>, Quantity)>,
    epoch: u32,
}

impl Capacity {
    pub(crate) fn start(&self) {
        let mut state = locked(&self.state);
        state.epoch = state.epoch.wrapping_add(1);
    }

    pub(crate) fn nodes_listed(&self, since: u32) {
        let mut state = locked(&self.state);
        state.nodes.retain(|_, node| node.epoch >= since);
        state.nodes_listed = true;
    }

    pub(crate) fn pods_listed(&self, since: u32) {
        let mut state = locked(&self.state);
        state.pods.retain(|_, pod| pod.epoch >= since);
        state.pods_listed = true;
    }

    pub(crate) fn epoch(&self) -> u32 {
        locked(&self.state).epoch
    }

    pub(crate) fn put_node(&self, node: &Value) {
        let Some(name) = text(node, "/metadata/name") else {
            return;
        };
        let mut state = locked(&self.state);
        let epoch = state.epoch;
        let allocatable = amounts(node.pointer("/status/allocatable"));
        let node = Node {
            schedulable: is_schedulable(node),
            allocatable,
            epoch,
        };
        state.nodes.insert(name.into(), node);
    }

    pub(crate) fn remove_node(&self, node: &Value) {
        if let Some(name) = text(node, "/metadata/name") {
            locked(&self.state).nodes.remove(name);
        }
    }

    pub(crate) fn put_pod(&self, pod: &Value) {
        let Some(uid) = text(pod, "/metadata/uid") else {
            return;
        };
        let finished = matches!(text(pod, "/status/phase"), Some("Succeeded" | "Failed"));
        let mut state = locked(&self.state);
        if finished {
            state.pods.remove(uid);
            return;
        }
        let epoch = state.epoch;
        let requests = requests(pod)
            .into_iter()
            .map(|(name, amount)| (name.into(), amount));
        state.pods.insert(
            uid.into(),
            Pod {
                requests: requests.collect(),
                epoch,
            },
        );
    }

    pub(crate) fn remove_pod(&self, pod: &Value) {
        if let Some(uid) = text(pod, "/metadata/uid") {
            locked(&self.state).pods.remove(uid);
        }
    }

    /// The figures as the cluster's status has them; `None` until both lists are complete.
    /// KubeAdmiral counts the requests of every pod that is not finished, wherever it is
    /// (`pkg/controllers/federatedcluster/clusterstatus.go`).
    pub(crate) fn resources(&self) -> Option<Resources> {
        let state = locked(&self.state);
        if !state.nodes_listed || !state.pods_listed {
            return None;
        }
        let mut allocatable = Amounts::new();
        let mut schedulable_nodes = 0_i64;
        let mut names: Vec<&Box<str>> = state.nodes.keys().collect();
        names.sort();
        for node in names.into_iter().filter_map(|name| state.nodes.get(name)) {
            if node.schedulable {
                schedulable_nodes += 1;
                for (name, amount) in &node.allocatable {
                    add(&mut allocatable, name, amount);
                }
            }
        }
        let mut used = Amounts::new();
        let mut uids: Vec<&Box<str>> = state.pods.keys().collect();
        uids.sort();
        for pod in uids.into_iter().filter_map(|uid| state.pods.get(uid)) {
            for (name, amount) in &pod.requests {
                add(&mut used, name, amount);
            }
        }
        let mut available = allocatable.clone();
        for (name, amount) in &mut available {
            if let Some(used) = used.get(name) {
                *amount = amount.sub(*used);
            }
        }
        Some(Resources {
            schedulable_nodes: Some(schedulable_nodes),
            allocatable: texts(&allocatable),
            available: texts(&available),
        })
    }
}

fn texts(amounts: &Amounts) -> BTreeMap<String, Text> {
    amounts
        .iter()
        .map(|(name, amount)| (name.clone(), Text::from(*amount)))
        .collect()
}

fn add(total: &mut Amounts, name: &str, amount: &Quantity) {
    match total.get_mut(name) {
        Some(present) => *present = present.add(*amount),
        None => {
            total.insert(name.to_owned(), *amount);
        }
    }
}

fn amounts(value: Option<&Value>) -> Amounts {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, amount)| {
            let amount = match amount {
                Value::String(text) => text.parse().ok()?,
                Value::Number(number) => number.to_string().parse().ok()?,
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
            };
            Some((name.clone(), amount))
        })
        .collect()
}

fn is_schedulable(node: &Value) -> bool {
    let cordoned = node
        .pointer("/spec/unschedulable")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let taints = node.pointer("/spec/taints").and_then(Value::as_array);
    let kept_away = taints.into_iter().flatten().any(|taint| {
        matches!(
            taint.get("effect").and_then(Value::as_str),
            Some("NoSchedule" | "NoExecute")
        )
    });
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().any(|condition| {
        condition.get("type").and_then(Value::as_str) == Some("Ready")
            && condition.get("status").and_then(Value::as_str) == Some("True")
    });
    ready && !cordoned && !kept_away
}

/// Requests of a pod: the larger of the sum over containers and any init container, and the overhead.
fn requests(pod: &Value) -> Amounts {
    let list = |pointer: &str| {
        pod.pointer(pointer)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut total = Amounts::new();
    for container in list("/spec/containers") {
        for (name, amount) in amounts(container.pointer("/resources/requests")) {
            add(&mut total, &name, &amount);
        }
    }
    for container in list("/spec/initContainers") {
        for (name, amount) in amounts(container.pointer("/resources/requests")) {
            let larger = total.get(&name).is_none_or(|present| *present < amount);
            if larger {
                total.insert(name, amount);
            }
        }
    }
    for (name, amount) in amounts(pod.pointer("/spec/overhead")) {
        add(&mut total, &name, &amount);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_are_taken_off_what_ready_nodes_offer() {
        let capacity = Capacity::default();
        let node = |name: &str, ready: &str| {
            json!({ "metadata": { "name": name }, "status": {
                "allocatable": { "cpu": "4", "memory": "8Gi" },
                "conditions": [{ "type": "Ready", "status": ready }] } })
        };
        let pod = |uid: &str, phase: &str| {
            json!({ "metadata": { "uid": uid }, "status": { "phase": phase }, "spec": {
                "containers": [{ "resources": { "requests": { "cpu": "500m" } } }] } })
        };
        capacity.put_node(&node("a", "True"));
        capacity.put_node(&node("b", "False"));
        capacity.put_pod(&pod("1", "Running"));
        capacity.put_pod(&pod("2", "Succeeded"));
        assert_eq!(capacity.resources(), None);
        capacity.nodes_listed(0);
        capacity.pods_listed(0);
        let found = capacity.resources().unwrap();
        assert_eq!(found.schedulable_nodes, Some(1));
        assert_eq!(found.allocatable["cpu"].0, "4");
        assert_eq!(found.available["cpu"].0, "3500m");
        assert_eq!(found.available["memory"].0, "8Gi");
    }
}
