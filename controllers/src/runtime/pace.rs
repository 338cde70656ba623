//! Writes about something that is still on its way, spaced out per key: soon at first, rarely when it takes long.
//! The clock is the caller's.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::key::Key;
use super::locked;

/// Before the first write, and how far apart the next is then: doubled each time.
const FIRST: Duration = Duration::from_secs(1);
/// The longest that one waits for a sign of progress, as long as few are on their way.
const LONGEST: Duration = Duration::from_secs(5);
/// Of many on their way each waits longer, so that all of them together make no more than five writes a second.
const EACH: Duration = Duration::from_millis(200);
/// The longest that one waits, however many there are.
const LONGEST_OF_MANY: Duration = Duration::from_secs(60);
/// From so many on their way there is a crowd.
const MANY: usize = 20;
/// Above so many keys those are dropped that have long been due: their next write comes at once.
const KEYS_MAX: usize = 20_000;

#[derive(Clone, Copy, Debug)]
struct Step {
    /// The last write, or when it set out.
    since: Instant,
    delay: Duration,
}

/// What is on its way.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    steps: Mutex<HashMap<Key, Step>>,
}

impl Pace {
    /// How long a write about `key` is to wait; `None`: it is due, and the next one will wait longer.
    pub(crate) fn wait(&self, key: &Key, now: Instant) -> Option<Duration> {
        let mut steps = locked(&self.steps);
        if steps.len() >= KEYS_MAX {
            steps.retain(|_, step| step.since + LONGEST_OF_MANY > now);
        }
        let many = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        let least = EACH.saturating_mul(many).min(LONGEST_OF_MANY);
        let Some(step) = steps.get_mut(key) else {
            let (since, delay) = (now, FIRST);
            steps.insert(key.clone(), Step { since, delay });
            return Some(delay);
        };
        // How many there are is looked at each time: the first of a crowd does not know yet that it is one.
        let due = step.since + step.delay.max(least);
        if now < due {
            return Some((due - now).min(LONGEST));
        }
        step.delay = (step.delay * 2).min(LONGEST);
        step.since = now;
        None
    }

    /// Whether many are on their way.
    pub(crate) fn is_crowded(&self) -> bool {
        locked(&self.steps).len() >= MANY
    }

    /// It has arrived, or is gone.
    pub(crate) fn forget(&self, key: &Key) {
        locked(&self.steps).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            namespace: Some("shop".into()),
            name: "web-deployments.apps".into(),
        }
    }

    #[test]
    fn writes_about_a_slow_rollout_come_further_and_further_apart() {
        let pace = Pace::default();
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        for (millis, wait) in [
            (0, Some(1_000)),
            (300, Some(700)),
            (1_000, None),
            (1_001, Some(1_999)),
            (3_000, None),
            (7_000, None),
            (8_000, Some(4_000)),
        ] {
            let wait: Option<u64> = wait;
            assert_eq!(
                pace.wait(&key(), at(millis)),
                wait.map(Duration::from_millis),
                "at {millis} ms"
            );
        }
        pace.forget(&key());
        assert_eq!(pace.wait(&key(), at(9_000)), Some(FIRST));
    }

    #[test]
    fn of_many_that_are_on_their_way_each_waits_longer() {
        let pace = Pace::default();
        let start = Instant::now();
        for number in 0..200 {
            let key = Key::new(Some("shop"), &format!("web-{number}"));
            assert_eq!(pace.wait(&key, start), Some(FIRST));
        }
        assert!(pace.is_crowded());
        assert_eq!(pace.wait(&key(), start), Some(FIRST));
        let at = |millis: u64| start + Duration::from_millis(millis);
        assert_eq!(pace.wait(&key(), at(1_000)), Some(LONGEST));
        assert_eq!(
            pace.wait(&key(), at(40_199)),
            Some(Duration::from_millis(1))
        );
        assert_eq!(pace.wait(&key(), at(40_200)), None);
    }
}
