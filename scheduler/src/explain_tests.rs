//! Tests of `explain`: tables and properties beside the code they hold.

use super::*;
use crate::framework::profile::Profile;
use crate::plugins::fixtures::{NOW, cluster, unit};
use crate::schedule;
use crate::snapshot::Snapshot;

#[test]
fn every_cluster_has_a_line_and_a_reason() {
    let clusters = [
        cluster("east").build(),
        cluster("north").taint("spot", "", "NoSchedule").build(),
        cluster("west").build(),
    ];
    let snapshot = Snapshot::new(clusters.map(Arc::new), 0);
    let mut unit = unit().divide(3).build();
    unit.max_clusters = Some(1);
    let decision = schedule(&unit, &snapshot, &Profile::merge(None).unwrap(), NOW).unwrap();
    let table = table(&decision);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("east   3 replicas    score 100 ("),
        "{table}"
    );
    assert!(lines[0].ends_with("weight 1000, planned 3"), "{table}");
    assert_eq!(
        lines[1],
        "north  refused       TaintToleration: untolerated taint spot:NoSchedule"
    );
    assert!(
        lines[2].starts_with("west   not selected  score 100 ("),
        "{table}"
    );
    assert_eq!(summary(&decision), "placed on east:3");
    let json = serde_json::to_value(explain(&decision)).unwrap();
    assert_eq!(
        json["clusters"],
        serde_json::json!([{ "name": "east", "replicas": 3 }])
    );
    assert_eq!(json["scores"][0]["plugins"]["TaintToleration"], 100);
    assert_eq!(json["unschedulable"], false);
}
