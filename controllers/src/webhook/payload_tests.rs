//! Tests of `payload`: whole bodies, byte for byte. The expected texts were written down from the JSON tags of
//! KubeAdmiral's Go types, field by field in the order of the structs.

use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::PropagationPolicySpec;
use navarch_scheduler::policy::CheckedPolicy;
use navarch_scheduler::unit::{Features, UnitInputs, build};
use serde_json::{Value, json};

use super::*;

fn object() -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "shop", "labels": { "tier": "a&b" },
            "annotations": { "note": "<x>" } },
        "spec": { "replicas": 5, "template": { "spec": { "containers": [{ "name": "main",
            "resources": { "requests": { "cpu": "1500m", "memory": "64Mi", "nvidia.com/gpu": "1" } } }] } } } })
}

fn built(policy: Value) -> Unit {
    let spec: PropagationPolicySpec = serde_json::from_value(policy).unwrap();
    let policy = CheckedPolicy::check(&spec).unwrap();
    let configs = navarch_crds::type_configs::defaults();
    let deployments = configs
        .iter()
        .find(|config| config.spec.source_type.kind == "Deployment");
    let placements = json!([{ "controller": "kubeadmiral.io/global-scheduler",
        "placement": [{ "cluster": "b" }, { "cluster": "a" }] }]);
    let overrides = json!([{ "controller": "kubeadmiral.io/global-scheduler", "clusters": [
        { "cluster": "a", "patches": [{ "op": "replace", "path": "/spec/replicas", "value": 3 }] }] }]);
    let (unit, ignored) = build(UnitInputs {
        policy: &policy,
        type_config: &deployments.unwrap().spec,
        template: &object(),
        annotations: &BTreeMap::new(),
        placements: &serde_json::from_value::<Vec<_>>(placements).unwrap(),
        overrides: &serde_json::from_value::<Vec<_>>(overrides).unwrap(),
        features: Features::default(),
    })
    .unwrap();
    assert!(ignored.is_empty());
    unit
}

fn rich() -> Unit {
    built(
        json!({ "schedulingMode": "Divide", "clusterSelector": { "region": "eu" },
        "clusterAffinity": [{ "matchExpressions": [{ "key": "z", "operator": "Exists", "values": [] }] },
            { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["a"] }] }],
        "tolerations": [{ "key": "k", "operator": "Equal", "value": "v", "effect": "NoExecute", "tolerationSeconds": 30 },
            { "operator": "Exists" }, { "key": "bare" }],
        "maxClusters": 2,
        "placement": [{ "cluster": "b", "preferences": { "weight": 0, "priority": 7 } },
            { "cluster": "a", "preferences": { "minReplicas": 1, "maxReplicas": 4 } }] }),
    )
}

#[test]
fn an_object_with_everything() {
    let expected = concat!(
        r#"{"apiVersion":"apps/v1","kind":"Deployment","resource":"deployments","#,
        r#""namespace":"shop","name":"web","labels":{"tier":"a\u0026b"},"annotations":{"note":"\u003cx\u003e"},"#,
        r#""schedulingMode":"Divide","desiredReplicas":5,"#,
        r#""resourceRequest":{"cpu":"0","ephemeral-storage":"0","memory":"0","nvidia.com/gpu":"1"},"#,
        r#""currentClusters":["a","b"],"currentReplicaDistribution":{"a":3,"b":0},"#,
        r#""clusterSelector":{"region":"eu"},"#,
        r#""clusterAffinity":[{"matchExpressions":[{"key":"z","operator":"Exists","values":[]}]},"#,
        r#"{"matchFields":[{"key":"metadata.name","operator":"In","values":["a"]}]}],"#,
        r#""tolerations":[{"key":"k","operator":"Equal","value":"v","effect":"NoExecute","tolerationSeconds":30},"#,
        r#"{"operator":"Exists"},{"key":"bare"}],"#,
        r#""maxClusters":2,"placements":[{"cluster":"a","preferences":{"minReplicas":1,"maxReplicas":4}},"#,
        r#"{"cluster":"b","preferences":{"weight":0}}]}"#
    );
    assert_eq!(unit(&rich(), Version::PerCluster).unwrap(), expected);
}

