//! Tests of `follow`: what a pod template refers to, and who may follow.

use serde_json::{Value, json};

use super::*;

/// A pod with every kind of reference that there is, each name saying where it stands.
fn pods() -> Value {
    let container = |name: &str| {
        json!({ "name": name,
            "env": [
                { "name": "PLAIN", "value": "x" },
                { "name": "FIELD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                { "name": "A", "valueFrom": { "secretKeyRef": { "name": format!("{name}-env"), "key": "k", "optional": true } } },
                { "name": "B", "valueFrom": { "configMapKeyRef": { "name": format!("{name}-env"), "key": "k" } } } ],
            "envFrom": [
                { "secretRef": { "name": format!("{name}-all") } },
                { "prefix": "P_", "configMapRef": { "name": format!("{name}-all") } } ],
            "resources": { "requests": { "cpu": 1 } } })
    };
    let with_secret = |kind: &str| json!({ "name": kind, kind: { "secretRef": { "name": kind.to_lowercase() } } });
    json!({
        "serviceAccountName": "worker",
        "imagePullSecrets": [{ "name": "pull" }, {}, { "name": "" }],
        "initContainers": [container("init")],
        "containers": [container("main"), { "name": "bare" }],
        "ephemeralContainers": [container("debug")],
        "volumes": [
            { "name": "a", "secret": { "secretName": "volume" } },
            { "name": "b", "configMap": { "name": "volume", "optional": true } },
            { "name": "c", "persistentVolumeClaim": { "claimName": "data" } },
            { "name": "d", "projected": { "sources": [
                { "secret": { "name": "projected" } }, { "configMap": { "name": "projected" } },
                { "serviceAccountToken": { "path": "token" } }, { "downwardAPI": {} } ] } },
            { "name": "e", "azureFile": { "secretName": "azure", "shareName": "s" } },
            with_secret("cephfs"), with_secret("cinder"), with_secret("flexVolume"), with_secret("iscsi"),
            with_secret("rbd"), with_secret("scaleIO"), with_secret("storageos"),
            { "name": "f", "csi": { "driver": "d", "nodePublishSecretRef": { "name": "csi" } } },
            { "name": "g", "ephemeral": { "volumeClaimTemplate": { "spec": {} } } },
            { "name": "h", "emptyDir": {} }, { "name": "i", "hostPath": { "path": "/" } } ]
    })
}

const SECRETS: [&str; 18] = [
    "pull",
    "init-env",
    "init-all",
    "main-env",
    "main-all",
    "debug-env",
    "debug-all",
    "volume",
    "projected",
    "azure",
    "cephfs",
    "cinder",
    "flexvolume",
    "iscsi",
    "rbd",
    "scaleio",
    "storageos",
    "csi",
];
const CONFIG_MAPS: [&str; 8] = [
    "init-env",
    "init-all",
    "main-env",
    "main-all",
    "debug-env",
    "debug-all",
    "volume",
    "projected",
];

fn expected() -> BTreeSet<Reference> {
    let mut all = BTreeSet::from([
        Reference::new("", "ServiceAccount", "worker"),
        Reference::new("", "PersistentVolumeClaim", "data"),
    ]);
    all.extend(SECRETS.map(|name| Reference::new("", "Secret", name)));
    all.extend(CONFIG_MAPS.map(|name| Reference::new("", "ConfigMap", name)));
    all
}

fn workload(api_version: &str, kind: &str, spec: &Value) -> Value {
    json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "web" }, "spec": spec })
}

fn deployment(pods: &Value) -> Value {
    workload(
        "apps/v1",
        "Deployment",
        &json!({ "template": { "spec": pods } }),
    )
}

