//! `StatefulSet`s: sums, also for several clusters (KubeAdmiral reports the status of a single one
//! only). Revisions are names inside a member: the source gets one name for all of them.

use super::Figures as Kept;
use crate::copies::aggregate::{Inputs, set, set_always};
use crate::copies::pods::Pods;
use crate::pointer;
use navarch_crds::go::hash::fnv1_32;
use serde_json::{Map, Value};

/// What is kept of a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    wanted: i64,
    replicas: i64,
    ready: i64,
    current: i64,
    updated: i64,
    available: i64,
    current_revision: u32,
    update_revision: u32,
}

impl Figures {
    pub(super) fn pods(&self) -> Pods {
        Pods {
            wanted: self.wanted,
            present: self.replicas,
            running: self.replicas,
        }
    }

    pub(super) fn is_rolled_out(&self) -> bool {
        self.current_revision == self.update_revision
    }
}

pub(super) fn observe(object: &Value) -> Kept {
    let status = |field: &str| pointer::number(object, &["status", field]).unwrap_or_default();
    let revision = |field: &str| fnv1_32(pointer::text(object, &["status", field]).as_bytes());
    Kept::StatefulSet(Figures {
        wanted: pointer::number(object, &["spec", "replicas"]).unwrap_or(1),
        replicas: status("replicas"),
        ready: status("readyReplicas"),
        current: status("currentReplicas"),
        updated: status("updatedReplicas"),
        available: status("availableReplicas"),
        current_revision: revision("currentRevision"),
        update_revision: revision("updateRevision"),
    })
}

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let copies: Vec<&Figures> = inputs
        .seen()
        .filter_map(|(_, observed)| match &observed.figures {
            Kept::StatefulSet(figures) => Some(figures),
            _ => None,
        })
        .collect();
    let sum = |of: fn(&Figures) -> i64| copies.iter().map(|copy| of(copy)).sum::<i64>();
    let mut status = inputs.old_status();
    let settled = inputs.all_seen() && copies.iter().all(|copy| copy.ready >= copy.wanted);
    set(
        &mut status,
        "observedGeneration",
        inputs.observed_generation(),
    );
    set_always(&mut status, "replicas", sum(|copy| copy.replicas));
    let ready = told(inputs, settled, sum(|copy| copy.ready));
    set(&mut status, "readyReplicas", ready);
    set(&mut status, "currentReplicas", sum(|copy| copy.current));
    set(&mut status, "updatedReplicas", sum(|copy| copy.updated));
    set_always(&mut status, "availableReplicas", sum(|copy| copy.available));
    revisions(&mut status, inputs.source, &copies);
    Some(status.into())
}

/// `kubectl rollout status` holds `readyReplicas` against `spec.replicas`, which in Duplicate is the
/// number of one copy: where the sum would make it say that all are ready and they are not, one
/// less than it asks for is reported.
fn told(inputs: Inputs<'_>, settled: bool, ready: i64) -> i64 {
    let wanted = inputs.wanted_replicas();
    if ready >= wanted && !settled && wanted > 0 {
        wanted.saturating_sub(1)
    } else {
        ready
    }
}

/// Equal when every copy is rolled out, different until then: that is all that is read from them.
fn revisions(status: &mut Map<String, Value>, source: &Value, copies: &[&Figures]) {
    let name = pointer::text(source, &["metadata", "name"]);
    let digest = |of: fn(&Figures) -> u32| {
        let all: Vec<u8> = copies
            .iter()
            .flat_map(|copy| of(copy).to_be_bytes())
            .collect();
        format!("{name}-{:x}", fnv1_32(&all))
    };
    let update = digest(|copy| copy.update_revision);
    let current = if copies.iter().all(|copy| copy.is_rolled_out()) {
        update.clone()
    } else {
        digest(|copy| copy.current_revision)
    };
    for (field, revision) in [("currentRevision", current), ("updateRevision", update)] {
        if copies.is_empty() {
            status.remove(field);
        } else {
            status.insert(field.to_owned(), revision.into());
        }
    }
}
