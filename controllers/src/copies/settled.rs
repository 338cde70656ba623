//! Whether a summed status says that a workload is where its source wants it. On the way there every pod changes the
//! figures, and a write for each would cost more than the workload itself. Pure.

use serde_json::Value;

use crate::pointer;

/// Figures of the status that equal the number of pods that are wanted, once all of them are ready.
const OF_REPLICAS: [&str; 4] = [
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
];
/// The same of kinds that run a pod on every node (`DaemonSetStatus`).
const OF_NODES: [&str; 3] = ["updatedNumberScheduled", "numberReady", "numberAvailable"];

/// Kinds without replicas are always where they should be.
#[must_use]
pub fn is_settled(source: &Value, status: &Value) -> bool {
    let figure = |field: &str| pointer::number(status, &[field]).unwrap_or_default();
    let observed = pointer::number(status, &["observedGeneration"]);
    let generation = pointer::number(source, &["metadata", "generation"]);
    if observed.is_some() && generation.is_some() && observed != generation {
        return false;
    }
    if observed.is_none() && is_of_apps(source) {
        return false;
    }
    if let Some(nodes) = pointer::number(status, &["desiredNumberScheduled"]) {
        return OF_NODES.iter().all(|field| figure(field) == nodes);
    }
    match pointer::number(source, &["spec", "replicas"]) {
        // Kinds that do not report a figure are not waited for: a status that has none of them says nothing of replicas.
        Some(replicas) if status.get("replicas").is_some() => {
            OF_REPLICAS.iter().all(|field| figure(field) == replicas)
        }
        Some(replicas) => replicas == 0 || observed.is_none(),
        None => true,
    }
}

/// Workloads whose controllers always say which generation they have seen (`apps/v1`): without it no copy is there yet.
fn is_of_apps(source: &Value) -> bool {
    pointer::text(source, &["apiVersion"]).starts_with("apps/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_is_settled_when_every_pod_is_there_new_and_ready() {
        let workload = json!({"metadata": {"generation": 2}, "spec": {"replicas": 3}});
        let ready = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3,
            "readyReplicas": 3, "availableReplicas": 3});
        let with = |field: &str, value: i64| {
            let mut status = ready.clone();
            status[field] = json!(value);
            status
        };
        let daemon = json!({"metadata": {"generation": 1}, "spec": {}});
        let on_nodes = |number: i64| {
            json!({"observedGeneration": 1, "desiredNumberScheduled": 4, "updatedNumberScheduled": 4,
                "numberReady": number, "numberAvailable": number})
        };
        for (name, source, status, settled) in [
            ("ready", &workload, ready.clone(), true),
            (
                "one is not ready",
                &workload,
                with("readyReplicas", 2),
                false,
            ),
            ("an old pod is left", &workload, with("replicas", 4), false),
            (
                "the members are behind",
                &workload,
                with("observedGeneration", 1),
                false,
            ),
            (
                "nothing seen yet",
                &workload,
                json!({"observedGeneration": 2}),
                false,
            ),
            (
                "none wanted",
                &json!({"metadata": {"generation": 1}, "spec": {"replicas": 0}}),
                json!({"observedGeneration": 1}),
                true,
            ),
            (
                "no copy has been seen yet",
                &json!({"apiVersion": "apps/v1", "metadata": {"generation": 1}, "spec": {"replicas": 0}}),
                json!({"conditions": [{"type": "Available", "status": "False"}]}),
                false,
            ),
            ("daemons, all ready", &daemon, on_nodes(4), true),
            ("daemons, one not", &daemon, on_nodes(3), false),
            (
                "no replicas",
                &json!({"metadata": {}}),
                json!({"loadBalancer": {}}),
                true,
            ),
        ] {
            assert_eq!(is_settled(source, &status), settled, "{name}");
        }
    }
}
