//! Score `ClusterResourcesLeastAllocated`: the more is free, the better.

use super::usage::{percent, usages, weighed, weighted};
use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Plugin, Score};
use crate::unit::Unit;
use crate::verdict::{PluginError, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct LeastAllocated;

impl Plugin for LeastAllocated {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterResources]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&weighed(unit)))
    }
}

impl Score for LeastAllocated {
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError> {
        let usages = usages(context);
        Ok(weighted(&usages, |usage| {
            percent(usage, usage.capacity.saturating_sub(usage.requested))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{cluster, scores, unit};
    use crate::resources::GPU;

    #[test]
    fn free_share_is_the_score() {
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
                65,
            ),
            (
                "the object's own processors do not count",
                half().build(),
                unit().request("cpu", 4000).build(),
                65,
            ),
            ("no resources", cluster("c").build(), unit().build(), 0),
            (
                "graphics processors count four times",
                half().resource(GPU, 10, 9).build(),
                unit().request(GPU, 1).build(),
                (50 + 80 + 4 * 80) / 6,
            ),
            (
                "more than full",
                cluster("c")
                    .resource("cpu", 10, -5)
                    .resource("memory", 10, 10)
                    .build(),
                unit().build(),
                50,
            ),
        ] {
            assert_eq!(
                scores(&LeastAllocated, &unit, &[cluster]),
                [expected],
                "{name}"
            );
        }
    }
}
