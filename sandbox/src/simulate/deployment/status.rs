//! A Deployment's status: counters and the conditions Available, Progressing and ReplicaFailure.

use super::sets::{Sets, sum};
use super::{bounds, is_paused, wanted};
use crate::object::{self, Object};
use crate::simulate::engine::Again;
use crate::simulate::field::{self, put_count};
use crate::simulate::kinds::Kind;
use crate::simulate::world::{CONTROLLERS, World};
use crate::status::Status;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

/// What is counted over the ReplicaSets.
#[derive(Debug, Clone, Copy)]
struct Counts {
    replicas: i64,
    updated: i64,
    ready: i64,
    available: i64,
    unavailable: i64,
}

fn counts(sets: &Sets) -> Counts {
    let specified: i64 = sets.all().map(super::sets::size).sum();
    let available = sum(sets.all(), "/status/availableReplicas");
    Counts {
        replicas: sum(sets.all(), "/status/replicas"),
        updated: sum(&sets.new, "/status/replicas"),
        ready: sum(sets.all(), "/status/readyReplicas"),
        available,
        unavailable: (specified - available).max(0),
    }
}

/// Whether everything wanted is new and available, and nothing old is left.
pub(super) fn is_complete(deployment: &Object, sets: &Sets) -> bool {
    let counts = counts(sets);
    let wanted = wanted(deployment);
    counts.updated == wanted
        && counts.replicas == wanted
        && counts.available == wanted
        && field::count(deployment, "/status/observedGeneration") >= object::generation(deployment)
}

fn completes(deployment: &Object, counts: Counts) -> bool {
    let wanted = wanted(deployment);
    counts.updated == wanted && counts.replicas == wanted && counts.available == wanted
}

/// Writes the status; answers when the rollout will be too late.
pub(super) fn write(deployment: &Object, sets: &Sets, world: &World) -> Result<Again, Status> {
    if sets.marked {
        return Ok(None);
    }
    let counts = counts(sets);
    let now = Timestamp::now();
    let mut conditions = Conditions::of(deployment, now);
    available(deployment, counts, &mut conditions);
    let deadline = field::number(deployment, "/spec/progressDeadlineSeconds");
    let deadline = deadline.filter(|d| *d < i64::from(i32::MAX));
    let mut again = None;
    match deadline {
        None => conditions.remove("Progressing"),
        Some(deadline) => {
            paused(deployment, &mut conditions);
            if !is_paused(deployment) && object::deletion_timestamp(deployment).is_none() {
                again = progress(deployment, sets, counts, deadline, &mut conditions);
            }
        }
    }
    failure(sets, &mut conditions);
    let mut status = deployment.get("status").cloned().unwrap_or(json!({}));
    let map = object::map_mut(&mut status);
    let generation = json!(object::generation(deployment));
    map.insert("observedGeneration".to_owned(), generation);
    map.insert("conditions".to_owned(), conditions.list.into());
    put_count(&mut status, "replicas", counts.replicas);
    put_count(&mut status, "updatedReplicas", counts.updated);
    put_count(&mut status, "readyReplicas", counts.ready);
    put_count(&mut status, "availableReplicas", counts.available);
    put_count(&mut status, "unavailableReplicas", counts.unavailable);
    put_count(&mut status, "collisionCount", sets.collisions);
    world.set_status(Kind::Deployment, deployment, &status, CONTROLLERS)?;
    Ok(again)
}

fn available(deployment: &Object, counts: Counts, conditions: &mut Conditions) {
    let (_, unavailable) = bounds(deployment);
    if counts.available >= wanted(deployment) - unavailable {
        let message = "Deployment has minimum availability.";
        conditions.set("Available", "True", "MinimumReplicasAvailable", message);
    } else {
        let message = "Deployment does not have minimum availability.";
        conditions.set("Available", "False", "MinimumReplicasUnavailable", message);
    }
}

/// Pausing and resuming are conditions, too, unless the deadline has passed.
fn paused(deployment: &Object, conditions: &mut Conditions) {
    let reason = conditions.reason("Progressing").to_owned();
    if reason == "ProgressDeadlineExceeded" {
        return;
    }
    match (is_paused(deployment), reason.as_str()) {
        (true, known) if known != "DeploymentPaused" => {
            let message = "Deployment is paused";
            conditions.set("Progressing", "Unknown", "DeploymentPaused", message);
        }
        (false, "DeploymentPaused") => {
            let message = "Deployment is resumed";
            conditions.set("Progressing", "Unknown", "DeploymentResumed", message);
        }
        _ => {}
    }
}

