//! Deployments: sums, and the conditions `Available` and `Progressing` that KubeAdmiral leaves out
//! (its hosts never satisfy `kubectl wait --for=condition=Available`).

use super::Figures as Kept;
use crate::copies::aggregate::{Inputs, named, set};
use crate::copies::conditions::{self, Condition, Truth, Written};
use crate::copies::pods::Pods;
use crate::pointer;
use navarch_crds::names::ClusterName;
use serde_json::{Map, Value};

/// What is kept of a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    wanted: i64,
    replicas: i64,
    updated: i64,
    ready: i64,
    available: i64,
    unavailable: i64,
    available_condition: Option<Condition>,
    progressing: Option<Condition>,
    failure: Option<Condition>,
}

impl Figures {
    pub(super) fn pods(&self) -> Pods {
        Pods {
            wanted: self.wanted,
            present: self.replicas,
            running: self.replicas,
        }
    }

    pub(super) fn has_old_pods(&self) -> bool {
        self.updated < self.replicas
    }

    /// All replicas are there, new, available, and no old ones.
    fn is_complete(&self) -> bool {
        self.updated == self.wanted && self.replicas == self.wanted && self.available >= self.wanted
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        [&self.available_condition, &self.progressing, &self.failure]
            .into_iter()
            .flatten()
    }
}

pub(super) fn observe(object: &Value) -> Kept {
    let status = |field: &str| pointer::number(object, &["status", field]).unwrap_or_default();
    Kept::Deployment(Figures {
        wanted: pointer::number(object, &["spec", "replicas"]).unwrap_or(1),
        replicas: status("replicas"),
        updated: status("updatedReplicas"),
        ready: status("readyReplicas"),
        available: status("availableReplicas"),
        unavailable: status("unavailableReplicas"),
        available_condition: conditions::read(object, "Available"),
        progressing: conditions::read(object, "Progressing"),
        failure: conditions::read(object, "ReplicaFailure"),
    })
}

type Copy<'a> = (&'a ClusterName, &'a Figures);

fn copies<'a>(inputs: Inputs<'a>) -> Vec<Copy<'a>> {
    let seen = inputs.seen();
    seen.filter_map(|(cluster, observed)| match &observed.figures {
        Kept::Deployment(figures) => Some((cluster, figures)),
        _ => None,
    })
    .collect()
}

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let copies = copies(inputs);
    let sum = |of: fn(&Figures) -> i64| copies.iter().map(|(_, copy)| of(copy)).sum::<i64>();
    let mut status = inputs.old_status();
    let (replicas, updated, available) = (
        sum(|copy| copy.replicas),
        sum(|copy| copy.updated),
        sum(|copy| copy.available),
    );
    let complete = inputs.all_seen() && copies.iter().all(|(_, copy)| copy.is_complete());
    set(
        &mut status,
        "observedGeneration",
        inputs.observed_generation(),
    );
    set(&mut status, "replicas", replicas);
    set(
        &mut status,
        "updatedReplicas",
        told(inputs, complete, replicas, updated, available),
    );
    set(&mut status, "readyReplicas", sum(|copy| copy.ready));
    set(&mut status, "availableReplicas", available);
    set(
        &mut status,
        "unavailableReplicas",
        sum(|copy| copy.unavailable),
    );
    if inputs.members.is_empty() {
        // Not placed: what was said of copies does not hold any more.
        for condition in ["Available", "Progressing", "ReplicaFailure"] {
            conditions::remove(&mut status, condition);
        }
        return Some(status.into());
    }
    available_condition(&mut status, inputs, &copies);
    progressing_condition(&mut status, inputs, &copies, complete);
    failure_condition(&mut status, &copies);
    Some(status.into())
}

/// `kubectl rollout status` holds `updatedReplicas` against `spec.replicas`, which in Duplicate is
/// the number of one copy. Where the sums would make it say that a rollout is over that is not,
/// one replica less than it asks for is reported.
fn told(inputs: Inputs<'_>, complete: bool, replicas: i64, updated: i64, available: i64) -> i64 {
    let wanted = inputs.wanted_replicas();
    let looks_done = updated >= wanted && replicas <= updated && available >= updated;
    if looks_done && !complete && wanted > 0 {
        wanted.saturating_sub(1)
    } else {
        updated
    }
}

/// Every copy shares the replicas: no more of them are wanted than the source wants.
fn is_divided(inputs: Inputs<'_>, copies: &[Copy<'_>]) -> bool {
    let wanted: i64 = copies.iter().map(|(_, copy)| copy.wanted).sum();
    wanted <= inputs.wanted_replicas() && (inputs.all_seen() || wanted < inputs.wanted_replicas())
}

/// The clusters whose copy does not satisfy a condition, or was not seen.
fn lacking<'a>(
    inputs: Inputs<'a>,
    copies: &[Copy<'a>],
    satisfies: impl Fn(&Figures) -> bool,
) -> Vec<&'a ClusterName> {
    let satisfying: Vec<&ClusterName> = copies
        .iter()
        .filter(|(_, copy)| satisfies(copy))
        .map(|(cluster, _)| *cluster)
        .collect();
    inputs
        .members
        .iter()
        .map(|(cluster, ..)| cluster)
        .filter(|cluster| !satisfying.contains(cluster))
        .collect()
}

