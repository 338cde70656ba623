//! What pods ask of a node, what a node has, and how full it is.

use super::eligible::Refusal;
use crate::schema::quantity;
use crate::simulate::field;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Amounts by resource, in nanos.
pub(crate) type Amounts = BTreeMap<String, i128>;

/// What one pod takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Room {
    amounts: Amounts,
    ports: BTreeSet<(String, i64)>,
}

/// What all pods of a node take.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pods: usize,
    amounts: Amounts,
    ports: BTreeSet<(String, i64)>,
}

/// How full a node would be: less is better.
pub(crate) type Score = (i128, usize);

/// What a pod asks for: the sum of its containers (and of init containers that keep running), or the largest other init
/// container if that is more, plus overhead.
pub(crate) fn requested(pod: &Value) -> Room {
    let mut room = Room::default();
    for container in field::list(pod, "/spec/containers") {
        add(&mut room.amounts, container.pointer("/resources/requests"));
        for port in field::list(container, "/ports") {
            if let Some(number) = field::number(port, "/hostPort").filter(|n| *n > 0) {
                let protocol = field::text(port, "/protocol").to_owned();
                room.ports.insert((protocol, number));
            }
        }
    }
    let mut running = Amounts::new();
    let mut largest = Amounts::new();
    for container in field::list(pod, "/spec/initContainers") {
        let own = container.pointer("/resources/requests");
        let mut now = running.clone();
        add(&mut now, own);
        if field::text(container, "/restartPolicy") == "Always" {
            add(&mut room.amounts, own);
            running = now.clone();
        }
        for (name, amount) in now {
            let known = largest.entry(name).or_insert(0);
            *known = (*known).max(amount);
        }
    }
    for (name, amount) in largest {
        let known = room.amounts.entry(name).or_insert(0);
        *known = (*known).max(amount);
    }
    add(&mut room.amounts, pod.pointer("/spec/overhead"));
    room
}

fn add(amounts: &mut Amounts, resources: Option<&Value>) {
    let resources = resources.and_then(Value::as_object);
    for (name, amount) in resources.into_iter().flatten() {
        *amounts.entry(name.clone()).or_insert(0) += nanos(amount);
    }
}

fn nanos(amount: &Value) -> i128 {
    match amount {
        Value::String(text) => quantity::nanos(text).unwrap_or(0),
        other => i128::from(other.as_i64().unwrap_or(0)) * 1_000_000_000,
    }
}

fn allocatable(node: &Value, resource: &str) -> i128 {
    let amounts = node.pointer("/status/allocatable");
    amounts.and_then(|a| a.get(resource)).map_or(0, nanos)
}

impl Account {
    pub(crate) fn take(&mut self, room: &Room) {
        self.pods += 1;
        for (name, amount) in &room.amounts {
            *self.amounts.entry(name.clone()).or_insert(0) += amount;
        }
        self.ports.extend(room.ports.iter().cloned());
    }

    pub(crate) fn give_back(&mut self, room: &Room) {
        self.pods = self.pods.saturating_sub(1);
        for (name, amount) in &room.amounts {
            *self.amounts.entry(name.clone()).or_insert(0) -= amount;
        }
        for port in &room.ports {
            self.ports.remove(port);
        }
    }

    fn taken(&self, resource: &str) -> i128 {
        self.amounts.get(resource).copied().unwrap_or(0)
    }

    /// Why the pod does not fit beside the others.
    pub(crate) fn refusal(&self, room: &Room, node: &Value) -> Option<Refusal> {
        if room.ports.iter().any(|port| self.ports.contains(port)) {
            let reason = "node(s) didn't have free ports for the requested pod ports";
            return Some(Refusal {
                reasons: vec![reason.to_owned()],
                hopeless: false,
            });
        }
        let mut reasons = Vec::new();
        let mut hopeless = false;
        let pods = i128::try_from(self.pods).unwrap_or(i128::MAX);
        if (pods + 1) * 1_000_000_000 > allocatable(node, "pods") {
            reasons.push("Too many pods".to_owned());
        }
        for (resource, wanted) in room.amounts.iter().filter(|(_, wanted)| **wanted > 0) {
            let whole = allocatable(node, resource);
            let unlimited = resource == "ephemeral-storage" && whole == 0;
            if !unlimited && self.taken(resource) + wanted > whole {
                reasons.push(format!("Insufficient {resource}"));
                hopeless |= *wanted > whole;
            }
        }
        (!reasons.is_empty()).then_some(Refusal { reasons, hopeless })
    }

    /// How full the node would be with the pod: the mean of cpu and memory in millionths, then the number of pods.
    pub(crate) fn score(&self, room: &Room, node: &Value) -> Score {
        let full = |resource: &str| {
            let own = room.amounts.get(resource).copied().unwrap_or(0);
            let whole = allocatable(node, resource).max(1);
            (self.taken(resource) + own) * 1_000_000 / whole
        };
        (full("cpu") + full("memory"), self.pods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(cpu: &str) -> Value {
        json!({"spec": {"containers": [{"resources": {"requests": {"cpu": cpu}}}]}})
    }

    #[test]
    fn a_node_takes_what_fits_and_no_more() {
        let node = json!({"status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "2"}}});
        let mut account = Account::default();
        let half = requested(&pod("1500m"));
        assert!(account.refusal(&half, &node).is_none());
        account.take(&half);
        let refusal = account
            .refusal(&requested(&pod("1")), &node)
            .expect("refused");
        assert_eq!(refusal.reasons, ["Insufficient cpu"]);
        assert!(!refusal.hopeless);
        let refusal = account
            .refusal(&requested(&pod("3")), &node)
            .expect("refused");
        assert!(refusal.hopeless, "never fits");
        account.take(&requested(&pod("0")));
        let refusal = account
            .refusal(&requested(&pod("0")), &node)
            .expect("refused");
        assert_eq!(refusal.reasons, ["Too many pods"]);
        account.give_back(&half);
        assert!(account.refusal(&requested(&pod("1")), &node).is_none());
    }

    #[test]
    fn init_containers_count_by_their_largest() {
        let pod = json!({"spec": {
            "containers": [{"resources": {"requests": {"cpu": "1"}}}],
            "initContainers": [
                {"restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}},
                {"resources": {"requests": {"cpu": "2"}}},
            ],
        }});
        let wanted = quantity::nanos("2500m").expect("a quantity");
        assert_eq!(requested(&pod).amounts.get("cpu"), Some(&wanted));
    }
}
