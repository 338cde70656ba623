//! One probe that fails says little about a member, and one that succeeds little about its return. What is shown of it
//! changes when several probes in a row say so. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// Probes in a row that must fail before a member that was well counts as not well.
pub(crate) const FAILURES: u32 = 3;
/// Probes in a row that must succeed before a member that was not well counts as well again.
pub(crate) const SUCCESSES: u32 = 2;
/// Between probes while it is not certain which way it goes.
pub(crate) const PROBE_AGAIN: Duration = Duration::from_secs(2);

/// What the last probes said.
#[derive(Debug, Default)]
pub(crate) struct Steadiness {
    /// What counts; `None` before the first probe.
    shown: Option<bool>,
    /// What the last probes said, all alike.
    alike: Option<Alike>,
}

#[derive(Clone, Copy, Debug)]
struct Alike {
    well: bool,
    probes: u32,
    since: Instant,
}

/// What a probe means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As before, or it counts from now on.
    Counts,
    /// It says otherwise than what is shown, and not often enough yet.
    Doubted {
        /// So often in a row.
        probes: u32,
        /// It would count from so many.
        needed: u32,
        /// Since the first of them.
        lasting: Duration,
    },
}

impl Steadiness {
    /// Takes a probe into account. The first one counts at once, as in KubeAdmiral
    /// (`pkg/controllers/federatedcluster/clusterstatus.go`).
    pub(crate) fn see(&mut self, well: bool, now: Instant) -> Verdict {
        let alike = match self.alike {
            Some(alike) if alike.well == well => Alike {
                probes: alike.probes.saturating_add(1),
                ..alike
            },
            Some(_) | None => Alike {
                well,
                probes: 1,
                since: now,
            },
        };
        self.alike = Some(alike);
        let needed = if well { SUCCESSES } else { FAILURES };
        if self.shown.is_some_and(|shown| shown != well) && alike.probes < needed {
            return Verdict::Doubted {
                probes: alike.probes,
                needed,
                lasting: now.duration_since(alike.since),
            };
        }
        self.shown = Some(well);
        Verdict::Counts
    }

    /// Since when probes have said what the last one said.
    pub(crate) fn lasting(&self, now: Instant) -> Duration {
        self.alike
            .map_or(Duration::ZERO, |alike| now.duration_since(alike.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probes as `+` and `-`, a second apart; what counts after each of them.
    fn shown(probes: &str) -> String {
        let start = Instant::now();
        let mut steadiness = Steadiness::default();
        let mut shown = String::new();
        for (second, probe) in (0..).zip(probes.chars()) {
            let now = start + Duration::from_secs(second);
            steadiness.see(probe == '+', now);
            shown.push(if steadiness.shown == Some(true) {
                '+'
            } else {
                '-'
            });
        }
        shown
    }

    #[test]
    fn what_is_shown_changes_when_several_probes_in_a_row_say_so() {
        for (name, probes, expected) in [
            ("the first counts", "+", "+"),
            ("the first counts also when it fails", "-", "-"),
            ("a blink is nothing", "+-++", "++++"),
            ("two are a blink, too", "+--+--+", "+++++++"),
            ("three in a row count", "+---", "+++-"),
            ("one success is no return", "-+-+-", "-----"),
            ("two are", "+---+-++", "+++----+"),
        ] {
            assert_eq!(shown(probes), expected, "{name}");
        }
    }

    #[test]
    fn a_doubted_probe_tells_how_long_it_has_been_so() {
        let start = Instant::now();
        let mut steadiness = Steadiness::default();
        steadiness.see(true, start);
        steadiness.see(false, start + Duration::from_secs(1));
        let later = start + Duration::from_secs(4);
        let expected = Verdict::Doubted {
            probes: 2,
            needed: FAILURES,
            lasting: Duration::from_secs(3),
        };
        assert_eq!(steadiness.see(false, later), expected);
        assert_eq!(steadiness.lasting(later), Duration::from_secs(3));
    }
}
