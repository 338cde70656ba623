//! The stages of a pod's life and the status a kubelet writes for each. Pure.

use crate::object;
use crate::simulate::field;
use crate::simulate::options::{Behaviour, Delays};
use crate::simulate::pods;
use serde_json::{Value, json};
use std::time::Duration;

/// Where a pod is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Bound, not yet seen by the kubelet.
    New,
    /// Its containers are being made.
    Creating,
    /// Running and ready.
    Running,
    /// Running, not ready.
    Unready,
    /// Its containers exited with an error and wait to be started again.
    Crashed,
    /// Started again, and about to crash again.
    Restarted,
    /// An image cannot be pulled.
    ImageError,
    /// Ended well.
    Succeeded,
    /// Ended with an error.
    Failed,
}

impl Stage {
    /// The stage a pod's status tells of.
    pub(crate) fn of(pod: &Value) -> Self {
        match pods::phase(pod) {
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            "Running" if pods::is_ready(pod) => Self::Running,
            "Running" => Self::Unready,
            _ => Self::New,
        }
    }

    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// Whether this behaviour ends the stage's waiting.
    pub(crate) fn is_ended_by(self, behaviour: Behaviour) -> bool {
        self == Self::Crashed && behaviour != Behaviour::Crash
    }

    /// The stage that follows, and how long that one lasts if it does not last for ever.
    pub(crate) fn next(
        self,
        pod: &Value,
        behaviour: Behaviour,
        delays: &Delays,
        restart: Duration,
    ) -> (Self, Option<Duration>) {
        match (self, behaviour) {
            (Self::Succeeded | Self::Failed, _) => (self, None),
            (Self::New | Self::Creating, Behaviour::ImageError) => (Self::ImageError, None),
            (Self::ImageError, Behaviour::ImageError) => (self, None),
            (Self::Crashed, Behaviour::Crash) => (Self::Restarted, Some(delays.start)),
            (_, Behaviour::Crash) if field::text(pod, "/spec/restartPolicy") == "Never" => {
                (Self::Failed, None)
            }
            (_, Behaviour::Crash) => (Self::Crashed, Some(restart)),
            (_, Behaviour::NeverReady) => (Self::Unready, None),
            (Self::Running, _) if completes(pod, behaviour) => (Self::Succeeded, None),
            (_, _) if completes(pod, behaviour) => (Self::Running, Some(delays.complete)),
            (_, _) => (Self::Running, None),
        }
    }
}

/// Whether the pod's containers come to an end by themselves.
fn completes(pod: &Value, behaviour: Behaviour) -> bool {
    let owner = object::controller_of(pod);
    let of_job = owner.is_some_and(|o| field::text(o, "/kind") == "Job");
    let ends = match behaviour {
        Behaviour::Complete => true,
        Behaviour::Normal | Behaviour::Slow => of_job,
        _ => false,
    };
    ends && field::text(pod, "/spec/restartPolicy") != "Always"
}

/// The names of a pod's containers.
pub(crate) fn names(pod: &Value) -> Vec<String> {
    let containers = field::list(pod, "/spec/containers").iter();
    containers
        .map(|c| field::text(c, "/name").to_owned())
        .collect()
}

/// How often the pod's containers were started again.
pub(crate) fn restarts(pod: &Value) -> i64 {
    let statuses = field::list(pod, "/status/containerStatuses").iter();
    statuses
        .map(|s| field::count(s, "/restartCount"))
        .max()
        .unwrap_or(0)
}

/// The status of a pod that has reached a stage.
pub(crate) fn status(
    pod: &Value,
    stage: Stage,
    restarts: i64,
    host: &str,
    address: impl FnOnce() -> String,
) -> Value {
    let now = object::now();
    let mut status = pod.get("status").cloned().unwrap_or(json!({}));
    let known_address = field::text(&status, "/podIP").to_owned();
    let started = field::text(&status, "/startTime").to_owned();
    let map = object::map_mut(&mut status);
    let phase = match stage {
        Stage::New | Stage::Creating | Stage::ImageError => "Pending",
        Stage::Running | Stage::Unready | Stage::Crashed | Stage::Restarted => "Running",
        Stage::Succeeded => "Succeeded",
        Stage::Failed => "Failed",
    };
    map.insert("phase".to_owned(), phase.into());
    if !host.is_empty() {
        map.insert("hostIP".to_owned(), host.into());
        map.insert("hostIPs".to_owned(), json!([{"ip": host}]));
    }
    if stage != Stage::Creating {
        let own = if known_address.is_empty() {
            match field::flag(pod, "/spec/hostNetwork") {
                true => host.to_owned(),
                false => address(),
            }
        } else {
            known_address
        };
        map.insert("podIPs".to_owned(), json!([{"ip": own}]));
        map.insert("podIP".to_owned(), own.into());
    }
    if started.is_empty() {
        map.insert("startTime".to_owned(), now.clone().into());
    }
    put_conditions(&mut status, pod, stage, &now);
    put_containers(&mut status, pod, stage, restarts, &now);
    status
}

