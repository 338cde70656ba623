//! Splits replicas by weight, as KubeAdmiral's `pkg/controllers/scheduler/planner` does. It decides
//! numbers only: which clusters take part, and why, is settled before.

use super::round::{order_hash, serve_before, share_up};
use super::{Slot, Split, at_most, narrow, sum};

/// A question to the spread planner.
#[derive(Clone, Copy, Debug)]
pub struct Spread<'a> {
    /// Clusters that may receive replicas, in any order.
    pub slots: &'a [Slot<'a>],
    /// Replicas asked for.
    pub total: i64,
    /// `namespace/name` of the object, or its name: moves rounding from object to object.
    pub key: &'a str,
    /// Move as few existing replicas as possible.
    pub avoid_disruption: bool,
    /// Leave replicas in place that the cluster was seen unable to run.
    pub keep_unschedulable: bool,
}

/// Bounds and weight of one cluster in one distribution.
#[derive(Clone, Copy, Debug, Default)]
struct Item {
    weight: i64,
    min: i64,
    max: Option<i64>,
    estimated: Option<i64>,
    limited: Option<i64>,
}

/// Plans the whole distribution. Replicas that fit nowhere are left out.
#[must_use]
pub fn plan(question: &Spread<'_>) -> Split {
    let slots = question.slots;
    let hashes: Vec<u32> = slots
        .iter()
        .map(|slot| order_hash(slot.name, question.key))
        .collect();
    let everyone: Vec<(usize, Item)> = slots
        .iter()
        .map(|slot| Item {
            weight: slot.preference.weight,
            min: slot.preference.min,
            max: slot.preference.max,
            estimated: slot.estimated,
            limited: slot.limited,
        })
        .enumerate()
        .collect();
    // Without this the distribution would swing: what overflows here is taken back next time.
    let keep = question.keep_unschedulable || !question.avoid_disruption;
    let items = in_order(everyone, slots, &hashes);
    let wanted = distribute(slots.len(), &items, question.total, keep);
    if !question.avoid_disruption {
        return wanted;
    }
    let held: Vec<i64> = slots.iter().map(Slot::held).collect();
    let missing = sum(wanted.planned.iter().copied()).saturating_sub(sum(held.iter().copied()));
    let planned = match missing {
        0 => held,
        1.. => scale_up(slots, &hashes, &held, &wanted.planned, narrow(missing)),
        _ => scale_down(
            slots,
            &hashes,
            &held,
            &wanted.planned,
            narrow(missing.saturating_neg()),
        ),
    };
    Split {
        planned,
        overflow: wanted.overflow,
    }
}

