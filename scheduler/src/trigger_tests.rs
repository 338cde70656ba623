//! Tests of `trigger`: tables and properties beside the code they hold.

use serde_json::{Value, json};

use super::*;
use crate::plugins::fixtures::{ClusterBuilder, cluster};

const DIVIDE: &str = "3801098147";

fn policy(spec: Value) -> CheckedPolicy {
    let spec: PropagationPolicySpec = serde_json::from_value(spec).unwrap();
    CheckedPolicy::check(&spec).unwrap()
}

fn defaults(mode: &str) -> Value {
    json!({ "schedulingProfile": "", "schedulingMode": mode, "replicasStrategy": "Spread",
        "reschedulePolicy": { "rescheduleWhen": { "policyContentChanged": true },
            "replicaRescheduling": { "avoidDisruption": true } } })
}

fn type_config() -> FederatedTypeConfigSpec {
    serde_json::from_value(json!({
        "sourceType": { "group": "apps", "version": "v1", "kind": "Deployment",
            "pluralName": "deployments", "scope": "Namespaced" },
        "pathDefinition": { "replicasSpec": "spec.replicas" },
    }))
    .unwrap()
}

fn snapshot(clusters: Vec<ClusterBuilder>) -> Snapshot {
    Snapshot::new(
        clusters
            .into_iter()
            .map(|cluster| Arc::new(cluster.build())),
        0,
    )
}

fn document_of(
    annotations: &[(&str, &str)],
    policy: Option<&CheckedPolicy>,
    clusters: Vec<ClusterBuilder>,
) -> TriggerDocument {
    let annotations = annotations
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect();
    let resources = json!({ "requests": { "cpu": "100m" },
        "limits": { "memory": "64Mi", "nvidia.com/gpu": "1" } });
    document(TriggerInputs {
        annotations: &annotations,
        template: &json!({ "spec": { "replicas": 3, "template": { "spec": {
            "containers": [{ "name": "c", "resources": resources }] } } } }),
        type_config: &type_config(),
        policy: policy.map(|policy| ("policy", policy)),
        snapshot: &snapshot(clusters),
    })
    .unwrap()
}

#[test]
fn hashes_are_those_of_kubeadmiral() {
    assert_eq!(policy(defaults("Divide")).content_hash, DIVIDE);
    let mut migrating = defaults("Divide");
    migrating["autoMigration"] = json!({ "when": { "podUnschedulableFor": "1m" } });
    assert_eq!(
        policy(migrating).content_hash,
        DIVIDE,
        "auto migration does not count"
    );
    let labels = BTreeMap::from([("a", "1"), ("b", "2")]);
    assert_eq!(hash(&labels), "2560999933");
    assert_eq!(hash(&BTreeMap::<String, String>::new()), "1450640401");
    assert_eq!(hash(&None::<BTreeMap<String, String>>), "784127654");
    let tainted = cluster("c")
        .taint("k2", "", "NoSchedule")
        .taint("k1", "v", "NoExecute")
        .build();
    assert_eq!(tainted.hashes().taints, "729731651");
    assert_eq!(
        cluster("c").no_api().build().hashes().api_resources,
        SERVES_NOTHING
    );
    assert_eq!(cluster("c").build().hashes().taints, "913756753");
    let sticky = BTreeMap::from([("kubeadmiral.io/sticky-cluster", "false")]);
    assert_eq!(hash(&sticky), "1820391556");
}

