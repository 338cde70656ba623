//! Filter `ClusterEvicted`: clusters that a migration configuration keeps the object away from, until
//! a given time.

use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Plugin};
use crate::unit::Unit;
use crate::verdict::{Reason, Verdict, Wake};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ClusterEvicted;

impl Plugin for ClusterEvicted {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::MigrationExpired, Wake::Object]
    }

    fn signature(&self, unit: &Unit) -> Option<Signature> {
        // The answer follows the clock where something is written, so it cannot be shared.
        unit.custom_migration
            .unavailable_clusters
            .is_empty()
            .then(Signature::nothing)
    }
}

impl Filter for ClusterEvicted {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let name = context.cluster.name().as_str();
        let evicted = context
            .unit
            .custom_migration
            .unavailable_clusters
            .iter()
            .find(|entry| entry.cluster == name && context.now < entry.valid_until);
        match evicted {
            None => Verdict::Fits,
            Some(entry) => Verdict::NotNow(
                Reason::Evicted(entry.valid_until),
                &[Wake::MigrationExpired],
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::migration::UnavailableCluster;
    use crate::plugins::fixtures::{NOW, check_filter, cluster, unit};

    #[test]
    fn evicted_until_the_time_has_come() {
        let away = |cluster: &str, second: i64| {
            let mut unit = unit().current("c", None).build();
            let valid_until = Timestamp::from_second(NOW.as_second() + second).unwrap();
            let entry = UnavailableCluster {
                cluster: cluster.into(),
                valid_until,
            };
            unit.custom_migration.unavailable_clusters.push(entry);
            unit
        };
        for (name, unit, fits) in [
            ("nothing written", unit().build(), true),
            ("later", away("c", 1), false),
            ("now", away("c", 0), true),
            ("earlier", away("c", -1), true),
            ("another cluster", away("d", 1), true),
        ] {
            check_filter(name, &ClusterEvicted, &unit, &cluster("c").build(), fits);
        }
    }
}
