//! A bounded, fair queue of keys: one entry a key, live changes before the backlog, namespaces in turn.
//!
//! kube-runtime's scheduler hands keys out in the order they came, so one namespace that creates a
//! thousand objects makes everyone else wait. This one takes namespaces in turn
//! (`docs/decisions/0011-queues.md`). It knows nothing of what a key stands for and does no I/O.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::retry::Backoff;

/// Something that can wait in a [`Queue`].
pub(crate) trait QueueKey: Clone + Eq + Hash + Ord + Send + 'static {
    /// Keys of one group share one turn; the group is the namespace.
    fn group(&self) -> Arc<str>;
}

/// How urgent an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Priority {
    /// Something has just happened.
    Live,
    /// Part of a restart, a reconnect or a change that touches everything.
    Backlog,
}

/// A fair queue. Cheap to clone; all clones are the same queue.
#[derive(Debug)]
pub(crate) struct Queue<K> {
    shared: Arc<Shared<K>>,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

#[derive(Debug)]
struct Shared<K> {
    state: Mutex<State<K>>,
    wake: Notify,
    backoff: Backoff,
}

#[derive(Debug)]
struct Lane<K> {
    turns: VecDeque<Arc<str>>,
    groups: HashMap<Arc<str>, VecDeque<K>>,
    /// The keys in `groups`. A key that was raised to another lane leaves its entry behind; should it come
    /// back before that is taken, the entry serves again, so that there is never more than one.
    keys: HashSet<K>,
}

impl<K> Default for Lane<K> {
    fn default() -> Self {
        Self {
            turns: VecDeque::new(),
            groups: HashMap::new(),
            keys: HashSet::new(),
        }
    }
}

impl<K: QueueKey> Lane<K> {
    fn push(&mut self, key: K) {
        if !self.keys.insert(key.clone()) {
            return;
        }
        let group = key.group();
        let keys = self.groups.entry(Arc::clone(&group)).or_default();
        if keys.is_empty() {
            self.turns.push_back(group);
        }
        keys.push_back(key);
    }

    fn pop(&mut self, waiting: &HashMap<K, Priority>, lane: Priority) -> Option<K> {
        while let Some(group) = self.turns.pop_front() {
            let Some(keys) = self.groups.get_mut(&group) else {
                continue;
            };
            let key = keys.pop_front();
            if keys.is_empty() {
                self.groups.remove(&group);
            } else {
                self.turns.push_back(group);
            }
            if let Some(key) = &key {
                self.keys.remove(key);
            }
            // An entry that was raised to another lane leaves a ghost behind; skip it.
            if let Some(key) = key
                && waiting.get(&key) == Some(&lane)
            {
                return Some(key);
            }
        }
        None
    }
}

#[derive(Debug)]
struct State<K> {
    waiting: HashMap<K, Priority>,
    live: Lane<K>,
    backlog: Lane<K>,
    timed: BTreeMap<(Instant, K), Priority>,
    due: HashMap<K, Instant>,
    working: HashSet<K>,
    again: HashMap<K, Priority>,
    failures: HashMap<K, u32>,
}

impl<K: QueueKey> State<K> {
    fn enqueue(&mut self, key: K, priority: Priority) {
        if self.working.contains(&key) {
            let entry = self.again.entry(key).or_insert(priority);
            *entry = (*entry).min(priority);
            return;
        }
        match self.waiting.get(&key) {
            Some(present) if *present <= priority => {}
            _ => {
                self.waiting.insert(key.clone(), priority);
                match priority {
                    Priority::Live => self.live.push(key),
                    Priority::Backlog => self.backlog.push(key),
                }
            }
        }
    }

    fn release_due(&mut self, now: Instant) -> Option<Instant> {
        while let Some(((at, _), _)) = self.timed.first_key_value() {
            if *at > now {
                return Some(*at);
            }
            if let Some(((_, key), priority)) = self.timed.pop_first() {
                self.due.remove(&key);
                self.enqueue(key, priority);
            }
        }
        None
    }

