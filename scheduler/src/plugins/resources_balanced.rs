//! Score `ClusterResourcesBalancedAllocation`: the more evenly its resources are used, the better.

use super::usage::{Usage, Usages, usages, weighed};
use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Plugin, Score};
use crate::unit::Unit;
use crate::verdict::{PluginError, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct BalancedAllocation;

impl Plugin for BalancedAllocation {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterResources]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&weighed(unit)))
    }
}

impl Score for BalancedAllocation {
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError> {
        let usages = usages(context);
        if usages.iter().any(|usage| fraction(usage) >= 1.0) {
            return Ok(0);
        }
        Ok(truncated((1.0 - deviation(&usages)) * 100.0))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the formula is defined on 64-bit floats"
)]
fn fraction(usage: &Usage) -> f64 {
    if usage.capacity == 0 {
        1.0
    } else {
        usage.requested as f64 / usage.capacity as f64
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful of resources")]
fn deviation(usages: &Usages) -> f64 {
    if usages.scalars.is_empty() {
        let [one, other] = &usages.always;
        return ((fraction(one) - fraction(other)) / 2.0).abs();
    }
    let fractions: Vec<f64> = usages.iter().map(fraction).collect();
    let count = fractions.len() as f64;
    let mean = fractions.iter().sum::<f64>() / count;
    let squares: f64 = fractions
        .iter()
        .map(|fraction| (fraction - mean) * (fraction - mean))
        .sum();
    (squares / count).sqrt()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "between 0 and 100, cut like Go does"
)]
fn truncated(score: f64) -> i64 {
    score as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{cluster, scores, unit};
    use crate::resources::GPU;

    #[test]
    fn even_use_scores_highest() {
        let with = |cpu: i64, memory: i64| {
            cluster("c")
                .resource("cpu", 100, cpu)
                .resource("memory", 100, memory)
        };
        for (name, cluster, unit, expected) in [
            ("even", with(50, 50).build(), unit().build(), 100),
            ("uneven", with(50, 80).build(), unit().build(), 85),
            ("full", with(0, 80).build(), unit().build(), 0),
            ("no resources", cluster("c").build(), unit().build(), 0),
            (
                "three resources",
                with(50, 50).resource(GPU, 10, 10).build(),
                unit().request(GPU, 2).build(),
                85,
            ),
        ] {
            assert_eq!(
                scores(&BalancedAllocation, &unit, &[cluster]),
                [expected],
                "{name}"
            );
        }
    }
}
