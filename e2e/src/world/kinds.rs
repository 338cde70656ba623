//! The kinds that stories speak of, and the name of one object.

use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};
use navarch_crds::naming::federated_object_name;

/// A kind as API paths need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) namespaced: bool,
}

const fn core(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group: "",
        version: "v1",
        kind,
        plural,
        namespaced: true,
    }
}

const fn federated(kind: &'static str, plural: &'static str, namespaced: bool) -> Kind {
    Kind {
        group: "core.kubeadmiral.io",
        version: "v1alpha1",
        kind,
        plural,
        namespaced,
    }
}

pub(crate) const CONFIG_MAP: Kind = core("ConfigMap", "configmaps");
pub(crate) const SECRET: Kind = core("Secret", "secrets");
pub(crate) const SERVICE: Kind = core("Service", "services");
pub(crate) const SERVICE_ACCOUNT: Kind = core("ServiceAccount", "serviceaccounts");
pub(crate) const POD: Kind = core("Pod", "pods");
pub(crate) const NODE: Kind = Kind {
    namespaced: false,
    ..core("Node", "nodes")
};
pub(crate) const CLAIM: Kind = core("PersistentVolumeClaim", "persistentvolumeclaims");
pub(crate) const INGRESS: Kind = Kind {
    group: "networking.k8s.io",
    ..core("Ingress", "ingresses")
};
pub(crate) const NAMESPACE: Kind = Kind {
    namespaced: false,
    ..core("Namespace", "namespaces")
};
pub(crate) const DEPLOYMENT: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "Deployment",
    plural: "deployments",
    namespaced: true,
};
pub(crate) const JOB: Kind = Kind {
    group: "batch",
    version: "v1",
    kind: "Job",
    plural: "jobs",
    namespaced: true,
};
pub(crate) const DEFINITION: Kind = Kind {
    group: "apiextensions.k8s.io",
    version: "v1",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    namespaced: false,
};
pub(crate) const POLICY: Kind = federated("PropagationPolicy", "propagationpolicies", true);
pub(crate) const CLUSTER: Kind = federated("FederatedCluster", "federatedclusters", false);
pub(crate) const FEDERATED_OBJECT: Kind = federated("FederatedObject", "federatedobjects", true);
pub(crate) const CLUSTER_FEDERATED_OBJECT: Kind =
    federated("ClusterFederatedObject", "clusterfederatedobjects", false);
pub(crate) const TYPE_CONFIG: Kind =
    federated("FederatedTypeConfig", "federatedtypeconfigs", false);
pub(crate) const CLUSTER_POLICY: Kind = federated(
    "ClusterPropagationPolicy",
    "clusterpropagationpolicies",
    false,
);
pub(crate) const PROFILE: Kind = federated("SchedulingProfile", "schedulingprofiles", false);
pub(crate) const WEBHOOK: Kind = federated(
    "SchedulerPluginWebhookConfiguration",
    "schedulerpluginwebhookconfigurations",
    false,
);
pub(crate) const GLOBAL_QUOTA: Kind = Kind {
    group: "navarch.dev",
    ..federated("GlobalQuota", "globalquotas", false)
};
/// The kinds outside namespaces that stories write, in the order in which they are removed again.
pub(crate) const OUTSIDE_NAMESPACES: &[Kind] = &[
    NAMESPACE,
    TYPE_CONFIG,
    DEFINITION,
    CLUSTER_POLICY,
    PROFILE,
    WEBHOOK,
    GLOBAL_QUOTA,
];
pub(crate) const EVENT: Kind = Kind {
    group: "events.k8s.io",
    version: "v1",
    kind: "Event",
    plural: "events",
    namespaced: true,
};

impl Kind {
    /// `plural.group`, as kubectl takes it and as default type configs are named.
    pub(crate) fn full_name(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// A kind of the core group by its plural name.
    pub(crate) fn of_plural(plural: &str) -> Option<Self> {
        let known = [CONFIG_MAP, SECRET, SERVICE, SERVICE_ACCOUNT];
        known.into_iter().find(|kind| kind.plural == plural)
    }

    /// `group/version`, or the version alone.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// A client for the kind; in all namespaces where none is given.
    pub(crate) fn api(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: self.api_version(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        }
    }
}

/// One object, the same in every cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Target {
    /// An object of a kind in a namespace; kinds outside namespaces leave that out.
    pub(crate) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: kind.namespaced.then(|| namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    /// The federated object that is made for it.
    pub(crate) fn federated(&self) -> Self {
        Self {
            kind: if self.kind.namespaced {
                FEDERATED_OBJECT
            } else {
                CLUSTER_FEDERATED_OBJECT
            },
            namespace: self.namespace.clone(),
            name: federated_object_name(&self.name, &self.kind.full_name()),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.kind.kind, self.name)
    }
}
