//! The kinds a simulation watches, and what each is looked up by.

use super::field;
use crate::object::{self, Gvr};
use serde_json::Value;

/// A watched kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Node,
    Pod,
    Service,
    Endpoints,
    EndpointSlice,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    ControllerRevision,
    Job,
    CronJob,
    PodDisruptionBudget,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 13] = [
        Self::Node,
        Self::Pod,
        Self::Service,
        Self::Endpoints,
        Self::EndpointSlice,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ControllerRevision,
        Self::Job,
        Self::CronJob,
        Self::PodDisruptionBudget,
    ];

    /// Its resource.
    pub(crate) fn gvr(self) -> Gvr {
        let (group, version, resource) = match self {
            Self::Node => ("", "v1", "nodes"),
            Self::Pod => ("", "v1", "pods"),
            Self::Service => ("", "v1", "services"),
            Self::Endpoints => ("", "v1", "endpoints"),
            Self::EndpointSlice => ("discovery.k8s.io", "v1", "endpointslices"),
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::ReplicaSet => ("apps", "v1", "replicasets"),
            Self::StatefulSet => ("apps", "v1", "statefulsets"),
            Self::DaemonSet => ("apps", "v1", "daemonsets"),
            Self::ControllerRevision => ("apps", "v1", "controllerrevisions"),
            Self::Job => ("batch", "v1", "jobs"),
            Self::CronJob => ("batch", "v1", "cronjobs"),
            Self::PodDisruptionBudget => ("policy", "v1", "poddisruptionbudgets"),
        };
        Gvr::new(group, version, resource)
    }

    /// What an object of this kind is looked up by, besides its name.
    pub(crate) fn terms(self, value: &Value) -> Vec<String> {
        let mut terms = Vec::new();
        if let Some(owner) = object::controller_of(value) {
            terms.push(owned_by(field::text(owner, "/uid")));
        }
        let namespace = object::namespace(value).unwrap_or_default();
        match self {
            Self::Pod => {
                let node = field::text(value, "/spec/nodeName");
                if !node.is_empty() {
                    terms.push(on_node(node));
                }
                let labels = object::labels(value).into_iter().flatten();
                terms.extend(labels.map(|(k, v)| labelled(namespace, k, v)));
            }
            Self::EndpointSlice => {
                let name = "kubernetes.io/service-name";
                let service = object::labels(value).and_then(|l| l.get(name));
                terms.extend(service.map(|s| labelled(namespace, name, s)));
            }
            Self::Service => terms.extend(selects(namespace, value.pointer("/spec/selector"))),
            Self::Deployment
            | Self::ReplicaSet
            | Self::StatefulSet
            | Self::DaemonSet
            | Self::PodDisruptionBudget => {
                let labels = value.pointer("/spec/selector/matchLabels");
                let any = || Some(selects_anything(namespace));
                terms.extend(selects(namespace, labels).or_else(any));
            }
            _ => {}
        }
        terms
    }
}

/// Objects controlled by the object with that uid.
pub(crate) fn owned_by(uid: &str) -> String {
    format!("owner {uid}")
}

/// Pods on a node.
pub(crate) fn on_node(node: &str) -> String {
    format!("node {node}")
}

/// Objects with a label.
pub(crate) fn labelled(namespace: &str, key: &str, value: &Value) -> String {
    format!(
        "label {namespace} {key}={}",
        value.as_str().unwrap_or_default()
    )
}

/// Objects whose selector begins with that label.
pub(crate) fn selecting(namespace: &str, key: &str, value: &Value) -> String {
    format!(
        "selects {namespace} {key}={}",
        value.as_str().unwrap_or_default()
    )
}

/// Objects whose selector names no label.
pub(crate) fn selects_anything(namespace: &str) -> String {
    format!("selects {namespace} *")
}

fn selects(namespace: &str, labels: Option<&Value>) -> Option<String> {
    let (key, value) = labels?.as_object()?.iter().next()?;
    Some(selecting(namespace, key, value))
}
