//! Tests of `capacity`: the figures that decisions read.

use super::tests::{node, pod};
use super::*;
use serde_json::json;

#[test]
fn pods_ask_for_what_kubernetes_says() {
    let asked = |spec: Value| {
        let pod = json!({ "metadata": { "uid": "u" }, "spec": spec });
        let asked = requests(&serde_json::from_value(pod).unwrap());
        asked.get("cpu").copied().unwrap_or_default().milli_value()
    };
    let of = |cpu: &str| json!({ "resources": { "requests": { "cpu": cpu } } });
    let mut sidecar = of("300m");
    sidecar["restartPolicy"] = json!("Always");
    for (name, spec, expected) in [
        (
            "init containers end",
            json!({ "containers": [of("100m")], "initContainers": [of("1"), of("2")] }),
            2000,
        ),
        (
            "sidecars do not",
            json!({ "containers": [of("100m")], "initContainers": [sidecar, of("1")] }),
            1300,
        ),
        (
            "the pod as a whole, with what it costs besides",
            json!({ "containers": [of("100m")], "overhead": { "cpu": "50m" },
                "resources": { "requests": { "cpu": "2" } } }),
            2050,
        ),
    ] {
        assert_eq!(asked(spec), expected, "{name}");
    }
}

/// What is kept as things come and go is what a new count of everything would give.
#[test]
fn figures_are_those_of_the_status_at_every_moment() {
    let capacity = Capacity::default();
    capacity.nodes_listed(0);
    capacity.pods_listed(0);
    let mut gpu = node("gpu", "True");
    let eight = json!("8");
    gpu.status
        .allocatable
        .insert("nvidia.com/gpu".to_owned(), eight);
    let odd = pod("odd", "Running", "0.0001");
    let agree = || {
        let status = capacity.resources().unwrap();
        let of = |texts: &BTreeMap<String, Text>| {
            let parsed = texts
                .iter()
                .map(|(name, text)| (name.as_str(), text.0.parse().unwrap()));
            Counted::new(parsed)
        };
        let (allocatable, available) = (of(&status.allocatable), of(&status.available));
        assert_eq!(
            capacity.figures().unwrap(),
            Figures {
                allocatable,
                available
            }
        );
    };
    agree();
    for step in 0..40 {
        match step % 10 {
            0 => capacity.put_node(&node("a", "True")),
            1 => capacity.put_node(&gpu),
            2 => capacity.put_pod(&pod("1", "Running", "1500m")),
            3 => capacity.put_pod(&pod("1", "Running", "250m")),
            4 => capacity.put_node(&node("a", "False")),
            5 => capacity.put_pod(&odd),
            6 => capacity.remove_node(&gpu),
            7 => capacity.put_pod(&pod("1", "Failed", "250m")),
            8 => {
                capacity.start();
                let since = capacity.epoch();
                capacity.put_node(&gpu);
                capacity.nodes_listed(since);
                capacity.pods_listed(since);
            }
            _ => capacity.remove_pod(&odd),
        }
        agree();
    }
    assert!(capacity.is_live());
    capacity.set_pod_stream(Stream::Interrupted);
    assert!(!capacity.is_live() && capacity.figures().is_some());
}

#[test]
fn pods_are_counted_for_their_workload_as_long_as_they_take_room() {
    let owned = |uid: &str, phase: &str| {
        let mut pod = pod(uid, phase, "1");
        pod.metadata.namespace = Some("shop".to_owned());
        pod.metadata.name = Some(uid.to_owned());
        let owner = json!([{ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "o",
            "controller": true }]);
        pod.metadata.owner_references = serde_json::from_value(owner).unwrap();
        pod
    };
    let capacity = Capacity::default();
    let web = Workload::new("apps", "StatefulSet", "shop", "web").id();
    let steps = [
        ("1", "Pending", 1),
        ("2", "Pending", 2),
        ("1", "Running", 2),
        ("1", "Failed", 1),
    ];
    for (uid, phase, expected) in steps {
        capacity.put_pod(&owned(uid, phase));
        assert_eq!(capacity.pods_of(web), expected, "{uid} is {phase}");
    }
    capacity.remove_pod(&owned("2", "Running"));
    assert_eq!(capacity.pods_of(web), 0);
    assert!(locked(&capacity.state).workloads.is_empty());
}
