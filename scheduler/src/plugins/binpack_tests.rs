//! Tests of `binpack`: tables and properties beside the code they hold.

use std::sync::Arc;

use super::*;
use crate::migration::AutoMigrationInfo;
use crate::plugins::fixtures::{NOW, candidates, cluster, unit};
use crate::snapshot::Cluster;
use crate::unit::AutoMigration;

fn replicas(unit: &Unit, clusters: &[&str]) -> Vec<i64> {
    let clusters: Vec<Arc<Cluster>> = clusters
        .iter()
        .map(|name| Arc::new(cluster(name).build()))
        .collect();
    let clusters = candidates(&clusters);
    let total = unit.desired_replicas.unwrap();
    let context = ReplicasContext {
        unit,
        clusters: &clusters,
        total,
        now: NOW,
    };
    PreferenceBinPack
        .replicas(&context)
        .unwrap()
        .iter()
        .map(Share::replicas)
        .collect()
}

#[test]
fn preferred_clusters_fill_first() {
    let mut unit = unit().divide(10).build();
    unit.clusters.max.insert("a".into(), 4);
    assert_eq!(replicas(&unit, &["a", "b"]), [4, 6]);
    assert_eq!(replicas(&unit, &["b", "a"]), [10, 0]);
}

#[test]
fn pods_in_flight_hold_the_plan() {
    let counted = |scheduled: i64, estimated: Option<i64>| {
        let mut unit = unit()
            .divide(10)
            .current("a", Some(2))
            .current("b", Some(8))
            .build();
        unit.avoid_disruption = true;
        let mut info = AutoMigrationInfo::default();
        info.scheduled_replicas.insert("b".into(), scheduled);
        info.estimated_capacity
            .extend(estimated.map(|capacity| ("b".into(), capacity)));
        unit.auto_migration = Some(AutoMigration {
            info,
            keep_unschedulable: false,
        });
        unit
    };
    for (name, unit, clusters, expected) in [
        ("in flight", counted(5, None), ["a", "b"], [2, 8]),
        ("found unable", counted(5, Some(5)), ["a", "b"], [5, 5]),
        ("a cluster is gone", counted(5, None), ["a", "c"], [10, 0]),
    ] {
        assert_eq!(replicas(&unit, &clusters), expected, "{name}");
    }
}
