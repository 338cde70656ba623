//! ReplicaSets: as many pods as asked for, and a status that says how many there are
//! (k8s.io/kubernetes `pkg/controller/replicaset`).

use super::engine::{Again, Controller, Seen};
use super::events::Note;
use super::field::{self, put_count};
use super::kinds::Kind;
use super::pods;
use super::world::{CONTROLLERS, World};
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use jiff::Timestamp;
use serde_json::{Value, json};

const COMPONENT: &str = "replicaset-controller";

#[derive(Debug)]
pub(crate) struct ReplicaSets;

impl Controller for ReplicaSets {
    fn observe(&mut self, seen: &Seen<'_>, world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::ReplicaSet if seen.new.is_some() => wake.push(seen.key.clone()),
            Kind::Pod => pods::concerned(seen, Kind::ReplicaSet, "ReplicaSet", world, wake),
            _ => {}
        }
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(set) = world.get(Kind::ReplicaSet, key) else {
            return Ok(None);
        };
        let mut own = pods::claim(Kind::Pod, &set, world)?;
        own.retain(|pod| pods::is_active(pod));
        let failure = if object::deletion_timestamp(&set).is_none() {
            scale(&set, &own, world)
        } else {
            None
        };
        // What was just made or deleted comes by watch; the status tells of what is there.
        let failure_text = failure
            .as_ref()
            .map(|(doing, s)| (*doing, s.message.clone()));
        let now = Timestamp::now();
        let status = status(&set, &own, failure_text, now);
        world.set_status(Kind::ReplicaSet, &set, &status, CONTROLLERS)?;
        if let Some((_, status)) = failure {
            return Err(status);
        }
        let min_ready = field::count(&set, "/spec/minReadySeconds");
        Ok(pods::next_available(&own, min_ready, now))
    }
}

/// Makes or deletes pods until there are enough; the first failure and what it happened to.
fn scale(set: &Object, own: &[Object], world: &mut World) -> Option<(&'static str, Status)> {
    let wanted = field::number(set, "/spec/replicas").unwrap_or(1);
    let wanted = usize::try_from(wanted).unwrap_or(0);
    let mut failure = None;
    if own.len() < wanted {
        let template = set.pointer("/spec/template").unwrap_or(&Value::Null);
        let namespace = object::namespace(set).unwrap_or_default();
        for _ in own.len()..wanted {
            let pod = pods::from_template(template, set);
            match world.create(Kind::Pod, namespace, pod, CONTROLLERS) {
                Ok(pod) => {
                    let message = format!("Created pod: {}", object::name(&pod));
                    let note = Note::normal(COMPONENT, set, "SuccessfulCreate", message);
                    world.recorder.say(note);
                }
                Err(status) => {
                    let message = format!("Error creating: {}", status.message);
                    let note = Note::warning(COMPONENT, set, "FailedCreate", message);
                    world.recorder.say(note);
                    failure = Some(("FailedCreate", status));
                    break;
                }
            }
        }
    } else if own.len() > wanted {
        let mut given_up = own.to_vec();
        pods::by_worth(&mut given_up);
        for pod in given_up.iter().take(own.len() - wanted) {
            match world.delete(Kind::Pod, pod) {
                Ok(()) => {
                    let message = format!("Deleted pod: {}", object::name(pod));
                    let note = Note::normal(COMPONENT, set, "SuccessfulDelete", message);
                    world.recorder.say(note);
                }
                Err(status) => failure = Some(("FailedDelete", status)),
            }
        }
    }
    failure
}

fn status(
    set: &Value,
    own: &[Object],
    failure: Option<(&'static str, String)>,
    now: Timestamp,
) -> Value {
    let min_ready = field::count(set, "/spec/minReadySeconds");
    let template = set.pointer("/spec/template/metadata/labels");
    let template = template.and_then(Value::as_object);
    let labelled = |pod: &&Object| {
        let mut labels = template.into_iter().flatten();
        labels.all(|(k, v)| object::label(pod, k) == v.as_str())
    };
    let count = |f: &dyn Fn(&&Object) -> bool| {
        i64::try_from(own.iter().filter(f).count()).unwrap_or(i64::MAX)
    };
    let mut status = set.get("status").cloned().unwrap_or(json!({}));
    let map = object::map_mut(&mut status);
    map.insert("replicas".to_owned(), json!(own.len()));
    map.insert(
        "observedGeneration".to_owned(),
        json!(object::generation(set)),
    );
    put_count(&mut status, "fullyLabeledReplicas", count(&labelled));
    put_count(&mut status, "readyReplicas", count(&|p| pods::is_ready(p)));
    let available = |p: &&Object| pods::is_available(p, min_ready, now);
    put_count(&mut status, "availableReplicas", count(&available));
    put_failure(&mut status, failure);
    status
}

fn put_failure(status: &mut Value, failure: Option<(&'static str, String)>) {
    let map = object::map_mut(status);
    let mut conditions = match map.remove("conditions") {
        Some(Value::Array(conditions)) => conditions,
        _ => Vec::new(),
    };
    let known = conditions
        .iter()
        .any(|c| field::text(c, "/type") == "ReplicaFailure");
    match failure {
        None => conditions.retain(|c| field::text(c, "/type") != "ReplicaFailure"),
        Some((reason, message)) if !known => conditions.push(json!({
            "type": "ReplicaFailure", "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": object::now(),
        })),
        Some(_) => {}
    }
    if !conditions.is_empty() {
        map.insert("conditions".to_owned(), conditions.into());
    }
}
