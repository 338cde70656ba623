//! Filter `APIResources`: the cluster has to serve the resource.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Plugin};
use crate::unit::Unit;
use crate::verdict::{Reason, Verdict, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ApiResources;

impl Plugin for ApiResources {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterApiResources]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        Some(Signature::of(&unit.resource))
    }
}

impl Filter for ApiResources {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let resource = &context.unit.resource;
        // No list at all is missing data, which never drives an object out.
        let kept = || context.cluster.api_unknown() && context.is_scheduled();
        if context.serves(resource) || kept() {
            Verdict::Fits
        } else {
            Verdict::NotNow(
                Reason::ResourceNotServed(resource.clone()),
                &[Wake::ClusterApiResources],
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{check_filter, cluster, unit};

    #[test]
    fn group_version_and_kind_have_to_be_served() {
        let deployment =
            |group: &str, version: &str, kind: &str| cluster("c").api(group, version, kind).build();
        let placed = unit().current("c", None).build();
        for (name, cluster, unit, fits) in [
            (
                "served",
                deployment("apps", "v1", "Deployment"),
                unit().build(),
                true,
            ),
            (
                "other group",
                deployment("extensions", "v1", "Deployment"),
                unit().build(),
                false,
            ),
            (
                "other version",
                deployment("apps", "v1beta1", "Deployment"),
                unit().build(),
                false,
            ),
            (
                "other kind",
                deployment("apps", "v1", "DaemonSet"),
                unit().build(),
                false,
            ),
            (
                "placed there is no exemption",
                deployment("", "v1", "Pod"),
                placed.clone(),
                false,
            ),
            (
                "nothing known, not placed there",
                cluster("c").no_api().build(),
                unit().build(),
                false,
            ),
            (
                "nothing known, placed there",
                cluster("c").no_api().build(),
                placed,
                true,
            ),
        ] {
            check_filter(name, &ApiResources, &unit, &cluster, fits);
        }
    }
}
