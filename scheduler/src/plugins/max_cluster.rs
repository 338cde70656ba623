//! Select `MaxCluster`: the best so many clusters.

use crate::framework::signature::Signature;
use crate::framework::traits::{Candidate, Plugin, Select, SelectContext};
use crate::unit::Unit;
use crate::verdict::{PluginError, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct MaxCluster;

impl Plugin for MaxCluster {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::Policy, Wake::Object]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&unit.max_clusters))
    }
}

impl Select for MaxCluster {
    fn select<'a>(&self, context: SelectContext<'a>) -> Result<Vec<Candidate<'a>>, PluginError> {
        let mut candidates = context.candidates;
        // Stable: what an earlier plugin put in order among equals, or the order of names, stays.
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.score));
        if let Some(most) = context.unit.max_clusters {
            let most = usize::try_from(most).map_err(|_error| {
                PluginError(format!("maxClusters is {most}; it has to be 0 or more"))
            })?;
            candidates.truncate(most);
        }
        Ok(candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{selected, unit};

    #[test]
    fn the_best_are_kept() {
        let scores = [("a", 10), ("b", 30), ("c", 20), ("d", 30)];
        let most = |most: i64| {
            let mut unit = unit().build();
            unit.max_clusters = Some(most);
            unit
        };
        for (name, unit, expected) in [
            ("unbounded", unit().build(), vec!["b", "d", "c", "a"]),
            ("two", most(2), vec!["b", "d"]),
            ("none", most(0), vec![]),
            (
                "more than there are",
                most(i64::MAX),
                vec!["b", "d", "c", "a"],
            ),
        ] {
            assert_eq!(
                selected(&MaxCluster, &unit, &scores).unwrap(),
                expected,
                "{name}"
            );
        }
        assert!(selected(&MaxCluster, &most(-1), &scores).is_err());
    }
}
