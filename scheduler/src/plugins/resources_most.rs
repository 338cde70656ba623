//! Score `ClusterResourcesMostAllocated`: the less is free, the better, so that other clusters stay
//! empty.

use super::usage::{percent, usages, weighed, weighted};
use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Plugin, Score};
use crate::unit::Unit;
use crate::verdict::{PluginError, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct MostAllocated;

impl Plugin for MostAllocated {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterResources]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&weighed(unit)))
    }
}

impl Score for MostAllocated {
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError> {
        let usages = usages(context);
        Ok(weighted(&usages, |usage| percent(usage, usage.requested)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{cluster, scores, unit};
    use crate::resources::GPU;

    #[test]
    fn used_share_is_the_score() {
        let half = || {
            cluster("c")
                .resource("cpu", 8000, 4000)
                .resource("memory", 100, 80)
        };
        for (name, cluster, unit, expected) in [
            (
                "mean of processors and memory",
                half().build(),
                unit().build(),
                35,
            ),
            ("no resources", cluster("c").build(), unit().build(), 0),
            (
                "graphics processors count four times",
                half().resource(GPU, 10, 9).build(),
                unit().request(GPU, 1).build(),
                (50 + 20 + 4 * 20) / 6,
            ),
            (
                "more than full",
                cluster("c")
                    .resource("cpu", 10, -5)
                    .resource("memory", 10, 0)
                    .build(),
                unit().build(),
                50,
            ),
        ] {
            assert_eq!(
                scores(&MostAllocated, &unit, &[cluster]),
                [expected],
                "{name}"
            );
        }
    }
}
