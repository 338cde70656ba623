//! The kinds of object that are measured: their manifests, their addresses, and what is looked at in them.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

/// Label on every object of the benchmark: what the observer selects by.
pub(crate) const MARK: &str = "navarch-bench";
/// Label with the round that wrote the object. It is carried to the copies like any label.
pub(crate) const ROUND: &str = "navarch-bench-round";
/// Namespace of the bulk.
pub(crate) const NAMESPACE: &str = "bench";
/// Namespace of the single object that arrives during a bulk.
pub(crate) const OTHER_NAMESPACE: &str = "bench-other";

/// What is created, updated and deleted.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// ConfigMaps: nothing in a member acts on them.
    Configmaps,
    /// Deployments with `replicas: 0`: the member's own controllers work on each (ReplicaSet, status), no pod does.
    DeploymentsEmpty,
    /// Deployments of one replica a member whose pods become ready (simulated kubelet).
    DeploymentsReady,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [
        Self::Configmaps,
        Self::DeploymentsEmpty,
        Self::DeploymentsReady,
    ];

    /// Whether members need nodes and a kubelet.
    pub(crate) fn has_pods(self) -> bool {
        self == Self::DeploymentsReady
    }

    /// Whether a federation has a status to bring back to the host.
    pub(crate) fn has_status(self) -> bool {
        self != Self::Configmaps
    }

    /// The collection over all namespaces.
    pub(crate) fn everywhere(self) -> &'static str {
        match self {
            Self::Configmaps => "/api/v1/configmaps",
            Self::DeploymentsEmpty | Self::DeploymentsReady => "/apis/apps/v1/deployments",
        }
    }

    /// The collection in a namespace.
    pub(crate) fn collection(self, namespace: &str) -> String {
        match self {
            Self::Configmaps => format!("/api/v1/namespaces/{namespace}/configmaps"),
            Self::DeploymentsEmpty | Self::DeploymentsReady => {
                format!("/apis/apps/v1/namespaces/{namespace}/deployments")
            }
        }
    }

    /// An object as its user would apply it. `replicas` are those of the whole object.
    pub(crate) fn object(
        self,
        id: &ObjectId,
        labels: &BTreeMap<String, String>,
        replicas: usize,
    ) -> Value {
        let mut all = labels.clone();
        all.insert(MARK.to_owned(), "true".to_owned());
        all.insert(ROUND.to_owned(), "1".to_owned());
        let metadata = json!({"name": id.name, "namespace": id.namespace, "labels": all});
        match self {
            Self::Configmaps => json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
                "data": {
                    "round": "1",
                    "settings.ini": "[server]\nlisten = 0.0.0.0:8080\nworkers = 4\ntimeout = 30s\n[cache]\nsize = 64MiB\nevict = lru\n",
                },
            }),
            Self::DeploymentsEmpty | Self::DeploymentsReady => json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
                "spec": {
                    "replicas": if self.has_pods() { replicas } else { 0 },
                    "selector": {"matchLabels": {"app": id.name}},
                    "template": {
                        "metadata": {"labels": {"app": id.name}},
                        "spec": {"containers": [container(1)]},
                    },
                },
            }),
        }
    }

    /// The merge patch of an update: another image or value, and the label of the round.
    pub(crate) fn change(self, round: u32) -> Value {
        let mut patch = match self {
            Self::Configmaps => json!({"data": {"round": round.to_string()}}),
            Self::DeploymentsEmpty | Self::DeploymentsReady => {
                json!({"spec": {"template": {"spec": {"containers": [container(round)]}}}})
            }
        };
        patch["metadata"] = json!({"labels": {ROUND: round.to_string()}});
        patch
    }
}

fn container(round: u32) -> Value {
    json!({
        "name": "server",
        "image": format!("registry.example/shop/server:{round}"),
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "GREETING", "value": "ahoy"}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    })
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Configmaps => "configmaps",
            Self::DeploymentsEmpty => "deployments-empty",
            Self::DeploymentsReady => "deployments-ready",
        })
    }
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectId {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl ObjectId {
    pub(crate) fn new(namespace: &str, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_carry_the_contestants_labels_and_the_round() {
        let labels = BTreeMap::from([("policy".to_owned(), "everywhere".to_owned())]);
        for kind in Kind::ALL {
            let object = kind.object(&ObjectId::new("bench", "a-1"), &labels, 3);
            assert_eq!(
                object["metadata"]["labels"]["policy"], "everywhere",
                "{kind}"
            );
            assert_eq!(object["metadata"]["labels"][ROUND], "1", "{kind}");
            let change = kind.change(2);
            assert_eq!(change["metadata"]["labels"][ROUND], "2", "{kind}");
        }
    }

    #[test]
    fn replicas_by_kind() {
        let labels = BTreeMap::new();
        let id = ObjectId::new("bench", "a-1");
        let replicas = |kind: Kind| kind.object(&id, &labels, 3)["spec"]["replicas"].clone();
        assert_eq!(replicas(Kind::DeploymentsReady), 3);
        assert_eq!(replicas(Kind::DeploymentsEmpty), 0);
    }
}
