//! A Job's status: counters, the ranges of completed indexes, conditions as Kubernetes 1.34 writes them.

use super::{COMPONENT, End, Look};
use crate::object;
use crate::simulate::events::Note;
use crate::simulate::field::{self, put_count};
use crate::simulate::kinds::Kind;
use crate::simulate::pods;
use crate::simulate::world::{CONTROLLERS, World};
use crate::status::Status;
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Look {
    pub(super) fn write_status(&self, end: Option<&End>, world: &mut World) -> Result<(), Status> {
        let job = &self.job;
        let now = object::now();
        let mut status = job.get("status").cloned().unwrap_or(json!({}));
        let suspended = self.is_suspended();
        let map = object::map_mut(&mut status);
        if suspended {
            map.remove("startTime");
        } else {
            map.entry("startTime").or_insert_with(|| now.clone().into());
        }
        map.insert("terminating".to_owned(), json!(self.terminating));
        map.insert("uncountedTerminatedPods".to_owned(), json!({}));
        let ready = self.active.iter().filter(|p| pods::is_ready(p)).count();
        map.insert("ready".to_owned(), json!(ready));
        if self.is_indexed() && !self.completed.is_empty() {
            let indexes = write_indexes(&self.completed);
            map.insert("completedIndexes".to_owned(), indexes.into());
        }
        let active = i64::try_from(self.active.len()).unwrap_or(0);
        put_count(&mut status, "active", active);
        put_count(&mut status, "succeeded", self.succeeded);
        put_count(&mut status, "failed", self.failed);
        let told = suspension(&mut status, job, suspended, &now);
        if let Some(end) = end {
            let names = if end.failed {
                ["FailureTarget", "Failed"]
            } else {
                ["SuccessCriteriaMet", "Complete"]
            };
            for name in names {
                put(&mut status, name, "True", end.reason, &end.message, &now);
            }
            if !end.failed {
                let map = object::map_mut(&mut status);
                map.insert("completionTime".to_owned(), now.into());
            }
        }
        world.set_status(Kind::Job, job, &status, CONTROLLERS)?;
        if let Some((reason, message)) = told {
            let note = Note::normal(COMPONENT, job, reason, message.to_owned());
            world.recorder.say(note);
        }
        if let Some(end) = end {
            let note = if end.failed {
                Note::warning(COMPONENT, job, end.reason, end.message.clone())
            } else {
                Note::normal(COMPONENT, job, "Completed", "Job completed".to_owned())
            };
            world.recorder.say(note);
        }
        Ok(())
    }
}

/// Sets the condition Suspended when that is news; answers what is to be said.
fn suspension(
    status: &mut Value,
    job: &Value,
    suspended: bool,
    now: &str,
) -> Option<(&'static str, &'static str)> {
    let known = field::condition_is_true(job, "Suspended");
    match (suspended, known) {
        (true, false) => {
            put(
                status,
                "Suspended",
                "True",
                "JobSuspended",
                "Job suspended",
                now,
            );
            Some(("Suspended", "Job suspended"))
        }
        (false, true) => {
            put(
                status,
                "Suspended",
                "False",
                "JobResumed",
                "Job resumed",
                now,
            );
            Some(("Resumed", "Job resumed"))
        }
        _ => None,
    }
}

fn put(status: &mut Value, kind: &str, value: &str, reason: &str, message: &str, now: &str) {
    let map = object::map_mut(status);
    let conditions = map.entry("conditions").or_insert_with(|| json!([]));
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.retain(|c| field::text(c, "/type") != kind);
        conditions.push(json!({
            "type": kind, "status": value, "reason": reason, "message": message,
            "lastProbeTime": now, "lastTransitionTime": now,
        }));
    }
}

/// Reads `1,3-5`.
pub(super) fn parse_indexes(text: &str) -> BTreeSet<i64> {
    let mut indexes = BTreeSet::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
            indexes.extend(first..=last);
        }
    }
    indexes
}

/// Writes `1,3-5`.
fn write_indexes(indexes: &BTreeSet<i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => ranges.push((*index, *index)),
        }
    }
    let text = |(first, last): &(i64, i64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_written_as_ranges() {
        for (text, count) in [("", 0), ("1,3-5,7", 5), ("0-9", 10), ("2,3", 2)] {
            let indexes = parse_indexes(text);
            assert_eq!(indexes.len(), count, "{text}");
            assert_eq!(write_indexes(&indexes), text);
        }
    }
}
