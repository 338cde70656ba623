//! Jobs: pods that run to completion, counted once each by a finalizer (k8s.io/kubernetes `pkg/controller/job`), and
//! finished Jobs that go when their time is over (`pkg/controller/ttlafterfinished`).

mod status;

use super::engine::{Again, Controller, Seen};
use super::events::Note;
use super::field;
use super::kinds::{self, Kind};
use super::pods::{self, set_annotation, set_label};
use super::world::{CONTROLLERS, World, gone_is_fine};
use crate::cluster::{DeleteOptions, Propagation};
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

const COMPONENT: &str = "job-controller";
const TRACKED: &str = "batch.kubernetes.io/job-tracking";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

#[derive(Debug, Default)]
pub(crate) struct Jobs {
    /// Before this no failed pod is replaced.
    not_before: HashMap<Key, Instant>,
}

/// What one look at a Job works with.
#[derive(Debug)]
struct Look {
    job: Object,
    active: Vec<Object>,
    terminating: i64,
    /// Finished pods that are not counted yet.
    uncounted: Vec<Object>,
    succeeded: i64,
    failed: i64,
    /// Completed indexes.
    completed: BTreeSet<i64>,
}

impl Controller for Jobs {
    fn observe(&mut self, seen: &Seen<'_>, world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::Job => {
                wake.push(seen.key.clone());
                if seen.new.is_none() {
                    self.not_before.remove(seen.key);
                }
            }
            Kind::Pod => {
                for state in seen.states() {
                    wake.extend(World::controller_key(state, "Job"));
                }
                let _ = world;
            }
            _ => {}
        }
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(job) = world.get(Kind::Job, key) else {
            return release_orphans(key, world).map(|()| None);
        };
        if finished(&job) {
            release(&world.owned(Kind::Pod, &job), world)?;
            return expire(&job, world);
        }
        let mut look = Look::new(job, world);
        let retry = self.count_failures(key, &look, world);
        let end = look.end();
        let mut again = None;
        if let Some(end) = &end {
            look.stop(end.failed, world)?;
        } else if object::deletion_timestamp(&look.job).is_none() {
            again = retry.or(self.wait(key, world));
            if again.is_none() {
                look.manage(world)?;
            }
        }
        look.write_status(end.as_ref(), world)?;
        release(&look.uncounted, world)?;
        let deadline = look.time_left();
        Ok(again.into_iter().chain(deadline).min())
    }
}

/// How a Job ends.
#[derive(Debug)]
struct End {
    failed: bool,
    reason: &'static str,
    message: String,
}

/// Whether the Job is complete or has failed.
pub(crate) fn finished(job: &Value) -> bool {
    field::condition_is_true(job, "Complete") || field::condition_is_true(job, "Failed")
}

impl Jobs {
    /// After new failures the next pods have to wait; answers how long.
    fn count_failures(&mut self, key: &Key, look: &Look, world: &World) -> Option<Duration> {
        if !look.uncounted.iter().any(|p| pods::phase(p) == "Failed") {
            return None;
        }
        let exponent = u32::try_from((look.failed - 1).clamp(0, 8)).unwrap_or(0);
        let wait = world
            .options
            .delays
            .job_retry
            .saturating_mul(2_u32.pow(exponent));
        self.not_before
            .insert(key.clone(), world.clock.now() + wait);
        Some(wait)
    }

    fn wait(&self, key: &Key, world: &World) -> Option<Duration> {
        let until = self.not_before.get(key)?;
        let left = until.saturating_duration_since(world.clock.now());
        (!left.is_zero()).then_some(left)
    }
}

impl Look {
    fn new(job: Object, world: &World) -> Self {
        let mut look = Self {
            succeeded: field::count(&job, "/status/succeeded"),
            failed: field::count(&job, "/status/failed"),
            completed: status::parse_indexes(field::text(&job, "/status/completedIndexes")),
            active: Vec::new(),
            terminating: 0,
            uncounted: Vec::new(),
            job,
        };
        for pod in world.owned(Kind::Pod, &look.job) {
            let tracked = object::finalizers(&pod).contains(&TRACKED);
            if pods::is_finished(&pod) {
                if tracked {
                    look.uncounted.push(pod);
                }
            } else if pods::is_terminating(&pod) {
                look.terminating += 1;
            } else {
                look.active.push(pod);
            }
        }
        for pod in &look.uncounted {
            if pods::phase(pod) == "Failed" {
                look.failed += 1;
                continue;
            }
            match index(pod).filter(|_| look.is_indexed()) {
                Some(index) => _ = look.completed.insert(index),
                None => look.succeeded += 1,
            }
        }
        if look.is_indexed() {
            look.succeeded = i64::try_from(look.completed.len()).unwrap_or(0);
        }
        look
    }

