//! A namespace with many objects to be written on the host: their copies wait until the host has them, for a stated time at
//! most. Each copy sets a member's own controllers to work, and what the host has not taken yet is not safe. The clock is the
//! caller's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::locked;

/// So many objects of one namespace that wait for the host are a bulk.
const MANY: usize = 4;
/// For so long a bulk goes first, however large it is.
const LONGEST: Duration = Duration::from_secs(10);
/// When a copy that waits is thought of again.
const AGAIN: Duration = Duration::from_millis(100);

/// The bulks that go first.
#[derive(Debug, Default)]
pub(crate) struct HostFirst {
    bulks: Mutex<HashMap<Arc<str>, Instant>>,
}

impl HostFirst {
    /// How long a copy of this namespace is to wait, of which so many objects wait for the host. `None`: it need not.
    pub(crate) fn wait(
        &self,
        namespace: Arc<str>,
        waiting: usize,
        now: Instant,
    ) -> Option<Duration> {
        let mut bulks = locked(&self.bulks);
        if waiting < MANY {
            bulks.remove(&namespace);
            return None;
        }
        let since = *bulks.entry(namespace).or_insert(now);
        (now.duration_since(since) < LONGEST).then_some(AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_wait_for_the_bulk_of_their_namespace_and_not_for_ever() {
        let first = HostFirst::default();
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let wait = |namespace: &str, waiting, millis| {
            first.wait(Arc::from(namespace), waiting, at(millis))
        };
        assert_eq!(wait("shop", 3, 0), None, "three are no bulk");
        assert_eq!(wait("shop", 100, 10), Some(AGAIN));
        assert_eq!(wait("shop", 50, 9_000), Some(AGAIN));
        assert_eq!(wait("shop", 90, 10_010), None, "it has waited long enough");
        assert_eq!(wait("shop", 90, 19_000), None);
        assert_eq!(wait("shop", 0, 19_100), None);
        assert_eq!(wait("shop", 9, 19_200), Some(AGAIN), "another bulk");
        assert_eq!(wait("other", 1, 20), None, "of another namespace");
    }
}
