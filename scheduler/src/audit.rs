//! Checks decisions. It knows what must hold of any answer and nothing of how answers are made: it
//! shares no code with the plugins and planners it checks.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::framework::profile::Profile;
use crate::framework::traits::Share;
use crate::placement::{Decision, Outcome};
use crate::plugins::names;
use crate::policy::Mode;
use crate::snapshot::{Cluster, Snapshot};
use crate::unit::Unit;

/// Something is wrong with a decision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A cluster that has not joined.
    #[error("{cluster} is placed and has not joined")]
    Unknown {
        /// The cluster.
        cluster: String,
    },
    /// A cluster that the policy or its own state rules out.
    #[error("{cluster} is placed although {rule}")]
    RuledOut {
        /// The cluster.
        cluster: String,
        /// What rules it out.
        rule: &'static str,
    },
    /// More clusters than allowed.
    #[error("{count} clusters are placed and at most {most} are allowed")]
    TooManyClusters {
        /// How many.
        count: usize,
        /// How many may be.
        most: i64,
    },
    /// Replicas of the wrong form.
    #[error("{cluster} has replicas {replicas:?}, which does not go with the mode")]
    Form {
        /// The cluster.
        cluster: String,
        /// What it has.
        replicas: Option<i64>,
    },
    /// A bound is exceeded.
    #[error("{cluster} has {replicas} replicas planned, above its {bound} of {value}")]
    AboveBound {
        /// The cluster.
        cluster: String,
        /// What it has.
        replicas: i64,
        /// Which bound.
        bound: &'static str,
        /// The bound.
        value: i64,
    },
    /// More replicas than asked for.
    #[error("{planned} replicas are planned and {total} were asked for")]
    Sum {
        /// Planned.
        planned: i128,
        /// Asked for.
        total: i64,
    },
    /// Replicas are left out while there is room for them.
    #[error("{missing} replicas are left out while {cluster} has room")]
    Starved {
        /// Left out.
        missing: i128,
        /// A cluster with room.
        cluster: String,
    },
    /// A cluster is in two lists, or in none.
    #[error("{refused} refused and {fitting} fitting clusters do not make {joined}")]
    Count {
        /// Refused.
        refused: usize,
        /// Fitting.
        fitting: usize,
        /// All.
        joined: usize,
    },
}

/// Everything that is wrong with a decision; nothing, for a sound one.
#[must_use]
pub fn audit(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
    decision: &Decision,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if decision.outcome == Outcome::Sticky {
        return findings;
    }
    let fitting = decision.scored().count();
    let refused = decision.rejected().count();
    if refused.checked_add(fitting) != Some(decision.joined) {
        findings.push(Finding::Count {
            refused,
            fitting,
            joined: decision.joined,
        });
    }
    let filters: BTreeSet<&str> = profile.filters.iter().map(|named| &*named.name).collect();
    for (name, replicas) in &decision.placement {
        let cluster = name.as_str().to_owned();
        match snapshot.get(name.as_str()) {
            None => findings.push(Finding::Unknown {
                cluster: cluster.clone(),
            }),
            Some(known) => findings.extend(
                rules(unit, known, now)
                    .into_iter()
                    .filter(|(filter, holds, _)| filters.contains(filter) && !holds)
                    .map(|(_, _, rule)| Finding::RuledOut {
                        cluster: cluster.clone(),
                        rule,
                    }),
            ),
        }
        let formed = match unit.mode {
            Mode::Duplicate => replicas.is_none(),
            Mode::Divide => replicas.is_some_and(|count| count > 0),
        };
        if !formed {
            findings.push(Finding::Form {
                cluster,
                replicas: *replicas,
            });
        }
    }
    let limits = profile
        .selects
        .iter()
        .any(|named| &*named.name == names::MAX_CLUSTER);
    if let Some(most) = unit.max_clusters.filter(|_| limits) {
        let count = decision.placement.len();
        if usize::try_from(most).is_ok_and(|most| count > most) {
            findings.push(Finding::TooManyClusters { count, most });
        }
    }
    shares(unit, decision, &mut findings);
    findings
}

