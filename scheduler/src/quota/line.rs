//! Who waits for room, and in which order they come in: the more important first, then those whose leaf has borrowed
//! less, then the older.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use navarch_crds::quota::Strategy;

use super::account::Freed;
use super::figures::Share;
use super::tree::{Leaves, NodeId, Tree};

/// Since when one waits; the number tells those apart that came at one time.
type Age = (Timestamp, u64);

/// Who waits. `K` is the key of an object.
#[derive(Debug)]
pub struct Line<K> {
    tree: Arc<Tree>,
    patience: SignedDuration,
    waiting: BTreeMap<K, Waiting>,
    lines: BTreeMap<NodeId, LeafLine<K>>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    leaves: Leaves,
    priority: i32,
    age: Age,
    asked: BTreeMap<String, i64>,
}

/// Those that wait at one leaf.
#[derive(Debug)]
struct LeafLine<K> {
    /// The most important first, and of those the oldest. Mostly somebody comes at the end and somebody goes at the
    /// beginning, so that nobody else moves.
    places: BTreeMap<Reverse<i32>, VecDeque<(Age, K)>>,
    objects: usize,
    asked: BTreeMap<String, i128>,
}

/// Where one stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// At which quota; where it waits at several, the one with most before it.
    pub quota: String,
    /// The first has place 1.
    pub place: usize,
    /// How many wait there.
    pub of: usize,
}

/// What waits at a node and below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingFigures {
    /// How many objects.
    pub objects: i64,
    /// Since when the first of them waits.
    pub oldest: Option<Timestamp>,
    /// What they ask for beyond what they have.
    pub resources: BTreeMap<String, i64>,
}

impl<K: Ord + Clone> Line<K> {
    /// Nobody waits yet. Who has waited longer than `patience` is not passed any more.
    #[must_use]
    pub const fn new(tree: Arc<Tree>, patience: SignedDuration) -> Self {
        Self {
            tree,
            patience,
            waiting: BTreeMap::new(),
            lines: BTreeMap::new(),
            next: 0,
        }
    }

    /// Other quotas: each takes its place anew and keeps its age. Who is charged nowhere any more leaves.
    pub fn set_tree(&mut self, tree: Arc<Tree>, mut attribute: impl FnMut(&K) -> Leaves) {
        self.tree = tree;
        self.lines.clear();
        for (key, mut waiting) in std::mem::take(&mut self.waiting) {
            waiting.leaves = attribute(&key);
            self.take_place(key, waiting);
        }
    }

    /// Takes a place, or another one if priority or leaves are not what they were. The age counts from the first time.
    /// `asked` is what it asks for beyond what it has.
    pub fn wait(
        &mut self,
        key: &K,
        leaves: &Leaves,
        priority: i32,
        now: Timestamp,
        asked: &BTreeMap<String, i64>,
    ) {
        let age = match self.give_up(key) {
            Some(before) => before.age,
            None => {
                self.next += 1;
                (now, self.next)
            }
        };
        let waiting = Waiting {
            leaves: leaves.clone(),
            priority,
            age,
            asked: asked.clone(),
        };
        self.take_place(key.clone(), waiting);
    }

    /// Waits no more; says whether it did.
    pub fn leave(&mut self, key: &K) -> bool {
        self.give_up(key).is_some()
    }

