//! Which objects go where another one goes: what a workload refers to, and what its annotation names (KubeAdmiral
//! `pkg/controllers/follower`). Pure; who leads whom at the moment is kept in `host`.

mod leading;
mod pod;
mod references;

pub use leading::{Leading, leading};
pub use references::{FollowError, Reference, is_leader, references};

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::keys::{annotation, controller};
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{FederatedTypeConfig, GenericFederatedObjectSpec, LeaderReference};
use serde_json::Value;

use crate::pointer;

/// Whom an object follows, and where that leads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Following {
    /// Its leaders.
    pub leaders: BTreeSet<LeaderReference>,
    /// Every cluster that one of them is placed in.
    pub placement: BTreeSet<ClusterName>,
}

impl Following {
    /// Writes it into a federated object. The order of leaders is no reason to write: KubeAdmiral's is random.
    pub fn write(&self, spec: &mut GenericFederatedObjectSpec) {
        let held: BTreeSet<&LeaderReference> = spec.follows.iter().collect();
        if held.len() != self.leaders.len() || !self.leaders.iter().all(|one| held.contains(one)) {
            spec.follows = self.leaders.iter().cloned().collect();
        }
        let clusters = self.placement.iter().map(ClusterName::as_str);
        spec.set_controller_placement(controller::FOLLOWER, clusters);
    }
}

/// Kinds that can follow; beside them every kind whose type config says where it names a target to scale.
const FOLLOWERS: [(&str, &str); 6] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "PersistentVolumeClaim"),
    ("", "ServiceAccount"),
    ("", "Service"),
    ("networking.k8s.io", "Ingress"),
];

/// Whether objects of a type can follow others.
#[must_use]
pub fn may_follow(type_config: &FederatedTypeConfig) -> bool {
    let source = &type_config.spec.source_type;
    let annotations = type_config.metadata.annotations.as_ref();
    FOLLOWERS.contains(&(source.group.as_str(), source.kind.as_str()))
        || annotations.is_some_and(|all| all.contains_key(annotation::SCALE_TARGET_REF_PATH))
}

/// Whether the annotations of an object say that it follows nobody.
#[must_use]
pub fn follows_nobody(annotations: &BTreeMap<String, String>) -> bool {
    annotations
        .get(annotation::DISABLE_FOLLOWING)
        .is_some_and(|text| text == "true")
}

/// Whether every cluster makes an object of this name for itself, so that a copy from the host would be wrong: the
/// certificate of its own API server and the tokens that its own API server signs. No leader makes us federate
/// such a one. KubeAdmiral federates them like any other and meets those of the members.
#[must_use]
pub fn is_of_each_cluster(object: &Value) -> bool {
    match pointer::text(object, &["kind"]) {
        "ConfigMap" => pointer::text(object, &["metadata", "name"]) == "kube-root-ca.crt",
        "Secret" => matches!(
            pointer::text(object, &["type"]),
            "kubernetes.io/service-account-token" | "bootstrap.kubernetes.io/token"
        ),
        _ => false,
    }
}

/// Whether leaders are all that a federated object is there for.
#[must_use]
pub fn only_follows(federated: &Value) -> bool {
    let placements = pointer::list(federated, &["spec", "placements"]);
    let placed = |entry: &&Value| !pointer::list(entry, &["placement"]).is_empty();
    let by_leaders = |entry: &Value| pointer::text(entry, &["controller"]) == controller::FOLLOWER;
    let followed = !pointer::list(federated, &["spec", "follows"]).is_empty()
        || placements.iter().any(by_leaders);
    followed && placements.iter().filter(placed).all(by_leaders)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
