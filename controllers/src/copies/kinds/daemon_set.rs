//! `DaemonSet`s: sums.

use super::Figures as Kept;
use crate::copies::aggregate::{Inputs, set, set_always};
use crate::copies::pods::Pods;
use crate::pointer;
use serde_json::Value;

/// What is kept of a copy, in the order of [`FIELDS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures([i64; 7]);

/// The fields, and whether Kubernetes demands them also when they are zero.
const FIELDS: [(&str, bool); 7] = [
    ("currentNumberScheduled", true),
    ("numberMisscheduled", true),
    ("desiredNumberScheduled", true),
    ("numberReady", true),
    ("updatedNumberScheduled", false),
    ("numberAvailable", false),
    ("numberUnavailable", false),
];

impl Figures {
    pub(super) fn pods(&self) -> Pods {
        let [present, _, wanted, ..] = self.0;
        Pods {
            wanted,
            present,
            running: present,
        }
    }

    pub(super) fn has_old_pods(&self) -> bool {
        let [present, _, _, _, updated, ..] = self.0;
        updated < present
    }
}

pub(super) fn observe(object: &Value) -> Kept {
    Kept::DaemonSet(Figures(FIELDS.map(|(field, _)| {
        pointer::number(object, &["status", field]).unwrap_or_default()
    })))
}

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let mut sums = [0_i64; 7];
    for (_, observed) in inputs.seen() {
        if let Kept::DaemonSet(Figures(figures)) = &observed.figures {
            for (sum, figure) in sums.iter_mut().zip(figures) {
                *sum = sum.saturating_add(*figure);
            }
        }
    }
    let mut status = inputs.old_status();
    set(
        &mut status,
        "observedGeneration",
        inputs.observed_generation(),
    );
    for ((field, always), sum) in FIELDS.into_iter().zip(sums) {
        if always {
            set_always(&mut status, field, sum);
        } else {
            set(&mut status, field, sum);
        }
    }
    Some(status.into())
}