#[test]
fn the_text_is_that_of_kubeadmiral() {
    assert_eq!(
        document_of(&[], None, vec![]).to_json(),
        r#"{"schedulingAnnotationsHash":"1450640401","replicaCount":3,"resourceRequest":{"millicpu":100,"memory":67108864,"ephemeralStorage":0,"scalarResources":{"nvidia.com/gpu":1}},"policyName":"","policyContentHash":"","clusters":[],"clusterLabelsHashes":{},"clusterTaintsHashes":{},"clusterAPIResourceTypesHashes":{}}"#
    );
    let two = document_of(
        &[],
        None,
        vec![cluster("b"), cluster("a"), cluster("c").unjoined()],
    );
    assert!(two.to_json().contains(r#""clusters":["a","b"],"#));
    assert_eq!(two.clusters().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn another_order_of_clusters_is_no_change() {
    let new = document_of(&[], None, vec![cluster("a"), cluster("b")]);
    let shuffled = new.to_json().replace(r#"["a","b"]"#, r#"["b","a"]"#);
    let outcome = decide(Some(&shuffled), &new, None);
    assert_eq!(
        outcome,
        TriggerOutcome {
            reschedule: false,
            store: shuffled,
            deferred: None
        }
    );
}

#[test]
fn stable_parts_always_count() {
    let frozen = policy(
        json!({ "schedulingMode": "Divide", "reschedulePolicy": { "disableRescheduling": true } }),
    );
    let migrating = policy(json!({ "schedulingMode": "Divide", "autoMigration": {},
        "reschedulePolicy": { "disableRescheduling": true } }));
    let old = document_of(&[], Some(&frozen), vec![]).to_json();
    let info = annotation::AUTO_MIGRATION_INFO;
    for (name, new, reschedule) in [
        ("nothing", document_of(&[], Some(&frozen), vec![]), false),
        (
            "annotation",
            document_of(&[(annotation::MAX_CLUSTERS, "1")], Some(&frozen), vec![]),
            true,
        ),
        (
            "unknown annotation",
            document_of(&[("other", "1")], Some(&frozen), vec![]),
            false,
        ),
        (
            "pods counted",
            document_of(&[(info, "{}")], Some(&migrating), vec![]),
            true,
        ),
        (
            "pods counted, not migrating",
            document_of(&[(info, "{}")], Some(&frozen), vec![]),
            false,
        ),
    ] {
        assert_eq!(
            decide(Some(&old), &new, Some(&frozen)).reschedule,
            reschedule,
            "{name}"
        );
    }
    for (name, text) in [("none", None), ("empty", Some("")), ("not JSON", Some("x"))] {
        let new = document_of(&[], Some(&frozen), vec![]);
        let outcome = decide(text, &new, Some(&frozen));
        assert!(
            outcome.reschedule && outcome.store == new.to_json(),
            "{name}"
        );
    }
}

#[test]
fn changes_of_clusters_count_as_the_policy_says() {
    let when = |when: Value| {
        let mut spec = defaults("Divide");
        spec["reschedulePolicy"] = when;
        policy(spec)
    };
    let quiet = when(json!({ "rescheduleWhen": { "policyContentChanged": false } }));
    let eager = when(
        json!({ "rescheduleWhen": { "clusterJoined": true, "clusterLabelsChanged": true,
        "clusterAPIResourcesChanged": true } }),
    );
    let sticky = when(json!({ "disableRescheduling": true }));
    let silent = when(json!({}));
    let base = || vec![cluster("a"), cluster("b")];
    let cases: [(&str, Vec<ClusterBuilder>, Option<&str>, bool); 6] = [
        (
            "label",
            vec![cluster("a").label("k", "v"), cluster("b")],
            Some("clusterLabelsChanged:false"),
            true,
        ),
        (
            "taint",
            vec![cluster("a").taint("k", "", "NoSchedule"), cluster("b")],
            None,
            true,
        ),
        (
            "resources",
            vec![cluster("a").no_api(), cluster("b")],
            Some("clusterAPIResourcesChanged:false"),
            true,
        ),
        (
            "joined",
            vec![
                cluster("a"),
                cluster("b"),
                cluster("c").taint("k", "", "NoExecute"),
            ],
            Some("clusterJoined:false"),
            true,
        ),
        ("left", vec![cluster("a")], None, true),
        ("nothing", base(), Some(""), false),
    ];
    for (name, clusters, reason, eagerly) in cases {
        for (which, policy, expected) in [
            ("quiet", &quiet, reason.is_none()),
            ("eager", &eager, eagerly),
            ("sticky", &sticky, false),
            ("defaults", &silent, reason.is_none()),
        ] {
            let old = document_of(&[], Some(policy), base()).to_json();
            let mut new = document_of(&[], Some(policy), vec![]);
            new.clusters = Arc::new(ClusterHashes::new(snapshot(clusters.clone()).clusters()));
            let outcome = decide(Some(&old), &new, Some(policy));
            assert_eq!(outcome.reschedule, expected, "{name}, {which}");
            if which == "quiet" && !expected {
                assert_eq!(
                    outcome.deferred.as_deref().unwrap_or(""),
                    reason.unwrap(),
                    "{name}"
                );
                assert_eq!(outcome.store, old, "{name}");
            }
        }
    }
}

#[test]
fn a_cluster_joins_when_it_is_known_what_it_serves() {
    let policy = |joined: bool| {
        let mut spec = defaults("Divide");
        spec["reschedulePolicy"] = json!({ "rescheduleWhen": { "clusterJoined": joined } });
        policy(spec)
    };
    for (name, before, now, joins) in [
        (
            "nothing known yet",
            cluster("b").no_api(),
            cluster("b").no_api(),
            false,
        ),
        ("known now", cluster("b").no_api(), cluster("b"), true),
        ("known no more", cluster("b"), cluster("b").no_api(), false),
    ] {
        for looks in [true, false] {
            let policy = policy(looks);
            let old = document_of(&[], Some(&policy), vec![cluster("a"), before.clone()]);
            let new = document_of(&[], Some(&policy), vec![cluster("a"), now.clone()]);
            let outcome = decide(Some(&old.to_json()), &new, Some(&policy));
            assert_eq!(outcome.reschedule, joins && looks, "{name}");
            let reasons = outcome.deferred.unwrap_or_default();
            let told = reasons.contains("clusterJoined:false");
            assert_eq!(told, joins && !looks, "{name}: {reasons}");
        }
    }
}

#[test]
fn policy_content_counts_unless_switched_off() {
    let old = document_of(&[], Some(&policy(defaults("Duplicate"))), vec![]).to_json();
    let changed = policy(defaults("Divide"));
    let new = document_of(&[], Some(&changed), vec![]);
    assert!(decide(Some(&old), &new, Some(&changed)).reschedule);
    let off = policy(
        json!({ "schedulingMode": "Divide", "reschedulePolicy": { "rescheduleWhen": { "policyContentChanged": false } } }),
    );
    let new = document_of(&[], Some(&off), vec![]);
    let outcome = decide(Some(&old), &new, Some(&off));
    assert_eq!(
        outcome.deferred.as_deref(),
        Some("policyContentChanged:false")
    );
}
