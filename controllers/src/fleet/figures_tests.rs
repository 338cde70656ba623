//! Tests of `capacity`: the figures that decisions read.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::{Value, json};

use super::tests::{node, pod};
use super::*;

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

const RECLAIMED: &str = "resource.katalyst.kubewharf.io/reclaimed_millicpu";

fn reclaimed(node: &str, amount: &str) -> SlimReclaimed {
    serde_json::from_value(json!({ "metadata": { "name": node }, "status": {
        "resources": { "allocatable": { RECLAIMED: amount } } } }))
    .unwrap()
}

#[test]
fn what_is_reclaimed_counts_on_nodes_that_take_pods_and_pods_use_it() {
    let capacity = Capacity::default();
    capacity.put_node(&node("a", "True"));
    capacity.nodes_listed(0);
    capacity.pods_listed(0);
    let figures = || {
        let figures = capacity.figures().unwrap();
        let status = capacity.resources().unwrap();
        let written = |texts: &BTreeMap<String, Text>| {
            let text = texts.get(RECLAIMED).map(|text| text.0.as_str());
            text.unwrap_or("0").parse::<Quantity>().unwrap().value()
        };
        let found = (
            figures.allocatable.get(RECLAIMED),
            figures.available.get(RECLAIMED),
        );
        let stored = (written(&status.allocatable), written(&status.available));
        assert_eq!(found, stored);
        found
    };
    assert_eq!(figures(), (0, 0));
    // A node that is not known yet, and one that is.
    capacity.put_reclaimed(&reclaimed("b", "500"));
    capacity.put_reclaimed(&reclaimed("a", "3k"));
    assert_eq!(figures(), (3000, 3000));
    let mut user = pod("1", "Running", "1");
    let request = json!("1k");
    let requests = &mut user.spec.containers[0].resources.requests;
    requests.insert(RECLAIMED.to_owned(), request);
    capacity.put_pod(&user);
    assert_eq!(figures(), (3000, 2000));
    capacity.put_node(&node("b", "True"));
    assert_eq!(figures(), (3500, 2500));
    capacity.put_node(&node("a", "False"));
    assert_eq!(figures(), (500, -500));
    capacity.put_node(&node("a", "True"));
    capacity.put_reclaimed(&reclaimed("b", "700"));
    assert_eq!(figures(), (3700, 2700));
    // What nodes say of the same resource does not come on top.
    let mut own = node("a", "True");
    let said = json!("9000");
    own.status.allocatable.insert(RECLAIMED.to_owned(), said);
    capacity.put_node(&own);
    assert_eq!(figures(), (3700, 2700));
    capacity.remove_node(&node("b", "True"));
    capacity.remove_reclaimed(&reclaimed("b", "700"));
    assert_eq!(figures(), (3000, 2000));
    // One that the next list does not have.
    capacity.start();
    let since = capacity.epoch();
    capacity.reclaimed_listed(since);
    assert_eq!(figures(), (9000, 8000));
}

#[test]
fn figures_wait_once_for_what_is_reclaimed_and_never_for_what_cannot_be_seen() {
    let known = || {
        let capacity = Capacity::default();
        capacity.nodes_listed(0);
        capacity.pods_listed(0);
        capacity
    };
    let waiting = known();
    waiting.expect_reclaimed();
    assert_eq!(waiting.figures(), None);
    waiting.reclaimed_listed(0);
    waiting.expect_reclaimed();
    assert!(waiting.figures().is_some());
    waiting.put_node(&node("a", "True"));
    waiting.put_reclaimed(&reclaimed("a", "5"));
    // The member does not answer for a while; what it said last counts.
    waiting.reclaimed_failed();
    assert_eq!(waiting.figures().unwrap().allocatable.get(RECLAIMED), 5);
    waiting.reclaimed_gone();
    assert_eq!(waiting.figures().unwrap().allocatable.get(RECLAIMED), 0);
    let refused = known();
    refused.expect_reclaimed();
    refused.reclaimed_failed();
    assert!(refused.figures().is_some());
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
