//! What is to be looked at: a queue without duplicates, and timers that put things into it.

use super::clock::Clock;
use crate::store::Key;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// A controller's number and what it is to look at.
pub(crate) type Item = (usize, Key);

/// When, and the how-manieth timer it is.
type Due = (Instant, u64);

#[derive(Debug, Default)]
pub(crate) struct Queue {
    clock: Clock,
    waiting: VecDeque<Item>,
    queued: HashSet<Item>,
    /// By time, and those of one time in the order in which they were set.
    timers: BTreeMap<Due, Item>,
    due: HashMap<Item, Due>,
    timers_set: u64,
    failures: HashMap<Item, u32>,
}

const FIRST_RETRY: Duration = Duration::from_millis(10);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

impl Queue {
    /// One whose timers go by this clock.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            ..Self::default()
        }
    }

    /// Everything that waits to be looked at.
    pub(crate) fn take_all(&mut self) -> Vec<Item> {
        self.queued.clear();
        self.waiting.drain(..).collect()
    }

    /// What is due first, at the latest then; the clock moves to that time.
    pub(crate) fn due_until(&mut self, until: Instant) -> Option<Item> {
        let first = self.timers.first_entry()?;
        let (at, _) = *first.key();
        if at > until {
            return None;
        }
        let item = first.remove();
        self.clock.move_to(at);
        self.due.remove(&item);
        Some(item)
    }

    /// Adds it unless it waits already.
    pub(crate) fn add(&mut self, item: Item) {
        if self.queued.insert(item.clone()) {
            self.waiting.push_back(item);
        }
    }

    /// Adds it later; an earlier timer of the same stays.
    pub(crate) fn add_after(&mut self, item: Item, delay: Duration) {
        let at = self.clock.now() + delay;
        if let Some(known) = self.due.get(&item).copied() {
            if known.0 <= at {
                return;
            }
            self.timers.remove(&known);
        }
        self.timers_set += 1;
        let due = (at, self.timers_set);
        self.due.insert(item.clone(), due);
        self.timers.insert(due, item);
    }

    /// The next one, timers that are due included.
    pub(crate) fn next(&mut self) -> Option<Item> {
        if !self.timers.is_empty() {
            let now = self.clock.now();
            while let Some(first) = self.timers.first_entry()
                && first.key().0 <= now
            {
                let item = first.remove();
                self.due.remove(&item);
                self.add(item);
            }
        }
        let item = self.waiting.pop_front()?;
        self.queued.remove(&item);
        Some(item)
    }

    /// When the next timer is due.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Adds it again after a failure, later each time.
    pub(crate) fn retry(&mut self, item: Item) {
        let failures = self.failures.entry(item.clone()).or_insert(0);
        let delay = FIRST_RETRY
            .saturating_mul(2_u32.saturating_pow(*failures))
            .min(LONGEST_RETRY);
        *failures = failures.saturating_add(1).min(16);
        self.add_after(item, delay);
    }

    /// Forgets earlier failures.
    pub(crate) fn succeeded(&mut self, item: &Item) {
        self.failures.remove(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str) -> Item {
        (0, Key::new("a", name))
    }

    #[test]
    fn what_waits_is_not_added_again() {
        let mut queue = Queue::default();
        queue.add(item("x"));
        queue.add(item("y"));
        queue.add(item("x"));
        assert_eq!(queue.next(), Some(item("x")));
        queue.add(item("x"));
        assert_eq!(queue.next(), Some(item("y")));
        assert_eq!(queue.next(), Some(item("x")));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn the_earlier_timer_wins() {
        let mut queue = Queue::default();
        queue.add_after(item("x"), Duration::from_secs(60));
        queue.add_after(item("x"), Duration::ZERO);
        queue.add_after(item("x"), Duration::from_secs(60));
        assert_eq!(queue.next(), Some(item("x")));
        assert_eq!(queue.next_timer(), None);
    }
}