fn available_condition(status: &mut Map<String, Value>, inputs: Inputs<'_>, copies: &[Copy<'_>]) {
    let lacking = lacking(inputs, copies, |copy| {
        let condition = copy.available_condition.as_ref();
        condition.is_some_and(|condition| condition.status == Truth::True)
    });
    let holds = if is_divided(inputs, copies) {
        // As one Deployment would: some replicas may be missing, wherever they are.
        let wanted = inputs.wanted_replicas();
        let available: i64 = copies.iter().map(|(_, copy)| copy.available).sum();
        available >= wanted.saturating_sub(max_unavailable(inputs.source, wanted))
    } else {
        lacking.is_empty()
    };
    let time = conditions::latest(
        copies
            .iter()
            .filter_map(|(_, copy)| copy.available_condition.as_ref())
            .map(|condition| condition.transition.as_str()),
    );
    conditions::put(
        status,
        &Written {
            condition_type: "Available",
            status: holds.into(),
            reason: if holds {
                "MinimumReplicasAvailable"
            } else {
                "MinimumReplicasUnavailable"
            },
            message: if holds {
                "Deployment has minimum availability.".to_owned()
            } else if lacking.is_empty() {
                "Deployment does not have minimum availability.".to_owned()
            } else {
                format!(
                    "Deployment does not have minimum availability in {}.",
                    named(lacking)
                )
            },
            time,
            other_time: Some("lastUpdateTime"),
        },
    );
}

/// How many replicas may be missing (Kubernetes `deploymentutil.MaxUnavailable`).
fn max_unavailable(source: &Value, wanted: i64) -> i64 {
    let strategy = pointer::text(source, &["spec", "strategy", "type"]);
    if wanted == 0 || !matches!(strategy, "" | "RollingUpdate") {
        return 0;
    }
    let setting = |field: &str| pointer::get(source, &["spec", "strategy", "rollingUpdate", field]);
    let share = |setting: Option<&Value>, up: bool| match setting {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        other => {
            let text = other.and_then(Value::as_str).unwrap_or("25%");
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let product = wanted.saturating_mul(percent);
            let rounding = if up { 99 } else { 0 };
            product.saturating_add(rounding).div_euclid(100)
        }
    };
    let unavailable = share(setting("maxUnavailable"), false);
    // Both zero would never get on: then one may be missing.
    if unavailable == 0 && share(setting("maxSurge"), true) == 0 {
        return 1;
    }
    unavailable.min(wanted)
}

fn progressing_condition(
    status: &mut Map<String, Value>,
    inputs: Inputs<'_>,
    copies: &[Copy<'_>],
    complete: bool,
) {
    let stuck: Vec<&ClusterName> = copies
        .iter()
        .filter(|(_, copy)| {
            let condition = copy.progressing.as_ref();
            condition.is_some_and(|condition| condition.status == Truth::False)
        })
        .map(|(cluster, _)| *cluster)
        .collect();
    let paused = copies.iter().find_map(|(_, copy)| {
        let condition = copy.progressing.as_ref()?;
        (condition.reason == "DeploymentPaused").then_some(())
    });
    let (truth, reason, message) = if !stuck.is_empty() {
        let reason = "ProgressDeadlineExceeded";
        let message = format!("Deployment has timed out progressing in {}.", named(stuck));
        (Truth::False, reason, message)
    } else if paused.is_some() {
        let message = "Deployment is paused.".to_owned();
        (Truth::Unknown, "DeploymentPaused", message)
    } else if complete {
        let message = "Deployment has successfully progressed in every cluster.".to_owned();
        (Truth::True, "NewReplicaSetAvailable", message)
    } else {
        let left = named(lacking(inputs, copies, Figures::is_complete));
        let message = format!("Deployment is progressing in {left}.");
        (Truth::True, "ReplicaSetUpdated", message)
    };
    let time = conditions::latest(copies.iter().filter_map(|(_, copy)| {
        let condition = copy.progressing.as_ref()?;
        Some(condition.transition.as_str().max(condition.update.as_str()))
    }));
    conditions::put(
        status,
        &Written {
            condition_type: "Progressing",
            status: truth,
            reason,
            message,
            time,
            other_time: Some("lastUpdateTime"),
        },
    );
}

fn failure_condition(status: &mut Map<String, Value>, copies: &[Copy<'_>]) {
    let failing: Vec<(&ClusterName, &Condition)> = copies
        .iter()
        .filter_map(|(cluster, copy)| Some((*cluster, copy.failure.as_ref()?)))
        .filter(|(_, condition)| condition.status == Truth::True)
        .collect();
    let Some((_, first)) = failing.first() else {
        conditions::remove(status, "ReplicaFailure");
        return;
    };
    let time = conditions::latest(
        copies
            .iter()
            .flat_map(|(_, copy)| copy.conditions())
            .map(|condition| condition.transition.as_str()),
    );
    conditions::put(
        status,
        &Written {
            condition_type: "ReplicaFailure",
            status: Truth::True,
            reason: &first.reason,
            message: format!(
                "Replicas cannot be made in {}.",
                named(failing.iter().map(|(cluster, _)| *cluster))
            ),
            time,
            other_time: Some("lastUpdateTime"),
        },
    );
}
