//! What others did while the recording was made, whose requests were not recorded: read off the recorded answers and
//! events. Without it the watches of those commands would see nothing.

use crate::recording::Command;
use serde_json::{Value, json};

/// One change.
pub(crate) struct Act {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Value,
}

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

fn act(method: &'static str, path: &str, body: Value) -> Act {
    let content_type = if method == "PATCH" { MERGE } else { JSON };
    Act {
        method,
        path: path.to_owned(),
        content_type,
        body,
    }
}

const MAPS: &str = "/api/v1/namespaces/shop/configmaps";

fn config_map(name: &str, manager: &str, metadata: &Value, data: Value) -> Act {
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    object["metadata"]["name"] = json!(name);
    if !data.is_null() {
        object["data"] = data;
    }
    act("POST", &format!("{MAPS}?fieldManager={manager}"), object)
}

fn patch(name: &str, manager: &str, body: Value) -> Act {
    act(
        "PATCH",
        &format!("{MAPS}/{name}?fieldManager={manager}"),
        body,
    )
}

fn delete(path: &str) -> Act {
    act("DELETE", path, json!({"propagationPolicy": "Background"}))
}

/// A config map that comes, changes, leaves a selector, enters it again and goes.
fn watched() -> Vec<Act> {
    vec![
        config_map("watched", "kubectl-create", &json!({}), json!({"a": "1"})),
        patch(
            "watched",
            "kubectl-label",
            json!({"metadata": {"labels": {"w": "1"}}}),
        ),
        patch("watched", "kubectl-patch", json!({"data": {"a": "2"}})),
        patch(
            "watched",
            "kubectl-label",
            json!({"metadata": {"labels": {"w": "2"}}}),
        ),
        patch(
            "watched",
            "kubectl-label",
            json!({"metadata": {"labels": {"w": "1"}}}),
        ),
        delete(&format!("{MAPS}/watched")),
    ]
}

/// A pod as `kubectl run` sends it.
fn pod(name: &str) -> Act {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"run": name}},
        "spec": {
            "containers": [{"name": name, "image": "registry.example/x:1", "resources": {}}],
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
        },
    });
    act(
        "POST",
        "/api/v1/namespaces/shop/pods?fieldManager=kubectl-run",
        pod,
    )
}

/// The Deployment of commands 353 and following, scaled.
fn scaled(replicas: u64) -> Act {
    let path = "/apis/apps/v1/namespaces/shop/deployments/hello/scale";
    act("PATCH", path, json!({"spec": {"replicas": replicas}}))
}

/// What others did before a request, or, if it is a watch, during it.
pub(crate) fn of(command: &Command, index: usize) -> Vec<Act> {
    match (command.number, index) {
        (348..=350, 1) => watched(),
        (352, 0) => vec![config_map(
            "watched",
            "kubectl-create",
            &json!({}),
            json!({"a": "1"}),
        )],
        (352, 1) => vec![
            patch("watched", "kubectl-patch", json!({"data": {"a": "2"}})),
            delete(&format!("{MAPS}/watched")),
        ],
        (405, 4) => vec![config_map(
            "later",
            "kubectl-create",
            &json!({}),
            Value::Null,
        )],
        (406, 2) => vec![patch("later", "kubectl-patch", json!({"data": {"x": "1"}}))],
        (407, 3) => vec![delete(&format!("{MAPS}/later"))],
        (353, 1) => vec![
            pod("watched"),
            delete("/api/v1/namespaces/shop/pods/watched"),
        ],
        (355, 1) => vec![scaled(3)],
        (359, 0) => vec![scaled(2)],
        (360, 1) => vec![scaled(1)],
        (417, 0) => vec![pod("late")],
        (569, 1) => {
            let widgets = "/apis/shop.example/v1/namespaces/shop/widgets";
            let annotated = json!({"metadata": {"annotations": {"z": "1"}}});
            let path = format!("{widgets}/w3?fieldManager=kubectl-annotate");
            vec![
                act("PATCH", &path, annotated),
                delete(&format!("{widgets}/w4")),
            ]
        }
        (688, 0) => vec![pod("forced")],
        (689, 0) => vec![pod("soon")],
        (690, 0) => vec![pod("slow")],
        (705, 0) => vec![config_map(
            "held",
            "kubectl-create",
            &json!({"finalizers": ["shop.example/hold"], "managedFields": [{}]}),
            Value::Null,
        )],
        (718, 0) => {
            let finalized = json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "held", "finalizers": ["shop.example/hold"]}});
            let path = "/api/v1/namespaces/brief/configmaps?fieldManager=kubectl-create";
            vec![act("POST", path, finalized)]
        }
        (721, 3) => vec![act(
            "PATCH",
            "/api/v1/namespaces/brief/configmaps/held?fieldManager=kubectl-patch",
            json!({"metadata": {"finalizers": null}}),
        )],
        _ => Vec::new(),
    }
}

