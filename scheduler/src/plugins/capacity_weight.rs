//! Replicas `ClusterCapacityWeight`: spreads by the weights of the policy, or by free resources
//! where it gives none.

use super::preparation::{shares, slots};
use crate::framework::signature::Signature;
use crate::framework::traits::{Plugin, Replicas, ReplicasContext, Share};
use crate::planner::spread::{Spread, plan};
use crate::planner::weights::{Supply, by_supply};
use crate::resources::{Amounts, GPU, RECLAIMED_MILLI_CPU};
use crate::unit::Unit;
use crate::verdict::{PluginError, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ClusterCapacityWeight;

impl Plugin for ClusterCapacityWeight {
    fn wakes(&self) -> &'static [Wake] {
        &[
            Wake::Policy,
            Wake::Object,
            Wake::PodCounts,
            Wake::ClusterTaints,
        ]
    }

    fn signature(&self, _unit: &Unit) -> Option<Signature> {
        // The name of the object moves the rounding.
        None
    }
}

impl Replicas for ClusterCapacityWeight {
    fn replicas(&self, context: &ReplicasContext<'_>) -> Result<Vec<Share>, PluginError> {
        let unit = context.unit;
        let weights = if unit.clusters.weights.is_empty() {
            dynamic(context)?
        } else {
            let weight = |name: &str| unit.clusters.weights.get(name).copied().unwrap_or(0);
            context
                .clusters
                .iter()
                .map(|one| weight(one.cluster.name().as_str()))
                .collect()
        };
        let mut slots = slots(context);
        for (slot, weight) in slots.iter_mut().zip(weights) {
            slot.preference.weight = weight;
        }
        let split = plan(&Spread {
            slots: &slots,
            total: context.total,
            key: &unit.key,
            avoid_disruption: unit.avoid_disruption,
            keep_unschedulable: unit.keeps_unschedulable(),
        });
        Ok(shares(context, &slots, &split))
    }
}

fn dynamic(context: &ReplicasContext<'_>) -> Result<Vec<i64>, PluginError> {
    let requested = &context.unit.request.scalars;
    let resource = if requested.contains_key(GPU) {
        GPU
    } else if context.unit.features.katalyst && requested.contains_key(RECLAIMED_MILLI_CPU) {
        RECLAIMED_MILLI_CPU
    } else {
        "cpu"
    };
    let supplies: Vec<Supply<'_>> = context
        .clusters
        .iter()
        .map(|candidate| Supply {
            name: candidate.cluster.name().as_str(),
            available: candidate.cluster.available().get(resource),
            allocatable: candidate.cluster.allocatable().get(resource),
        })
        .collect();
    // Processors and graphics processors count as zero where a cluster does not name them.
    let known = |amounts: &Amounts| {
        resource != RECLAIMED_MILLI_CPU || amounts.scalars.contains_key(resource)
    };
    let some = supplies
        .iter()
        .any(|supply| supply.available > 0 || supply.allocatable != 0);
    for candidate in context.clusters {
        let cluster = &candidate.cluster;
        if some && !(known(cluster.allocatable()) && known(cluster.available())) {
            let name = cluster.name();
            return Err(PluginError(format!(
                "computing weights from {resource}: cluster {name} does not report it; give the \
                 policy weights, or leave the cluster out"
            )));
        }
    }
    Ok(by_supply(&supplies))
}

#[cfg(test)]
#[path = "capacity_weight_tests.rs"]
mod tests;