#[test]
fn every_kind_of_reference_is_seen_in_every_kind_of_workload() {
    let template = json!({ "template": { "spec": pods() } });
    for (name, object, all) in [
        ("Deployment", deployment(&pods()), true),
        (
            "StatefulSet",
            workload("apps/v1", "StatefulSet", &template),
            true,
        ),
        (
            "DaemonSet",
            workload("apps/v1", "DaemonSet", &template),
            true,
        ),
        ("Job", workload("batch/v1", "Job", &template), true),
        (
            "CronJob",
            workload(
                "batch/v1",
                "CronJob",
                &json!({ "jobTemplate": { "spec": template } }),
            ),
            true,
        ),
        (
            "an older CronJob",
            workload(
                "batch/v1beta1",
                "CronJob",
                &json!({ "jobTemplate": { "spec": template } }),
            ),
            true,
        ),
        ("Pod", workload("v1", "Pod", &pods()), true),
        (
            "ReplicaSet",
            workload("apps/v1", "ReplicaSet", &template),
            false,
        ),
        (
            "one's own kind",
            workload("example.com/v1", "Deployment", &template),
            false,
        ),
        (
            "no pods needed",
            workload("v1", "ConfigMap", &Value::Null),
            false,
        ),
    ] {
        let found = references(&object, None).unwrap();
        let wanted = if all { expected() } else { BTreeSet::new() };
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn an_annotation_adds_to_it_and_what_cannot_be_read_is_not_nothing() {
    let bare = || deployment(&json!({ "serviceAccountName": "" }));
    let service = Reference::new("", "Service", "web");
    let ingress = Reference::new("networking.k8s.io", "Ingress", "web");
    let both = r#"[{"kind":"Service","name":"web"},
        {"group":"networking.k8s.io","kind":"Ingress","name":"web","namespace":"elsewhere"}]"#;
    for (name, object, annotation, wanted) in [
        ("none", bare(), None, Some(vec![])),
        ("empty", bare(), Some(""), Some(vec![])),
        ("null", bare(), Some("null"), Some(vec![])),
        ("both", bare(), Some(both), Some(vec![service, ingress])),
        (
            "no name",
            bare(),
            Some(r#"[{"kind":"Service"}]"#),
            Some(vec![]),
        ),
        (
            "no list",
            bare(),
            Some(r#"{"kind":"Service","name":"web"}"#),
            None,
        ),
        ("no JSON", bare(), Some("web"), None),
        (
            "no pods",
            workload("apps/v1", "Deployment", &json!({})),
            None,
            None,
        ),
        (
            "odd pods",
            deployment(&json!({ "volumes": "many" })),
            None,
            None,
        ),
        (
            "odd variable",
            deployment(&json!({ "containers": [{ "envFrom": [7] }] })),
            None,
            None,
        ),
    ] {
        let found = references(&object, annotation).ok();
        assert_eq!(found, wanted.map(BTreeSet::from_iter), "{name}");
    }
}

#[test]
fn a_leader_leads_where_its_policy_lets_it() {
    let usual = json!({ "internal.kubeadmiral.io/enable-follower-scheduling": "true" });
    let with = |key: &str, value: &str| {
        let mut all = usual.clone();
        all[key] = json!(value);
        all
    };
    let placed = json!({ "clusters": [{ "cluster": "c" }] });
    for (name, annotations, status, leads) in [
        ("yes", usual.clone(), Value::Null, true),
        ("unsaid", json!({}), Value::Null, false),
        (
            "the policy says no",
            with(
                "internal.kubeadmiral.io/enable-follower-scheduling",
                "false",
            ),
            Value::Null,
            false,
        ),
        (
            "not scheduled",
            with("kubeadmiral.io/no-scheduling", "true"),
            Value::Null,
            false,
        ),
        (
            "not quite",
            with("kubeadmiral.io/no-scheduling", "yes"),
            Value::Null,
            true,
        ),
        (
            "rehearsal",
            with("kubeadmiral.io/dry-run", "true"),
            Value::Null,
            false,
        ),
        (
            "rehearsal after the fact",
            with("kubeadmiral.io/dry-run", "true"),
            placed,
            true,
        ),
    ] {
        let object = json!({ "metadata": { "name": "x", "namespace": "shop", "annotations": annotations },
            "spec": { "template": deployment(&pods()) }, "status": status });
        let found = leading(&object);
        assert_eq!(found.is_some(), leads, "{name}");
        let Some(found) = found else { continue };
        assert_eq!(found.followers, Ok(expected()), "{name}");
        assert_eq!(
            serde_json::to_value(&found.leader).unwrap(),
            json!({ "group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web" }),
            "{name}"
        );
    }
}

#[test]
fn some_kinds_follow() {
    for config in navarch_crds::type_configs::defaults() {
        let name = config.metadata.name.clone().unwrap_or_default();
        let expected = [
            "configmaps",
            "secrets",
            "persistentvolumeclaims",
            "serviceaccounts",
            "services",
            "ingresses.networking.k8s.io",
            "horizontalpodautoscalers.autoscaling",
        ];
        assert_eq!(
            may_follow(&config),
            expected.contains(&name.as_str()),
            "{name}"
        );
    }
}

#[test]
fn what_every_cluster_makes_for_itself_is_told() {
    for (name, object, expected) in [
        (
            "its certificate",
            json!({ "kind": "ConfigMap", "metadata": { "name": "kube-root-ca.crt" } }),
            true,
        ),
        (
            "a map",
            json!({ "kind": "ConfigMap", "metadata": { "name": "a" } }),
            false,
        ),
        (
            "a token",
            json!({ "kind": "Secret", "type": "kubernetes.io/service-account-token" }),
            true,
        ),
        (
            "a secret",
            json!({ "kind": "Secret", "type": "Opaque", "metadata": { "name": "kube-root-ca.crt" } }),
            false,
        ),
        (
            "an account",
            json!({ "kind": "ServiceAccount", "metadata": { "name": "default" } }),
            false,
        ),
    ] {
        assert_eq!(is_of_each_cluster(&object), expected, "{name}");
    }
}

#[test]
fn leaders_may_be_all_that_an_object_is_there_for() {
    let entry =
        |controller: &str| json!({ "controller": controller, "placement": [{ "cluster": "c" }] });
    let leader = json!([{ "kind": "Pod", "name": "a" }]);
    for (name, spec, expected) in [
        ("nothing", json!({}), false),
        (
            "leaders",
            json!({ "follows": leader, "placements": [entry(controller::FOLLOWER)] }),
            true,
        ),
        ("leaders placed nowhere", json!({ "follows": leader }), true),
        (
            "a policy, too",
            json!({ "follows": leader, "placements": [entry(controller::FOLLOWER), entry(controller::SCHEDULER)] }),
            false,
        ),
        (
            "a policy placed nowhere",
            json!({ "follows": leader, "placements": [{ "controller": controller::SCHEDULER }] }),
            true,
        ),
        (
            "somebody else",
            json!({ "placements": [entry("somebody")] }),
            false,
        ),
    ] {
        assert_eq!(only_follows(&json!({ "spec": spec })), expected, "{name}");
    }
}

#[test]
fn the_order_of_leaders_is_no_reason_to_write() {
    let leader = |name: &str| LeaderReference {
        kind: "Pod".to_owned(),
        name: name.to_owned(),
        ..LeaderReference::default()
    };
    let mut spec = GenericFederatedObjectSpec {
        follows: vec![leader("b"), leader("a")],
        ..GenericFederatedObjectSpec::default()
    };
    let mut following = Following {
        leaders: BTreeSet::from([leader("a"), leader("b")]),
        placement: BTreeSet::new(),
    };
    let before = spec.clone();
    following.write(&mut spec);
    assert_eq!(spec, before);
    following.leaders.insert(leader("c"));
    following.placement.insert(ClusterName::new("c1").unwrap());
    following.write(&mut spec);
    assert_eq!(spec.follows, ["a", "b", "c"].map(leader));
    assert_eq!(spec.placements.len(), 1);
    Following::default().write(&mut spec);
    assert!(spec.follows.is_empty() && spec.placements.is_empty());
}
