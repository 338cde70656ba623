//! How many replicas each cluster was seen able to run. The figures and their form are KubeAdmiral's
//! (`pkg/controllers/automigration/controller.go`); what is not known there counts as room, and what moved away is
//! forgotten with the pods that moved. Here what is not known leaves the last word standing, and a shortage is believed
//! in until the cluster has shown the opposite, or for a while.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use navarch_scheduler::migration::AutoMigrationInfo;
use navarch_scheduler::policy::Strategy;

use crate::copies::scale::Scale;

/// How long a shortage is believed in that nothing confirms, beyond the time for which a pod has to wait. The pods that
/// would confirm it are gone as soon as their replicas have moved, or made anew with every change of the template; the
/// next decision must not send replicas back for that. As long as an autoscaler waits before it takes replicas away
/// (`--horizontal-pod-autoscaler-downscale-stabilization`).
const BELIEVED: SignedDuration = SignedDuration::from_mins(5);

/// What is known of one object.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    /// How long a pod may find no node.
    pub(crate) threshold: SignedDuration,
    pub(crate) now: Timestamp,
    /// What was said last.
    pub(crate) last: &'a AutoMigrationInfo,
    /// Every cluster that it is placed in or that something was said of.
    pub(crate) clusters: BTreeMap<String, Sight>,
    /// When what was said of a cluster was last confirmed.
    pub(crate) confirmed: &'a BTreeMap<String, Timestamp>,
}

/// What a member shows of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nothing that anything could be concluded from.
    Unknown,
    /// It surely holds no copy.
    Nothing,
    /// A copy and its pods.
    Copy(Copy),
}

/// A copy and those of its pods that no node has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) scale: Scale,
    /// How many of the newest template wait for a node.
    pub(crate) waiting: i64,
    /// Since when those of them find none that do not.
    pub(crate) unschedulable: Vec<Timestamp>,
    /// When the member was last heard: what it showed was true until then.
    pub(crate) heard: Timestamp,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) info: AutoMigrationInfo,
    pub(crate) confirmed: BTreeMap<String, Timestamp>,
    /// When time alone may change the answer.
    pub(crate) again: Option<Timestamp>,
    /// Clusters that have to be heard again before pods in them count as waiting for too long.
    pub(crate) unheard: BTreeSet<String>,
}

/// Whether a new answer is worth a write. Only bin packing looks at how many replicas have a node, and only beside a
/// shortage.
pub(crate) fn differs(
    strategy: Strategy,
    last: &AutoMigrationInfo,
    info: &AutoMigrationInfo,
) -> bool {
    match strategy {
        Strategy::Spread => last.estimated_capacity != info.estimated_capacity,
        Strategy::Binpack => last != info,
    }
}

/// Estimates. Asking again with the answer as the last word gives the same answer.
pub(crate) fn estimate(question: &Question<'_>) -> Estimate {
    let mut answer = Estimate::default();
    for (cluster, sight) in &question.clusters {
        let last = question.last.estimated_capacity.get(cluster).copied();
        let last = last.filter(|capacity| *capacity >= 0);
        let capacity = match sight {
            Sight::Unknown => last,
            Sight::Nothing => kept(question, &mut answer, cluster, last),
            Sight::Copy(copy) => of_copy(question, &mut answer, cluster, copy, last),
        };
        if let Some(capacity) = capacity {
            let info = &mut answer.info.estimated_capacity;
            info.insert(cluster.clone(), capacity);
            // Since now, if nobody remembers.
            let before = question.confirmed.get(cluster);
            let confirmed = answer.confirmed.entry(cluster.clone());
            confirmed.or_insert(before.copied().unwrap_or(question.now));
        }
    }
    if answer.info.estimated_capacity.is_empty() {
        return answer;
    }
    for (cluster, sight) in &question.clusters {
        let scheduled = match sight {
            Sight::Unknown => question.last.scheduled_replicas.get(cluster).copied(),
            Sight::Nothing => None,
            Sight::Copy(copy) => scheduled(copy),
        };
        if let Some(scheduled) = scheduled {
            let info = &mut answer.info.scheduled_replicas;
            info.insert(cluster.clone(), scheduled);
        }
    }
    answer
}

/// When what was last said of a cluster is not believed any more without being confirmed.
fn believed_until(question: &Question<'_>, cluster: &str) -> Timestamp {
    let confirmed = question.confirmed.get(cluster).copied();
    let believed = question.threshold.saturating_add(BELIEVED);
    let until = confirmed.unwrap_or(question.now).saturating_add(believed);
    until.unwrap_or(Timestamp::MAX)
}

fn look_again(answer: &mut Estimate, at: Timestamp) {
    answer.again = Some(answer.again.map_or(at, |earlier| earlier.min(at)));
}

/// Nothing speaks for the last word, and nothing against it.
fn kept(
    question: &Question<'_>,
    answer: &mut Estimate,
    cluster: &str,
    last: Option<i64>,
) -> Option<i64> {
    let last = last?;
    let until = believed_until(question, cluster);
    if until <= question.now {
        return None;
    }
    look_again(answer, until);
    Some(last)
}

fn of_copy(
    question: &Question<'_>,
    answer: &mut Estimate,
    cluster: &str,
    copy: &Copy,
    last: Option<i64>,
) -> Option<i64> {
    let Some(desired) = copy.scale.desired else {
        return last;
    };
    let overdue = overdue(question, answer, cluster, copy);
    // Replicas that have no pod yet may well find room: they are not moved before they exist. Where there are more pods
    // than replicas, those above are on their way out.
    let pods = copy.scale.newest().unwrap_or(desired).max(desired);
    let seen = pods.saturating_sub(overdue).max(0);
    let Some(last) = last else {
        return (seen < desired).then(|| {
            answer.confirmed.insert(cluster.to_owned(), question.now);
            seen
        });
    };
    if seen < desired && seen <= last {
        answer.confirmed.insert(cluster.to_owned(), question.now);
        return Some(seen);
    }
    // Fewer pods wait for too long than before, or none. They may have been made anew, or have a node and not be started
    // yet; replicas that are ready are proof.
    let proven = last.max(copy.scale.ready.unwrap_or(0)).min(seen);
    let moved = desired <= last;
    if !moved && proven >= desired {
        return None;
    }
    let believed = kept(
        question,
        answer,
        cluster,
        Some(if moved { last } else { proven }),
    );
    believed.or_else(|| {
        (seen < desired).then(|| {
            answer.confirmed.insert(cluster.to_owned(), question.now);
            seen
        })
    })
}

/// How many pods have waited for too long.
fn overdue(question: &Question<'_>, answer: &mut Estimate, cluster: &str, copy: &Copy) -> i64 {
    let mut overdue = 0_i64;
    for since in &copy.unschedulable {
        let due = since.saturating_add(question.threshold);
        let due = due.unwrap_or(Timestamp::MAX);
        if due <= copy.heard {
            overdue = overdue.saturating_add(1);
        } else if due <= question.now {
            answer.unheard.insert(cluster.to_owned());
        } else {
            look_again(answer, due);
        }
    }
    // Pods and status come in streams of their own: where every replica is ready, a pod that still seems to wait is
    // gone.
    copy.scale
        .unready()
        .map_or(overdue, |unready| overdue.min(unready))
}

fn scheduled(copy: &Copy) -> Option<i64> {
    let scale = &copy.scale;
    if let (Some(replicas), Some(0)) = (scale.replicas, scale.unready()) {
        return Some(replicas);
    }
    let pods = scale.newest().or(scale.desired)?;
    Some(pods.saturating_sub(copy.waiting).max(0))
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
