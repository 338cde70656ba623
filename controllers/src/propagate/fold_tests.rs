//! Tests of `fold.rs`.

use super::*;
use crate::propagate::template::template;
use navarch_crds::type_configs;
use proptest::prelude::*;

fn source() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "n",
        "uid": "u1", "generation": 2, "resourceVersion": "7",
        "labels": {"kubeadmiral.io/propagation-policy-name": "p", "app": "web"}},
        "spec": {"replicas": 6}})
}

fn deployments() -> FederatedTypeConfig {
    type_configs::defaults()
        .into_iter()
        .find(|config| config.metadata.name.as_deref() == Some("deployments.apps"))
        .unwrap()
}

fn placing(clusters: &[(&str, Option<i64>)]) -> Placing {
    Placing {
        controller: controller::SCHEDULER,
        placement: clusters
            .iter()
            .map(|(name, count)| (ClusterName::new(name).unwrap(), *count))
            .collect(),
        summary: true,
        ..Placing::default()
    }
}

fn resolved(clusters: &[&str]) -> Resolved {
    let patch = OverridePatch {
        op: "replace".into(),
        path: "/metadata/labels".into(),
        value: json!({}),
    };
    clusters
        .iter()
        .map(|name| (ClusterName::new(name).unwrap(), vec![patch.clone()]))
        .collect()
}

struct World {
    source: Value,
    config: FederatedTypeConfig,
    placing: Option<Placing>,
    overrides: Option<Resolved>,
    absent: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        Self {
            source: source(),
            config: deployments(),
            placing: Some(placing(&[("c1", Some(4)), ("c2", Some(2))])),
            overrides: Some(Resolved::new()),
            absent: BTreeSet::new(),
        }
    }

    fn fold(&self, last: Option<&Federated>) -> Fold {
        let template = template(&self.source);
        fold(
            last,
            FoldInputs {
                source: Some(&self.source),
                type_config: &self.config,
                template: &template,
                placing: self.placing.as_ref(),
                following: None,
                notes: &BTreeMap::from([(annotation::SCHEDULING_TRIGGERS, Some("{}".to_owned()))]),
                overrides: self.overrides.as_ref(),
                absent: &self.absent,
            },
        )
    }

    fn created(&self) -> Federated {
        match self.fold(None) {
            Fold::Create(federated) => federated,
            other => panic!("{other:?}"),
        }
    }

    fn updated(&self, last: &Federated) -> Federated {
        match self.fold(Some(last)) {
            Fold::Update(federated) => federated,
            other => panic!("{other:?}"),
        }
    }
}

fn pending(federated: &Federated) -> &str {
    federated
        .annotation(annotation::PENDING_CONTROLLERS)
        .unwrap()
}