fn progress(
    deployment: &Object,
    sets: &Sets,
    counts: Counts,
    deadline: i64,
    conditions: &mut Conditions,
) -> Again {
    let done = conditions.reason("Progressing") == "NewReplicaSetAvailable";
    if done && counts.replicas == counts.updated {
        return None;
    }
    let named = match &sets.new {
        Some(set) => format!("ReplicaSet \"{}\"", object::name(set)),
        None => format!("Deployment \"{}\"", object::name(deployment)),
    };
    if completes(deployment, counts) {
        let message = format!("{named} has successfully progressed.");
        conditions.set("Progressing", "True", "NewReplicaSetAvailable", &message);
        return None;
    }
    let before = |path: &str| field::count(deployment, &format!("/status/{path}"));
    let old_before = before("replicas") - before("updatedReplicas");
    let progressed = counts.updated > before("updatedReplicas")
        || counts.replicas - counts.updated < old_before
        || counts.ready > before("readyReplicas")
        || counts.available > before("availableReplicas");
    if progressed {
        let message = format!("{named} is progressing.");
        conditions.renew("Progressing", "ReplicaSetUpdated", &message);
    }
    late(&named, deadline, conditions)
}

/// Notices a rollout that made no progress for too long; answers when that will be.
fn late(named: &str, deadline: i64, conditions: &mut Conditions) -> Again {
    let condition = conditions.get("Progressing")?;
    if field::text(condition, "/reason") == "ProgressDeadlineExceeded" {
        return None;
    }
    let since = field::time(condition, "/lastUpdateTime")?;
    let end = since + SignedDuration::from_secs(deadline);
    if end < conditions.now {
        let message = format!("{named} has timed out progressing.");
        conditions.set("Progressing", "False", "ProgressDeadlineExceeded", &message);
        return None;
    }
    let left = Duration::try_from(end.duration_since(conditions.now)).unwrap_or_default();
    Some(left + Duration::from_secs(1))
}

/// Puts what became of finding the new ReplicaSet into the status of a Deployment.
pub(super) fn put_found(deployment: &mut Value, reason: &str, message: &str) {
    let known = field::list(deployment, "/status/conditions").to_vec();
    let mut conditions = Conditions {
        list: known,
        now: Timestamp::now(),
    };
    conditions.set("Progressing", "True", reason, message);
    object::field_mut(deployment, "status").insert("conditions".to_owned(), conditions.list.into());
}

/// A ReplicaSet that cannot make its pods makes the Deployment say so.
fn failure(sets: &Sets, conditions: &mut Conditions) {
    let failed = sets.new.iter().chain(&sets.old).find_map(|set| {
        field::condition(set, "ReplicaFailure").filter(|c| field::text(c, "/status") == "True")
    });
    match failed {
        Some(condition) => {
            let text = |path| field::text(condition, path);
            conditions.set("ReplicaFailure", "True", text("/reason"), text("/message"));
        }
        None => conditions.remove("ReplicaFailure"),
    }
}

/// The conditions of a Deployment while they are worked out.
#[derive(Debug)]
struct Conditions {
    list: Vec<Value>,
    now: Timestamp,
}

impl Conditions {
    fn of(deployment: &Object, now: Timestamp) -> Self {
        let list = field::list(deployment, "/status/conditions").to_vec();
        Self { list, now }
    }

    fn get(&self, kind: &str) -> Option<&Value> {
        self.list.iter().find(|c| field::text(c, "/type") == kind)
    }

    fn reason(&self, kind: &str) -> &str {
        self.get(kind)
            .map(|c| field::text(c, "/reason"))
            .unwrap_or_default()
    }

    fn remove(&mut self, kind: &str) {
        self.list.retain(|c| field::text(c, "/type") != kind);
    }

    /// Sets a condition; one with the same status and reason stays as it is.
    fn set(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let known = self.get(kind);
        let is = |c: &&Value, path, wanted| field::text(c, path) == wanted;
        if known.is_some_and(|c| is(&c, "/status", status) && is(&c, "/reason", reason)) {
            return;
        }
        self.put(kind, status, reason, message);
    }

    /// Sets a condition to true, even if only its time is new.
    fn renew(&mut self, kind: &str, reason: &str, message: &str) {
        self.put(kind, "True", reason, message);
    }

    fn put(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let now = object::timestamp(self.now);
        let same = self
            .get(kind)
            .filter(|c| field::text(c, "/status") == status);
        let since = same.map(|c| field::text(c, "/lastTransitionTime").to_owned());
        self.remove(kind);
        self.list.push(json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": now, "lastTransitionTime": since.unwrap_or_else(|| now.clone()),
        }));
    }
}
