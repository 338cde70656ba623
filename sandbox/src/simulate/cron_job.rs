//! CronJobs: a Job each time the schedule is due (k8s.io/kubernetes `pkg/controller/cronjob`). Schedules are read in UTC.

use super::cron_schedule::Schedule;
use super::engine::{Again, Controller, Seen};
use super::events::Note;
use super::field;
use super::job;
use super::kinds::Kind;
use super::pods::set_annotation;
use super::world::{CONTROLLERS, World};
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

const COMPONENT: &str = "cronjob-controller";
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

#[derive(Debug)]
pub(crate) struct CronJobs;

impl Controller for CronJobs {
    fn observe(&mut self, seen: &Seen<'_>, _world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::CronJob if seen.new.is_some() => wake.push(seen.key.clone()),
            Kind::Job => {
                let owners = seen
                    .states()
                    .filter_map(|j| World::controller_key(j, "CronJob"));
                wake.extend(owners);
            }
            _ => {}
        }
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(cron) = world.get(Kind::CronJob, key) else {
            return Ok(None);
        };
        let mut jobs = world.owned(Kind::Job, &cron);
        jobs.sort_by_key(|j| field::text(j, "/metadata/creationTimestamp").to_owned());
        let mut status = cron.get("status").cloned().unwrap_or(json!({}));
        settle(&cron, &jobs, &mut status, world);
        clean_up(&cron, &jobs, world)?;
        let halted = field::flag(&cron, "/spec/suspend");
        let again = if halted || object::deletion_timestamp(&cron).is_some() {
            None
        } else {
            run(&cron, &jobs, &mut status, world)?
        };
        world.set_status(Kind::CronJob, &cron, &status, CONTROLLERS)?;
        Ok(again)
    }
}

/// Brings the list of active Jobs up to date and tells which ended.
fn settle(cron: &Object, jobs: &[Object], status: &mut Value, world: &mut World) {
    let listed = |job: &Object| {
        let active = field::list(cron, "/status/active").iter();
        active
            .clone()
            .any(|a| field::text(a, "/uid") == object::uid(job))
    };
    let mut succeeded = field::text(status, "/lastSuccessfulTime").to_owned();
    for job in jobs.iter().filter(|j| job::finished(j)) {
        let complete = field::condition_is_true(job, "Complete");
        if complete {
            let ended = field::text(job, "/status/completionTime").to_owned();
            succeeded = succeeded.max(ended);
        }
        if listed(job) {
            let name = object::name(job);
            let how = if complete { "Complete" } else { "Failed" };
            let message = format!("Saw completed job: {name}, condition: {how}");
            let note = Note::normal(COMPONENT, cron, "SawCompletedJob", message);
            world.recorder.say(note);
        }
    }
    let active = jobs.iter().filter(|j| !job::finished(j)).map(reference);
    put_active(status, active.collect());
    if !succeeded.is_empty() {
        object::map_mut(status).insert("lastSuccessfulTime".to_owned(), succeeded.into());
    }
}

fn put_active(status: &mut Value, active: Vec<Value>) {
    let map = object::map_mut(status);
    if active.is_empty() {
        map.remove("active");
    } else {
        map.insert("active".to_owned(), active.into());
    }
}

fn reference(job: &Object) -> Value {
    json!({
        "kind": "Job",
        "apiVersion": "batch/v1",
        "namespace": object::namespace(job),
        "name": object::name(job),
        "uid": object::uid(job),
        "resourceVersion": object::resource_version(job),
    })
}

/// Deletes finished Jobs beyond the history limits, oldest first.
fn clean_up(cron: &Object, jobs: &[Object], world: &mut World) -> Result<(), Status> {
    for (kind, path, default) in [
        ("Complete", "/spec/successfulJobsHistoryLimit", 3),
        ("Failed", "/spec/failedJobsHistoryLimit", 1),
    ] {
        let limit = field::number(cron, path).unwrap_or(default);
        let limit = usize::try_from(limit).unwrap_or(0);
        let ended: Vec<&Object> = jobs
            .iter()
            .filter(|j| field::condition_is_true(j, kind))
            .collect();
        for job in ended.iter().take(ended.len().saturating_sub(limit)) {
            give_up(cron, job, world)?;
        }
    }
    Ok(())
}

