//! Tests of `need`: one table a question.

use serde_json::json;

use super::*;

fn kind(group: &str, kind: &str) -> ApiResource {
    ApiResource {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
    }
}

fn amounts(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    pairs
        .iter()
        .map(|(name, amount)| ((*name).to_owned(), *amount))
        .collect()
}

fn pod() -> Value {
    json!({ "containers": [{ "resources": { "requests": { "cpu": "1" } } }] })
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn what_one_pod_uses() {
    let container = |requests: Value, limits: Value| json!({ "resources": { "requests": requests, "limits": limits } });
    for (name, spec, each) in [
        (
            "nothing but itself",
            json!({ "containers": [{}] }),
            &[("pods", 1)][..],
        ),
        (
            "requests and limits",
            json!({ "containers": [container(json!({ "cpu": "100m", "memory": "1Gi" }), json!({ "cpu": 1, "nvidia.com/gpu": 2 }))] }),
            &[
                ("limits.cpu", 1000),
                ("pods", 1),
                ("requests.cpu", 100),
                ("requests.memory", 1 << 30),
                ("requests.nvidia.com/gpu", 2),
            ],
        ),
        (
            "sums are rounded, not their parts",
            json!({ "containers": [container(json!({ "cpu": "100500u" }), json!({})), container(json!({ "cpu": "100500u" }), json!({}))] }),
            &[("pods", 1), ("requests.cpu", 201)],
        ),
        (
            "the largest init container, beside sidecars, with overhead",
            json!({
                "containers": [container(json!({}), json!({ "cpu": "1" }))],
                "initContainers": [
                    { "restartPolicy": "Always", "resources": { "limits": { "cpu": "500m" } } },
                    { "resources": { "limits": { "cpu": "3" } } },
                ],
                "overhead": { "cpu": "10m", "memory": "1Mi" },
            }),
            &[
                ("limits.cpu", 3510),
                ("pods", 1),
                ("requests.cpu", 3510),
                ("requests.memory", 1 << 20),
            ],
        ),
        (
            "limits of the whole pod replace the sum",
            json!({
                "containers": [container(json!({ "cpu": "1" }), json!({ "cpu": "5" }))],
                "resources": { "limits": { "cpu": "4" } },
            }),
            &[("limits.cpu", 4000), ("pods", 1), ("requests.cpu", 1000)],
        ),
        (
            "huge pages and what no quota knows",
            json!({ "containers": [container(json!({}), json!({ "hugepages-2Mi": "4Mi", "kubernetes.io/thing": "1" }))] }),
            &[
                ("limits.hugepages-2Mi", 4 << 20),
                ("pods", 1),
                ("requests.hugepages-2Mi", 4 << 20),
            ],
        ),
        (
            "claims that live as long as the pod",
            json!({
                "containers": [{}],
                "volumes": [
                    { "name": "a", "emptyDir": {} },
                    { "name": "b", "ephemeral": { "volumeClaimTemplate": { "spec": {
                        "storageClassName": "gold", "resources": { "requests": { "storage": "1Gi" } } } } } },
                ],
            }),
            &[
                ("count/persistentvolumeclaims", 1),
                ("gold.storageclass.storage.k8s.io/persistentvolumeclaims", 1),
                ("gold.storageclass.storage.k8s.io/requests.storage", 1 << 30),
                ("pods", 1),
                ("requests.storage", 1 << 30),
            ],
        ),
    ] {
        let copy = json!({ "spec": { "replicas": 3, "template": { "spec": spec } } });
        let charge = of_copy(&kind("apps", "Deployment"), &copy, "spec.replicas", 0).unwrap();
        assert_eq!(charge.each, amounts(each), "{name}");
        assert_eq!((charge.replicas, charge.fixed.len()), (3, 0), "{name}");
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn how_many_pods_there_are() {
    let with = |mut spec: Value| {
        spec["template"] = json!({ "spec": pod() });
        json!({ "spec": spec })
    };
    let (job, run) = (kind("batch", "Job"), kind("batch", "CronJob"));
    let often = |job: Value| json!({ "spec": { "jobTemplate": with(job) } });
    let cloned = kind("apps.kruise.io", "CloneSet");
    for (name, kind, copy, path, replicas) in [
        (
            "said",
            &kind("apps", "Deployment"),
            with(json!({ "replicas": 4 })),
            "spec.replicas",
            4,
        ),
        (
            "not said",
            &kind("apps", "Deployment"),
            with(json!({})),
            "spec.replicas",
            1,
        ),
        (
            "without a path",
            &kind("apps", "StatefulSet"),
            with(json!({ "replicas": 4 })),
            "",
            4,
        ),
        (
            "less than none",
            &kind("apps", "Deployment"),
            with(json!({ "replicas": -4 })),
            "spec.replicas",
            0,
        ),
        ("a pod", &kind("", "Pod"), json!({ "spec": pod() }), "", 1),
        (
            "a pod on each node",
            &kind("apps", "DaemonSet"),
            with(json!({})),
            "",
            7,
        ),
        ("job", &job, with(json!({})), "", 1),
        (
            "job, all at once",
            &job,
            with(json!({ "parallelism": 5 })),
            "",
            5,
        ),
        (
            "job, one by one",
            &job,
            with(json!({ "completions": 5 })),
            "",
            1,
        ),
        (
            "job, fewer than could run",
            &job,
            with(json!({ "completions": 2, "parallelism": 5 })),
            "",
            2,
        ),
        (
            "one run",
            &run,
            often(json!({ "completions": 9, "parallelism": 3 })),
            "",
            3,
        ),
        (
            "a kind of somebody else",
            &cloned,
            with(json!({ "replicas": 2 })),
            "spec.replicas",
            2,
        ),
        (
            "another path",
            &cloned,
            with(json!({ "size": 2 })),
            "spec.size",
            2,
        ),
    ] {
        let charge = of_copy(kind, &copy, path, 7).unwrap();
        assert_eq!(charge.replicas, replicas, "{name}");
        assert_eq!(
            charge.each,
            amounts(&[("pods", 1), ("requests.cpu", 1000)]),
            "{name}"
        );
    }
}

#[test]
fn what_is_used_without_pods() {
    let service = |spec: Value| (kind("", "Service"), json!({ "spec": spec }));
    let ports = || json!([{ "port": 80, "nodePort": 30_000 }, { "port": 81 }]);
    let claim = |spec: Value| (kind("", "PersistentVolumeClaim"), json!({ "spec": spec }));
    for (name, (kind, copy), fixed) in [
        (
            "config",
            (kind("", "ConfigMap"), json!({ "data": {} })),
            &[][..],
        ),
        ("inside only", service(json!({ "ports": ports() })), &[]),
        (
            "ports of nodes",
            service(json!({ "type": "NodePort", "ports": ports() })),
            &[("services.nodeports", 2)],
        ),
        (
            "load balancer",
            service(json!({ "type": "LoadBalancer", "ports": ports() })),
            &[("services.loadbalancers", 1), ("services.nodeports", 2)],
        ),
        (
            "load balancer that needs no ports of nodes",
            service(
                json!({ "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": ports() }),
            ),
            &[("services.loadbalancers", 1), ("services.nodeports", 1)],
        ),
        (
            "claim",
            claim(json!({ "resources": { "requests": { "storage": "2Gi" } } })),
            &[("requests.storage", 2 << 30)],
        ),
        (
            "claim of a class",
            claim(
                json!({ "storageClassName": "gold", "resources": { "requests": { "storage": 7 } } }),
            ),
            &[
                ("gold.storageclass.storage.k8s.io/requests.storage", 7),
                ("requests.storage", 7),
            ],
        ),
    ] {
        let charge = of_copy(&kind, &copy, "", 7).unwrap();
        assert_eq!(charge.fixed, amounts(fixed), "{name}");
        assert_eq!(charge.replicas, i64::from(!fixed.is_empty()), "{name}");
        assert!(charge.each.is_empty(), "{name}");
    }
}

#[test]
fn claims_of_a_stateful_set_come_with_its_pods() {
    let claim = json!({ "spec": { "resources": { "requests": { "storage": "1Gi" } } } });
    let copy = json!({ "spec": { "replicas": 3, "template": { "spec": pod() }, "volumeClaimTemplates": [&claim, &claim] } });
    let charge = of_copy(&kind("apps", "StatefulSet"), &copy, "spec.replicas", 0).unwrap();
    assert_eq!(
        charge.each,
        amounts(&[
            ("count/persistentvolumeclaims", 2),
            ("pods", 1),
            ("requests.cpu", 1000),
            ("requests.storage", 2 << 30),
        ])
    );
    assert_eq!(charge.replicas, 3);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let deployment = kind("apps", "Deployment");
    let bad_amount = json!({ "containers": [{ "resources": { "limits": { "cpu": "much" } } }] });
    for (name, kind, copy) in [
        ("no pods", &deployment, json!({ "spec": {} })),
        (
            "an amount",
            &deployment,
            json!({ "spec": { "template": { "spec": bad_amount } } }),
        ),
        (
            "a number",
            &deployment,
            json!({ "spec": { "replicas": "two", "template": { "spec": pod() } } }),
        ),
        (
            "a claim",
            &kind("", "PersistentVolumeClaim"),
            json!({ "spec": { "resources": { "requests": { "storage": "big" } } } }),
        ),
    ] {
        assert!(of_copy(kind, &copy, "spec.replicas", 0).is_err(), "{name}");
    }
}

#[test]
fn what_an_object_costs_once() {
    let claim = json!({ "metadata": { "annotations": { "volume.beta.kubernetes.io/storage-class": "gold" } } });
    for (name, kind, plural, template, once) in [
        (
            "core",
            kind("", "Secret"),
            "secrets",
            json!({}),
            &[("count/secrets", 1)][..],
        ),
        (
            "grouped",
            kind("apps", "Deployment"),
            "deployments",
            json!({}),
            &[("count/deployments.apps", 1)],
        ),
        (
            "claim",
            kind("", "PersistentVolumeClaim"),
            "persistentvolumeclaims",
            claim,
            &[
                ("count/persistentvolumeclaims", 1),
                ("gold.storageclass.storage.k8s.io/persistentvolumeclaims", 1),
            ],
        ),
    ] {
        assert_eq!(of_object(&kind, plural, &template), amounts(once), "{name}");
    }
}

#[test]
fn the_priority_class_is_the_one_of_the_pods() {
    let template = json!({ "spec": { "template": { "spec": { "priorityClassName": "batch" } } } });
    assert_eq!(
        priority_class(&kind("apps", "Deployment"), &template),
        "batch"
    );
    assert_eq!(priority_class(&kind("apps", "Deployment"), &json!({})), "");
    assert_eq!(priority_class(&kind("", "Secret"), &template), "");
}

#[test]
fn extremes_do_not_overflow() {
    let huge = i64::MAX.to_string();
    let container = json!({ "resources": { "requests": { "cpu": huge, "memory": huge }, "limits": { "cpu": huge } } });
    let copy = json!({ "spec": { "replicas": i64::MAX, "template": { "spec": { "containers": [container, container] } } } });
    let charge = of_copy(&kind("apps", "Deployment"), &copy, "spec.replicas", 0).unwrap();
    assert_eq!(charge.each["requests.memory"], i64::MAX);
    assert_eq!(charge.replicas, i64::MAX);
}