    fn is_indexed(&self) -> bool {
        field::text(&self.job, "/spec/completionMode") == "Indexed"
    }

    fn is_suspended(&self) -> bool {
        field::flag(&self.job, "/spec/suspend")
    }

    fn completions(&self) -> Option<i64> {
        field::number(&self.job, "/spec/completions")
    }

    fn parallelism(&self) -> i64 {
        field::number(&self.job, "/spec/parallelism").unwrap_or(1)
    }

    /// What is left of `activeDeadlineSeconds`.
    fn time_left(&self) -> Option<Duration> {
        let seconds = field::number(&self.job, "/spec/activeDeadlineSeconds")?;
        let started = field::time(&self.job, "/status/startTime")?;
        let end = started + SignedDuration::from_secs(seconds);
        let left = Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or_default();
        Some(left + Duration::from_millis(20))
    }

    fn is_late(&self) -> bool {
        let seconds = field::number(&self.job, "/spec/activeDeadlineSeconds");
        let started = field::time(&self.job, "/status/startTime");
        match (seconds, started) {
            (Some(seconds), Some(started)) => {
                started + SignedDuration::from_secs(seconds) <= Timestamp::now()
            }
            _ => false,
        }
    }

    fn end(&self) -> Option<End> {
        let limit = field::number(&self.job, "/spec/backoffLimit").unwrap_or(6);
        if self.failed > limit {
            return Some(End {
                failed: true,
                reason: "BackoffLimitExceeded",
                message: "Job has reached the specified backoff limit".to_owned(),
            });
        }
        if !self.is_suspended() && self.is_late() {
            return Some(End {
                failed: true,
                reason: "DeadlineExceeded",
                message: "Job was active longer than specified deadline".to_owned(),
            });
        }
        let done = match self.completions() {
            Some(wanted) => self.succeeded >= wanted,
            // Without a number, the first success means that there is no more to do.
            None => self.succeeded > 0 && self.active.is_empty(),
        };
        (done && !self.is_suspended()).then(|| End {
            failed: false,
            reason: "CompletionsReached",
            message: "Reached expected number of succeeded pods".to_owned(),
        })
    }

    fn stop(&mut self, failed: bool, world: &mut World) -> Result<(), Status> {
        for pod in std::mem::take(&mut self.active) {
            give_up(&self.job, &pod, world)?;
            self.terminating += 1;
            self.failed += i64::from(failed);
        }
        Ok(())
    }

    /// Makes and deletes pods so that as many run as should.
    fn manage(&mut self, world: &mut World) -> Result<(), Status> {
        if self.is_suspended() {
            return self.stop(false, world);
        }
        let running = i64::try_from(self.active.len()).unwrap_or(0);
        let wanted = match self.completions() {
            Some(completions) => self.parallelism().min(completions - self.succeeded),
            None if self.succeeded > 0 => running,
            None => self.parallelism(),
        };
        let mut surplus = usize::try_from(running - wanted).unwrap_or(0);
        if surplus > 0 {
            pods::by_worth(&mut self.active);
            while surplus > 0 && !self.active.is_empty() {
                let pod = self.active.remove(0);
                give_up(&self.job, &pod, world)?;
                self.terminating += 1;
                surplus -= 1;
            }
            return Ok(());
        }
        let taken: BTreeSet<i64> = self.active.iter().filter_map(|p| index(p)).collect();
        let completions = self.completions().unwrap_or(0);
        let completed = self.completed.clone();
        let mut free = (0..completions).filter(|i| !taken.contains(i) && !completed.contains(i));
        for _ in running..wanted {
            let index = if self.is_indexed() { free.next() } else { None };
            if self.is_indexed() && index.is_none() {
                break;
            }
            let made = make(&self.job, index, world)?;
            self.active.push(made);
        }
        Ok(())
    }
}

/// The completion index of a pod.
fn index(pod: &Value) -> Option<i64> {
    object::annotation(pod, INDEX)?.parse().ok()
}

