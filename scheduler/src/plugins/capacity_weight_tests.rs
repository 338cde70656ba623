//! Tests of `capacity_weight`: tables and properties beside the code they hold.

use std::sync::Arc;

use super::*;
use crate::plugins::fixtures::{ClusterBuilder, NOW, candidates, cluster, unit};
use crate::snapshot::Cluster;
use crate::unit::Features;

fn replicas(unit: &Unit, clusters: Vec<ClusterBuilder>) -> Result<Vec<i64>, PluginError> {
    let clusters: Vec<Arc<Cluster>> = clusters
        .into_iter()
        .map(|cluster| Arc::new(cluster.build()))
        .collect();
    let clusters = candidates(&clusters);
    let total = unit.desired_replicas.unwrap();
    let context = ReplicasContext {
        unit,
        clusters: &clusters,
        total,
        now: NOW,
    };
    Ok(ClusterCapacityWeight
        .replicas(&context)?
        .iter()
        .map(Share::replicas)
        .collect())
}

#[test]
fn weights_of_the_policy_or_of_free_resources() {
    let free = |name: &str, cpu: i64| cluster(name).resource("cpu", 100_000, cpu);
    let mut weighted = unit().divide(10).build();
    weighted.clusters.weights.insert("a".into(), 1);
    for (name, unit, clusters, expected) in [
        (
            "free processors",
            unit().divide(10).build(),
            vec![free("a", 30_000), free("b", 20_000)],
            [6, 4],
        ),
        (
            "less than a core counts",
            unit().divide(10).build(),
            vec![free("a", 300), free("b", 200)],
            [6, 4],
        ),
        (
            "graphics processors where asked for",
            unit().divide(10).request(GPU, 1).build(),
            vec![
                free("a", 30_000).resource(GPU, 10, 3),
                free("b", 20_000).resource(GPU, 10, 3),
            ],
            [5, 5],
        ),
        (
            "without a weight nothing",
            weighted,
            vec![free("a", 1), free("b", 9)],
            [10, 0],
        ),
        (
            "no figures: even",
            unit().divide(10).build(),
            vec![cluster("a"), cluster("b")],
            [5, 5],
        ),
    ] {
        assert_eq!(replicas(&unit, clusters).unwrap(), expected, "{name}");
    }
}

#[test]
fn clusters_that_take_nothing_new_may_only_shrink() {
    let tainted = || cluster("b").taint("k", "", "NoSchedule");
    let with = |total: i64, current: Option<Option<i64>>| {
        let mut unit = unit().divide(total);
        if let Some(current) = current {
            unit = unit.current("b", current);
        }
        let mut unit = unit.build();
        unit.clusters.weights = [("a".into(), 1), ("b".into(), 1)].into();
        unit
    };
    for (name, unit, expected) in [
        ("not there", with(10, None), [10, 0]),
        ("there", with(10, Some(Some(3))), [7, 3]),
        ("shrinks", with(4, Some(Some(3))), [2, 2]),
        ("was duplicated", with(10, Some(None)), [5, 5]),
    ] {
        assert_eq!(
            replicas(&unit, vec![cluster("a"), tainted()]).unwrap(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn reclaimed_processors_have_to_be_reported_by_all() {
    let mut unit = unit().divide(4).request(RECLAIMED_MILLI_CPU, 1).build();
    let has = |name: &str| cluster(name).resource(RECLAIMED_MILLI_CPU, 10, 5);
    assert_eq!(
        replicas(&unit, vec![has("a"), cluster("b")]).unwrap(),
        [2, 2],
        "feature off"
    );
    unit.features = Features {
        katalyst: true,
        ..Features::default()
    };
    assert_eq!(replicas(&unit, vec![has("a"), has("b")]).unwrap(), [2, 2]);
    assert!(replicas(&unit, vec![has("a"), cluster("b")]).is_err());
}
