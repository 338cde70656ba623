//! What both replicas plugins tell their planner of each cluster.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::framework::traits::{Candidate, ReplicasContext, Share};
use crate::migration::AutoMigrationInfo;
use crate::placement::meet;
use crate::planner::{Preference, Slot, Split};
use crate::toleration::{NO_SCHEDULE, tolerated};

/// The chosen clusters, found by name: what is written by cluster is laid beside them once, instead of being looked
/// up thousands of times.
pub(super) struct Chosen<'a> {
    clusters: &'a [Candidate<'a>],
    /// Made when something is written by cluster at all.
    by_name: OnceCell<Vec<usize>>,
}

/// A value a chosen cluster, in the order given; empty if there is none at all.
pub(super) struct Beside<V>(Vec<Option<V>>);

impl<V: Copy> Beside<V> {
    pub(super) fn get(&self, at: usize) -> Option<V> {
        self.0.get(at).copied().flatten()
    }

    /// How many have one.
    pub(super) fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

impl<'a> Chosen<'a> {
    pub(super) fn new(clusters: &'a [Candidate<'a>]) -> Self {
        let by_name = OnceCell::new();
        Self { clusters, by_name }
    }

    fn by_name(&self) -> &[usize] {
        self.by_name.get_or_init(|| {
            let position = |at: &usize| self.clusters.get(*at).map(|one| one.position);
            let mut by_name: Vec<usize> = (0..self.clusters.len()).collect();
            by_name.sort_unstable_by_key(position);
            by_name
        })
    }

    /// Lays values beside the clusters. They come in the order of names.
    pub(super) fn beside<'n, V: Copy>(
        &self,
        values: impl Iterator<Item = (&'n str, V)>,
    ) -> Beside<V> {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return Beside(Vec::new());
        }
        let mut beside = vec![None; self.clusters.len()];
        let by_name = self.by_name();
        let name = |place: usize| {
            let at = by_name.get(place);
            let one = at.and_then(|at| self.clusters.get(*at));
            one.map_or("", |one| one.view().name().as_str())
        };
        meet(values, by_name.len(), name, |place, value| {
            let at = by_name.get(place);
            if let Some(entry) = at.and_then(|at| beside.get_mut(*at)) {
                *entry = Some(value);
            }
        });
        Beside(beside)
    }
}

/// What the planner is told.
pub(super) struct Prepared<'a> {
    /// One slot a chosen cluster, in the order given, without weights.
    pub(super) slots: Vec<Slot<'a>>,
    /// What is recorded for it.
    pub(super) recorded: Beside<i64>,
}

pub(super) fn prepare<'a>(context: &ReplicasContext<'a>, chosen: &Chosen<'a>) -> Prepared<'a> {
    let unit = context.unit;
    let text = |(name, value): (&'a String, &'a i64)| (name.as_str(), *value);
    let migration = unit
        .auto_migration
        .as_ref()
        .map(|migration| &migration.info);
    let migrations = |facet: fn(&'a AutoMigrationInfo) -> &'a BTreeMap<String, i64>| {
        chosen.beside(migration.into_iter().flat_map(facet).map(text))
    };
    let estimated = migrations(|info| &info.estimated_capacity);
    let scheduled = migrations(|info| &info.scheduled_replicas);
    let limited = chosen.beside(unit.custom_migration.limited_capacity.iter().map(text));
    let (min, max) = (&unit.clusters.min, &unit.clusters.max);
    let (min, max) = (
        chosen.beside(min.iter().map(text)),
        chosen.beside(max.iter().map(text)),
    );
    // Without a number the cluster ran the whole object (it was duplicated).
    let recorded = unit
        .current
        .iter()
        .map(|(name, recorded)| (name.as_str(), recorded.unwrap_or(context.total)));
    let recorded = chosen.beside(recorded);
    let slot = |(at, candidate): (usize, &Candidate<'a>)| {
        let cluster = candidate.view();
        let current = recorded.get(at).unwrap_or(0);
        let mut max = max.get(at);
        let closed = cluster
            .taints()
            .iter()
            .any(|taint| taint.effect == NO_SCHEDULE && !tolerated(&unit.tolerations, taint));
        if closed && max.is_none_or(|max| current < max) {
            // It may shrink there but not grow.
            max = Some(current);
        }
        Slot {
            name: cluster.name().as_str(),
            name_hash: cluster.name_hash(),
            preference: Preference {
                weight: 0,
                min: min.get(at).unwrap_or(0),
                max,
                wildcard: false,
            },
            current,
            estimated: estimated.get(at).filter(|capacity| *capacity >= 0),
            limited: limited.get(at),
            scheduled: scheduled.get(at).unwrap_or(0),
        }
    };
    let slots = context.clusters.iter().enumerate().map(slot).collect();
    Prepared { slots, recorded }
}

impl Prepared<'_> {
    /// The answer of a planner with the numbers it was made from.
    pub(super) fn shares(&self, split: &Split) -> Vec<Share> {
        let amounts = split.planned.iter().zip(&split.overflow);
        let share = |(at, (slot, (planned, overflow))): (usize, (&Slot<'_>, (&i64, &i64)))| Share {
            weight: slot.preference.weight,
            min: slot.preference.min,
            max: slot.preference.max,
            estimated: slot.estimated,
            limited: slot.limited,
            current: self.recorded.get(at),
            planned: *planned,
            overflow: *overflow,
        };
        self.slots
            .iter()
            .zip(amounts)
            .enumerate()
            .map(share)
            .collect()
    }
}
