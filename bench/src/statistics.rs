//! Percentiles and rates. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long something took over many objects, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(durations: &[Duration]) -> Option<Self> {
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        let last = sorted.last()?;
        Some(Self {
            count: sorted.len(),
            p50: milliseconds(percentile(&sorted, 50)?),
            p99: milliseconds(percentile(&sorted, 99)?),
            max: milliseconds(*last),
        })
    }
}

/// The nearest-rank percentile of sorted values: the smallest value that at least `percent` of all do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// `count` as a number to divide by or with; counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts of objects and requests")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

/// Objects a second; `None` when no time went by.
pub(crate) fn rate(count: usize, time: Duration) -> Option<f64> {
    (count > 0 && !time.is_zero()).then(|| number(count) / time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let rows: [(&str, &[u64], [f64; 3]); 4] = [
            ("one", &[7], [7.0, 7.0, 7.0]),
            ("two", &[9, 1], [1.0, 9.0, 9.0]),
            ("three", &[3, 1, 2], [2.0, 3.0, 3.0]),
            ("a hundred", &hundred, [50.0, 99.0, 100.0]),
        ];
        for (name, values, expected) in rows {
            let durations: Vec<_> = values
                .iter()
                .map(|value| Duration::from_millis(*value))
                .collect();
            let spread = Spread::of(&durations).unwrap();
            assert_eq!([spread.p50, spread.p99, spread.max], expected, "{name}");
        }
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn rates() {
        assert_eq!(rate(10, Duration::from_secs(5)), Some(2.0));
        assert_eq!(rate(0, Duration::from_secs(5)), None);
        assert_eq!(rate(10, Duration::ZERO), None);
    }
}
