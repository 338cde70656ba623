//! What must hold of every decision, tried on random clusters, policies and objects.
#![expect(clippy::unwrap_used, reason = "a test stops at what it cannot read")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use navarch_crds::keys::annotation;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{
    FederatedCluster, FederatedTypeConfigSpec, OverrideWithController, PlacementWithController,
    PropagationPolicySpec,
};
use navarch_scheduler::audit::audit;
use navarch_scheduler::explain;
use navarch_scheduler::policy::CheckedPolicy;
use navarch_scheduler::profile::Profile;
use navarch_scheduler::snapshot::{Cluster, Snapshot};
use navarch_scheduler::unit::{self, Features, Unit, UnitInputs};
use navarch_scheduler::{Decision, schedule};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const NAMES: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];

fn type_config() -> FederatedTypeConfigSpec {
    serde_json::from_value(json!({
        "sourceType": { "group": "apps", "version": "v1", "kind": "Deployment",
            "pluralName": "deployments", "scope": "Namespaced" },
        "pathDefinition": { "replicasSpec": "spec.replicas" },
    }))
    .unwrap()
}

/// Joined, ready, effect of a taint, zone, allocatable and available processors.
type State = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    (i64, i64),
);

fn clusters() -> impl Strategy<Value = Vec<FederatedCluster>> {
    let state = (
        select(vec!["True", "True", "True", "False"]),
        select(vec!["True", "True", "False"]),
        select(vec!["", "", "NoSchedule", "NoExecute", "PreferNoSchedule"]),
        select(vec!["a", "b"]),
        (0_i64..200, -20_i64..200),
    );
    proptest::collection::vec(state, NAMES.len()).prop_map(|states| {
        let cluster = |(name, state): (&&str, State)| {
            let (joined, ready, effect, zone, (allocatable, available)) = state;
            let taints = match effect {
                "" => json!([]),
                effect => json!([{ "key": "k", "effect": effect }]),
            };
            serde_json::from_value(json!({
                "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
                "metadata": { "name": name, "labels": { "zone": zone } },
                "spec": { "taints": taints },
                "status": {
                    "conditions": [{ "type": "Joined", "status": joined }, { "type": "Ready", "status": ready }],
                    "apiResourceTypes": [{ "group": "apps", "version": "v1", "kind": "Deployment" }],
                    "resources": {
                        "allocatable": { "cpu": allocatable.to_string(), "memory": "9Gi" },
                        "available": { "cpu": available.to_string(), "memory": "3Gi" },
                    },
                },
            }))
            .unwrap()
        };
        NAMES.iter().zip(states).map(cluster).collect()
    })
}

/// Small numbers most of the time, and the ends of their range.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0_i64..40, 1 => Just(0), 1 => Just(i64::MAX)]
}

fn policy() -> impl Strategy<Value = Value> {
    let wish = (
        select(NAMES.to_vec()),
        prop_oneof![3 => Just(0), 1 => number()],
        proptest::option::of(number()),
        proptest::option::of(number()),
        proptest::option::of(number()),
    );
    (
        select(vec!["Duplicate", "Divide", "Divide"]),
        select(vec!["Spread", "Binpack"]),
        proptest::collection::vec(wish, 0..6),
        proptest::option::of(number()),
        any::<[bool; 3]>(),
    )
        .prop_map(|(mode, strategy, wishes, most, [tolerant, calm, keep])| {
            let placement: Vec<Value> = wishes
                .into_iter()
                .map(|(cluster, min, max, weight, priority)| {
                    json!({ "cluster": cluster, "preferences": { "minReplicas": min,
                        "maxReplicas": max, "weight": weight, "priority": priority } })
                })
                .collect();
            let tolerations = if tolerant {
                json!([{ "operator": "Exists" }])
            } else {
                json!([])
            };
            json!({ "schedulingMode": mode, "replicasStrategy": strategy, "placement": placement,
                "maxClusters": most, "tolerations": tolerations,
                "autoMigration": { "keepUnschedulableReplicas": keep },
                "reschedulePolicy": { "replicaRescheduling": { "avoidDisruption": calm } } })
        })
}

