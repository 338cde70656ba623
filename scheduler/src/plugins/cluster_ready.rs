//! Filter `ClusterReady`: new objects go to ready clusters only; what runs somewhere stays there.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Plugin};
use crate::unit::Unit;
use crate::verdict::{Reason, Verdict, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ClusterReady;

impl Plugin for ClusterReady {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterReady]
    }

    fn signature(&self, _unit: &Unit) -> Option<Signature> {
        Some(Signature::nothing())
    }
}

impl Filter for ClusterReady {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        if context.ready() || context.is_scheduled() {
            Verdict::Fits
        } else {
            Verdict::NotNow(Reason::NotReady, &[Wake::ClusterReady])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{check_filter, cluster, unit};

    #[test]
    fn only_clusters_that_run_the_object_may_be_unready() {
        for (name, cluster, unit, fits) in [
            ("ready", cluster("c").build(), unit().build(), true),
            (
                "not ready",
                cluster("c").unready().build(),
                unit().build(),
                false,
            ),
            (
                "not ready, runs it",
                cluster("c").unready().build(),
                unit().current("c", None).build(),
                true,
            ),
        ] {
            check_filter(name, &ClusterReady, &unit, &cluster, fits);
        }
    }
}
