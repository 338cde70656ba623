//! Filter `PlacementFilter`: if the policy names clusters, only those.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Plugin};
use crate::unit::Unit;
use crate::verdict::{Reason, Verdict, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct PlacementFilter;

impl Plugin for PlacementFilter {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::Policy, Wake::Object]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&unit.clusters.names))
    }
}

impl Filter for PlacementFilter {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let names = &context.unit.clusters.names;
        if names.is_empty() || names.contains(context.cluster.name().as_str()) {
            Verdict::Fits
        } else {
            Verdict::Never(Reason::NotInPlacement)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{check_filter, cluster, unit};

    #[test]
    fn only_named_clusters_if_any_is_named() {
        for (name, unit, fits) in [
            ("none named", unit().build(), true),
            ("named", unit().named("a").named("c").build(), true),
            ("others named", unit().named("a").build(), false),
            (
                "placed there is no exemption",
                unit().named("a").current("c", None).build(),
                false,
            ),
        ] {
            check_filter(name, &PlacementFilter, &unit, &cluster("c").build(), fits);
        }
    }
}