/// What each filter stands for, said once more and differently.
fn rules(
    unit: &Unit,
    cluster: &Cluster,
    now: Timestamp,
) -> Vec<(&'static str, bool, &'static str)> {
    let name = cluster.name().as_str();
    let runs = unit.current.contains_key(name);
    let named = unit.clusters.names.is_empty() || unit.clusters.names.contains(name);
    let selected = unit
        .selector
        .iter()
        .all(|(key, value)| cluster.labels().get(key) == Some(value));
    let evicted = unit
        .custom_migration
        .unavailable_clusters
        .iter()
        .any(|entry| entry.cluster == name && entry.valid_until > now);
    let driven_out = cluster.taints().iter().any(|taint| {
        let acts = match taint.effect.as_str() {
            "NoExecute" => true,
            "NoSchedule" => !runs,
            _ => false,
        };
        acts && !unit
            .tolerations
            .iter()
            .any(|toleration| toleration.tolerates(taint))
    });
    let served = cluster.serves(&unit.resource) || runs && cluster.api_unknown();
    vec![
        (
            names::PLACEMENT_FILTER,
            named,
            "the policy does not name it",
        ),
        (
            names::CLUSTER_AFFINITY,
            selected,
            "the cluster selector does not match",
        ),
        (
            names::CLUSTER_TERMINATING,
            !cluster.terminating(),
            "it is being removed",
        ),
        (
            names::CLUSTER_EVICTED,
            !evicted,
            "the object is evicted from it",
        ),
        (
            names::CLUSTER_READY,
            runs || cluster.ready(),
            "it is not ready",
        ),
        (
            names::TAINT_TOLERATION,
            !driven_out,
            "a taint is not tolerated",
        ),
        (
            names::API_RESOURCES,
            served,
            "it does not serve the resource",
        ),
    ]
}

fn shares(unit: &Unit, decision: &Decision, findings: &mut Vec<Finding>) {
    // Fewer than none is none.
    let total = unit.desired_replicas.unwrap_or(0).max(0);
    let packs = decision.replicas_plugin.as_deref() == Some(names::PREFERENCE_BIN_PACK);
    let mut planned = 0_i128;
    for (cluster, share) in decision.shares() {
        planned = planned.saturating_add(i128::from(share.planned));
        let cluster = cluster.name().as_str();
        for (bound, value) in bounds(unit, share, packs) {
            if share.planned > value {
                let (cluster, replicas) = (cluster.to_owned(), share.planned);
                findings.push(Finding::AboveBound {
                    cluster,
                    replicas,
                    bound,
                    value,
                });
            }
        }
    }
    // While pods are in flight bin packing keeps what is recorded, overflow included.
    let recorded: i128 = decision
        .shares()
        .map(|(_, share)| i128::from(share.current.unwrap_or(0)))
        .sum();
    let waits = packs && unit.keeps_unschedulable();
    if planned > i128::from(total) && !(waits && planned == recorded) {
        findings.push(Finding::Sum { planned, total });
    }
    let spreads = decision.replicas_plugin.as_deref() == Some(names::CLUSTER_CAPACITY_WEIGHT);
    if spreads && !unit.avoid_disruption && planned < i128::from(total) {
        let room = |share: &Share| {
            let most = [share.max, share.limited, share.estimated];
            share.weight > 0
                && most
                    .into_iter()
                    .flatten()
                    .all(|bound| share.planned < bound)
        };
        if let Some((cluster, _)) = decision.shares().find(|(_, share)| room(share)) {
            let missing = i128::from(total).saturating_sub(planned);
            let cluster = cluster.name().as_str().to_owned();
            findings.push(Finding::Starved { missing, cluster });
        }
    }
}

/// Bounds that hold whatever else is asked. A maximum gives way to a greater minimum where no
/// replicas are shared out, and to what runs there already where disruption is avoided.
fn bounds(unit: &Unit, share: &Share, packs: bool) -> Vec<(&'static str, i64)> {
    let mut bounds = Vec::new();
    if let Some(limited) = share.limited {
        bounds.push(("limit", limited.max(0)));
    }
    if let Some(max) = share.max {
        let held = if unit.avoid_disruption {
            share.current.unwrap_or(0)
        } else {
            0
        };
        bounds.push(("maximum", max.max(share.min).max(held)));
    }
    if let Some(estimated) = share.estimated {
        // Bin packing that waits keeps more than was seen able to run. Spreading never plans more: it overflows.
        let held = share.current.filter(|_| packs).unwrap_or(0);
        bounds.push(("capacity", estimated.max(held)));
    }
    bounds
}
