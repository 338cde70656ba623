//! Select `PrioritySort`: orders clusters by score and name. Where priorities are given, or replicas
//! are packed, they take the place of the scores.

use std::cmp::Reverse;

use crate::framework::signature::Signature;
use crate::framework::traits::{Candidate, Plugin, Select, SelectContext};
use crate::policy::{Mode, Strategy};
use crate::unit::Unit;
use crate::verdict::{PluginError, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct PrioritySort;

impl Plugin for PrioritySort {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::Policy, Wake::Object]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&(
            by_priority(unit),
            &unit.clusters.priorities,
        )))
    }
}

fn by_priority(unit: &Unit) -> bool {
    let packs = unit.mode == Mode::Divide && unit.strategy == Strategy::Binpack;
    packs || !unit.clusters.priorities.is_empty()
}

impl Select for PrioritySort {
    fn select<'a>(&self, context: SelectContext<'a>) -> Result<Vec<Candidate<'a>>, PluginError> {
        let mut candidates = context.candidates;
        if by_priority(context.unit) {
            let priorities = &context.unit.clusters.priorities;
            for candidate in &mut candidates {
                let name = candidate.cluster.name().as_str();
                candidate.score = priorities.get(name).copied().unwrap_or(0);
            }
        }
        // Positions are the order of names; small keys are sorted in half of the time of whole candidates.
        let key = |(at, one): (usize, &Candidate<'_>)| (Reverse(one.score), one.position, at);
        let mut keys: Vec<_> = candidates.iter().enumerate().map(key).collect();
        keys.sort_unstable();
        let sorted = keys.iter().filter_map(|(.., at)| candidates.get(*at));
        Ok(sorted.copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{selected, unit};

    #[test]
    fn priority_or_score_then_name() {
        let mut packing = unit().divide(3).build();
        packing.strategy = Strategy::Binpack;
        let scores = [("b", 10), ("c", 20), ("a", 10)];
        for (name, unit, expected) in [
            ("by score, then name", unit().build(), ["c", "a", "b"]),
            (
                "priority replaces scores",
                unit().priority("b", 1).build(),
                ["b", "a", "c"],
            ),
            (
                "packing without priorities goes by name",
                packing,
                ["a", "b", "c"],
            ),
        ] {
            assert_eq!(
                selected(&PrioritySort, &unit, &scores).unwrap(),
                expected,
                "{name}"
            );
        }
    }
}
