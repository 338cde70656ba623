//! Replicas `ClusterCapacityWeight`: spreads by the weights of the policy, or by free resources
//! where it gives none.

use super::preparation::{Chosen, prepare};
use crate::framework::signature::Signature;
use crate::framework::traits::{Candidate, Plugin, Replicas, ReplicasContext, Share};
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
        let chosen = Chosen::new(context.clusters);
        let mut prepared = prepare(context, &chosen);
        let slots = &mut prepared.slots;
        if unit.clusters.weights.is_empty() {
            for (slot, weight) in slots.iter_mut().zip(dynamic(context)?) {
                slot.preference.weight = weight;
            }
        } else {
            let weights = unit.clusters.weights.iter();
            let weights = chosen.beside(weights.map(|(name, weight)| (name.as_str(), *weight)));
            for (at, slot) in slots.iter_mut().enumerate() {
                slot.preference.weight = weights.get(at).unwrap_or(0);
            }
        }
        let split = plan(&Spread {
            slots,
            total: context.total,
            key: &unit.key,
            avoid_disruption: unit.avoid_disruption,
            keep_unschedulable: unit.keeps_unschedulable(),
        });
        Ok(prepared.shares(&split))
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
    let supplies: Vec<Supply> = context
        .clusters
        .iter()
        .map(|candidate| {
            let supply = candidate.view().supply(resource);
            Supply {
                order: candidate.position,
                available: supply.available,
                allocatable: supply.allocatable,
            }
        })
        .collect();
    let some = supplies
        .iter()
        .any(|supply| supply.available > 0 || supply.allocatable != 0);
    // Processors and graphics processors count as zero where a cluster does not name them.
    if some && resource == RECLAIMED_MILLI_CPU {
        let known = |amounts: &Amounts| amounts.scalars.contains_key(resource);
        let silent = |candidate: &&Candidate<'_>| {
            !known(candidate.cluster.allocatable()) || !known(candidate.cluster.available())
        };
        if let Some(candidate) = context.clusters.iter().find(silent) {
            let name = candidate.cluster.name();
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
