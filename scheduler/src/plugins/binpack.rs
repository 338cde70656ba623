//! Replicas `PreferenceBinPack`: fills the preferred cluster, then the next.

use super::preparation::{Chosen, prepare};
use crate::framework::signature::Signature;
use crate::framework::traits::{Plugin, Replicas, ReplicasContext, Share};
use crate::planner::binpack::{Binpack, plan};
use crate::unit::Unit;
use crate::verdict::{PluginError, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct PreferenceBinPack;

impl Plugin for PreferenceBinPack {
    fn wakes(&self) -> &'static [Wake] {
        &[
            Wake::Policy,
            Wake::Object,
            Wake::PodCounts,
            Wake::ClusterTaints,
        ]
    }

    fn signature(&self, _unit: &Unit) -> Option<Signature> {
        None
    }
}

impl Replicas for PreferenceBinPack {
    fn replicas(&self, context: &ReplicasContext<'_>) -> Result<Vec<Share>, PluginError> {
        let prepared = prepare(context, &Chosen::new(context.clusters));
        let split = plan(&Binpack {
            slots: &prepared.slots,
            total: context.total,
            avoid_disruption: context.unit.avoid_disruption,
            keep_unschedulable: context.unit.keeps_unschedulable(),
            departed: prepared.recorded.count() < context.unit.current.len(),
            settled: settled(context.unit, context.total),
        });
        Ok(prepared.shares(&split))
    }
}

/// Each cluster's assigned pods are as many as it can run, or as are recorded for it.
fn settled(unit: &Unit, total: i64) -> bool {
    let Some(migration) = &unit.auto_migration else {
        return true;
    };
    let recorded = |name: &str| {
        let found = unit.current.get(name);
        found.map_or(0, |replicas| replicas.unwrap_or(total))
    };
    migration
        .info
        .scheduled_replicas
        .iter()
        .all(|(name, scheduled)| {
            let capacity = migration.info.estimated_capacity.get(name).copied();
            *scheduled
                == capacity
                    .filter(|capacity| *capacity >= 0)
                    .unwrap_or_else(|| recorded(name))
        })
}

#[cfg(test)]
#[path = "binpack_tests.rs"]
mod tests;