fn migration() -> impl Strategy<Value = BTreeMap<String, i64>> {
    proptest::collection::btree_map(
        select(NAMES.to_vec()).prop_map(str::to_owned),
        0_i64..30,
        0..3,
    )
}

struct World {
    snapshot: Snapshot,
    profile: Profile,
    policy: CheckedPolicy,
    annotations: BTreeMap<String, String>,
    replicas: i64,
}

impl World {
    fn unit(&self, before: Option<&BTreeMap<ClusterName, Option<i64>>>) -> Unit {
        let template = json!({ "metadata": { "name": "web", "namespace": "default" },
            "spec": { "replicas": self.replicas, "template": { "spec": {} } } });
        let placed: Vec<Value> = before
            .into_iter()
            .flatten()
            .map(|(name, _)| json!({ "cluster": name }))
            .collect();
        let patched: Vec<Value> = before
            .into_iter()
            .flatten()
            .filter_map(|(name, count)| {
                let patch =
                    json!({ "op": "replace", "path": "/spec/replicas", "value": (*count)? });
                Some(json!({ "cluster": name, "patches": [patch] }))
            })
            .collect();
        let controller = "kubeadmiral.io/global-scheduler";
        let placements: Vec<PlacementWithController> =
            serde_json::from_value(json!([{ "controller": controller, "placement": placed }]))
                .unwrap();
        let overrides: Vec<OverrideWithController> =
            serde_json::from_value(json!([{ "controller": controller, "clusters": patched }]))
                .unwrap();
        unit::build(UnitInputs {
            policy: &self.policy,
            type_config: &type_config(),
            template: &template,
            annotations: &self.annotations,
            placements: &placements,
            overrides: &overrides,
            features: Features::default(),
        })
        .unwrap()
        .0
    }

    fn decide(&self, unit: &Unit) -> Decision {
        let now = Timestamp::UNIX_EPOCH;
        let decision = schedule(unit, &self.snapshot, &self.profile, now).unwrap();
        let findings = audit(unit, &self.snapshot, &self.profile, now, &decision);
        assert!(
            findings.is_empty(),
            "{findings:?}\n{}",
            explain::table(&decision)
        );
        decision
    }
}

fn world(
    clusters: &[FederatedCluster],
    policy: &Value,
    annotations: BTreeMap<String, String>,
    replicas: i64,
) -> World {
    let spec: PropagationPolicySpec = serde_json::from_value(policy.clone()).unwrap();
    let clusters = clusters
        .iter()
        .map(|cluster| Arc::new(Cluster::new(cluster).unwrap()));
    World {
        snapshot: Snapshot::new(clusters, 0),
        profile: Profile::merge(None).unwrap(),
        policy: CheckedPolicy::check(&spec).unwrap(),
        annotations,
        replicas,
    }
}

