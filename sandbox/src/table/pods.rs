//! Rows of pods: the state of a pod in one word, as `kubectl get pods` shows it (k8s.io/kubernetes pkg/printers/internalversion).

use super::text::{
    age, condition_holds, containers, flag, labels, list, name, number, seconds_between, text,
    text_or,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Containers counted, and the word that describes them.
#[derive(Default)]
struct Summary {
    reason: String,
    restarts: i64,
    last_restart: Option<Timestamp>,
    ready: usize,
    total: usize,
    initializing: bool,
}

impl Summary {
    fn count_restarts(&mut self, status: &Value) {
        self.restarts += number(status, "/restartCount");
        let finished = text(status, "/lastState/terminated/finishedAt")
            .parse::<Timestamp>()
            .ok();
        self.last_restart = self.last_restart.max(finished);
    }
}

/// Name, ready, status, restarts, age, IP, node, nominated node, readiness gates.
pub(super) fn pod(object: &Value, now: Timestamp) -> Vec<Value> {
    let summary = summarize(object);
    let mut restarts = summary.restarts.to_string();
    if let (true, Some(time)) = (summary.restarts != 0, summary.last_restart) {
        let ago = super::text::human(seconds_between(time, now));
        restarts = format!("{restarts} ({ago} ago)");
    }
    let ip = text_or(object, "/status/podIPs/0/ip", "<none>");
    vec![
        name(object),
        Value::from(format!("{}/{}", summary.ready, summary.total)),
        Value::from(summary.reason),
        Value::from(restarts),
        age(object, now),
        Value::from(ip),
        Value::from(text_or(object, "/spec/nodeName", "<none>")),
        Value::from(text_or(object, "/status/nominatedNodeName", "<none>")),
        Value::from(readiness_gates(object)),
    ]
}

fn readiness_gates(object: &Value) -> String {
    let gates = list(object, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let held = gates
        .iter()
        .filter(|g| condition_holds(object, text(g, "/conditionType")))
        .count();
    format!("{held}/{}", gates.len())
}

fn restartable(object: &Value, init_container: &str) -> bool {
    list(object, "/spec/initContainers")
        .iter()
        .any(|c| text(c, "/name") == init_container && text(c, "/restartPolicy") == "Always")
}

fn summarize(object: &Value) -> Summary {
    let phase = text(object, "/status/phase");
    let gated = super::text::condition(object, "PodScheduled")
        .is_some_and(|c| text(c, "/reason") == "SchedulingGated");
    let sidecars = list(object, "/spec/initContainers")
        .iter()
        .filter(|c| text(c, "/restartPolicy") == "Always")
        .count();
    let mut summary = Summary {
        reason: text_or(object, "/status/reason", phase).to_owned(),
        total: list(object, "/spec/containers").len() + sidecars,
        ..Summary::default()
    };
    if gated {
        "SchedulingGated".clone_into(&mut summary.reason);
    }
    let of_sidecars = init_containers(object, &mut summary);
    if !summary.initializing || condition_holds(object, "Initialized") {
        (summary.restarts, summary.last_restart) = of_sidecars;
        main_containers(object, &mut summary);
    }
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        if text(object, "/status/reason") == "NodeLost" {
            "Unknown".clone_into(&mut summary.reason);
        } else if !matches!(phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut summary.reason);
        }
    }
    summary
}

/// Stops at the first init container that is not done; answers the restarts of sidecars alone.
fn init_containers(object: &Value, summary: &mut Summary) -> (i64, Option<Timestamp>) {
    let mut of_sidecars = Summary::default();
    for (index, status) in list(object, "/status/initContainerStatuses")
        .iter()
        .enumerate()
    {
        summary.count_restarts(status);
        let sidecar = restartable(object, text(status, "/name"));
        if sidecar {
            of_sidecars.count_restarts(status);
        }
        let terminated = status.pointer("/state/terminated");
        let waiting = text(status, "/state/waiting/reason");
        if terminated.is_some_and(|t| number(t, "/exitCode") == 0) {
            continue;
        }
        if sidecar && flag(status, "/started") {
            summary.ready += usize::from(flag(status, "/ready"));
            continue;
        }
        summary.reason = match terminated {
            Some(terminated) => format!("Init:{}", ended(terminated)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => {
                format!("Init:{waiting}")
            }
            None => format!(
                "Init:{index}/{}",
                list(object, "/spec/initContainers").len()
            ),
        };
        summary.initializing = true;
        break;
    }
    (of_sidecars.restarts, of_sidecars.last_restart)
}

/// Why a container ended: its reason, or signal, or exit code.
fn ended(terminated: &Value) -> String {
    let reason = text(terminated, "/reason");
    if !reason.is_empty() {
        return reason.to_owned();
    }
    match number(terminated, "/signal") {
        0 => format!("ExitCode:{}", number(terminated, "/exitCode")),
        signal => format!("Signal:{signal}"),
    }
}

fn main_containers(object: &Value, summary: &mut Summary) {
    let mut running = false;
    for status in list(object, "/status/containerStatuses").iter().rev() {
        summary.count_restarts(status);
        let waiting = text(status, "/state/waiting/reason");
        if !waiting.is_empty() {
            waiting.clone_into(&mut summary.reason);
        } else if let Some(terminated) = status.pointer("/state/terminated") {
            summary.reason = ended(terminated);
        } else if flag(status, "/ready") && status.pointer("/state/running").is_some() {
            running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" && running {
        let ready = condition_holds(object, "Ready");
        if ready { "Running" } else { "NotReady" }.clone_into(&mut summary.reason);
    }
}

/// Rows of pods that ended carry a condition, by which `kubectl` may leave them out.
pub(super) fn row_conditions(object: &Value) -> Option<Value> {
    object.pointer("/spec/containers")?;
    let (reason, message) = match text(object, "/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}

/// Name, containers, images, labels.
pub(super) fn pod_template(object: &Value, _: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/template/spec");
    let labels = labels(object.pointer("/template/metadata/labels"));
    vec![name(object), names, images, Value::from(labels)]
}
