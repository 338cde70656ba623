//! Splits replicas by weight, as KubeAdmiral's `pkg/controllers/scheduler/planner` does. It decides
//! numbers only: which clusters take part, and why, is settled before.

use super::round::{order_hashes, serve_before, share_up};
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
    /// Which slot it is.
    slot: usize,
    weight: i64,
    min: i64,
    max: Option<i64>,
    estimated: Option<i64>,
    limited: Option<i64>,
}

impl Item {
    /// Nothing is asked of it and no bound is below zero: where no replicas are left to share, it gets none.
    fn plain(&self) -> bool {
        let above = |bound: Option<i64>| bound.is_none_or(|bound| bound >= 0);
        self.weight >= 0
            && self.min == 0
            && above(self.max)
            && above(self.limited)
            && above(self.estimated)
    }
}

/// Plans the whole distribution. Replicas that fit nowhere are left out.
#[must_use]
pub fn plan(question: &Spread<'_>) -> Split {
    let slots = question.slots;
    let named = Named {
        slots,
        hashes: &order_hashes(slots.iter().map(|slot| slot.name_hash), question.key),
    };
    let everyone: Vec<Item> = slots
        .iter()
        .enumerate()
        .map(|(slot, one)| Item {
            slot,
            weight: one.preference.weight,
            min: one.preference.min,
            max: one.preference.max,
            estimated: one.estimated,
            limited: one.limited,
        })
        .collect();
    let (wanted, mut nowhere) = distribute(named, &everyone, question.total);
    let Split {
        mut planned,
        mut overflow,
    } = wanted;
    // Without this the distribution would swing: what overflows here is taken back next time.
    if !question.avoid_disruption {
        return Split { planned, overflow };
    }
    let held: Vec<i64> = slots.iter().map(Slot::held).collect();
    let missing = sum(planned.iter().copied()).saturating_sub(sum(held.iter().copied()));
    planned = match missing {
        0 => held,
        1.. => {
            let (planned, left) = scale_up(named, &held, &planned, narrow(missing));
            nowhere = nowhere.saturating_add(left);
            planned
        }
        _ => scale_down(named, &held, &planned, narrow(missing.saturating_neg())),
    };
    if !question.keep_unschedulable {
        for overflow in &mut overflow {
            *overflow = (*overflow).min(nowhere).max(0);
        }
    }
    Split { planned, overflow }
}

/// The slots with the hashes that put them in order.
#[derive(Clone, Copy, Debug)]
struct Named<'a> {
    slots: &'a [Slot<'a>],
    hashes: &'a [u32],
}

/// Takes `surplus` replicas away, by how far each cluster is above what is wanted.
fn scale_down(named: Named<'_>, held: &[i64], wanted: &[i64], surplus: i64) -> Vec<i64> {
    let above: Vec<Item> = held
        .iter()
        .zip(wanted)
        .enumerate()
        .filter(|(_, (held, wanted))| wanted < held)
        .map(|(slot, (held, wanted))| Item {
            slot,
            weight: held.saturating_sub(*wanted),
            max: Some(*held),
            ..Item::default()
        })
        .collect();
    let (taken, _) = distribute(named, &above, surplus);
    held.iter()
        .zip(&taken.planned)
        .map(|(held, taken)| held.saturating_sub(*taken))
        .collect()
}

/// Adds `missing` replicas, by how far each cluster is below what is wanted. Answers how many found no place, too.
///
/// Where a minimum is above its maximum, a cluster can be wanted to have more than its maximum. What it does not take
/// goes to others, beyond what they are wanted to have. KubeAdmiral takes this to be impossible: it forgets limits and
/// capacities here, and what found no place. As there, a cluster above such a maximum is brought down to it: it may be
/// overflow that put it there, which would creep up otherwise.
fn scale_up(named: Named<'_>, held: &[i64], wanted: &[i64], missing: i64) -> (Vec<i64>, i64) {
    let below: Vec<Item> = held
        .iter()
        .zip(wanted)
        .zip(named.slots)
        .enumerate()
        .filter(|(_, ((held, wanted), _))| wanted > held)
        .map(|(slot, ((held, wanted), one))| {
            let room = |bound: i64| bound.saturating_sub(*held).max(0);
            let max = one.preference.max.filter(|_| !one.preference.wildcard);
            Item {
                slot,
                weight: wanted.saturating_sub(*held),
                max: max.map(|max| max.saturating_sub(*held)),
                limited: one.limited.map(room),
                estimated: one.estimated.map(room),
                ..Item::default()
            }
        })
        .collect();
    let (given, left) = distribute(named, &below, missing);
    let planned = held
        .iter()
        .zip(&given.planned)
        .map(|(held, given)| held.saturating_add(*given))
        .collect();
    (planned, left)
}