fn give_up(cron: &Object, job: &Object, world: &mut World) -> Result<(), Status> {
    world.delete_in_background(Kind::Job, job)?;
    let message = format!("Deleted job {}", object::name(job));
    let note = Note::normal(COMPONENT, cron, "SuccessfulDelete", message);
    world.recorder.say(note);
    Ok(())
}

/// Makes the Job that is due, if there is one; answers when the next will be.
fn run(
    cron: &Object,
    jobs: &[Object],
    status: &mut Value,
    world: &mut World,
) -> Result<Again, Status> {
    let text = field::text(cron, "/spec/schedule");
    let schedule = match Schedule::parse(text) {
        Ok(schedule) => schedule,
        Err(error) => {
            let message = format!("unparseable schedule: \"{text}\" : {error}");
            let note = Note::warning(COMPONENT, cron, "UnparseableSchedule", message);
            world.recorder.say(note);
            return Ok(None);
        }
    };
    let now = Timestamp::now();
    let next = schedule.next(now).map(|at| {
        let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
        left + Duration::from_millis(100)
    });
    let Some(due) = last_due(cron, &schedule, now) else {
        return Ok(next);
    };
    let deadline = field::number(cron, "/spec/startingDeadlineSeconds");
    if deadline.is_some_and(|d| due + SignedDuration::from_secs(d) < now) {
        let message = "Missed scheduled time to start a job: ".to_owned() + &due.to_string();
        let note = Note::warning(COMPONENT, cron, "MissSchedule", message);
        world.recorder.say(note);
        return Ok(next);
    }
    let active: Vec<Object> = jobs.iter().filter(|j| !job::finished(j)).cloned().collect();
    match field::text(cron, "/spec/concurrencyPolicy") {
        "Forbid" if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            let note = Note::normal(COMPONENT, cron, "JobAlreadyActive", message.to_owned());
            world.recorder.say(note);
            return Ok(next);
        }
        "Replace" => {
            for job in &active {
                give_up(cron, job, world)?;
            }
            put_active(status, Vec::new());
        }
        _ => {}
    }
    if let Some(made) = make(cron, due, world)? {
        let map = object::map_mut(status);
        let active = map.entry("active").or_insert_with(|| json!([]));
        if let Some(active) = active.as_array_mut() {
            active.push(reference(&made));
        }
    }
    let map = object::map_mut(status);
    map.insert("lastScheduleTime".to_owned(), object::timestamp(due).into());
    Ok(next)
}

/// The latest time that is due and was not served.
fn last_due(cron: &Object, schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let served = field::time(cron, "/status/lastScheduleTime");
    let created = field::time(cron, "/metadata/creationTimestamp");
    let mut since = served.or(created)?;
    // After a long pause only the last hour is looked at: one run makes up for all.
    since = since.max(now - SignedDuration::from_hours(1));
    let mut due = None;
    while let Some(next) = schedule.next(since).filter(|next| *next <= now) {
        due = Some(next);
        since = next;
    }
    due
}

/// Makes the Job of a time; one that is there already was made before.
fn make(cron: &Object, due: Timestamp, world: &mut World) -> Result<Option<Object>, Status> {
    let name = format!("{}-{}", object::name(cron), due.as_second() / 60);
    let template = cron
        .pointer("/spec/jobTemplate")
        .cloned()
        .unwrap_or(json!({}));
    let mut job = json!({
        "metadata": {"name": name, "ownerReferences": [field::owner_reference(cron)]},
        "spec": template.get("spec"),
    });
    for part in ["labels", "annotations"] {
        if let Some(value) = template.pointer(&format!("/metadata/{part}")) {
            object::metadata_mut(&mut job).insert(part.to_owned(), value.clone());
        }
    }
    set_annotation(&mut job, SCHEDULED, &object::timestamp(due));
    let namespace = object::namespace(cron).unwrap_or_default();
    match world.create(Kind::Job, namespace, job, CONTROLLERS) {
        Ok(made) => {
            let message = format!("Created job {name}");
            let note = Note::normal(COMPONENT, cron, "SuccessfulCreate", message);
            world.recorder.say(note);
            Ok(Some(made))
        }
        Err(status) if status.reason == "AlreadyExists" => Ok(None),
        Err(status) => {
            let message = format!("Error creating job: {}", status.message);
            let note = Note::warning(COMPONENT, cron, "FailedCreate", message);
            world.recorder.say(note);
            Err(status)
        }
    }
}