/// The status of a pod whose containers were stopped by a deletion.
pub(crate) fn ended(pod: &Value) -> Value {
    let host = field::text(pod, "/status/hostIP").to_owned();
    let mut status = status(pod, Stage::Failed, restarts(pod), &host, String::new);
    if field::text(&status, "/podIP").is_empty() {
        let map = object::map_mut(&mut status);
        map.remove("podIP");
        map.remove("podIPs");
    }
    status
}

fn put_conditions(status: &mut Value, pod: &Value, stage: Stage, now: &str) {
    let names = names(pod);
    let unready = || {
        (
            "False",
            Some((
                "ContainersNotReady".to_owned(),
                format!("containers with unready status: [{}]", names.join(" ")),
            )),
        )
    };
    let completed = || ("False", Some(("PodCompleted".to_owned(), String::new())));
    let ready = match stage {
        Stage::Running => ("True", None),
        Stage::Succeeded => completed(),
        Stage::Failed => ("False", Some(("PodFailed".to_owned(), String::new()))),
        _ => unready(),
    };
    let sandbox = match stage {
        Stage::New | Stage::Creating | Stage::Succeeded | Stage::Failed => "False",
        _ => "True",
    };
    let done = stage == Stage::Succeeded;
    let initialized = (
        "True",
        done.then(|| ("PodCompleted".to_owned(), String::new())),
    );
    let scheduled = field::condition(pod, "PodScheduled").cloned();
    let conditions = [
        ("PodReadyToStartContainers", (sandbox, None)),
        ("Initialized", initialized),
        ("Ready", ready.clone()),
        ("ContainersReady", ready),
        ("PodScheduled", ("True", None)),
    ];
    let mut all: Vec<Value> = Vec::new();
    for (kind, (value, why)) in conditions {
        let known = match kind {
            "PodScheduled" => scheduled.as_ref(),
            _ => field::condition(pod, kind),
        };
        let same = known.filter(|c| field::text(c, "/status") == value);
        let since = same.map_or(now, |c| field::text(c, "/lastTransitionTime"));
        let mut condition = json!({
            "type": kind, "status": value, "lastProbeTime": null, "lastTransitionTime": since,
        });
        if let Some((reason, message)) = why {
            let map = object::map_mut(&mut condition);
            map.insert("reason".to_owned(), reason.into());
            if !message.is_empty() {
                map.insert("message".to_owned(), message.into());
            }
        }
        all.push(condition);
    }
    let own = |kind: &str| conditions_written().contains(&kind);
    let others = field::list(pod, "/status/conditions").iter();
    all.extend(others.filter(|c| !own(field::text(c, "/type"))).cloned());
    object::map_mut(status).insert("conditions".to_owned(), all.into());
}

