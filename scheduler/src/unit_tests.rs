//! Tests of `unit`: tables and properties beside the code they hold.

use navarch_crds::v1alpha1::PropagationPolicySpec;
use serde_json::json;

use super::*;

fn type_config(replicas_path: &str) -> FederatedTypeConfigSpec {
    serde_json::from_value(json!({
        "sourceType": { "group": "apps", "version": "v1", "kind": "Deployment",
            "pluralName": "deployments", "scope": "Namespaced" },
        "pathDefinition": { "replicasSpec": replicas_path },
    }))
    .unwrap()
}

fn policy(spec: Value) -> CheckedPolicy {
    let spec: PropagationPolicySpec = serde_json::from_value(spec).unwrap();
    CheckedPolicy::check(&spec).unwrap()
}

fn web(replicas: &Value) -> Value {
    json!({ "metadata": { "name": "web", "namespace": "default", "labels": { "a": "b" } },
        "spec": { "replicas": replicas, "template": { "spec": {} } } })
}

fn build_with(
    spec: Value,
    annotations: &[(&str, &str)],
) -> Result<(Unit, Vec<Ignored>), UnitError> {
    let annotations: BTreeMap<String, String> = annotations
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect();
    build(UnitInputs {
        policy: &policy(spec),
        type_config: &type_config("spec.replicas"),
        template: &web(&json!(3)),
        annotations: &annotations,
        placements: &[],
        overrides: &[],
        features: Features::default(),
    })
}

fn divide() -> Value {
    json!({ "schedulingMode": "Divide", "maxClusters": 2, "clusterSelector": { "zone": "a" },
        "placement": [{ "cluster": "p", "preferences": { "minReplicas": 1, "maxReplicas": 5, "weight": 2, "priority": 3 } }] })
}

#[test]
fn the_policy_speaks_where_the_object_does_not() {
    let (unit, ignored) = build_with(divide(), &[]).unwrap();
    assert!(ignored.is_empty());
    assert_eq!(
        (unit.mode, unit.desired_replicas, unit.max_clusters),
        (Mode::Divide, Some(3), Some(2))
    );
    assert_eq!(unit.key, "default/web");
    assert_eq!(unit.clusters.weights["p"], 2);
    // Left out by the policy, default of the API.
    assert!(unit.avoid_disruption && !unit.sticky);
}