    /// Since when it waits.
    #[must_use]
    pub fn waits(&self, key: &K) -> Option<Timestamp> {
        self.waiting.get(key).map(|waiting| waiting.age.0)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one that fits may come in before those that stand ahead of it at its leaves. Where nobody passes, only if
    /// nobody stands there; else if none of them has lost patience. Of one that waits its place counts; one that does
    /// not is taken to come just now, at these leaves and with this priority.
    #[must_use]
    pub fn may_pass(&self, key: &K, leaves: &Leaves, priority: i32, now: Timestamp) -> bool {
        let place = self
            .waiting
            .get(key)
            .map_or((leaves, priority, (now, u64::MAX)), |waiting| {
                (&waiting.leaves, waiting.priority, waiting.age)
            });
        let (leaves, priority, age) = place;
        leaves.nodes().iter().all(|leaf| {
            let Some(line) = self.lines.get(leaf) else {
                return true;
            };
            let mut ahead = line.oldest_ahead(priority, age);
            match self.tree.strategy(*leaf) {
                Strategy::StrictFifo => ahead.next().is_none(),
                _ => ahead.all(|since| now.duration_since(since) <= self.patience),
            }
        })
    }

    /// Who may find room now that something came free, in the order in which they should try. `share` tells what a leaf
    /// has borrowed already.
    #[must_use]
    pub fn woken_by(&self, freed: &Freed, share: impl Fn(NodeId) -> Share) -> Vec<K> {
        self.woken(freed, share).cloned().collect()
    }

    /// As [`Line::woken_by`], one after the other: the first costs no more than there are leaves where somebody waits.
    pub fn woken(
        &self,
        freed: &Freed,
        share: impl Fn(NodeId) -> Share,
    ) -> impl Iterator<Item = &K> {
        let mut lines = Vec::new();
        let mut seen_to = 0;
        for node in freed.nodes() {
            let below = self.tree.below(node);
            // Nodes come in order: one below the last one was looked at with it.
            if below.start >= seen_to {
                seen_to = below.end;
                let range = NodeId(below.start)..NodeId(below.end);
                let found = self.lines.range(range);
                lines.extend(found.map(|(leaf, line)| (share(*leaf), line.in_order())));
            }
        }
        // The first of each line that is left; the least of them is next.
        let mut heads = BinaryHeap::new();
        for number in 0..lines.len() {
            heads.extend(head(&mut lines, number));
        }
        let mut seen = BTreeSet::new();
        std::iter::from_fn(move || {
            loop {
                let Reverse((_, _, _, number, key)) = heads.pop()?;
                heads.extend(head(&mut lines, number));
                // It may wait at several leaves.
                if seen.insert(key) {
                    return Some(key);
                }
            }
        })
    }

    /// Where one stands; none if it does not wait.
    #[must_use]
    pub fn place(&self, key: &K) -> Option<Place> {
        let waiting = self.waiting.get(key)?;
        let places = waiting.leaves.nodes().iter().filter_map(|leaf| {
            let line = self.lines.get(leaf)?;
            Some((
                line.ahead(waiting.priority, waiting.age, key),
                line.objects,
                leaf,
            ))
        });
        let (ahead, of, leaf) = places.max()?;
        Some(Place {
            quota: self.tree.name(*leaf).to_owned(),
            place: ahead + 1,
            of,
        })
    }

    /// What waits at a node and below.
    #[must_use]
    pub fn pending(&self, node: NodeId) -> PendingFigures {
        let below = self.tree.below(node);
        let mut pending = PendingFigures::default();
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        for line in self.lines.range(NodeId(below.start)..NodeId(below.end)) {
            let line = line.1;
            pending.objects += i64::try_from(line.objects).unwrap_or(i64::MAX);
            let oldest = line.places.values().filter_map(|group| group.front());
            let oldest = oldest.map(|((since, _), _)| *since);
            pending.oldest = pending.oldest.into_iter().chain(oldest).min();
            for (name, asked) in &line.asked {
                *sums.entry(name).or_default() += asked;
            }
        }
        let whole = |sum: i128| i64::try_from(sum).unwrap_or(i64::MAX);
        let named = |(name, sum): (&str, i128)| (name.to_owned(), whole(sum));
        pending.resources = sums.into_iter().map(named).collect();
        pending
    }

    fn take_place(&mut self, key: K, waiting: Waiting) {
        if waiting.leaves.is_none() {
            return;
        }
        for leaf in waiting.leaves.nodes() {
            let line = self.lines.entry(*leaf).or_default();
            line.insert(key.clone(), &waiting);
        }
        self.waiting.insert(key, waiting);
    }

    fn give_up(&mut self, key: &K) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        for leaf in waiting.leaves.nodes() {
            if let Some(line) = self.lines.get_mut(leaf) {
                line.remove(key, &waiting);
                if line.objects == 0 {
                    self.lines.remove(leaf);
                }
            }
        }
        Some(waiting)
    }
}

impl<K> Default for LeafLine<K> {
    fn default() -> Self {
        Self {
            places: BTreeMap::new(),
            objects: 0,
            asked: BTreeMap::new(),
        }
    }
}

impl<K: Ord> LeafLine<K> {
    fn insert(&mut self, key: K, waiting: &Waiting) {
        let group = self.places.entry(Reverse(waiting.priority)).or_default();
        let place = (waiting.age, key);
        let at = group.partition_point(|other| *other < place);
        group.insert(at, place);
        self.objects += 1;
        for (name, asked) in &waiting.asked {
            *self.asked.entry(name.clone()).or_default() += i128::from((*asked).max(0));
        }
    }

    fn remove(&mut self, key: &K, waiting: &Waiting) {
        let Some(group) = self.places.get_mut(&Reverse(waiting.priority)) else {
            return;
        };
        let at = group.partition_point(|(age, other)| (*age, other) < (waiting.age, key));
        if group.get(at).is_none_or(|(_, other)| other != key) {
            return;
        }
        group.remove(at);
        if group.is_empty() {
            self.places.remove(&Reverse(waiting.priority));
        }
        self.objects -= 1;
        for (name, asked) in &waiting.asked {
            if let Some(sum) = self.asked.get_mut(name) {
                *sum -= i128::from((*asked).max(0));
                if *sum <= 0 {
                    self.asked.remove(name);
                }
            }
        }
    }

    /// How many stand before it.
    fn ahead(&self, priority: i32, age: Age, key: &K) -> usize {
        let more_important = self.places.range(..Reverse(priority));
        let more_important: usize = more_important.map(|(_, group)| group.len()).sum();
        let group = self.places.get(&Reverse(priority));
        more_important
            + group.map_or(0, |group| {
                group.partition_point(|(other, name)| (*other, name) < (age, key))
            })
    }

    /// Since when the oldest of each priority waits, of those that stand before one of this priority and age.
    fn oldest_ahead(&self, priority: i32, age: Age) -> impl Iterator<Item = Timestamp> {
        let firsts = self.places.range(..=Reverse(priority));
        firsts.filter_map(move |(of, group)| {
            let (first, _) = group.front()?;
            (of.0 > priority || *first < age).then_some(first.0)
        })
    }

    fn in_order(&self) -> impl Iterator<Item = (Reverse<i32>, Age, &K)> {
        let groups = self.places.iter();
        groups.flat_map(|(priority, group)| group.iter().map(|(age, key)| (*priority, *age, key)))
    }
}

/// The order of those that come first in their lines: priority, share, age; the number of the line.
type Head<'a, K> = Reverse<(Reverse<i32>, Share, Age, usize, &'a K)>;

/// Takes the first out of a line.
fn head<'a, K: 'a>(
    lines: &mut [(Share, impl Iterator<Item = (Reverse<i32>, Age, &'a K)>)],
    number: usize,
) -> Option<Head<'a, K>> {
    let (share, line) = lines.get_mut(number)?;
    let (priority, age, key) = line.next()?;
    Some(Reverse((priority, *share, age, number, key)))
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
