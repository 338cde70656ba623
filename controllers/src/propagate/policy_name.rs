//! Which policy an object names. Pure; whether that policy exists is asked elsewhere.

use navarch_crds::keys::label;
use std::collections::BTreeMap;

/// A policy as labels name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyName<'a> {
    /// `PropagationPolicy` or `ClusterPropagationPolicy`.
    pub kind: &'static str,
    /// Its namespace; empty for a policy of the cluster.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl PolicyName<'_> {
    /// `NAMESPACE/NAME`, or the name of a policy of the cluster.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.namespace.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

/// The policy of an object in this namespace (empty: of the cluster) with these labels. The namespaced
/// label wins, and only counts for objects in namespaces (KubeAdmiral `scheduler.GetMatchedPolicyKey`).
#[must_use]
pub fn policy_name<'a>(
    namespace: &'a str,
    labels: &'a BTreeMap<String, String>,
) -> Option<PolicyName<'a>> {
    let named = |key: &str| labels.get(key).filter(|name| !name.is_empty());
    match named(label::PROPAGATION_POLICY) {
        Some(name) if !namespace.is_empty() => Some(PolicyName {
            kind: "PropagationPolicy",
            namespace,
            name,
        }),
        _ => named(label::CLUSTER_PROPAGATION_POLICY).map(|name| PolicyName {
            kind: "ClusterPropagationPolicy",
            namespace: "",
            name,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_one_policy() {
        let (own, shared) = (label::PROPAGATION_POLICY, label::CLUSTER_PROPAGATION_POLICY);
        for (name, namespace, labels, wanted) in [
            ("none", "n", vec![], None),
            ("own", "n", vec![(own, "p")], Some("n/p")),
            ("shared", "n", vec![(shared, "c")], Some("c")),
            (
                "own wins",
                "n",
                vec![(own, "p"), (shared, "c")],
                Some("n/p"),
            ),
            ("empty is none", "n", vec![(own, "")], None),
            (
                "empty gives way",
                "n",
                vec![(own, ""), (shared, "c")],
                Some("c"),
            ),
            (
                "own of an object of the cluster",
                "",
                vec![(own, "p")],
                None,
            ),
            (
                "both on an object of the cluster",
                "",
                vec![(own, "p"), (shared, "c")],
                Some("c"),
            ),
        ] {
            let labels = labels
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            let found = policy_name(namespace, &labels).map(|found| found.shown());
            assert_eq!(found.as_deref(), wanted, "{name}");
        }
    }
}
