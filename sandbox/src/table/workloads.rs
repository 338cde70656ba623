//! Rows of workloads.

use super::text::{
    age, condition_holds, containers, human, labels, list, name, number, seconds_between, selector,
    since, text, text_or,
};
use jiff::Timestamp;
use serde_json::Value;

const POD: &str = "/spec/template/spec";

fn ready_of(object: &Value) -> Value {
    let ready = number(object, "/status/readyReplicas");
    Value::from(format!("{ready}/{}", number(object, "/spec/replicas")))
}

/// Name, ready, up-to-date, available, age, containers, images, selector.
pub(super) fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD);
    vec![
        name(object),
        ready_of(object),
        Value::from(number(object, "/status/updatedReplicas")),
        Value::from(number(object, "/status/availableReplicas")),
        age(object, now),
        names,
        images,
        Value::from(selector(object.pointer("/spec/selector"))),
    ]
}

/// Name, desired, current, ready, age, containers, images, selector; of replication controllers, too.
pub(super) fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD);
    let given = object.pointer("/spec/selector");
    let nested = given.is_some_and(|s| {
        s.get("matchLabels").is_some_and(Value::is_object) || s.get("matchExpressions").is_some()
    });
    let selector = if nested {
        selector(given)
    } else {
        labels(given)
    };
    vec![
        name(object),
        Value::from(number(object, "/spec/replicas")),
        Value::from(number(object, "/status/replicas")),
        Value::from(number(object, "/status/readyReplicas")),
        age(object, now),
        names,
        images,
        Value::from(selector),
    ]
}

/// Name, ready, age, containers, images.
pub(super) fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD);
    vec![
        name(object),
        ready_of(object),
        age(object, now),
        names,
        images,
    ]
}

/// Name, five counts, node selector, age, containers, images, selector.
pub(super) fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD);
    let count = |field: &str| Value::from(number(object, &format!("/status/{field}")));
    vec![
        name(object),
        count("desiredNumberScheduled"),
        count("currentNumberScheduled"),
        count("numberReady"),
        count("updatedNumberScheduled"),
        count("numberAvailable"),
        Value::from(labels(object.pointer("/spec/template/spec/nodeSelector"))),
        age(object, now),
        names,
        images,
        Value::from(selector(object.pointer("/spec/selector"))),
    ]
}

/// Name, controller, revision, age.
pub(super) fn controller_revision(object: &Value, now: Timestamp) -> Vec<Value> {
    let owner = list(object, "/metadata/ownerReferences")
        .iter()
        .find(|o| o.get("controller").and_then(Value::as_bool) == Some(true));
    let owner = owner.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let group = text(owner, "/apiVersion")
                .split_once('/')
                .map_or("", |(group, _)| group);
            let kind = text(owner, "/kind").to_lowercase();
            let dot = if group.is_empty() { "" } else { "." };
            format!("{kind}{dot}{group}/{}", text(owner, "/name"))
        },
    );
    let revision = Value::from(number(object, "/revision"));
    vec![name(object), Value::from(owner), revision, age(object, now)]
}

/// Name, status, completions, duration, age, containers, images, selector.
pub(super) fn job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD);
    let started = text(object, "/status/startTime").parse::<Timestamp>();
    let ended = text(object, "/status/completionTime").parse::<Timestamp>();
    let duration = started.map(|start| human(seconds_between(start, ended.unwrap_or(now))));
    vec![
        name(object),
        Value::from(job_status(object)),
        Value::from(completions(object)),
        Value::from(duration.unwrap_or_default()),
        age(object, now),
        names,
        images,
        Value::from(selector(object.pointer("/spec/selector"))),
    ]
}

fn job_status(object: &Value) -> &'static str {
    let deleted = object.pointer("/metadata/deletionTimestamp").is_some();
    if condition_holds(object, "Complete") {
        "Complete"
    } else if condition_holds(object, "Failed") {
        "Failed"
    } else if deleted {
        "Terminating"
    } else {
        let rest = ["Suspended", "FailureTarget", "SuccessCriteriaMet"];
        rest.into_iter()
            .find(|c| condition_holds(object, c))
            .unwrap_or("Running")
    }
}

fn completions(object: &Value) -> String {
    let succeeded = number(object, "/status/succeeded");
    if let Some(wanted) = object.pointer("/spec/completions").and_then(Value::as_i64) {
        return format!("{succeeded}/{wanted}");
    }
    match number(object, "/spec/parallelism") {
        parallelism @ 2.. => format!("{succeeded}/1 of {parallelism}"),
        _ => format!("{succeeded}/1"),
    }
}

/// Name, schedule, time zone, suspend, active, last schedule, age, containers, images, selector.
pub(super) fn cron_job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/spec/jobTemplate/spec/template/spec");
    let suspend = match object.pointer("/spec/suspend").and_then(Value::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = text(object, "/status/lastScheduleTime");
    let last = if last.is_empty() {
        "<none>".to_owned()
    } else {
        since(last, now)
    };
    vec![
        name(object),
        Value::from(text(object, "/spec/schedule")),
        Value::from(text_or(object, "/spec/timeZone", "<none>")),
        Value::from(suspend),
        Value::from(list(object, "/status/active").len()),
        Value::from(last),
        age(object, now),
        names,
        images,
        Value::from(selector(object.pointer("/spec/jobTemplate/spec/selector"))),
    ]
}