#[test]
fn one_write_holds_everything() {
    let federated = World::new().created();
    assert_eq!(
        federated.to_value().unwrap()["spec"]["placements"],
        json!([{"controller": "kubeadmiral.io/global-scheduler", "placement": [{"cluster": "c1"}, {"cluster": "c2"}]}])
    );
    assert_eq!(
        federated.to_value().unwrap()["spec"]["overrides"],
        json!([{"controller": "kubeadmiral.io/global-scheduler", "clusters": [
            {"cluster": "c1", "patches": [{"op": "replace", "path": "/spec/replicas", "value": 4}]},
            {"cluster": "c2", "patches": [{"op": "replace", "path": "/spec/replicas", "value": 2}]}]}])
    );
    assert_eq!(federated.name(), "web-deployments.apps");
    assert_eq!(pending(&federated), "[]");
    assert!(federated.is_dispatchable());
    assert_eq!(
        federated.annotation(annotation::SCHEDULING),
        Some(r#"{"fedGeneration":0,"placement":{"c1":4,"c2":2},"sourceGeneration":2}"#)
    );
    assert_eq!(
        federated.metadata.finalizers,
        Some(vec![finalizer::SYNC.to_owned()])
    );
    assert_eq!(federated.annotation(navarch::WITHDRAWING), None);
}

#[test]
fn what_others_wrote_stays() {
    let mut world = World::new();
    let mut federated = world.created();
    federated.spec.set_controller_placement("follower", ["c9"]);
    federated
        .metadata
        .annotations
        .as_mut()
        .unwrap()
        .insert("x".into(), "y".into());
    federated
        .metadata
        .labels
        .as_mut()
        .unwrap()
        .insert("x".into(), "y".into());
    assert_eq!(world.fold(Some(&federated)), Fold::Unchanged);
    world.source["spec"]["replicas"] = json!(7);
    let next = world.updated(&federated);
    assert_eq!(next.spec.placed_clusters().len(), 3);
    assert_eq!(
        (next.annotation("x"), next.label("x")),
        (Some("y"), Some("y"))
    );
}

#[test]
fn a_moved_label_or_annotation_follows_the_source() {
    let mut world = World::new();
    world.source["metadata"]["annotations"] = json!({"kubeadmiral.io/orphan": "all"});
    let federated = world.created();
    assert_eq!(federated.annotation(annotation::ORPHAN), Some("all"));
    world.source["metadata"]["annotations"] = json!({});
    world.source["metadata"]["labels"] =
        json!({"kubeadmiral.io/cluster-propagation-policy-name": "q"});
    let next = world.updated(&federated);
    assert_eq!(next.annotation(annotation::ORPHAN), None);
    assert_eq!(
        next.metadata
            .labels
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        [
            ("apps/v1".into(), "Deployment".into()),
            (
                "kubeadmiral.io/cluster-propagation-policy-name".into(),
                "q".into()
            )
        ]
    );
}

#[test]
fn a_foreign_controller_is_waited_for() {
    let mut world = World::new();
    world.overrides = Some(resolved(&["c1"]));
    world.config.spec.controllers = vec![
        vec![controller::SCHEDULER.into()],
        vec!["example.com/audit".into()],
        vec![controller::OVERRIDE.into()],
    ];
    let mut federated = world.created();
    assert_eq!(
        pending(&federated),
        r#"[["example.com/audit"],["kubeadmiral.io/overridepolicy-controller"]]"#
    );
    assert!(!federated.is_dispatchable());
    assert!(
        federated
            .spec
            .controller_overrides(controller::OVERRIDE)
            .is_none()
    );
    assert_eq!(world.fold(Some(&federated)), Fold::Unchanged);
    federated.metadata.annotations.as_mut().unwrap().insert(
        annotation::PENDING_CONTROLLERS.into(),
        r#"[["kubeadmiral.io/overridepolicy-controller"]]"#.into(),
    );
    let next = world.updated(&federated);
    assert!(
        next.spec
            .controller_overrides(controller::OVERRIDE)
            .is_some()
    );
    assert!(next.is_dispatchable());
    world.source["spec"]["replicas"] = json!(9);
    assert!(!world.updated(&next).is_dispatchable());
}

#[test]
fn a_new_template_waits_while_its_overrides_are_unknown() {
    let mut world = World::new();
    world.overrides = Some(resolved(&["c1"]));
    let federated = world.created();
    world.overrides = None;
    assert_eq!(world.fold(Some(&federated)), Fold::Unchanged);
    world.source["spec"]["replicas"] = json!(9);
    let held = world.updated(&federated);
    assert_eq!(
        pending(&held),
        r#"[["kubeadmiral.io/overridepolicy-controller"]]"#
    );
    assert_eq!(world.fold(Some(&held)), Fold::Unchanged);
    world.overrides = Some(Resolved::new());
    let next = world.updated(&held);
    assert!(
        next.is_dispatchable()
            && next
                .spec
                .controller_overrides(controller::OVERRIDE)
                .is_none()
    );
}

#[test]
fn no_decision_keeps_the_last_one() {
    let mut world = World::new();
    let federated = world.created();
    world.placing = None;
    world.source["spec"]["replicas"] = json!(9);
    let next = world.updated(&federated);
    assert_eq!(next.spec.placements, federated.spec.placements);
    assert!(next.is_dispatchable());
}

#[test]
fn clusters_stay_on_record_until_they_hold_nothing() {
    let mut world = World::new();
    let federated = world.created();
    world.placing = Some(placing(&[("c1", Some(6))]));
    let mut next = world.updated(&federated);
    assert_eq!(next.annotation(navarch::WITHDRAWING), Some(r#"["c2"]"#));
    assert_eq!(world.fold(Some(&next)), Fold::Unchanged);
    world.absent = BTreeSet::from(["c2".into()]);
    next = world.updated(&next);
    assert_eq!(next.annotation(navarch::WITHDRAWING), Some("[]"));
    assert_eq!(world.fold(Some(&next)), Fold::Unchanged);
    world.absent.clear();
    world.placing = Some(placing(&[("c1", Some(4)), ("c2", Some(2))]));
    assert_eq!(
        world.updated(&next).annotation(navarch::WITHDRAWING),
        Some("[]")
    );
}

#[test]
fn objects_of_kubeadmiral_are_left_alone() {
    let world = World::new();
    let mut stored = world.created();
    stored.status =
        serde_json::from_value(json!({"clusters": [{"cluster": "c1", "status": "OK"}]})).unwrap();
    let annotations = stored.metadata.annotations.as_mut().unwrap();
    let patch = annotations
        .get_mut(annotation::TEMPLATE_GENERATOR_MERGE_PATCH)
        .unwrap();
    *patch = patch.replace(':', ": ");
    annotations.insert(annotation::PENDING_CONTROLLERS.into(), "[ ]".into());
    assert_eq!(world.fold(Some(&stored)), Fold::Unchanged);
}

#[test]
fn what_is_fed_back_to_the_source_starts_nothing() {
    let mut world = World::new();
    world
        .config
        .spec
        .controllers
        .push(vec!["example.com/audit".into()]);
    let mut federated = world.created();
    federated
        .metadata
        .annotations
        .as_mut()
        .unwrap()
        .insert(annotation::PENDING_CONTROLLERS.into(), "[]".into());
    world.source["metadata"]["annotations"] = json!({"kubeadmiral.io/scheduling": "{}"});
    world.source["status"] = json!({"replicas": 1});
    let next = world.updated(&federated);
    assert!(next.is_dispatchable(), "{}", pending(&next));
}

#[test]
fn a_terminating_object_is_left_alone() {
    let mut world = World::new();
    let mut federated = world.created();
    federated.metadata.deletion_timestamp =
        serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    world.source["spec"]["replicas"] = json!(9);
    assert_eq!(world.fold(Some(&federated)), Fold::Unchanged);
}

#[test]
fn a_name_can_be_taken_by_another_source() {
    let mut federated = World::new().created();
    assert!(!collides(&federated, &source()));
    let mut other = source();
    other["apiVersion"] = json!("apps/v2");
    assert!(!collides(&federated, &other));
    other["metadata"]["name"] = json!("Web");
    assert!(collides(&federated, &other));
    federated.metadata.owner_references = None;
    assert!(!collides(&federated, &other));
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(
        prop_oneof![
            Just(controller::SCHEDULER.to_owned()),
            Just(controller::OVERRIDE.to_owned()),
            Just("example.com/a".to_owned()),
        ],
        0..3,
    )
}

proptest! {
    #[test]
    fn folding_twice_is_folding_once(
        steps in prop::collection::vec(names(), 0..4),
        replicas in prop::collection::vec((0..4_usize, prop::option::of(0..9_i64)), 0..4),
        overridden in prop::option::of(prop::collection::vec(0..4_usize, 0..3)),
        stored in prop::option::of(prop::collection::vec(names(), 0..3)),
        count in 0..3_i64,
    ) {
        let cluster = |index: usize| ["c0", "c1", "c2", "c3"][index];
        let mut world = World::new();
        let mut last = world.created();
        if let Some(stored) = stored {
            last.metadata.annotations.as_mut().unwrap()
                .insert(annotation::PENDING_CONTROLLERS.into(), pending::print(&stored));
        }
        world.config.spec.controllers = steps;
        world.source["spec"]["replicas"] = json!(count);
        let placed: Vec<_> = replicas.iter().map(|(index, count)| (cluster(*index), *count)).collect();
        world.placing = Some(placing(&placed));
        world.overrides = overridden.map(|list| resolved(&list.into_iter().map(cluster).collect::<Vec<_>>()));
        match world.fold(Some(&last)) {
            Fold::Update(next) => prop_assert_eq!(world.fold(Some(&next)), Fold::Unchanged),
            other => prop_assert_eq!(other, Fold::Unchanged),
        }
    }
}
