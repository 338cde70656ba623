//! How much of a cluster is in use, for the plugins that look at resources.

use crate::framework::traits::{ClusterContext, Supply};
use crate::resources::GPU;
use crate::unit::Unit;

/// Whole amount and amount in use of one resource, one replica of the object included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) capacity: i64,
    pub(super) requested: i64,
    /// How much the resource counts against the others.
    pub(super) weight: i64,
}

/// Usage of all resources that count. Most objects have no others than the two, which then cost no
/// allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Usages {
    pub(super) always: [Usage; 2],
    pub(super) scalars: Vec<Usage>,
}

impl Usages {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Usage> {
        self.always.iter().chain(&self.scalars)
    }
}

/// What is taken of a resource: a cluster that says nothing of what is available looks full, one
/// that has more available than there is looks empty.
pub(super) fn used(supply: Supply) -> i64 {
    supply.allocatable.saturating_sub(supply.available).max(0)
}

/// What [`usages`] reads of the object. Its own processors and memory are not among it.
pub(super) fn weighed(unit: &Unit) -> Vec<(&str, i64)> {
    unit.weighed_scalars().collect()
}

/// Processors and memory always, then the extended resources that scores look at.
pub(super) fn usages(context: &ClusterContext<'_>) -> Usages {
    let usage = |resource: &str, request: i64| {
        let supply = context.supply(resource);
        Usage {
            capacity: supply.allocatable,
            requested: used(supply).saturating_add(request),
            weight: if resource == GPU { 4 } else { 1 },
        }
    };
    // KubeAdmiral's scores leave the object's own processors and memory out.
    let scalars = context
        .unit
        .weighed_scalars()
        .map(|(name, request)| usage(name, request))
        .collect();
    Usages {
        always: [usage("cpu", 0), usage("memory", 0)],
        scalars,
    }
}

/// Weighted mean of what `score` says of each resource, in whole numbers.
pub(super) fn weighted(usages: &Usages, score: impl Fn(&Usage) -> i64) -> i64 {
    let (sum, weights) = usages
        .iter()
        .fold((0_i128, 0_i64), |(sum, weights), usage| {
            let term = i128::from(score(usage)).saturating_mul(i128::from(usage.weight));
            (
                sum.saturating_add(term),
                weights.saturating_add(usage.weight),
            )
        });
    divided(sum, weights)
}

/// `part * 100 / capacity` in whole numbers; zero when there is no capacity or it is exceeded.
pub(super) fn percent(usage: &Usage, part: i64) -> i64 {
    if usage.capacity == 0 || usage.requested > usage.capacity {
        return 0;
    }
    divided(i128::from(part).saturating_mul(100), usage.capacity)
}

/// Numbers of ordinary size are divided in a tenth of the time.
fn divided(number: i128, by: i64) -> i64 {
    match i64::try_from(number) {
        Ok(number) => number.checked_div(by).unwrap_or(0),
        Err(_beyond) => i64::try_from(number.checked_div(i128::from(by)).unwrap_or(0)).unwrap_or(0),
    }
}
