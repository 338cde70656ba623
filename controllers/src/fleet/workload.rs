//! Which workload made a pod, read from the pod alone.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// On pods of a Deployment: what its `ReplicaSet` is called besides the name of the Deployment.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// A workload of one member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Workload {
    pub(crate) group: Box<str>,
    pub(crate) kind: Box<str>,
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

/// A digest of a workload, for tables of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WorkloadId(u64);

impl Workload {
    pub(crate) fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Of a pod. Pods that nobody made are their own workload.
    pub(crate) fn of_pod(pod: &ObjectMeta) -> Option<Self> {
        let namespace = pod.namespace.as_deref()?;
        let owners = pod.owner_references.as_deref().unwrap_or_default();
        let owner = owners.iter().find(|owner| owner.controller == Some(true));
        let Some(owner) = owner else {
            return Some(Self::new("", "Pod", namespace, pod.name.as_deref()?));
        };
        let group = owner
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        if (group, owner.kind.as_str()) != ("apps", "ReplicaSet") {
            return Some(Self::new(group, &owner.kind, namespace, &owner.name));
        }
        // The Deployment controller names its sets so (`pkg/controller/deployment/sync.go`).
        let hash = pod.labels.as_ref()?.get(TEMPLATE_HASH)?;
        let name = owner.name.strip_suffix(hash.as_str())?.strip_suffix('-')?;
        Some(Self::new("apps", "Deployment", namespace, name))
    }

    /// Its digest.
    pub(crate) fn id(&self) -> WorkloadId {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        WorkloadId(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_tells_whose_it_is() {
        let pod = |owner: Option<(&str, &str, &str)>| {
            let owners = owner.map(|(version, kind, name)| {
                json!([{ "apiVersion": version, "kind": kind, "name": name, "uid": "o", "controller": true }])
            });
            let pod = json!({ "name": "p", "namespace": "shop", "ownerReferences": owners,
                "labels": { TEMPLATE_HASH: "5d4f" } });
            Workload::of_pod(&serde_json::from_value(pod).unwrap())
        };
        let found =
            |group: &str, kind: &str, name: &str| Some(Workload::new(group, kind, "shop", name));
        for (owner, expected) in [
            (None, found("", "Pod", "p")),
            (
                Some(("apps/v1", "ReplicaSet", "web-5d4f")),
                found("apps", "Deployment", "web"),
            ),
            (Some(("apps/v1", "ReplicaSet", "web-other")), None),
            (
                Some(("apps/v1", "StatefulSet", "web")),
                found("apps", "StatefulSet", "web"),
            ),
            (
                Some(("batch/v1", "Job", "once")),
                found("batch", "Job", "once"),
            ),
        ] {
            assert_eq!(pod(owner), expected, "{owner:?}");
        }
        let (one, other) = (
            pod(None).unwrap(),
            pod(Some(("batch/v1", "Job", "p"))).unwrap(),
        );
        assert_ne!(one.id(), other.id());
    }
}
