//! Filter `KatalystResourcesExist`: objects that ask for Katalyst's reclaimed resources go to clusters
//! that have any of them. Amounts are not compared.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Plugin};
use crate::resources::RECLAIMED;
use crate::unit::Unit;
use crate::verdict::{Reason, Verdict, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct KatalystResourcesExist;

impl Plugin for KatalystResourcesExist {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterResources]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&asks(unit)))
    }
}

fn asks(unit: &Unit) -> bool {
    RECLAIMED
        .iter()
        .any(|name| unit.request.scalars.contains_key(*name))
}

impl Filter for KatalystResourcesExist {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let has = |name: &&str| context.cluster.allocatable().scalars.contains_key(*name);
        if !asks(context.unit) || RECLAIMED.iter().any(has) || context.is_scheduled() {
            Verdict::Fits
        } else {
            Verdict::NotNow(Reason::NoReclaimedResources, &[Wake::ClusterResources])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{check_filter, cluster, unit};
    use crate::resources::RECLAIMED_MILLI_CPU;

    #[test]
    fn any_reclaimed_resource_is_enough() {
        let asking = || unit().request(RECLAIMED_MILLI_CPU, 100);
        let with = |name: &str| cluster("c").allocatable(name, 1).build();
        for (name, cluster, unit, fits) in [
            ("asks for none", with("cpu"), unit().build(), true),
            ("has none", with("cpu"), asking().build(), false),
            ("has it", with(RECLAIMED_MILLI_CPU), asking().build(), true),
            (
                "has another of them",
                with(RECLAIMED[1]),
                asking().build(),
                true,
            ),
            (
                "has none, runs it",
                with("cpu"),
                asking().current("c", None).build(),
                true,
            ),
        ] {
            check_filter(name, &KatalystResourcesExist, &unit, &cluster, fits);
        }
    }
}
