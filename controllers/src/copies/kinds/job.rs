//! Jobs: sums, and one end when all copies have ended. The conditions come in the pairs that
//! Kubernetes demands of a finished Job since 1.31 (`SuccessCriteriaMet` before `Complete`,
//! `FailureTarget` before `Failed`).

use super::Figures as Kept;
use crate::copies::aggregate::{Inputs, named, set};
use crate::copies::conditions::{self, Condition, Truth, Written};
use crate::copies::pods::{self, Pods};
use crate::pointer;
use navarch_crds::names::ClusterName;
use serde_json::{Map, Value};

/// What is kept of a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Pods at once.
    wanted: i64,
    active: i64,
    ready: i64,
    succeeded: i64,
    failed: i64,
    start: String,
    completion: String,
    complete: Option<Condition>,
    failure: Option<Condition>,
}

impl Figures {
    /// Of a Job that has ended none are wanted, and pods that have done their work are not made once more.
    pub(super) fn pods(&self) -> Pods {
        if self.end().is_some() {
            return Pods::default();
        }
        Pods {
            wanted: self.wanted,
            present: [self.active, self.succeeded, self.failed]
                .into_iter()
                .fold(0, i64::saturating_add),
            running: self.active,
        }
    }

    fn end(&self) -> Option<&Condition> {
        self.complete.as_ref().or(self.failure.as_ref())
    }
}

pub(super) fn observe(object: &Value) -> Kept {
    let status = |field: &str| pointer::number(object, &["status", field]).unwrap_or_default();
    let time = |field: &str| pointer::text(object, &["status", field]).to_owned();
    let holds = |condition_type: &str| {
        conditions::read(object, condition_type).filter(|found| found.status == Truth::True)
    };
    let parallelism = pointer::number(object, &["spec", "parallelism"]).unwrap_or(1);
    Kept::Job(Figures {
        wanted: pods::job(object, parallelism),
        active: status("active"),
        ready: status("ready"),
        succeeded: status("succeeded"),
        failed: status("failed"),
        start: time("startTime"),
        completion: time("completionTime"),
        complete: holds("Complete"),
        failure: holds("Failed"),
    })
}

type Copy<'a> = (&'a ClusterName, &'a Figures);

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let copies: Vec<Copy<'_>> = inputs
        .seen()
        .filter_map(|(cluster, observed)| match &observed.figures {
            Kept::Job(figures) => Some((cluster, figures)),
            _ => None,
        })
        .collect();
    let sum = |of: fn(&Figures) -> i64| copies.iter().map(|(_, copy)| of(copy)).sum::<i64>();
    let mut status = inputs.old_status();
    set(&mut status, "active", sum(|copy| copy.active));
    set(&mut status, "ready", sum(|copy| copy.ready));
    set(&mut status, "succeeded", sum(|copy| copy.succeeded));
    set(&mut status, "failed", sum(|copy| copy.failed));
    let starts = copies.iter().map(|(_, copy)| copy.start.as_str());
    if let Some(start) = starts.filter(|start| !start.is_empty()).min() {
        // A start that was reported once does not move.
        status
            .entry("startTime")
            .or_insert_with(|| start.to_owned().into());
    }
    let all_ended = inputs.all_seen()
        && !copies.is_empty()
        && copies.iter().all(|(_, copy)| copy.end().is_some());
    if all_ended {
        end(&mut status, &copies);
    }
    Some(status.into())
}

fn end(status: &mut Map<String, Value>, copies: &[Copy<'_>]) {
    for field in ["active", "ready"] {
        status.remove(field);
    }
    let failed: Vec<&ClusterName> = copies
        .iter()
        .filter(|(_, copy)| copy.complete.is_none())
        .map(|(cluster, _)| *cluster)
        .collect();
    let time = conditions::latest(copies.iter().filter_map(|(_, copy)| {
        let end = copy.end()?;
        Some(end.transition.as_str())
    }));
    let (pair, reason, message) = if failed.is_empty() {
        let latest = conditions::latest(copies.iter().map(|(_, copy)| copy.completion.as_str()));
        if !latest.is_empty() {
            status.insert("completionTime".to_owned(), latest.into());
        }
        let message = "The job completed in every cluster.".to_owned();
        (["SuccessCriteriaMet", "Complete"], "Completed", message)
    } else {
        let reason = if failed.len() == copies.len() {
            "Failed"
        } else {
            "Mixed"
        };
        let message = format!("The job failed in {}.", named(failed));
        (["FailureTarget", "Failed"], reason, message)
    };
    for condition_type in pair {
        conditions::put(
            status,
            &Written {
                condition_type,
                status: Truth::True,
                reason,
                message: message.clone(),
                time,
                other_time: Some("lastProbeTime"),
            },
        );
    }
}
