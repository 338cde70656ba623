//! The few fields of nodes and pods that are counted. Everything else of them is skipped while it is read, so that a
//! page of pods is never held as a tree of values. No decisions.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::streamed::Identified;

/// An object of which only parts are read: what identifies it, whose it is, and some of spec and status.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de> + Default, T: Deserialize<'de> + Default"))]
pub(crate) struct Slim<S, T> {
    #[serde(deserialize_with = "identity")]
    pub(crate) metadata: ObjectMeta,
    #[serde(default)]
    pub(crate) spec: S,
    #[serde(default)]
    pub(crate) status: T,
}

/// A node as far as it is counted.
pub(crate) type SlimNode = Slim<NodeSpec, NodeStatus>;
/// A pod as far as it is counted.
pub(crate) type SlimPod = Slim<PodSpec, PodStatus>;
/// What Katalyst says of a node (`CustomNodeResource`).
pub(crate) type SlimReclaimed = Slim<IgnoredAny, ReclaimedStatus>;
/// An object of which only the existence matters.
pub(crate) type Named = Slim<IgnoredAny, IgnoredAny>;

/// Amounts as they are written: resource to quantity.
pub(crate) type Written = BTreeMap<String, Value>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeSpec {
    pub(crate) unschedulable: bool,
    pub(crate) taints: Vec<Taint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Taint {
    pub(crate) effect: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStatus {
    pub(crate) allocatable: Written,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReclaimedStatus {
    pub(crate) resources: Option<ReclaimedResources>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReclaimedResources {
    pub(crate) allocatable: Option<Written>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) last_transition_time: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodSpec {
    pub(crate) containers: Vec<Container>,
    pub(crate) init_containers: Vec<Container>,
    pub(crate) overhead: Written,
    /// Of the pod as a whole.
    pub(crate) resources: Requirements,
    pub(crate) node_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) restart_policy: String,
    pub(crate) resources: Requirements,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Requirements {
    pub(crate) requests: Written,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PodStatus {
    pub(crate) phase: String,
    pub(crate) conditions: Vec<Condition>,
}

/// Who it is and whose; the managed fields alone are often larger than all that is counted.
fn identity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        labels: Option<BTreeMap<String, String>>,
        owner_references: Option<Vec<OwnerReference>>,
        creation_timestamp: Option<Time>,
        deletion_timestamp: Option<Time>,
    }
    let identity = Identity::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: identity.name,
        namespace: identity.namespace,
        uid: identity.uid,
        resource_version: identity.resource_version,
        labels: identity.labels,
        owner_references: identity.owner_references,
        creation_timestamp: identity.creation_timestamp,
        deletion_timestamp: identity.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

impl<S, T> Identified for Slim<S, T> {
    fn identity(&self) -> ObjectMeta {
        let ObjectMeta {
            name,
            uid,
            resource_version,
            ..
        } = &self.metadata;
        ObjectMeta {
            name: name.clone(),
            uid: uid.clone(),
            resource_version: resource_version.clone(),
            ..ObjectMeta::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_counted_is_not_kept() {
        let pod: SlimPod = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "p", "uid": "u", "resourceVersion": "7", "labels": { "a": "b" },
                "annotations": { "c": "d" }, "managedFields": [{ "manager": "m" }] },
            "spec": { "nodeName": "n", "containers": [{ "name": "main", "image": "i",
                "resources": { "requests": { "cpu": "1", "memory": 5 }, "limits": { "cpu": "2" } } }] },
            "status": { "phase": "Running", "podIP": "10.0.0.1" },
        }))
        .unwrap();
        let wanted = ObjectMeta {
            name: Some("p".to_owned()),
            uid: Some("u".to_owned()),
            resource_version: Some("7".to_owned()),
            labels: Some([("a".to_owned(), "b".to_owned())].into()),
            ..ObjectMeta::default()
        };
        assert_eq!(pod.metadata, wanted);
        let requests = &pod.spec.containers[0].resources.requests;
        assert_eq!(
            (requests["cpu"].clone(), requests["memory"].clone()),
            (json!("1"), json!(5))
        );
        assert_eq!(pod.status.phase, "Running");
        let bare: SlimNode =
            serde_json::from_value(json!({ "metadata": { "name": "n" } })).unwrap();
        assert!(!bare.spec.unschedulable && bare.status.conditions.is_empty());
    }
}