fn conditions_written() -> [&'static str; 5] {
    [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
}

fn put_containers(status: &mut Value, pod: &Value, stage: Stage, restarts: i64, now: &str) {
    let known = |list: &str, name: &str| {
        let statuses = field::list(pod, &format!("/status/{list}")).iter();
        statuses
            .clone()
            .find(|s| field::text(s, "/name") == name)
            .cloned()
    };
    let map = object::map_mut(status);
    let mut containers = Vec::new();
    for container in field::list(pod, "/spec/containers") {
        let name = field::text(container, "/name");
        let before = known("containerStatuses", name);
        containers.push(container_status(
            container,
            before.as_ref(),
            stage,
            restarts,
            now,
        ));
    }
    map.insert("containerStatuses".to_owned(), containers.into());
    let mut init = Vec::new();
    for container in field::list(pod, "/spec/initContainers") {
        let name = field::text(container, "/name");
        let before = known("initContainerStatuses", name);
        let keeps_running = field::text(container, "/restartPolicy") == "Always";
        let own = match stage {
            Stage::New | Stage::Creating | Stage::ImageError => Stage::Creating,
            Stage::Succeeded | Stage::Failed => Stage::Succeeded,
            _ if keeps_running => Stage::Running,
            _ => Stage::Succeeded,
        };
        let mut made = container_status(container, before.as_ref(), own, 0, now);
        if own == Stage::Succeeded && !keeps_running {
            // An init container that has completed is ready.
            object::map_mut(&mut made).insert("ready".to_owned(), json!(true));
        }
        init.push(made);
    }
    if !init.is_empty() {
        map.insert("initContainerStatuses".to_owned(), init.into());
    }
}

fn container_status(
    container: &Value,
    before: Option<&Value>,
    stage: Stage,
    restarts: i64,
    now: &str,
) -> Value {
    let running_since = before
        .map(|b| field::text(b, "/state/running/startedAt"))
        .filter(|since| !since.is_empty());
    let ended = |code: i64, reason: &str| {
        json!({"terminated": {
            "exitCode": code, "reason": reason,
            "startedAt": running_since.unwrap_or(now), "finishedAt": now,
        }})
    };
    let restarted = stage == Stage::Restarted;
    let since = running_since.filter(|_| !restarted).unwrap_or(now);
    let state = match stage {
        Stage::New | Stage::Creating => json!({"waiting": {"reason": "ContainerCreating"}}),
        Stage::Running | Stage::Unready | Stage::Restarted => {
            json!({"running": {"startedAt": since}})
        }
        Stage::Crashed => json!({"waiting": {
            "reason": "CrashLoopBackOff",
            "message": format!(
                "back-off restarting failed container={}", field::text(container, "/name")),
        }}),
        Stage::ImageError => json!({"waiting": {
            "reason": "ImagePullBackOff",
            "message": format!("Back-off pulling image \"{}\"", field::text(container, "/image")),
        }}),
        Stage::Succeeded => ended(0, "Completed"),
        Stage::Failed => ended(1, "Error"),
    };
    let last = match stage {
        Stage::Crashed => ended(1, "Error"),
        _ => before
            .and_then(|b| b.get("lastState"))
            .cloned()
            .unwrap_or(json!({})),
    };
    let started = matches!(stage, Stage::Running | Stage::Unready | Stage::Restarted);
    let image = field::text(container, "/image");
    json!({
        "name": field::text(container, "/name"),
        "image": image,
        "imageID": image,
        "state": state,
        "lastState": last,
        "ready": stage == Stage::Running,
        "started": started,
        "restartCount": restarts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(policy: &str, owner: &str) -> Value {
        json!({
            "metadata": {"ownerReferences": [{"kind": owner, "controller": true}]},
            "spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "i"}]},
        })
    }

    #[test]
    fn stages_follow_behaviour_policy_and_owner() {
        let delays = Delays::default();
        let wait = Duration::from_secs(1);
        for (name, stage, pod, behaviour, wanted) in [
            (
                "starts",
                Stage::New,
                pod("Always", "ReplicaSet"),
                Behaviour::Normal,
                Stage::Running,
            ),
            (
                "stays",
                Stage::Running,
                pod("Always", "ReplicaSet"),
                Behaviour::Normal,
                Stage::Running,
            ),
            (
                "a job ends",
                Stage::Running,
                pod("Never", "Job"),
                Behaviour::Normal,
                Stage::Succeeded,
            ),
            (
                "unless told not to",
                Stage::Running,
                pod("Never", "Job"),
                Behaviour::Run,
                Stage::Running,
            ),
            (
                "crashes",
                Stage::Running,
                pod("Always", "ReplicaSet"),
                Behaviour::Crash,
                Stage::Crashed,
            ),
            (
                "fails for good",
                Stage::New,
                pod("Never", "Job"),
                Behaviour::Crash,
                Stage::Failed,
            ),
            (
                "recovers",
                Stage::Crashed,
                pod("Always", "ReplicaSet"),
                Behaviour::Normal,
                Stage::Running,
            ),
            (
                "is never ready",
                Stage::New,
                pod("Always", "ReplicaSet"),
                Behaviour::NeverReady,
                Stage::Unready,
            ),
        ] {
            assert_eq!(
                stage.next(&pod, behaviour, &delays, wait).0,
                wanted,
                "{name}"
            );
        }
    }

    #[test]
    fn a_crashed_container_tells_how_it_ended() {
        let pod = pod("Always", "ReplicaSet");
        let status = status(&pod, Stage::Crashed, 2, "10.0.0.1", || {
            "10.244.0.9".to_owned()
        });
        let container = &status["containerStatuses"][0];
        assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff");
        assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
        assert_eq!(container["restartCount"], 2);
        assert_eq!(status["podIP"], "10.244.0.9");
        assert!(!pods::is_ready(&json!({"status": status})));
    }
}