/// Takes `surplus` replicas away, by how far each cluster is above what is wanted.
fn scale_down(
    slots: &[Slot<'_>],
    hashes: &[u32],
    held: &[i64],
    wanted: &[i64],
    surplus: i64,
) -> Vec<i64> {
    let above = held
        .iter()
        .zip(wanted)
        .enumerate()
        .filter(|(_, (held, wanted))| wanted < held)
        .map(|(index, (held, wanted))| {
            let weight = held.saturating_sub(*wanted);
            (
                index,
                Item {
                    weight,
                    max: Some(*held),
                    ..Item::default()
                },
            )
        })
        .collect();
    let taken = distribute(slots.len(), &in_order(above, slots, hashes), surplus, false);
    held.iter()
        .zip(&taken.planned)
        .map(|(held, taken)| held.saturating_sub(*taken))
        .collect()
}

/// Adds `missing` replicas, by how far each cluster is below what is wanted.
fn scale_up(
    slots: &[Slot<'_>],
    hashes: &[u32],
    held: &[i64],
    wanted: &[i64],
    missing: i64,
) -> Vec<i64> {
    let below = held
        .iter()
        .zip(wanted)
        .zip(slots)
        .enumerate()
        .filter(|(_, ((held, wanted), _))| wanted > held)
        .map(|(index, ((held, wanted), slot))| {
            let max = slot.preference.max.filter(|_| !slot.preference.wildcard);
            let weight = wanted.saturating_sub(*held);
            let max = max.map(|max| max.saturating_sub(*held));
            (
                index,
                Item {
                    weight,
                    max,
                    ..Item::default()
                },
            )
        })
        .collect();
    let given = distribute(slots.len(), &in_order(below, slots, hashes), missing, false);
    held.iter()
        .zip(&given.planned)
        .map(|(held, given)| held.saturating_add(*given))
        .collect()
}

/// Sorts by weight descending, then by hash: rounding favours who comes first.
fn in_order(
    mut items: Vec<(usize, Item)>,
    slots: &[Slot<'_>],
    hashes: &[u32],
) -> Vec<(usize, Item)> {
    let place = |(index, item): &(usize, Item)| {
        let name = slots.get(*index).map_or("", |slot| slot.name);
        (item.weight, hashes.get(*index).copied().unwrap_or(0), name)
    };
    items.sort_unstable_by(|left, right| serve_before(place(left), place(right)));
    items
}

/// Grants minima, then shares the rest in rounds until it is used up or everyone is full.
fn distribute(slots: usize, items: &[(usize, Item)], total: i64, keep: bool) -> Split {
    let mut split = Split::empty(slots);
    let mut remaining = grant_minima(&mut split, items, total);
    let mut open: Vec<(usize, Item)> = items.to_vec();
    let mut moved = true;
    // Ends: a round either uses everything up, moves nothing, or closes a cluster.
    while moved && remaining > 0 {
        let weights = sum(open.iter().map(|(_, item)| item.weight));
        if weights <= 0 {
            break;
        }
        moved = false;
        let offered = remaining;
        open.retain(|(index, item)| {
            let Some(planned) = split.planned.get_mut(*index) else {
                return false;
            };
            let start = *planned;
            let extra = share_up(offered, item.weight, weights).min(remaining);
            let (granted, beyond) = bounded(item, start.saturating_add(extra));
            *planned = granted.total;
            remaining = remaining.saturating_sub(granted.total.saturating_sub(start));
            moved |= granted.total > start;
            if let Some(overflow) = split.overflow.get_mut(*index) {
                *overflow = overflow.saturating_add(beyond);
            }
            !granted.full
        });
    }
    if !keep {
        for overflow in &mut split.overflow {
            *overflow = (*overflow).min(remaining).max(0);
        }
    }
    split
}

struct Granted {
    total: i64,
    full: bool,
}

/// Cuts a total to the bounds, in KubeAdmiral's order: maximum, limit, estimated capacity. Only
/// what exceeds the last of them overflows.
fn bounded(item: &Item, total: i64) -> (Granted, i64) {
    let mut granted = Granted { total, full: false };
    for bound in [item.max, item.limited].into_iter().flatten() {
        if granted.total > bound {
            granted = Granted {
                total: bound,
                full: true,
            };
        }
    }
    match item.estimated {
        Some(capacity) if granted.total > capacity => {
            let beyond = granted.total.saturating_sub(capacity);
            (
                Granted {
                    total: capacity,
                    full: true,
                },
                beyond,
            )
        }
        _ => (granted, 0),
    }
}

/// Grants each cluster its minimum as far as replicas last; answers what remains. A minimum that
/// exceeds the capacity overflows without being taken from the rest.
fn grant_minima(split: &mut Split, items: &[(usize, Item)], total: i64) -> i64 {
    let mut remaining = total;
    for (index, item) in items {
        let wanted = at_most(item.min.min(remaining), item.limited);
        let granted = at_most(wanted, item.estimated);
        remaining = remaining.saturating_sub(granted);
        if let Some(planned) = split.planned.get_mut(*index) {
            *planned = granted;
        }
        if let Some(overflow) = split.overflow.get_mut(*index) {
            *overflow = wanted.saturating_sub(granted);
        }
    }
    remaining
}

#[cfg(test)]
#[path = "spread_tests.rs"]
mod tests;