#[test]
fn an_object_with_little() {
    let mut bare = built(json!({ "schedulingMode": "Duplicate" }));
    bare.labels.clear();
    bare.annotations.clear();
    bare.namespace.clear();
    bare.current.clear();
    bare.request = navarch_scheduler::resources::Amounts::default();
    let expected = concat!(
        r#"{"apiVersion":"apps/v1","kind":"Deployment","resource":"deployments","name":"web","#,
        r#""schedulingMode":"Duplicate","#,
        r#""resourceRequest":{"cpu":"0","ephemeral-storage":"0","memory":"0"},"currentClusters":[]}"#
    );
    assert_eq!(unit(&bare, Version::PerCluster).unwrap(), expected);
    bare.current.insert(ClusterName::new("a").unwrap(), Some(3));
    let text = unit(&bare, Version::PerCluster).unwrap();
    assert!(text.ends_with(r#""currentClusters":["a"]}"#), "{text}");
}

#[test]
fn the_batched_protocol_tells_the_whole_request_and_the_priorities() {
    let text = unit(&rich(), Version::Batched).unwrap();
    for part in [
        r#""resourceRequest":{"cpu":"1500m","ephemeral-storage":"0","memory":"64Mi","nvidia.com/gpu":"1"}"#,
        r#"{"cluster":"b","preferences":{"weight":0,"priority":7}}"#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

fn full_cluster() -> FederatedCluster {
    serde_json::from_value(json!({
        "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
        "metadata": { "name": "a", "uid": "u-1", "resourceVersion": "12", "generation": 2,
            "creationTimestamp": "2024-05-06T07:08:09Z", "labels": { "region": "eu" },
            "annotations": { "x": "y" }, "finalizers": ["kubeadmiral.io/cluster-controller"],
            "managedFields": [{ "manager": "m", "operation": "Update", "apiVersion": "v1", "time": "2024-05-06T07:08:09Z",
                "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": {} }, "subresource": "status" }] },
        "spec": { "apiEndpoint": "https://a:6443", "insecure": true, "useServiceAccount": true,
            "secretRef": { "name": "a" }, "taints": [{ "key": "k", "effect": "NoSchedule" }] },
        "status": { "joinPerformed": true,
            "conditions": [{ "type": "Ready", "status": "True", "lastProbeTime": "2024-05-06T07:08:10Z",
                "lastTransitionTime": "2024-05-06T07:08:09Z", "reason": "ok", "message": "fine" }],
            "resources": { "schedulableNodes": 0, "allocatable": { "memory": "1Gi", "cpu": "2" }, "available": { "cpu": "1" } },
            "apiResourceTypes": [{ "version": "v1", "kind": "Pod", "pluralName": "pods", "scope": "Namespaced" },
                { "group": "apps", "version": "v1", "kind": "Deployment", "pluralName": "deployments", "scope": "Namespaced" }] },
    }))
    .unwrap()
}

#[test]
fn a_cluster_with_everything() {
    let expected = concat!(
        r#"{"kind":"FederatedCluster","apiVersion":"core.kubeadmiral.io/v1alpha1","#,
        r#""metadata":{"name":"a","uid":"u-1","resourceVersion":"12","generation":2,"#,
        r#""creationTimestamp":"2024-05-06T07:08:09Z","labels":{"region":"eu"},"annotations":{"x":"y"},"#,
        r#""finalizers":["kubeadmiral.io/cluster-controller"],"#,
        r#""managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1","time":"2024-05-06T07:08:09Z","#,
        r#""fieldsType":"FieldsV1","fieldsV1":{"f:spec":{}},"subresource":"status"}]},"#,
        r#""spec":{"apiEndpoint":"https://a:6443","insecure":true,"useServiceAccount":true,"#,
        r#""secretRef":{"name":"a"},"taints":[{"key":"k","effect":"NoSchedule"}]},"#,
        r#""status":{"conditions":[{"type":"Ready","status":"True","lastProbeTime":"2024-05-06T07:08:10Z","#,
        r#""lastTransitionTime":"2024-05-06T07:08:09Z","reason":"ok","message":"fine"}],"#,
        r#""resources":{"schedulableNodes":0,"allocatable":{"cpu":"2","memory":"1Gi"},"available":{"cpu":"1"}},"#,
        r#""apiResourceTypes":[{"version":"v1","kind":"Pod","pluralName":"pods","scope":"Namespaced"},"#,
        r#"{"group":"apps","version":"v1","kind":"Deployment","pluralName":"deployments","scope":"Namespaced"}],"#,
        r#""joinPerformed":true}}"#
    );
    assert_eq!(
        cluster(&full_cluster(), Version::PerCluster).unwrap(),
        expected
    );
}

#[test]
fn a_cluster_of_which_nothing_is_known() {
    let mut bare = FederatedCluster::default();
    bare.metadata.name = Some("a".to_owned());
    let expected = concat!(
        r#"{"kind":"FederatedCluster","apiVersion":"core.kubeadmiral.io/v1alpha1","#,
        r#""metadata":{"name":"a","creationTimestamp":null},"#,
        r#""spec":{"apiEndpoint":"","useServiceAccount":false,"secretRef":{"name":""}},"#,
        r#""status":{"resources":{}}}"#
    );
    assert_eq!(cluster(&bare, Version::PerCluster).unwrap(), expected);
}

#[test]
fn a_cluster_of_a_batch_is_small() {
    let text = cluster(&full_cluster(), Version::Batched).unwrap();
    assert!(!text.contains("managedFields") && !text.contains("apiResourceTypes"));
    assert!(text.contains(r#""allocatable":{"cpu":"2","memory":"1Gi"}"#));
}

#[test]
fn bodies_are_put_together() {
    let two = [r#"{"n":1}"#, r#"{"n":2}"#];
    for (name, body, expected) in [
        (
            "one cluster",
            about_one("{}", two[0]),
            r#"{"schedulingUnit":{},"cluster":{"n":1}}"#,
        ),
        (
            "all clusters",
            about_all("{}", two.into_iter()),
            r#"{"payloadVersion":"navarch.dev/v1","schedulingUnit":{},"clusters":[{"n":1},{"n":2}]}"#,
        ),
        (
            "a choice",
            choice(Version::PerCluster, "{}", two.into_iter().zip([5, -1])),
            r#"{"schedulingUnit":{},"clusterScores":[{"cluster":{"n":1},"score":5},{"cluster":{"n":2},"score":-1}]}"#,
        ),
        (
            "a choice among none",
            choice(Version::Batched, "{}", std::iter::empty()),
            r#"{"payloadVersion":"navarch.dev/v1","schedulingUnit":{},"clusterScores":[]}"#,
        ),
    ] {
        assert_eq!(body, expected, "{name}");
        assert!(serde_json::from_str::<Value>(&body).is_ok(), "{name}");
    }
}

#[test]
fn the_object_is_written_once_for_each_protocol() {
    let (texts, object) = (UnitTexts::default(), rich());
    for version in [Version::PerCluster, Version::Batched] {
        let first = texts.of(&object, version).unwrap();
        assert_eq!(first, unit(&object, version).unwrap());
        // The very same text, not one like it.
        assert!(std::ptr::eq(first, texts.of(&object, version).unwrap()));
    }
}
