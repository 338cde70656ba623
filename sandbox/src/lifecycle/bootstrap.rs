//! The objects that every cluster has from the start.

use crate::auth::roles;
use crate::cluster::{Cluster, WriteOptions};
use crate::object::{self, Gvk};
use serde_json::{Value, json};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Creates them; those that are there stay as they are.
pub(super) fn create(cluster: &Cluster) {
    let namespaces = NAMESPACES
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    let objects = namespaces
        .into_iter()
        .chain(priority_classes())
        .chain(roles::bootstrap())
        .chain([api_service()]);
    for object in objects {
        let Some(info) = cluster.registry().by_kind(&Gvk::of(&object)) else {
            continue;
        };
        let namespace = object::namespace(&object).unwrap_or_default().to_owned();
        let (kind, name) = (info.kind.clone(), object::name(&object).to_owned());
        if let Err(status) = cluster.create(
            &info.gvr(),
            &namespace,
            object,
            &WriteOptions::by("kube-apiserver"),
        ) && status.code != 409
        {
            tracing::error!(%kind, %name, %status, "an object that every cluster has could not be created");
        }
    }
}

fn priority_classes() -> impl Iterator<Item = Value> {
    [
        ("system-cluster-critical", 2_000_000_000_i64, "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
        ("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved from their current node."),
    ]
    .into_iter()
    .map(|(name, value, description)| {
        json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
            "value": value, "description": description, "preemptionPolicy": "PreemptLowerPriority"})
    })
}

fn api_service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"type": "ClusterIP", "clusterIP": super::addresses::FIRST, "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]}})
}
