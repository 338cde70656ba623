//! A trouble that goes on is worth a line when it begins, some while later, and then now and again. When a line is due, and
//! the troubles of the host, which many watches and writes meet at once. No I/O but the log.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::locked;

/// Between the first line and the second; the pause grows five-fold each time.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The rate in the long run.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// A trouble that changes its words is told of at once, but no faster than this.
const LEAST_PAUSE: Duration = Duration::from_secs(10);

/// When one trouble is worth a line.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    going_on: Option<GoingOn>,
    /// When the last line was, also of a trouble that is over.
    said: Option<Instant>,
}

#[derive(Debug)]
struct GoingOn {
    message: String,
    since: Instant,
    pause: Duration,
    told: bool,
}

impl Repeats {
    /// The trouble was met again. `Some`: a line is due; since how long it has been going on.
    pub(crate) fn meet(&mut self, message: &str, now: Instant) -> Option<Duration> {
        let quiet = self
            .said
            .map_or(Duration::MAX, |said| now.duration_since(said));
        let going_on = self.going_on.get_or_insert_with(|| GoingOn {
            message: message.to_owned(),
            since: now,
            pause: FIRST_PAUSE,
            told: false,
        });
        let changed = !going_on.told || going_on.message != message;
        let due = if changed {
            quiet >= LEAST_PAUSE
        } else {
            quiet >= going_on.pause
        };
        if !due {
            return None;
        }
        if !changed {
            going_on.pause = (going_on.pause * 5).min(LONGEST_PAUSE);
        }
        message.clone_into(&mut going_on.message);
        going_on.told = true;
        self.said = Some(now);
        Some(now.duration_since(going_on.since))
    }

    /// The trouble is over. `Some`: it was told of, and lasted so long.
    pub(crate) fn over(&mut self, now: Instant) -> Option<Duration> {
        let going_on = self.going_on.take()?;
        going_on.told.then(|| now.duration_since(going_on.since))
    }
}

/// The host itself, among the things that can be in trouble.
const HOST: &str = "host";

/// Troubles with the host, each told of by itself; that the host does not answer at all is told of once
/// for all that meet it.
#[derive(Debug, Default)]
pub(crate) struct HostTroubles {
    met: Mutex<HashMap<String, Repeats>>,
    any: AtomicBool,
}

impl HostTroubles {
    /// A watch of `what` failed; `silent`: because nothing came back.
    pub(crate) fn watch_failed(&self, what: &str, message: &str, silent: bool) {
        self.any.store(true, Ordering::Release);
        let mut met = locked(&self.met);
        let key = if silent { HOST } else { what };
        let due = met
            .entry(key.to_owned())
            .or_default()
            .meet(message, Instant::now());
        drop(met);
        match due {
            Some(lasting) if silent => {
                tracing::warn!(
                    message,
                    lasting = lasting.as_secs(),
                    "the host does not answer; it is tried again, and what runs stays as it is"
                );
            }
            Some(lasting) => {
                tracing::warn!(
                    what,
                    message,
                    lasting = lasting.as_secs(),
                    "could not be watched on the host; it is tried again"
                );
            }
            None => tracing::debug!(what, message, "could not be watched on the host"),
        }
    }

    /// A request to the host was not answered.
    pub(crate) fn silent(&self, message: &str) {
        self.watch_failed(HOST, message, true);
    }

    /// Something came over the watch of `what`.
    pub(crate) fn watch_works(&self, what: &str) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let now = Instant::now();
        let mut met = locked(&self.met);
        let host = met.get_mut(HOST).and_then(|trouble| trouble.over(now));
        let own = met.get_mut(what).and_then(|trouble| trouble.over(now));
        let any = met.values().any(|trouble| trouble.going_on.is_some());
        self.any.store(any, Ordering::Release);
        drop(met);
        if let Some(lasted) = host {
            tracing::info!(lasted = lasted.as_secs(), "the host answers again");
        }
        if let Some(lasted) = own {
            tracing::info!(what, lasted = lasted.as_secs(), "watched again on the host");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds at which lines are due when a trouble is met every two seconds.
    fn lines(seconds: u64, message: impl Fn(u64) -> &'static str) -> Vec<u64> {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        (0..seconds)
            .step_by(2)
            .filter(|second| {
                let now = start + Duration::from_secs(*second);
                repeats.meet(message(*second), now).is_some()
            })
            .collect()
    }

    #[test]
    fn a_trouble_is_told_of_when_it_begins_and_then_at_a_slow_rate() {
        assert_eq!(lines(1_600, |_| "refused"), [0, 60, 360, 960, 1_560]);
    }

    #[test]
    fn a_change_is_told_of_soon_and_not_at_every_change() {
        let flips = lines(30, |second| if second % 4 == 0 { "a" } else { "b" });
        assert!(flips.len() <= 3, "{flips:?}");
        assert_eq!(
            lines(30, |second| if second < 16 { "a" } else { "b" }),
            [0, 16]
        );
    }

    #[test]
    fn the_end_is_told_of_if_the_beginning_was() {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        assert_eq!(repeats.over(start), None);
        assert!(repeats.meet("refused", start).is_some());
        let later = start + Duration::from_secs(3);
        assert_eq!(repeats.over(later), Some(Duration::from_secs(3)));
        // Again at once: not told of until it lasts.
        assert_eq!(repeats.meet("refused", later), None);
        assert_eq!(repeats.over(later), None);
        let much_later = start + Duration::from_secs(11);
        assert!(repeats.meet("refused", much_later).is_some());
    }

    #[test]
    fn many_watches_of_a_silent_host_are_one_trouble() {
        let troubles = HostTroubles::default();
        for kind in ["pods", "secrets", "configmaps"] {
            troubles.watch_failed(kind, "refused", true);
        }
        assert_eq!(locked(&troubles.met).len(), 1);
        troubles.watch_works("pods");
        assert!(!troubles.any.load(Ordering::Acquire));
    }
}
