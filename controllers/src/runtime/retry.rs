//! How long to wait after a failure: doubling, with a ceiling and jitter. No I/O.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Delays between attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The delay after the first failure.
    pub(crate) first: Duration,
    /// No delay is longer.
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The delay after `failures` failures in a row: between half and the whole of the doubled
    /// value, so that a thousand keys that failed together do not come back together.
    pub(crate) fn delay(self, failures: u32) -> Duration {
        let exponent = failures.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(1 << exponent).min(self.longest);
        whole.mul_f64(0.5 + 0.5 * jitter())
    }
}

/// A number in 0..1. The standard library's hasher seeds are the only source of chance needed.
fn jitter() -> f64 {
    let sample = RandomState::new().hash_one(0_u8) >> 40;
    f64::from(u32::try_from(sample).unwrap_or(0)) / f64::from(1_u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_ceiling() {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(5),
        };
        for (failures, whole_ms) in [(1, 100), (2, 200), (3, 400), (7, 5_000), (1_000, 5_000)] {
            let delay = backoff.delay(failures);
            let whole = Duration::from_millis(whole_ms);
            assert!(
                delay >= whole / 2 && delay <= whole,
                "{failures}: {delay:?}"
            );
        }
    }
}