fn migrated(
    estimated: &BTreeMap<String, i64>,
    limited: &BTreeMap<String, i64>,
) -> BTreeMap<String, String> {
    let info = json!({ "estimatedCapacity": estimated, "scheduledReplicas": estimated });
    let applied = json!({ "limitedCapacity": limited });
    BTreeMap::from([
        (annotation::AUTO_MIGRATION_INFO.to_owned(), info.to_string()),
        (
            annotation::APPLIED_MIGRATION_CONFIGURATION.to_owned(),
            applied.to_string(),
        ),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn decisions_are_sound_and_come_to_rest(
        clusters in clusters(),
        policy in policy(),
        replicas in number(),
        estimated in migration(),
        limited in migration(),
    ) {
        let world = world(&clusters, &policy, migrated(&estimated, &limited), replicas);
        let mut last = world.decide(&world.unit(None)).placement;
        // What was placed is the next question's past; the answer must stop moving.
        for _ in 0..4 {
            last = world.decide(&world.unit(Some(&last))).placement;
        }
        let next = world.decide(&world.unit(Some(&last))).placement;
        prop_assert_eq!(last, next);
    }

    #[test]
    fn nothing_that_fits_is_left_out(clusters in clusters(), replicas in 0_i64..100) {
        let policy = json!({ "schedulingMode": "Divide" });
        let world = world(&clusters, &policy, BTreeMap::new(), replicas);
        let decision = world.decide(&world.unit(None));
        let placed: i64 = decision.placement.values().flatten().sum();
        prop_assert_eq!(placed, if decision.unschedulable() { 0 } else { replicas });
    }

    #[test]
    fn the_order_of_clusters_never_matters(
        clusters in clusters(),
        policy in policy(),
        replicas in number(),
        by in 0..NAMES.len(),
    ) {
        let one = world(&clusters, &policy, BTreeMap::new(), replicas);
        let mut turned = clusters;
        turned.rotate_left(by);
        let other = world(&turned, &policy, BTreeMap::new(), replicas);
        let first = one.decide(&one.unit(None));
        let second = other.decide(&other.unit(None));
        prop_assert_eq!(&first.placement, &second.placement);
        prop_assert_eq!(explain::table(&first), explain::table(&second));
    }

    #[test]
    fn no_text_in_an_annotation_panics(text in ".*", which in 0_usize..9) {
        let annotations = BTreeMap::from([([
            annotation::SCHEDULING_MODE, annotation::STICKY_CLUSTER, annotation::TOLERATIONS,
            annotation::PLACEMENTS, annotation::CLUSTER_SELECTOR, annotation::AFFINITY,
            annotation::MAX_CLUSTERS, annotation::AUTO_MIGRATION_INFO,
            annotation::APPLIED_MIGRATION_CONFIGURATION,
        ][which].to_owned(), text)]);
        let policy: PropagationPolicySpec =
            serde_json::from_value(json!({ "schedulingMode": "Divide", "autoMigration": {} })).unwrap();
        let policy = CheckedPolicy::check(&policy).unwrap();
        let _ = unit::build(UnitInputs {
            policy: &policy,
            type_config: &type_config(),
            template: &json!({ "spec": { "replicas": 1, "template": { "spec": {} } } }),
            annotations: &annotations,
            placements: &[],
            overrides: &[],
            features: Features::default(),
        });
    }

    #[test]
    fn numbers_from_annotations_never_panic(numbers in any::<[i64; 8]>()) {
        let [min, max, weight, priority, estimated, scheduled, limited, replicas] = numbers;
        let placements = json!([{ "cluster": "alpha", "preferences": { "minReplicas": min,
            "maxReplicas": max, "weight": weight, "priority": priority } }]);
        let mut annotations = BTreeMap::from([(annotation::PLACEMENTS.to_owned(), placements.to_string())]);
        let info = json!({ "estimatedCapacity": { "alpha": estimated }, "scheduledReplicas": { "alpha": scheduled } });
        annotations.insert(annotation::AUTO_MIGRATION_INFO.to_owned(), info.to_string());
        let applied = json!({ "limitedCapacity": { "alpha": limited } });
        annotations.insert(annotation::APPLIED_MIGRATION_CONFIGURATION.to_owned(), applied.to_string());
        let alpha = serde_json::from_value(json!({
            "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
            "metadata": { "name": "alpha" }, "spec": {},
            "status": {
                "conditions": [{ "type": "Joined", "status": "True" }, { "type": "Ready", "status": "True" }],
                "apiResourceTypes": [{ "group": "apps", "version": "v1", "kind": "Deployment" }],
            },
        })).unwrap();
        for strategy in ["Spread", "Binpack"] {
            let policy = json!({ "schedulingMode": "Divide", "autoMigration": {}, "replicasStrategy": strategy });
            let world = world(std::slice::from_ref(&alpha), &policy, annotations.clone(), replicas);
            let unit = world.unit(Some(&BTreeMap::from([(ClusterName::new("alpha").unwrap(), Some(estimated))])));
            let _ = schedule(&unit, &world.snapshot, &world.profile, Timestamp::UNIX_EPOCH).unwrap();
        }
    }
}
