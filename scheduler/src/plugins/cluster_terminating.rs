//! Filter `ClusterTerminating`: nothing stays on a cluster that is being removed.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Plugin};
use crate::unit::Unit;
use crate::verdict::{Reason, Verdict, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ClusterTerminating;

impl Plugin for ClusterTerminating {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterSet]
    }

    fn signature(&self, _unit: &Unit) -> Option<Signature> {
        Some(Signature::nothing())
    }
}

impl Filter for ClusterTerminating {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        if context.terminating() {
            Verdict::Never(Reason::Terminating)
        } else {
            Verdict::Fits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{check_filter, cluster, unit};

    #[test]
    fn clusters_on_their_way_out_take_nothing() {
        for (name, cluster, unit, fits) in [
            ("stays", cluster("c").build(), unit().build(), true),
            (
                "leaves",
                cluster("c").terminating().build(),
                unit().build(),
                false,
            ),
            (
                "leaves, runs it",
                cluster("c").terminating().build(),
                unit().current("c", None).build(),
                false,
            ),
        ] {
            check_filter(name, &ClusterTerminating, &unit, &cluster, fits);
        }
    }
}
