//! Many objects at once: while the host is kept busy by what the members wait for, writes that only tell how far things are
//! give way to it. They wait, for a stated time at most, and lose nothing: what is told later is what is true then. The clock
//! is the caller's.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::key::Key;
use super::locked;

/// So many federated objects written within [`WINDOW`] are a rush.
const MANY_OBJECTS: usize = 6;
/// So many copies placed within [`WINDOW`] are one, too: reports wait for the copies, not only for what they are made from.
const MANY_COPIES: usize = 30;
const WINDOW: Duration = Duration::from_secs(1);
/// When a write that gave way is thought of again.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest that a write gives way.
const LONGEST: Duration = Duration::from_secs(30);

/// What gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Courtesy {
    /// How far a workload is on its way.
    Progress,
    /// Which copies of a federated object are in place.
    Propagation,
    /// The finalizer on a source whose federated object exists.
    Finalizer,
}

/// Whether there is a rush, and what waits for its end.
#[derive(Debug, Default)]
pub(crate) struct Rush {
    objects: Mutex<VecDeque<Instant>>,
    copies: Mutex<VecDeque<Instant>>,
    waiting: Mutex<HashMap<(Key, Courtesy), Instant>>,
}

impl Rush {
    /// A federated object is written, which members wait for.
    pub(crate) fn written(&self, now: Instant) {
        note(&mut locked(&self.objects), MANY_OBJECTS, now);
    }

    /// A copy is sent to a member.
    pub(crate) fn placed(&self, now: Instant) {
        note(&mut locked(&self.copies), MANY_COPIES, now);
    }

    fn is_on(&self, now: Instant) -> bool {
        is_dense(&locked(&self.objects), MANY_OBJECTS, now)
            || is_dense(&locked(&self.copies), MANY_COPIES, now)
    }

    /// How long a write is to wait; `None`: it is made now.
    pub(crate) fn wait(&self, key: &Key, what: Courtesy, now: Instant) -> Option<Duration> {
        let mut waiting = locked(&self.waiting);
        let entry = (key.clone(), what);
        if self.is_on(now) {
            let since = *waiting.entry(entry.clone()).or_insert(now);
            if now.duration_since(since) < LONGEST {
                return Some(AGAIN);
            }
        }
        waiting.remove(&entry);
        None
    }

    /// The object is gone, and nothing is to be written about it any more.
    pub(crate) fn forget(&self, key: &Key) {
        let mut waiting = locked(&self.waiting);
        if waiting.is_empty() {
            return;
        }
        for what in [
            Courtesy::Progress,
            Courtesy::Propagation,
            Courtesy::Finalizer,
        ] {
            waiting.remove(&(key.clone(), what));
        }
    }
}

fn note(last: &mut VecDeque<Instant>, many: usize, now: Instant) {
    last.push_back(now);
    if last.len() > many {
        last.pop_front();
    }
}

fn is_dense(last: &VecDeque<Instant>, many: usize, now: Instant) -> bool {
    let first = last.front().filter(|_| last.len() >= many);
    first.is_some_and(|first| now.duration_since(*first) < WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_give_way_while_many_objects_are_made_and_not_for_ever() {
        let rush = Rush::default();
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let key = Key::new(Some("shop"), "web-deployments.apps");
        let wait = |millis| rush.wait(&key, Courtesy::Propagation, at(millis));
        for write in 0..5 {
            rush.written(at(write * 10));
        }
        assert_eq!(wait(50), None, "five writes are no rush");
        rush.written(at(60));
        assert_eq!(wait(70), Some(AGAIN));
        assert_eq!(wait(1_001), None, "the first write is long past");
        for step in 0..=310 {
            rush.written(at(2_000 + step * 100));
        }
        assert_eq!(wait(2_500), Some(AGAIN));
        assert_eq!(wait(31_900), Some(AGAIN));
        assert_eq!(wait(32_501), None, "it has waited long enough");
        assert_eq!(
            wait(32_502),
            Some(AGAIN),
            "and for the next there is time again"
        );
        rush.forget(&key);
        assert!(locked(&rush.waiting).is_empty());
    }
}
