//! One type for both kinds of federated objects, so that nothing behind it has to ask which one it
//! is: an object without a namespace is a `ClusterFederatedObject`. Conversions and questions only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use navarch_crds::keys::{annotation, finalizer, navarch};
use navarch_crds::v1alpha1::{
    API_VERSION, ClusterFederatedObject, FederatedObject, FederatedTypeConfigSpec,
    GenericFederatedObjectSpec, GenericFederatedObjectStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::copies::applied::DesiredHash;
use crate::pending;
use crate::pointer;

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
            .and_then(pending::parse)
            .is_some_and(|pending| pending.is_empty())
    }

    /// Whether it was decided about as it stands. What users write themselves is seen by dispatch before the pass over
    /// it: neither its placements nor its overrides need fit its template, nor need our finalizer be on it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let noted = self.annotation(navarch::TEMPLATE_SEEN);
        let finalizers = self.metadata.finalizers.iter().flatten();
        !self.is_direct()
            || noted == Some(self.template_note().as_str())
                && finalizers.into_iter().any(|name| name == finalizer::SYNC)
    }

    /// The note that the template was decided about.
    #[must_use]
    pub fn template_note(&self) -> String {
        DesiredHash::of(&self.spec.template).to_string()
    }

    /// Whether a user or another program wrote it, and not federation on behalf of a source or of another federated object.
    /// A source's owns it as its controller and is what the template describes.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        let owner = self.controller_owner();
        owner.is_none_or(|owner| {
            is_foreign(
                [&owner.api_version, &owner.kind, &owner.name],
                &self.spec.template,
            )
        })
    }

    /// Why nothing may be made of it: it reaches for something outside of its namespace. Who may write federated objects in
    /// a namespace has no say about other namespaces, nor about objects of whole clusters.
    #[must_use]
    pub fn misfit(&self, type_config: &FederatedTypeConfigSpec) -> Option<String> {
        let source = &type_config.source_type;
        let described = pointer::text(&self.spec.template, &["metadata", "namespace"]);
        let (kind, own) = (self.kind(), self.namespace());
        if pointer::text(&self.spec.template, &["metadata", "name"]).is_empty() {
            Some("the template has no metadata.name: write it".to_owned())
        } else if source.is_namespaced() == own.is_empty() {
            let other = if own.is_empty() {
                "FederatedObject in the namespace of the copies"
            } else {
                "ClusterFederatedObject"
            };
            Some(format!(
                "a {kind} cannot hold a {}: write a {other}",
                source.kind
            ))
        } else if !described.is_empty() && described != own {
            Some(format!(
                "the template is of namespace {described:?}, the {kind} of {own:?}: write it in the same namespace"
            ))
        } else {
            None
        }
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

/// [`Federated::is_direct`] of an object that was not read.
#[must_use]
pub fn is_direct(federated: &Value) -> bool {
    let owners = pointer::list(federated, &["metadata", "ownerReferences"]);
    let controller =
        |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
    let template = federated.pointer("/spec/template").unwrap_or(&Value::Null);
    owners.iter().find(controller).is_none_or(|owner| {
        let owner = ["apiVersion", "kind", "name"].map(|field| pointer::text(owner, &[field]));
        is_foreign(owner, template)
    })
}

/// Whether an owner (version of its API, kind, name) is neither what a template describes nor of our API.
fn is_foreign([api_version, kind, name]: [&str; 3], template: &Value) -> bool {
    let group = |api_version: &str| match api_version.split_once('/') {
        Some((group, _)) => group.to_owned(),
        None => String::new(),
    };
    let source = kind == pointer::text(template, &["kind"])
        && name == pointer::text(template, &["metadata", "name"]);
    !source && group(api_version) != group(API_VERSION)
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

    fn made(kind: &str, metadata: &Value, template: &Value) -> Federated {
        read(json!({"kind": kind, "metadata": metadata, "spec": {"template": template}}))
    }

    #[test]
    fn what_a_user_wrote_is_told_from_what_a_source_made() {
        let template =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
        let owned = |api_version: &str, kind: &str, name: &str, controller: bool| {
            json!({"name": "web-deployments.apps", "namespace": "n", "ownerReferences": [
                {"apiVersion": api_version, "kind": kind, "name": name, "uid": "u", "controller": controller}]})
        };
        for (name, metadata, direct) in [
            ("nobody's", json!({"name": "a", "namespace": "n"}), true),
            (
                "a source's",
                owned("apps/v1", "Deployment", "web", true),
                false,
            ),
            (
                "a source's of another version",
                owned("apps/v2", "Deployment", "web", true),
                false,
            ),
            (
                "an operator's",
                owned("example.com/v1", "App", "web", true),
                true,
            ),
            (
                "of no controller",
                owned("apps/v1", "Deployment", "web", false),
                true,
            ),
            (
                "derived",
                owned("core.kubeadmiral.io/v1alpha1", "FederatedObject", "x", true),
                false,
            ),
        ] {
            let federated = made("FederatedObject", &metadata, &template);
            assert_eq!(federated.is_direct(), direct, "{name}");
            assert_eq!(is_direct(&federated.to_value().unwrap()), direct, "{name}");
        }
    }

    #[test]
    fn a_namespace_has_no_say_about_others() {
        let type_config = |scope: &str| -> FederatedTypeConfigSpec {
            serde_json::from_value(json!({"sourceType": {"version": "v1", "kind": "Thing",
                "pluralName": "things", "scope": scope}}))
            .unwrap()
        };
        let own = json!({"name": "a", "namespace": "n"});
        let template =
            |metadata: Value| json!({"apiVersion": "v1", "kind": "Thing", "metadata": metadata});
        for (name, metadata, described, scope, misfits) in [
            (
                "own namespace",
                own.clone(),
                json!({"name": "a", "namespace": "n"}),
                "Namespaced",
                false,
            ),
            (
                "none named",
                own.clone(),
                json!({"name": "a"}),
                "Namespaced",
                false,
            ),
            (
                "another namespace",
                own.clone(),
                json!({"name": "a", "namespace": "m"}),
                "Namespaced",
                true,
            ),
            (
                "of the cluster",
                own.clone(),
                json!({"name": "a"}),
                "Cluster",
                true,
            ),
            ("no name", own, json!({}), "Namespaced", true),
            (
                "cluster kind",
                json!({"name": "a"}),
                json!({"name": "a"}),
                "Cluster",
                false,
            ),
            (
                "namespaced from the cluster",
                json!({"name": "a"}),
                json!({"name": "a", "namespace": "n"}),
                "Namespaced",
                true,
            ),
        ] {
            let federated = made("x", &metadata, &template(described));
            assert_eq!(
                federated.misfit(&type_config(scope)).is_some(),
                misfits,
                "{name}"
            );
        }
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
