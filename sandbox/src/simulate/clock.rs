//! What time it is in a simulation: that of the machine, or one that passes only when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A clock; clones show the same time.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: Instant,
    /// Nanoseconds since the start; `None`: as the machine says.
    passed: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// The machine's.
    pub(crate) fn of_machine() -> Self {
        Self {
            start: Instant::now(),
            passed: None,
        }
    }

    /// One that stands still until it is moved.
    pub(crate) fn standing() -> Self {
        Self {
            start: Instant::now(),
            passed: Some(Arc::default()),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        match &self.passed {
            Some(passed) => self.start + Duration::from_nanos(passed.load(Ordering::SeqCst)),
            None => Instant::now(),
        }
    }

    /// The last whole second since the start.
    pub(crate) fn second(&self) -> Instant {
        let passed = self.now().duration_since(self.start);
        self.start + Duration::from_secs(passed.as_secs())
    }

    /// When so much has passed since the start.
    pub(crate) fn at(&self, passed: Duration) -> Instant {
        self.start + passed
    }

    /// Moves a clock that stands still; never back.
    pub(crate) fn move_to(&self, time: Instant) {
        if let Some(passed) = &self.passed {
            let since = time.saturating_duration_since(self.start).as_nanos();
            passed.fetch_max(u64::try_from(since).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::of_machine()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_forward() {
        let clock = Clock::standing();
        let begin = clock.now();
        clock.move_to(clock.at(Duration::from_millis(2_300)));
        clock.move_to(begin);
        assert_eq!(clock.now() - begin, Duration::from_millis(2_300));
        assert_eq!(clock.second() - begin, Duration::from_secs(2));
    }
}