#[test]
fn annotations_take_the_place_of_the_policy() {
    let placements = r#"[{"cluster":"q","preferences":{"weight":7}}]"#;
    let (unit, ignored) = build_with(
        divide(),
        &[
            (annotation::SCHEDULING_MODE, "Duplicate"),
            (annotation::STICKY_CLUSTER, "true"),
            (annotation::MAX_CLUSTERS, "9"),
            (annotation::CLUSTER_SELECTOR, "null"),
            (annotation::TOLERATIONS, r#"[{"operator":"Exists"}]"#),
            (annotation::PLACEMENTS, placements),
            (annotation::AFFINITY, r#"{"clusterAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"clusterSelectorTerms":[]}}}"#),
        ],
    )
    .unwrap();
    assert!(ignored.is_empty(), "{ignored:?}");
    assert_eq!(
        (unit.mode, unit.sticky, unit.max_clusters),
        (Mode::Duplicate, true, Some(9))
    );
    assert!(unit.selector.is_empty() && unit.tolerations.len() == 1);
    assert_eq!(unit.clusters.weights, BTreeMap::from([("q".into(), 7)]));
    assert_eq!(unit.clusters.min, BTreeMap::from([("q".into(), 0)]));
    assert!(unit.clusters.max.is_empty());
    assert_eq!(unit.affinity.required, Some(Vec::new()));
}

#[test]
fn what_cannot_be_read_is_reported_and_the_policy_holds() {
    for (annotation, value) in [
        (annotation::SCHEDULING_MODE, "duplicate"),
        (annotation::STICKY_CLUSTER, "yes"),
        (annotation::MAX_CLUSTERS, "-1"),
        (annotation::MAX_CLUSTERS, "many"),
        (annotation::CLUSTER_SELECTOR, "[]"),
        (annotation::TOLERATIONS, "{"),
        (annotation::AFFINITY, "true"),
        (annotation::PLACEMENTS, ""),
    ] {
        let (unit, ignored) = build_with(divide(), &[(annotation, value)]).unwrap();
        assert_eq!(
            unit,
            build_with(divide(), &[]).unwrap().0,
            "{annotation}: {value}"
        );
        assert_eq!(ignored.len(), 1, "{annotation}: {value}");
        assert_eq!(ignored[0].annotation, annotation);
    }
}

#[test]
fn wishes_of_placements_fall_back_one_by_one() {
    let negative = r#"[{"cluster":"q","preferences":{"weight":-1,"minReplicas":4}}]"#;
    let (unit, ignored) = build_with(divide(), &[(annotation::PLACEMENTS, negative)]).unwrap();
    assert_eq!(ignored.len(), 1);
    assert_eq!(
        unit.clusters.weights,
        BTreeMap::from([("p".into(), 2)]),
        "the policy's"
    );
    assert_eq!(
        unit.clusters.min,
        BTreeMap::from([("q".into(), 4)]),
        "its own"
    );
    let unreadable = r#"[{"cluster":"q","preferences":{"weight":"x"}}]"#;
    let (unit, _) = build_with(divide(), &[(annotation::PLACEMENTS, unreadable)]).unwrap();
    assert_eq!(unit.clusters.names, ["q".to_owned()].into());
    assert_eq!(unit.clusters.weights, BTreeMap::from([("p".into(), 2)]));
}

#[test]
fn earlier_placements_are_read_back() {
    let placements: Vec<PlacementWithController> = serde_json::from_value(json!([
        { "controller": "someone/else", "placement": [{ "cluster": "x" }] },
        { "controller": "kubeadmiral.io/global-scheduler", "placement": [{ "cluster": "a" }, { "cluster": "b" }, { "cluster": "c" }] },
    ]))
    .unwrap();
    let patch =
        |op: &str, path: &str, value: Value| json!([{ "op": op, "path": path, "value": value }]);
    let overrides: Vec<OverrideWithController> = serde_json::from_value(json!([{
        "controller": "kubeadmiral.io/global-scheduler",
        "clusters": [
            { "cluster": "a", "patches": patch("replace", "/spec/replicas", json!(4)) },
            { "cluster": "b", "patches": patch("", "/spec/replicas", json!("4")) },
            { "cluster": "c", "patches": patch("add", "/spec/replicas", json!(4)) },
            { "cluster": "x", "patches": patch("replace", "/spec/replicas", json!(4)) },
        ],
    }]))
    .unwrap();
    let (unit, _) = build(UnitInputs {
        policy: &policy(divide()),
        type_config: &type_config("spec.replicas"),
        template: &web(&json!(3)),
        annotations: &BTreeMap::new(),
        placements: &placements,
        overrides: &overrides,
        features: Features::default(),
    })
    .unwrap();
    let current: Vec<(&str, Option<i64>)> = unit
        .current
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(current, [("a", Some(4)), ("b", None), ("c", None)]);
}

#[test]
fn divide_needs_replicas_and_a_place_for_them() {
    let build = |path: &str, replicas: Value| {
        build(UnitInputs {
            policy: &policy(divide()),
            type_config: &type_config(path),
            template: &web(&replicas),
            annotations: &BTreeMap::new(),
            placements: &[],
            overrides: &[],
            features: Features::default(),
        })
    };
    assert_eq!(build("", json!(3)).unwrap().0.mode, Mode::Duplicate);
    assert!(matches!(
        build("spec.other", json!(3)),
        Err(UnitError::NoReplicas { .. })
    ));
    assert!(matches!(
        build("spec.replicas", json!("3")),
        Err(UnitError::NoReplicas { .. })
    ));
}

#[test]
fn what_controllers_wrote_has_to_be_readable() {
    let spec = json!({ "schedulingMode": "Duplicate", "autoMigration": { "keepUnschedulableReplicas": true } });
    let info = (
        annotation::AUTO_MIGRATION_INFO,
        r#"{"estimatedCapacity":{"a":1},"scheduledReplicas":null}"#,
    );
    let (unit, _) = build_with(spec.clone(), &[info]).unwrap();
    assert_eq!(
        unit.auto_migration
            .as_ref()
            .unwrap()
            .info
            .estimated_capacity["a"],
        1
    );
    assert!(unit.keeps_unschedulable());
    assert!(build_with(spec, &[(annotation::AUTO_MIGRATION_INFO, "x")]).is_err());
    let applied = annotation::APPLIED_MIGRATION_CONFIGURATION;
    let migration =
        r#"{"unavailableClusters":[{"cluster":"a","validUntil":"2030-01-01T00:00:00Z"}]}"#;
    let (unit, _) = build_with(divide(), &[(applied, migration)]).unwrap();
    assert_eq!(unit.custom_migration.unavailable_clusters.len(), 1);
    assert!(build_with(divide(), &[(applied, "[")]).is_err());
}
