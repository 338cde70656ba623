//! Pods: the phase that needs attention most, and where.

use super::Figures as Kept;
use crate::copies::aggregate::{Inputs, named};
use crate::copies::conditions::{self, Condition, Truth, Written};
use crate::copies::pods::Pods;
use crate::pointer;
use navarch_crds::names::ClusterName;
use serde_json::Value;

/// What is kept of a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    phase: Phase,
    start: String,
    ready: Option<Condition>,
}

impl Figures {
    /// It is there, until it has ended.
    pub(super) fn pods(&self) -> Pods {
        let number = i64::from(matches!(self.phase, Phase::Pending | Phase::Running));
        Pods {
            wanted: number,
            present: number,
            running: number,
        }
    }
}

/// Phases, the one that counts for all first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Failed,
    #[default]
    Pending,
    Running,
    Succeeded,
}

impl Phase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
        }
    }
}

pub(super) fn observe(object: &Value) -> Kept {
    Kept::Pod(Figures {
        phase: match pointer::text(object, &["status", "phase"]) {
            "Failed" => Phase::Failed,
            "Running" => Phase::Running,
            "Succeeded" => Phase::Succeeded,
            _ => Phase::Pending,
        },
        start: pointer::text(object, &["status", "startTime"]).to_owned(),
        ready: conditions::read(object, "Ready"),
    })
}

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let copies: Vec<(&ClusterName, &Figures)> = inputs
        .seen()
        .filter_map(|(cluster, observed)| match &observed.figures {
            Kept::Pod(figures) => Some((cluster, figures)),
            _ => None,
        })
        .collect();
    let mut status = inputs.old_status();
    let phases = copies.iter().map(|(_, copy)| copy.phase);
    let phase = phases.min().unwrap_or_default();
    status.insert("phase".to_owned(), phase.as_str().into());
    let there = copies.iter().filter(|(_, copy)| copy.phase == phase);
    let message = format!(
        "{} in {}",
        phase.as_str(),
        named(there.map(|(cluster, _)| *cluster))
    );
    status.insert("message".to_owned(), message.into());
    let starts = copies.iter().map(|(_, copy)| copy.start.as_str());
    if let Some(start) = starts.filter(|start| !start.is_empty()).min() {
        status.insert("startTime".to_owned(), start.into());
    }
    let ready = inputs.all_seen()
        && !copies.is_empty()
        && copies.iter().all(|(_, copy)| {
            let condition = copy.ready.as_ref();
            condition.is_some_and(|condition| condition.status == Truth::True)
        });
    let time = conditions::latest(copies.iter().filter_map(|(_, copy)| {
        let condition = copy.ready.as_ref()?;
        Some(condition.transition.as_str())
    }));
    conditions::put(
        &mut status,
        &Written {
            condition_type: "Ready",
            status: ready.into(),
            reason: if ready { "" } else { "ContainersNotReady" },
            message: String::new(),
            time,
            other_time: None,
        },
    );
    Some(status.into())
}
