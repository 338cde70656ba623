//! Score `ClusterCost`: cheaper clusters first. A cluster says what it costs in the label
//! `example.com/cost`; one that does not say is taken for the dearest.

use navarch_scheduler::framework::signature::Signature;
use navarch_scheduler::framework::traits::{ClusterContext, Normalise, Plugin, Score};
use navarch_scheduler::unit::Unit;
use navarch_scheduler::verdict::{PluginError, Wake};

const LABEL: &str = "example.com/cost";

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ClusterCost;

impl Plugin for ClusterCost {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterLabels]
    }

    fn signature(&self, _unit: &Unit) -> Option<Signature> {
        Some(Signature::nothing())
    }
}

impl Score for ClusterCost {
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError> {
        let Some(text) = context.cluster.labels().get(LABEL) else {
            return Ok(100);
        };
        match text.parse() {
            Ok(cost @ 0..=100) => Ok(cost),
            _ => Err(PluginError(format!(
                "label {LABEL} is {text:?}; it has to be a whole number from 0 to 100"
            ))),
        }
    }

    fn normalise(&self) -> Normalise {
        Normalise::Downward
    }
}