fn make(job: &Object, index: Option<i64>, world: &mut World) -> Result<Object, Status> {
    let template = job.pointer("/spec/template").cloned().unwrap_or(json!({}));
    let mut pod = pods::from_template(&template, job);
    let metadata = object::metadata_mut(&mut pod);
    metadata.insert("finalizers".to_owned(), json!([TRACKED]));
    if let Some(index) = index {
        let index = index.to_string();
        let name = object::name(job);
        metadata.insert("generateName".to_owned(), format!("{name}-{index}-").into());
        set_annotation(&mut pod, INDEX, &index);
        set_label(&mut pod, INDEX, &index);
        let spec = object::field_mut(&mut pod, "spec");
        spec.insert("hostname".to_owned(), format!("{name}-{index}").into());
        let containers = spec.get_mut("containers").and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let variables = object::map_mut(container)
                .entry("env")
                .or_insert_with(|| json!([]));
            let path = format!("metadata.labels['{INDEX}']");
            if let Some(variables) = variables.as_array_mut() {
                variables.push(json!({
                    "name": "JOB_COMPLETION_INDEX",
                    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}},
                }));
            }
        }
    }
    let namespace = object::namespace(job).unwrap_or_default();
    match world.create(Kind::Pod, namespace, pod, CONTROLLERS) {
        Ok(pod) => {
            let message = format!("Created pod: {}", object::name(&pod));
            let note = Note::normal(COMPONENT, job, "SuccessfulCreate", message);
            world.recorder.say(note);
            Ok(pod)
        }
        Err(status) => {
            let message = format!("Error creating: {}", status.message);
            let note = Note::warning(COMPONENT, job, "FailedCreate", message);
            world.recorder.say(note);
            Err(status)
        }
    }
}

fn give_up(job: &Object, pod: &Object, world: &mut World) -> Result<(), Status> {
    release(std::slice::from_ref(pod), world)?;
    world.delete(Kind::Pod, pod)?;
    let message = format!("Deleted pod: {}", object::name(pod));
    let note = Note::normal(COMPONENT, job, "SuccessfulDelete", message);
    world.recorder.say(note);
    Ok(())
}

/// Takes the finalizer from pods that are counted, or that nobody counts any more.
fn release(counted: &[Object], world: &World) -> Result<(), Status> {
    for pod in counted {
        if !object::finalizers(pod).contains(&TRACKED) {
            continue;
        }
        let released = world.edit(Kind::Pod, pod, |live| {
            let metadata = object::metadata_mut(live);
            let list = metadata.get_mut("finalizers").and_then(Value::as_array_mut);
            if let Some(list) = list {
                list.retain(|f| f != TRACKED);
                if list.is_empty() {
                    metadata.remove("finalizers");
                }
            }
        });
        gone_is_fine(released.map(|_| ()))?;
    }
    Ok(())
}

/// Pods of a Job that is gone are let go.
fn release_orphans(key: &Key, world: &World) -> Result<(), Status> {
    let name = Value::from(key.name.as_str());
    let term = kinds::labelled(&key.namespace, "batch.kubernetes.io/job-name", &name);
    let pods: Vec<Object> = world
        .cache(Kind::Pod)
        .under(&term)
        .map(|(_, pod)| pod.clone())
        .collect();
    release(&pods, world)
}

/// Deletes a finished Job when `ttlSecondsAfterFinished` is over.
fn expire(job: &Object, world: &World) -> Result<Again, Status> {
    let Some(ttl) = field::number(job, "/spec/ttlSecondsAfterFinished") else {
        return Ok(None);
    };
    let ended = ["Complete", "Failed"].iter().find_map(|kind| {
        let condition = field::condition(job, kind)?;
        field::time(condition, "/lastTransitionTime")
    });
    let Some(ended) = ended.filter(|_| object::deletion_timestamp(job).is_none()) else {
        return Ok(None);
    };
    let end = ended + SignedDuration::from_secs(ttl);
    let left = Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or_default();
    if !left.is_zero() {
        return Ok(Some(left + Duration::from_millis(5)));
    }
    let options = DeleteOptions {
        propagation: Some(Propagation::Foreground),
        ..DeleteOptions::default()
    };
    world.delete_with(Kind::Job, job, options)?;
    Ok(None)
}
