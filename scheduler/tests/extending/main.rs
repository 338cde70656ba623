//! The worked example of `docs/extending.md`, compiled and run, and held equal to what the page shows.
#![expect(clippy::unwrap_used, reason = "a test stops at what it cannot read")]

#[expect(unreachable_pub, reason = "written as a file of the crate")]
mod cluster_cost;

use std::sync::Arc;

use cluster_cost::ClusterCost;
use jiff::Timestamp;
use navarch_crds::v1alpha1::{FederatedTypeConfigSpec, PropagationPolicySpec};
use navarch_scheduler::framework::registry::{Registered, Registry};
use navarch_scheduler::policy::CheckedPolicy;
use navarch_scheduler::profile::Profile;
use navarch_scheduler::snapshot::{Cluster, Snapshot};
use navarch_scheduler::unit::{self, Features, Unit, UnitInputs};
use navarch_scheduler::{Decision, schedule};
use serde_json::{Value, json};

fn cluster(name: &str, cost: &str) -> Arc<Cluster> {
    let cluster = json!({
        "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
        "metadata": { "name": name, "labels": { "example.com/cost": cost } },
        "spec": {},
        "status": {
            "conditions": [{ "type": "Joined", "status": "True" }, { "type": "Ready", "status": "True" }],
            "apiResourceTypes": [{ "version": "v1", "kind": "ConfigMap" }],
        },
    });
    Arc::new(Cluster::new(&serde_json::from_value(cluster).unwrap()).unwrap())
}

fn unit() -> Unit {
    let policy: PropagationPolicySpec =
        serde_json::from_value(json!({ "schedulingMode": "Duplicate", "maxClusters": 1 })).unwrap();
    let type_config: FederatedTypeConfigSpec = serde_json::from_value(json!({
        "sourceType": { "version": "v1", "kind": "ConfigMap", "pluralName": "configmaps" },
    }))
    .unwrap();
    let (unit, _) = unit::build(UnitInputs {
        policy: &CheckedPolicy::check(&policy).unwrap(),
        type_config: &type_config,
        template: &json!({ "metadata": { "name": "settings", "namespace": "default" } }),
        annotations: &[].into(),
        placements: &[],
        overrides: &[],
        features: Features::default(),
    })
    .unwrap();
    unit
}

fn merged(profile: &Value) -> Profile {
    let registry = Registry::with([Registered::new("ClusterCost").score(ClusterCost)]).unwrap();
    let profile = serde_json::from_value(profile.clone()).unwrap();
    Profile::merge_with(&registry, Some(&profile), Features::default()).unwrap()
}

fn decide(profile: &Value, costs: [&str; 3]) -> Result<Decision, navarch_scheduler::Broken> {
    let [a, b, c] = costs;
    let snapshot = Snapshot::new([cluster("a", a), cluster("b", b), cluster("c", c)], 1);
    schedule(&unit(), &snapshot, &merged(profile), Timestamp::UNIX_EPOCH)
}

#[test]
fn the_cheapest_cluster_is_chosen_where_the_profile_asks() {
    let profile = json!({ "plugins": { "score": { "enabled": [{ "name": "ClusterCost" }] } } });
    for (name, profile, costs, chosen) in [
        ("cheapest", &profile, ["50", "10", "90"], "b"),
        ("not enabled", &json!({}), ["50", "10", "90"], "a"),
    ] {
        let decision = decide(profile, costs).unwrap();
        let names: Vec<&str> = decision
            .placement
            .keys()
            .map(|name| name.as_str())
            .collect();
        assert_eq!(names, [chosen], "{name}");
    }
    let broken = decide(&profile, ["50", "much", "90"]).unwrap_err();
    assert_eq!(broken.cluster.as_deref(), Some("b"));
}

#[test]
fn the_page_shows_this_very_file() {
    let page = include_str!("../../../docs/extending.md");
    let file = include_str!("cluster_cost.rs").replace("navarch_scheduler::", "crate::");
    assert!(
        page.contains(file.trim_end()),
        "copy scheduler/tests/extending/cluster_cost.rs into the page"
    );
}