/// What was there before the first command and is nobody's that the sandbox has: objects of the recorded answers.
pub(crate) fn beginning(commands: &[Command]) -> Vec<Act> {
    let at = |number: u64| {
        &commands
            .iter()
            .find(|c| c.number == number)
            .unwrap()
            .requests[0]
    };
    let mut acts = Vec::new();
    let mut add = |collection: &str, object: &Value| {
        let manager = object["metadata"]["managedFields"][0]["manager"]
            .as_str()
            .unwrap();
        let mut sent = object.clone();
        let metadata = sent["metadata"].as_object_mut().unwrap();
        metadata.retain(|field, _| matches!(field.as_str(), "name" | "labels" | "annotations"));
        for field in ["status", "kind", "apiVersion"] {
            sent.as_object_mut().unwrap().remove(field);
        }
        if let Some(spec) = sent.get_mut("spec").and_then(Value::as_object_mut) {
            spec.retain(|field, _| {
                matches!(
                    field.as_str(),
                    "ports" | "selector" | "clusterIP" | "type" | "sessionAffinity"
                )
            });
        }
        acts.push(act(
            "POST",
            &format!("{collection}?fieldManager={manager}"),
            sent,
        ));
    };
    let answer = at(41).answer().unwrap();
    for service in answer["items"].as_array().unwrap() {
        add("/api/v1/namespaces/kube-system/services", service);
    }
    for event in at(54).events().unwrap() {
        let object = &event["object"];
        if object["metadata"]["name"] != "kube-root-ca.crt" {
            add("/api/v1/namespaces/kube-system/configmaps", object);
        }
    }
    acts.extend(nodes(commands));
    acts
}

/// The three nodes, as they were registered.
fn nodes(commands: &[Command]) -> Vec<Act> {
    let answer = commands.iter().find(|c| c.number == 317).unwrap().requests[0]
        .answer()
        .unwrap();
    let mut acts = Vec::new();
    for index in 0..3 {
        let name = format!("node-{index}");
        let labels = json!({"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"});
        let mut node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
        let collection = "/api/v1/nodes";
        acts.push(act(
            "POST",
            &format!("{collection}?fieldManager=simlet"),
            node.clone(),
        ));
        node["status"] = answer["status"].clone();
        node["status"].as_object_mut().unwrap().remove("addresses");
        let status = format!("{collection}/{name}/status?fieldManager");
        acts.push(act(
            "PATCH",
            &format!("{status}=simlet"),
            json!({"status": node["status"]}),
        ));
        let beta = json!({"beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux"});
        let path = format!("{collection}/{name}?fieldManager=kube-controller-manager");
        acts.push(act("PATCH", &path, json!({"metadata": {"labels": beta}})));
        if index == 0 {
            let addresses = json!({"status": {"addresses": answer["status"]["addresses"]}});
            acts.push(act("PATCH", &format!("{status}=kubectl-patch"), addresses));
        }
    }
    acts
}
