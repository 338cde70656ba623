//! Fills clusters one after the other, in the order of preference. Like the planner of KubeAdmiral's
//! `framework/plugins/preferencebinpack`, without five of its faults: a scale-down by a negative
//! number that grew the workload, limits compared with the increment, minima granted a second
//! time, a workload that ignored every change while a pod was in flight, and old counts of running
//! pods that brought replicas back above a maximum.

use std::cmp::Ordering;

use super::{Slot, Split, at_most, narrow, sum};

/// A question to the bin packing planner.
#[expect(
    clippy::struct_excessive_bools,
    reason = "two wishes and two facts, all independent"
)]
#[derive(Clone, Copy, Debug)]
pub struct Binpack<'a> {
    /// Clusters that may receive replicas, the preferred one first.
    pub slots: &'a [Slot<'a>],
    /// Replicas asked for.
    pub total: i64,
    /// Move as few existing replicas as possible.
    pub avoid_disruption: bool,
    /// Leave replicas in place that the cluster was seen unable to run.
    pub keep_unschedulable: bool,
    /// Some replicas are recorded for a cluster that is not among the slots.
    pub departed: bool,
    /// What auto migration counted agrees with what is recorded: nothing is in flight.
    pub settled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    index: usize,
    min: i64,
    max: Option<i64>,
    limited: Option<i64>,
    estimated: Option<i64>,
}

/// Plans the whole distribution. Replicas that fit nowhere are left out.
#[must_use]
pub fn plan(question: &Binpack<'_>) -> Split {
    let slots = question.slots;
    if waits(question) {
        let planned = slots.iter().map(|slot| slot.current).collect();
        return Split {
            planned,
            overflow: vec![0; slots.len()],
        };
    }
    let keep = question.keep_unschedulable || !question.avoid_disruption;
    let running: Vec<i64> = slots
        .iter()
        .map(|slot| at_most(slot.scheduled, slot.limited))
        .collect();
    let running_total = sum(running.iter().copied());
    // What runs beyond both the maximum and the record is an old count; KubeAdmiral would bring it back.
    let due = slots.iter().zip(&running).all(|(slot, running)| {
        let max = slot.preference.max;
        max.is_none_or(|max| *running <= max.max(slot.current))
    });
    if !keep && due && running_total == i128::from(question.total) {
        return Split {
            planned: running,
            overflow: vec![0; slots.len()],
        };
    }
    let everyone: Vec<Item> = slots
        .iter()
        .enumerate()
        .map(|(index, slot)| Item {
            index,
            min: slot.preference.min,
            max: slot.preference.max,
            limited: slot.limited,
            estimated: slot.estimated,
        })
        .collect();
    let mut wanted = fill(slots.len(), &everyone, question.total);
    if !question.avoid_disruption {
        return wanted;
    }
    if !keep {
        let waiting = narrow(i128::from(question.total).saturating_sub(running_total));
        for overflow in &mut wanted.overflow {
            *overflow = (*overflow).min(waiting).max(0);
        }
    }
    let held: Vec<i64> = slots.iter().map(Slot::held).collect();
    let planned = toward(question, &held, &wanted.planned);
    Split {
        planned,
        overflow: wanted.overflow,
    }
}

/// While pods are in flight the recorded distribution stays, so that it is not judged by figures
/// that are about to change. It stays only if it still answers the question: the same number of
/// replicas, within every maximum (KubeAdmiral waits regardless and so ignores a scale-up).
fn waits(question: &Binpack<'_>) -> bool {
    let slots = question.slots;
    let over_limit = |slot: &Slot<'_>| slot.limited.is_some_and(|limit| slot.current > limit);
    if question.departed || question.settled || slots.iter().any(over_limit) {
        return false;
    }
    let over_maximum = |slot: &Slot<'_>| slot.preference.max.is_some_and(|max| slot.current > max);
    let total = i128::from(question.total);
    let current = sum(slots.iter().map(|slot| slot.current));
    let keeps_overflow = question.keep_unschedulable
        && current > total
        && sum(slots.iter().map(|slot| slot.scheduled)) < total;
    (current == total || keeps_overflow) && !slots.iter().any(over_maximum)
}

/// Moves from what is held toward what is wanted, as many as are missing or too many of all that are asked for: a cluster
/// that holds more than its maximum keeps it as long as the sum is not too large.
fn toward(question: &Binpack<'_>, held: &[i64], wanted: &[i64]) -> Vec<i64> {
    let slots = question.slots;
    let (holding, wanting) = (sum(held.iter().copied()), sum(wanted.iter().copied()));
    let missing = i128::from(question.total).saturating_sub(holding);
    let missing = match holding.cmp(&wanting) {
        Ordering::Less => missing.max(0),
        Ordering::Equal => 0,
        Ordering::Greater => missing.min(0),
    };
    let candidate = |(index, (held, wanted)): (usize, (&i64, &i64))| {
        let gap = if missing > 0 {
            wanted.saturating_sub(*held)
        } else {
            held.saturating_sub(*wanted)
        };
        // The wanted distribution respects every bound, so the gap does too.
        let min = slots.get(index).map_or(0, |slot| slot.preference.min);
        let min = if missing > 0 {
            min.saturating_sub(*held).max(0).min(gap)
        } else {
            0
        };
        Item {
            index,
            min,
            max: Some(gap),
            limited: None,
            estimated: None,
        }
    };
    let mut candidates: Vec<Item> = held
        .iter()
        .zip(wanted)
        .enumerate()
        .map(candidate)
        .filter(|item| item.max.is_some_and(|gap| gap > 0))
        .collect();
    if missing < 0 {
        candidates.reverse();
    }
    let amount = narrow(missing.saturating_abs());
    let moved = fill(slots.len(), &candidates, amount).planned;
    held.iter()
        .zip(&moved)
        .map(|(held, moved)| {
            if missing < 0 {
                held.saturating_sub(*moved)
            } else {
                held.saturating_add(*moved)
            }
        })
        .collect()
}

/// Grants minima in order, then fills in order.
fn fill(slots: usize, items: &[Item], total: i64) -> Split {
    let mut split = Split::empty(slots);
    let mut remaining = total;
    for item in items {
        let wanted = at_most(item.min.min(remaining), item.limited);
        let granted = at_most(wanted, item.estimated);
        remaining = remaining.saturating_sub(granted);
        put(
            &mut split,
            item.index,
            granted,
            wanted.saturating_sub(granted),
        );
    }
    for item in items {
        let (start, owed) = taken(&split, item.index);
        let asked = at_most(
            at_most(start.saturating_add(remaining), item.max),
            item.limited,
        );
        let granted = at_most(asked, item.estimated);
        remaining = remaining.saturating_sub(granted.saturating_sub(start));
        put(
            &mut split,
            item.index,
            granted,
            owed.max(asked.saturating_sub(granted)),
        );
    }
    split
}

fn taken(split: &Split, index: usize) -> (i64, i64) {
    let at = |values: &[i64]| values.get(index).copied().unwrap_or(0);
    (at(&split.planned), at(&split.overflow))
}

fn put(split: &mut Split, index: usize, planned: i64, overflow: i64) {
    if let Some(place) = split.planned.get_mut(index) {
        *place = planned;
    }
    if let Some(place) = split.overflow.get_mut(index) {
        *place = overflow;
    }
}

#[cfg(test)]
#[path = "binpack_tests.rs"]
mod tests;
