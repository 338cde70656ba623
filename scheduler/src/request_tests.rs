//! Tests of `request`: tables and properties beside the code they hold.

use serde_json::json;

use super::*;

fn deployment() -> ApiResource {
    ApiResource {
        group: "apps".into(),
        version: "v1".into(),
        kind: "Deployment".into(),
    }
}

fn template(spec: &Value) -> Value {
    json!({ "spec": { "template": { "spec": spec } } })
}

fn container(requests: &Value) -> Value {
    json!({ "name": "c", "resources": { "requests": requests } })
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn both_formulas() {
    let one = || container(&json!({ "cpu": "100m" }));
    let big = || container(&json!({ "cpu": "1" }));
    let sidecar = || {
        let mut sidecar = container(&json!({ "cpu": "300m" }));
        sidecar["restartPolicy"] = "Always".into();
        sidecar
    };
    let limits = json!({ "name": "c", "resources": { "limits": { "cpu": "200m" } } });
    for (name, spec, kubeadmiral, kubernetes) in [
        ("sum", json!({ "containers": [one(), one()] }), 200, 200),
        (
            "limit stands in",
            json!({ "containers": [&limits] }),
            200,
            200,
        ),
        (
            "limit of an init container",
            json!({ "containers": [one()], "initContainers": [limits] }),
            100,
            200,
        ),
        (
            "largest init container",
            json!({ "containers": [one()], "initContainers": [big(), one()] }),
            1000,
            1000,
        ),
        (
            "sidecar",
            json!({ "containers": [one()], "initContainers": [sidecar()] }),
            300,
            400,
        ),
        (
            "sidecar beside init",
            json!({ "containers": [one()], "initContainers": [sidecar(), big()] }),
            1000,
            1300,
        ),
        (
            "overhead",
            json!({ "containers": [one()], "overhead": { "cpu": "50m" } }),
            150,
            150,
        ),
        (
            "sidecars run beside later init containers only",
            json!({ "containers": [one()], "initContainers": [big(), sidecar(), sidecar(), big()] }),
            1000,
            1600,
        ),
        (
            "sidecars and containers are more than any init container",
            json!({ "containers": [big(), big()], "initContainers": [one(), sidecar(), one()] }),
            2000,
            2300,
        ),
        (
            "limit of a sidecar",
            json!({ "containers": [one()], "initContainers": [{ "name": "s", "restartPolicy": "Always",
                "resources": { "limits": { "cpu": "200m" } } }] }),
            100,
            300,
        ),
        (
            "overhead comes on top of an init container",
            json!({ "containers": [one()], "initContainers": [big()], "overhead": { "cpu": "50m" } }),
            1050,
            1050,
        ),
        (
            "whole pod",
            json!({ "containers": [one()], "resources": { "requests": { "cpu": "2" } } }),
            100,
            2000,
        ),
        (
            "whole pod, with overhead",
            json!({ "containers": [one()], "overhead": { "cpu": "50m" },
                "resources": { "requests": { "cpu": "2" }, "limits": { "cpu": "3" } } }),
            150,
            2050,
        ),
        (
            "the limit of the whole pod where nobody asks for anything",
            json!({ "containers": [{ "name": "c" }], "resources": { "limits": { "cpu": "2" } } }),
            0,
            2000,
        ),
        (
            "containers ask: the limit of the whole pod is none of its requests",
            json!({ "containers": [one()], "initContainers": [sidecar()],
                "resources": { "limits": { "cpu": "2" } } }),
            300,
            400,
        ),
        (
            "the whole pod asks for something else",
            json!({ "containers": [one()], "resources": { "requests": { "memory": "1Gi" } } }),
            100,
            100,
        ),
        ("no containers", json!({}), 0, 0),
        (
            "number",
            json!({ "containers": [container(&json!({ "cpu": 2 }))] }),
            2000,
            2000,
        ),
    ] {
        let template = template(&spec);
        let first = for_triggers(&deployment(), &template).unwrap();
        let second = of_replica(&deployment(), &template).unwrap();
        assert_eq!(
            (first.milli_cpu, second.milli_cpu),
            (kubeadmiral, kubernetes),
            "{name}"
        );
    }
}

#[test]
fn only_resources_that_pods_ask_for_by_name_are_counted() {
    let requests = json!({ "cpu": "1", "memory": "64Mi", "ephemeral-storage": "1Gi", "nvidia.com/gpu": "2",
        "hugepages-2Mi": "4Mi", "pods": "1", "requests.nvidia.com/gpu": "1", "storage": "1" });
    let amounts = of_replica(
        &deployment(),
        &template(&json!({ "containers": [container(&requests)] })),
    )
    .unwrap();
    let names: Vec<&str> = amounts.scalars.keys().map(String::as_str).collect();
    assert_eq!(names, ["hugepages-2Mi", "nvidia.com/gpu"]);
    assert_eq!(
        (amounts.memory, amounts.ephemeral_storage),
        (64 << 20, 1 << 30)
    );
}

#[test]
fn of_a_whole_pod_only_processors_memory_and_huge_pages_count() {
    let spec = json!({ "containers": [container(&json!({ "nvidia.com/gpu": "1", "hugepages-2Mi": "2Mi" }))],
        "resources": { "requests": { "nvidia.com/gpu": "8", "memory": "1Gi" },
            "limits": { "memory": "2Gi", "hugepages-2Mi": "4Mi", "ephemeral-storage": "1Gi" } } });
    let amounts = of_replica(&deployment(), &template(&spec)).unwrap();
    assert_eq!((amounts.memory, amounts.ephemeral_storage), (1 << 30, 0));
    let scalars = [("hugepages-2Mi", 4 << 20), ("nvidia.com/gpu", 1)];
    let scalars = scalars.map(|(name, amount)| (name.to_owned(), amount));
    assert_eq!(amounts.scalars, scalars.into());
}

#[test]
fn reclaimed_resources_are_resources_like_any_other() {
    use crate::resources::RECLAIMED;
    let asked = container(&json!({ RECLAIMED[0]: "1500", RECLAIMED[1]: "1Gi", RECLAIMED[2]: 5 }));
    let amounts = of_replica(
        &deployment(),
        &template(&json!({ "containers": [&asked, &asked] })),
    )
    .unwrap();
    let found = RECLAIMED.map(|name| amounts.get(name));
    assert_eq!(found, [3000, 2 << 30, 10]);
}

#[test]
fn unreadable_templates_are_errors_and_unknown_kinds_ask_for_nothing() {
    let missing = of_replica(&deployment(), &json!({ "spec": {} }));
    assert!(matches!(missing, Err(RequestError::NoPodSpec { .. })));
    let text = template(&json!({ "containers": [container(&json!({ "cpu": "lots" }))] }));
    assert!(matches!(
        of_replica(&deployment(), &text),
        Err(RequestError::Amount { .. })
    ));
    let config = ApiResource {
        group: String::new(),
        version: "v1".into(),
        kind: "ConfigMap".into(),
    };
    assert!(of_replica(&config, &json!({})).unwrap().is_zero());
}
