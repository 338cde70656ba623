//! Filter `ClusterResourcesFit`: room for one replica.
//! Where the object runs already, its own pods are among what is used, so the filter passes.
//!
//! KubeAdmiral looks at graphics processors only; here processors and memory count too, as every
//! other resource that pods ask for except local storage, which members do not report dependably.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Plugin};
use crate::unit::Unit;
use crate::verdict::{Reason, Verdict, Wake};

use super::usage::used;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ClusterResourcesFit;

const WAKES: &[Wake] = &[Wake::ClusterResources];

impl Plugin for ClusterResourcesFit {
    fn wakes(&self) -> &'static [Wake] {
        WAKES
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&unit.request))
    }
}

impl Filter for ClusterResourcesFit {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let request = &context.unit.request;
        let named = request
            .scalars
            .iter()
            .map(|(name, amount)| (name.as_str(), *amount));
        let all = [("cpu", request.milli_cpu), ("memory", request.memory)]
            .into_iter()
            .chain(named);
        for (resource, requested) in all {
            let supply = context.supply(resource);
            let free = supply.allocatable.saturating_sub(used(supply));
            if requested > 0 && requested > free {
                if context.is_scheduled() {
                    return Verdict::Fits;
                }
                let resource = resource.into();
                return Verdict::NotNow(
                    Reason::Insufficient {
                        resource,
                        requested,
                        free,
                    },
                    WAKES,
                );
            }
        }
        Verdict::Fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{check_filter, cluster, unit};
    use crate::resources::GPU;

    #[expect(clippy::too_many_lines, reason = "a table")]
    #[test]
    fn one_replica_has_to_fit() {
        let room = || {
            cluster("c")
                .resource("cpu", 1000, 500)
                .resource("memory", 100, 50)
        };
        let promised = || {
            let room = room().build();
            let mut figures = room.figures().clone();
            figures.available.milli_cpu -= 600;
            room.with_figures(figures)
        };
        for (name, cluster, unit, fits) in [
            (
                "asks for nothing of a full cluster",
                cluster("c").resource("cpu", 10, -5).build(),
                unit().build(),
                true,
            ),
            (
                "exactly",
                room().build(),
                unit().request("cpu", 500).request("memory", 50).build(),
                true,
            ),
            (
                "too much processor",
                room().build(),
                unit().request("cpu", 501).build(),
                false,
            ),
            (
                "too much memory",
                room().build(),
                unit().request("memory", 51).build(),
                false,
            ),
            (
                "resource unknown there",
                room().build(),
                unit().request(GPU, 1).build(),
                false,
            ),
            (
                "zero of an unknown resource",
                room().build(),
                unit().request(GPU, 0).build(),
                true,
            ),
            (
                "local storage is not compared",
                room().build(),
                unit().request("ephemeral-storage", 1).build(),
                true,
            ),
            (
                "runs there",
                room().build(),
                unit().request("cpu", 501).current("c", None).build(),
                true,
            ),
            (
                "more is promised than there is",
                promised(),
                unit().request("cpu", 1).build(),
                false,
            ),
            (
                "more is promised than there is, of something else",
                promised(),
                unit().request("memory", 50).build(),
                true,
            ),
            (
                "nothing available is said",
                cluster("c").allocatable("cpu", 1000).build(),
                unit().request("cpu", 1).build(),
                false,
            ),
        ] {
            check_filter(name, &ClusterResourcesFit, &unit, &cluster, fits);
        }
    }
}
