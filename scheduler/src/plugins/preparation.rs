//! What both replicas plugins tell their planner of each cluster.

use crate::framework::traits::{ReplicasContext, Share};
use crate::planner::{Preference, Slot, Split};
use crate::toleration::{NO_SCHEDULE, tolerated};

/// One slot a chosen cluster, in the order given, without weights.
pub(super) fn slots<'a>(context: &ReplicasContext<'a>) -> Vec<Slot<'a>> {
    let unit = context.unit;
    let migration = unit.auto_migration.as_ref();
    context
        .clusters
        .iter()
        .map(|candidate| {
            let cluster = &*candidate.cluster;
            let name = cluster.name().as_str();
            // Without a number the cluster ran the whole object (it was duplicated).
            let current = match unit.current.get(cluster.name()) {
                None => 0,
                Some(recorded) => recorded.unwrap_or(context.total),
            };
            let mut max = unit.clusters.max.get(name).copied();
            let closed = cluster
                .taints()
                .iter()
                .any(|taint| taint.effect == NO_SCHEDULE && !tolerated(&unit.tolerations, taint));
            if closed && max.is_none_or(|max| current < max) {
                // It may shrink there but not grow.
                max = Some(current);
            }
            let min = unit.clusters.min.get(name).copied().unwrap_or(0);
            let estimated = migration
                .and_then(|migration| migration.info.estimated_capacity.get(name))
                .copied()
                .filter(|capacity| *capacity >= 0);
            let scheduled = migration
                .and_then(|migration| migration.info.scheduled_replicas.get(name))
                .copied()
                .unwrap_or(0);
            let limited = unit.custom_migration.limited_capacity.get(name).copied();
            let preference = Preference {
                weight: 0,
                min,
                max,
                wildcard: false,
            };
            Slot {
                name,
                preference,
                current,
                estimated,
                limited,
                scheduled,
            }
        })
        .collect()
}

/// The answer of a planner with the numbers it was made from.
pub(super) fn shares(
    context: &ReplicasContext<'_>,
    slots: &[Slot<'_>],
    split: &Split,
) -> Vec<Share> {
    let amounts = split.planned.iter().zip(&split.overflow);
    slots
        .iter()
        .zip(context.clusters)
        .zip(amounts)
        .map(|((slot, candidate), (planned, overflow))| Share {
            weight: slot.preference.weight,
            min: slot.preference.min,
            max: slot.preference.max,
            estimated: slot.estimated,
            limited: slot.limited,
            current: context
                .unit
                .current
                .contains_key(candidate.cluster.name())
                .then_some(slot.current),
            planned: *planned,
            overflow: *overflow,
        })
        .collect()
}
