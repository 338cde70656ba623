//! One type for both kinds of federated objects, so that nothing behind it has to ask which one it
//! is: an object without a namespace is a `ClusterFederatedObject`. Conversions and questions only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use navarch_crds::keys::{annotation, navarch};
use navarch_crds::v1alpha1::{
    API_VERSION, ClusterFederatedObject, FederatedObject, GenericFederatedObjectSpec,
    GenericFederatedObjectStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A `FederatedObject` or, without a namespace, a `ClusterFederatedObject`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Federated {
    /// Standard metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What is propagated, where, and how copies differ.
    #[serde(default)]
    pub spec: GenericFederatedObjectSpec,
    /// How far propagation has come.
    #[serde(default)]
    pub status: Option<GenericFederatedObjectStatus>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    metadata: &'a ObjectMeta,
    spec: &'a GenericFederatedObjectSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a GenericFederatedObjectStatus>,
}

impl Serialize for Federated {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            api_version: API_VERSION,
            kind: self.kind(),
            metadata: &self.metadata,
            spec: &self.spec,
            status: self.status.as_ref(),
        }
        .serialize(serializer)
    }
}

impl Federated {
    /// `FederatedObject` or `ClusterFederatedObject`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.namespace().is_empty() {
            "ClusterFederatedObject"
        } else {
            "FederatedObject"
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Its namespace, empty for an object of the cluster.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Its uid, empty before it is stored.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Its generation, zero before it is stored.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.metadata.generation.unwrap_or_default()
    }

    /// It is being deleted.
    #[must_use]
    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata
            .annotations
            .as_ref()?
            .get(key)
            .map(String::as_str)
    }

    /// A label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(key).map(String::as_str)
    }

    /// All annotations.
    #[must_use]
    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.metadata.annotations.clone().unwrap_or_default()
    }

    /// The owner that is the controller.
    #[must_use]
    pub fn controller_owner(&self) -> Option<&OwnerReference> {
        let owners = self.metadata.owner_references.as_ref()?;
        owners.iter().find(|owner| owner.controller == Some(true))
    }

    /// The clusters that were placed once and may still hold a copy; `None` where Navarch never
    /// wrote the list.
    #[must_use]
    pub fn withdrawing(&self) -> Option<BTreeSet<String>> {
        serde_json::from_str(self.annotation(navarch::WITHDRAWING)?).ok()
    }

    /// Every cluster in which a copy may exist: the placed ones, those that are being withdrawn
    /// from and, where KubeAdmiral wrote last, those of the status.
    #[must_use]
    pub fn copies(&self) -> BTreeSet<String> {
        let mut clusters: BTreeSet<String> = self
            .spec
            .placed_clusters()
            .into_iter()
            .map(str::to_owned)
            .collect();
        match self.withdrawing() {
            Some(withdrawing) => clusters.extend(withdrawing),
            None => clusters.extend(self.reported()),
        }
        clusters
    }

    fn reported(&self) -> impl Iterator<Item = String> + '_ {
        let reported = self.status.iter().flat_map(|status| &status.clusters);
        reported.map(|entry| entry.cluster.clone())
    }

    /// Whether no controller has work left before dispatch. An absent list is not an empty one.
    #[must_use]
    pub fn is_dispatchable(&self) -> bool {
        self.annotation(annotation::PENDING_CONTROLLERS)
            .and_then(crate::propagate::pending::parse)
            .is_some_and(|pending| pending.is_empty())
    }

    /// Reads an object of either kind.
    ///
    /// # Errors
    /// When it does not have the form of one.
    pub fn from_value(value: Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(value)
    }

    /// The object as it is sent.
    ///
    /// # Errors
    /// Never in practice: there is no map here with keys that are no text.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

impl From<FederatedObject> for Federated {
    fn from(object: FederatedObject) -> Self {
        Self {
            metadata: object.metadata,
            spec: object.spec,
            status: object.status,
        }
    }
}

impl From<ClusterFederatedObject> for Federated {
    fn from(object: ClusterFederatedObject) -> Self {
        Self {
            metadata: object.metadata,
            spec: object.spec,
            status: object.status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Federated {
        Federated::from_value(value).unwrap()
    }

    #[test]
    fn the_namespace_tells_the_kind() {
        let mut object = json!({"apiVersion": API_VERSION, "kind": "FederatedObject",
            "metadata": {"name": "a", "namespace": "n"}, "spec": {"template": {}}});
        assert_eq!(read(object.clone()).to_value().unwrap(), object);
        object["metadata"]["namespace"] = Value::Null;
        assert_eq!(read(object).kind(), "ClusterFederatedObject");
    }

    #[test]
    fn at_take_over_the_status_tells_where_copies_are() {
        let object = json!({"metadata": {"name": "a", "namespace": "n"},
            "spec": {"template": {}, "placements": [{"controller": "x", "placement": [{"cluster": "c1"}]}]},
            "status": {"clusters": [{"cluster": "c2", "status": "WaitingForRemoval"}]}});
        let mut federated = read(object);
        assert_eq!(
            federated.copies(),
            BTreeSet::from(["c1".into(), "c2".into()])
        );
        federated.metadata.annotations =
            Some([(navarch::WITHDRAWING.to_owned(), "[]".to_owned())].into());
        assert_eq!(federated.copies(), BTreeSet::from(["c1".into()]));
    }
}