/// Items by weight descending, then by hash: rounding favours who comes first. They are put in order as far as they
/// are asked for, because a few replicas among thousands of clusters end early.
struct InOrder<'a> {
    named: Named<'a>,
    keys: Vec<Key>,
    sorted: usize,
    next: usize,
    /// How many are sorted at first.
    first: usize,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    weight: i64,
    hash: u32,
    slot: usize,
    item: usize,
}

impl<'a> InOrder<'a> {
    fn new(named: Named<'a>, items: &[Item], first: usize) -> Self {
        let key = |(item, one): (usize, &Item)| Key {
            weight: one.weight,
            hash: named.hashes.get(one.slot).copied().unwrap_or(0),
            slot: one.slot,
            item,
        };
        Self {
            named,
            keys: items.iter().enumerate().map(key).collect(),
            sorted: 0,
            next: 0,
            first,
        }
    }

    fn sort_more(&mut self) {
        let slots = self.named.slots;
        let name = |key: &Key| slots.get(key.slot).map_or("", |slot| slot.name);
        let before = |left: &Key, right: &Key| {
            serve_before(
                (left.weight, left.hash, || name(left)),
                (right.weight, right.hash, || name(right)),
            )
        };
        let rest = self.keys.get_mut(self.sorted..).unwrap_or_default();
        let more = self.first.max(self.sorted.saturating_mul(8));
        let chunk = if more < rest.len() {
            rest.select_nth_unstable_by(more, before).0
        } else {
            rest
        };
        chunk.sort_unstable_by(before);
        self.sorted = self.sorted.saturating_add(chunk.len());
    }
}

impl Iterator for InOrder<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.next == self.sorted {
            self.sort_more();
        }
        let key = self.keys.get(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(key.item)
    }
}

/// Grants minima, then shares the rest in rounds until it is used up or everyone is full. Answers what is left, too.
fn distribute(named: Named<'_>, items: &[Item], total: i64) -> (Split, i64) {
    let plain = total > 0 && items.iter().all(Item::plain);
    // A round gives one replica at least to whoever has a weight.
    let first = usize::try_from(total).unwrap_or(items.len());
    let order = InOrder::new(named, items, first.max(1));
    let mut sharing = Sharing {
        items,
        split: Split::empty(named.slots.len()),
        remaining: total,
        plain,
    };
    let weights = sum(items.iter().map(|item| item.weight));
    let mut open = if plain {
        sharing.round(order, weights)
    } else {
        let order: Vec<usize> = order.collect();
        sharing.grant_minima(&order);
        sharing.round(order.into_iter(), weights)
    };
    // Ends: a round either uses everything up, moves nothing, or closes a cluster.
    while let Some(left) = open {
        let of = |at: &usize| items.get(*at).map(|item| item.weight);
        let weights = sum(left.iter().filter_map(of));
        open = sharing.round(left.into_iter(), weights);
    }
    (sharing.split, sharing.remaining)
}

/// A distribution on its way.
struct Sharing<'a> {
    items: &'a [Item],
    split: Split,
    remaining: i64,
    plain: bool,
}

impl Sharing<'_> {
    /// Grants each cluster its minimum as far as replicas last. A minimum that exceeds the capacity overflows without
    /// being taken from the rest.
    fn grant_minima(&mut self, order: &[usize]) {
        for item in order.iter().filter_map(|at| self.items.get(*at)) {
            let wanted = at_most(item.min.min(self.remaining), item.limited);
            let granted = at_most(wanted, item.estimated);
            self.remaining = self.remaining.saturating_sub(granted);
            if let Some(planned) = self.split.planned.get_mut(item.slot) {
                *planned = granted;
            }
            if let Some(overflow) = self.split.overflow.get_mut(item.slot) {
                *overflow = wanted.saturating_sub(granted);
            }
        }
    }

    /// Shares what remains once, among clusters of so much weight together. Answers who is not full yet, or nothing
    /// if there is no need of another round.
    fn round(&mut self, order: impl Iterator<Item = usize>, weights: i128) -> Option<Vec<usize>> {
        if self.remaining <= 0 || weights <= 0 {
            return None;
        }
        let offered = self.remaining;
        let (mut moved, mut open) = (false, Vec::new());
        for at in order {
            if self.plain && self.remaining == 0 {
                return None;
            }
            let item = self.items.get(at)?;
            let planned = self.split.planned.get_mut(item.slot)?;
            let start = *planned;
            let extra = share_up(offered, item.weight, weights).min(self.remaining);
            let (granted, beyond) = bounded(item, start.saturating_add(extra));
            *planned = granted.total;
            self.remaining = self
                .remaining
                .saturating_sub(granted.total.saturating_sub(start));
            moved |= granted.total > start;
            if let Some(overflow) = self.split.overflow.get_mut(item.slot) {
                *overflow = overflow.saturating_add(beyond);
            }
            if !granted.full {
                open.push(at);
            }
        }
        moved.then_some(open)
    }
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

#[cfg(test)]
#[path = "spread_tests.rs"]
mod tests;