    fn take(&mut self) -> Option<K> {
        let key = self
            .live
            .pop(&self.waiting, Priority::Live)
            .or_else(|| self.backlog.pop(&self.waiting, Priority::Backlog))?;
        self.waiting.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }
}

impl<K: QueueKey> Queue<K> {
    pub(crate) fn new(backoff: Backoff) -> Self {
        let state = State {
            waiting: HashMap::new(),
            live: Lane::default(),
            backlog: Lane::default(),
            timed: BTreeMap::new(),
            due: HashMap::new(),
            working: HashSet::new(),
            again: HashMap::new(),
            failures: HashMap::new(),
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                wake: Notify::new(),
                backoff,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for work on `key`. A key that is already waiting is not added again, so the queue is
    /// bounded by the number of keys; one being worked on is taken up once more afterwards.
    pub(crate) fn push(&self, key: K, priority: Priority) {
        self.state().enqueue(key, priority);
        self.shared.wake.notify_one();
    }

    /// Asks for work on `key` after `delay`; the earliest time asked for wins.
    pub(crate) fn push_after(&self, key: K, delay: Duration) {
        let at = Instant::now() + delay;
        let mut state = self.state();
        if let Some(present) = state.due.get(&key).copied() {
            if present <= at {
                return;
            }
            state.timed.remove(&(present, key.clone()));
        }
        state.due.insert(key.clone(), at);
        state.timed.insert((at, key), Priority::Live);
        drop(state);
        self.shared.wake.notify_one();
    }

    /// The next key, or `None` at shutdown. Whoever takes a key must call [`Queue::done`] or
    /// [`Queue::failed`] with it.
    pub(crate) async fn next(&self, shutdown: &CancellationToken) -> Option<K> {
        loop {
            if shutdown.is_cancelled() {
                return None;
            }
            let deadline = {
                let mut state = self.state();
                let deadline = state.release_due(Instant::now());
                if let Some(key) = state.take() {
                    let more = !state.waiting.is_empty();
                    drop(state);
                    if more {
                        self.shared.wake.notify_one();
                    }
                    return Some(key);
                }
                deadline
            };
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return None,
                () = self.shared.wake.notified() => {}
                () = timer => {}
            }
        }
    }

    fn finish(&self, state: &mut State<K>, key: &K) {
        state.working.remove(key);
        if let Some(priority) = state.again.remove(key) {
            state.enqueue(key.clone(), priority);
        }
    }

    /// The work on `key` is finished and its failures are forgotten.
    pub(crate) fn done(&self, key: &K) {
        let mut state = self.state();
        state.failures.remove(key);
        self.finish(&mut state, key);
        drop(state);
        self.shared.wake.notify_one();
    }

    /// The work on `key` waits for something that will put the key into the queue again. Its failures stay
    /// remembered: whether it succeeds is not known yet.
    pub(crate) fn rest(&self, key: &K) {
        self.finish(&mut self.state(), key);
        self.shared.wake.notify_one();
    }

    /// The work on `key` failed; it comes back after a delay that grows with each failure.
    pub(crate) fn failed(&self, key: &K) -> Duration {
        let mut state = self.state();
        let failures = state.failures.entry(key.clone()).or_insert(0);
        *failures = failures.saturating_add(1);
        let delay = self.shared.backoff.delay(*failures);
        self.finish(&mut state, key);
        drop(state);
        self.push_after(key.clone(), delay);
        delay
    }

    /// How many keys of a group wait to be taken up now; one that was raised to another lane may count twice.
    pub(crate) fn waiting_in(&self, group: &str) -> usize {
        let state = self.state();
        let of = |lane: &Lane<K>| lane.groups.get(group).map_or(0, VecDeque::len);
        of(&state.live) + of(&state.backlog)
    }

    /// How many keys wait to be taken up now.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.state().waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    struct Name(&'static str, u32);
    impl QueueKey for Name {
        fn group(&self) -> Arc<str> {
            Arc::from(self.0)
        }
    }

    fn queue() -> Queue<Name> {
        Queue::new(Backoff {
            first: Duration::from_millis(10),
            longest: Duration::from_secs(1),
        })
    }

    #[tokio::test]
    async fn a_bulk_of_one_namespace_does_not_delay_another() {
        let queue = queue();
        for index in 0..100 {
            queue.push(Name("bulk", index), Priority::Live);
        }
        queue.push(Name("small", 0), Priority::Live);
        let waiting = ["bulk", "small", "none"].map(|group| queue.waiting_in(group));
        assert_eq!(waiting, [100, 1, 0]);
        let stop = CancellationToken::new();
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(queue.next(&stop).await.unwrap().0);
        }
        assert!(seen.contains(&"small"), "{seen:?}");
    }

    #[tokio::test]
    async fn live_changes_overtake_the_backlog_also_for_a_key_that_waits_there() {
        let queue = queue();
        queue.push(Name("a", 1), Priority::Backlog);
        queue.push(Name("a", 2), Priority::Backlog);
        queue.push(Name("a", 2), Priority::Live);
        let stop = CancellationToken::new();
        assert_eq!(queue.next(&stop).await, Some(Name("a", 2)));
        assert_eq!(queue.next(&stop).await, Some(Name("a", 1)));
        assert_eq!(queue.len(), 0);
    }

    #[tokio::test]
    async fn a_key_that_is_raised_again_and_again_leaves_one_entry_behind() {
        let queue = queue();
        let stop = CancellationToken::new();
        queue.push(Name("b", 1), Priority::Backlog);
        for _ in 0..100 {
            queue.push(Name("a", 1), Priority::Backlog);
            queue.push(Name("a", 1), Priority::Live);
            let key = queue.next(&stop).await.unwrap();
            assert_eq!(key, Name("a", 1));
            queue.done(&key);
        }
        let left = |queue: &Queue<Name>| {
            let state = queue.state();
            let entries: usize = state.backlog.groups.values().map(VecDeque::len).sum();
            (entries, state.backlog.keys.len(), state.failures.len())
        };
        assert_eq!(left(&queue), (2, 2, 0));
        // The entry that was left behind serves when the key comes back.
        queue.push(Name("a", 1), Priority::Backlog);
        let mut seen = vec![queue.next(&stop).await, queue.next(&stop).await];
        seen.sort();
        assert_eq!(seen, [Some(Name("a", 1)), Some(Name("b", 1))]);
        assert_eq!(left(&queue), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_being_worked_on_is_given_out_again_only_afterwards() {
        let queue = queue();
        let stop = CancellationToken::new();
        queue.push(Name("a", 1), Priority::Live);
        let key = queue.next(&stop).await.unwrap();
        queue.push(key.clone(), Priority::Live);
        assert_eq!(queue.len(), 0);
        queue.done(&key);
        assert_eq!(queue.next(&stop).await, Some(key));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_key_comes_back_after_its_delay() {
        let queue = queue();
        let stop = CancellationToken::new();
        queue.push(Name("a", 1), Priority::Live);
        let key = queue.next(&stop).await.unwrap();
        assert!(queue.failed(&key) >= Duration::from_millis(5));
        assert_eq!(queue.next(&stop).await, Some(key));
    }

    #[tokio::test]
    async fn shutdown_ends_the_wait() {
        let queue = queue();
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(queue.next(&stop).await, None);
    }
}
