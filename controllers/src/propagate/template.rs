//! The template: the source without what belongs to the host, its labels and annotations sorted by
//! who they are for. Text and rules are those of KubeAdmiral (`pkg/controllers/federate/util.go`),
//! because its own readers and a take-over compare them. Pure.

use super::merge_patch;
use crate::federated::Federated;
use crate::pointer;
use navarch_crds::go;
use navarch_crds::keys::{annotation, label};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is made of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The object that copies are made from.
    pub object: Value,
    /// Labels of the federated object: the policy labels and the one that names the type.
    pub labels: BTreeMap<String, String>,
    /// Annotations that moved to the federated object.
    pub annotations: BTreeMap<String, String>,
    /// The three bookkeeping annotations of the federated object.
    pub bookkeeping: BTreeMap<String, String>,
}

impl Template {
    /// The scheduler has been told to keep off. As with KubeAdmiral any text does so, `false` as well.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        self.annotations
            .get(annotation::NO_SCHEDULING)
            .is_some_and(|text| !text.is_empty())
    }

    /// The annotations of the federated object as they will be: those that stay there, and those that moved. What the
    /// source says now is what counts for these, also that it says nothing.
    #[must_use]
    pub fn annotations_over(&self, last: Option<&Federated>) -> BTreeMap<String, String> {
        let mut annotations = last.map(Federated::annotations).unwrap_or_default();
        annotations.retain(|key, _| !is_federated_annotation(key));
        annotations.extend(self.annotations.clone());
        annotations
    }
}

/// Fields of `metadata` that belong to the host. `generation` stays on purpose: copies say which
/// one they were made from.
const HOST_FIELDS: [&str; 8] = [
    "selfLink",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "ownerReferences",
    "finalizers",
    "managedFields",
];

/// Annotations that controllers feed back to the source and that go nowhere.
const IGNORED: [&str; 3] = [
    annotation::LATEST_REPLICASET_DIGESTS,
    annotation::APPLIED_MIGRATION_CONFIGURATION,
    annotation::SCHEDULING,
];

/// Whether an annotation moves to the federated object.
#[must_use]
pub fn is_federated_annotation(key: &str) -> bool {
    annotation::FEDERATED.contains(&key)
}

/// Whether a label moves to the federated object.
#[must_use]
pub fn is_federated_label(key: &str) -> bool {
    label::FEDERATED.contains(&key)
}

/// Makes the template of a source.
#[must_use]
pub fn template(source: &Value) -> Template {
    let labels = pointer::texts(source, "labels");
    let annotations = pointer::texts(source, "annotations");
    let (moved_labels, kept_labels) = part(&labels, is_federated_label);
    let (moved_annotations, mut kept_annotations) = part(&annotations, is_federated_annotation);
    kept_annotations.retain(|key, _| !IGNORED.contains(&key.as_str()));

    let mut object = source.clone();
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
    }
    let metadata = pointer::map_mut(&mut object, &["metadata"]);
    for field in HOST_FIELDS {
        metadata.remove(field);
    }
    // Always there, also when empty: every template that KubeAdmiral stored has both.
    metadata.insert("labels".into(), pointer::texts_value(&kept_labels));
    metadata.insert(
        "annotations".into(),
        pointer::texts_value(&kept_annotations),
    );

    let patch = merge_patch::create(source, &object);
    let bookkeeping = BTreeMap::from([
        (
            annotation::OBSERVED_ANNOTATIONS.to_owned(),
            observed(&annotations, is_federated_annotation),
        ),
        (
            annotation::OBSERVED_LABELS.to_owned(),
            observed(&labels, is_federated_label),
        ),
        (
            annotation::TEMPLATE_GENERATOR_MERGE_PATCH.to_owned(),
            // A value without odd keys cannot fail to be written.
            go::json::to_string(&patch).unwrap_or_default(),
        ),
    ]);
    let mut own_labels = moved_labels;
    own_labels.insert(
        pointer::text(source, &["apiVersion"]).to_owned(),
        pointer::text(source, &["kind"]).to_owned(),
    );
    Template {
        object,
        labels: own_labels,
        annotations: moved_annotations,
        bookkeeping,
    }
}

/// The template that a federated object without a source brings along, with the policies and wishes on it.
#[must_use]
pub fn given(federated: &Federated) -> Template {
    let labels = federated.metadata.labels.clone().unwrap_or_default();
    Template {
        object: federated.spec.template.clone(),
        labels: part(&labels, is_federated_label).0,
        annotations: part(&federated.annotations(), is_federated_annotation).0,
        bookkeeping: BTreeMap::new(),
    }
}

type Texts = BTreeMap<String, String>;

fn part(all: &Texts, moves: fn(&str) -> bool) -> (Texts, Texts) {
    all.clone().into_iter().partition(|(key, _)| moves(key))
}

/// `a,b|c,d`: the keys that moved, then all others; nothing when there are none at all.
fn observed(all: &Texts, moves: fn(&str) -> bool) -> String {
    if all.is_empty() {
        return String::new();
    }
    let (moved, kept): (Vec<&str>, Vec<&str>) =
        all.keys().map(String::as_str).partition(|key| moves(key));
    format!("{}|{}", moved.join(","), kept.join(","))
}

/// The metadata of a value as a map; empty when there is none.
#[must_use]
pub fn metadata(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata")?.as_object()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bare_object_has_the_patch_of_kubeadmiral() {
        let source = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1", "creationTimestamp": null,
            "finalizers": ["f"], "managedFields": []}, "data": {"x": "<&>"}});
        let made = template(&source);
        assert_eq!(
            made.bookkeeping[annotation::TEMPLATE_GENERATOR_MERGE_PATCH],
            r#"{"metadata":{"annotations":{},"creationTimestamp":null,"finalizers":null,"labels":{},"managedFields":null,"resourceVersion":null,"uid":null}}"#
        );
        assert_eq!(made.bookkeeping[annotation::OBSERVED_LABELS], "");
        assert_eq!(
            made.object["metadata"],
            json!({"name": "a", "namespace": "n", "labels": {}, "annotations": {}})
        );
        assert_eq!(
            made.labels,
            BTreeMap::from([("v1".into(), "ConfigMap".into())])
        );
    }

    #[test]
    fn any_text_keeps_the_scheduler_off() {
        for (text, kept_off) in [
            (None, false),
            (Some(""), false),
            (Some("true"), true),
            (Some("false"), true),
        ] {
            let annotations = json!({ "kubeadmiral.io/no-scheduling": text });
            let source = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a",
                "annotations": annotations}});
            assert_eq!(template(&source).is_left_alone(), kept_off, "{text:?}");
        }
    }

    #[test]
    fn annotations_are_sorted_by_who_they_are_for() {
        let source = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a",
            "generation": 3,
            "labels": {"apps/v1": "Deployment", "kubeadmiral.io/propagation-policy-name": "p"},
            "annotations": {"kubeadmiral.io/orphan": "all", "kubeadmiral.io/scheduling": "{}", "mine": "1"}},
            "status": {"replicas": 1}});
        let made = template(&source);
        assert_eq!(
            made.annotations,
            BTreeMap::from([("kubeadmiral.io/orphan".into(), "all".into())])
        );
        assert_eq!(made.object["metadata"]["annotations"], json!({"mine": "1"}));
        assert_eq!(
            made.bookkeeping[annotation::OBSERVED_ANNOTATIONS],
            "kubeadmiral.io/orphan|kubeadmiral.io/scheduling,mine"
        );
        // A label that looks like the one that names the type is not counted as moved.
        assert_eq!(
            made.bookkeeping[annotation::OBSERVED_LABELS],
            "kubeadmiral.io/propagation-policy-name|apps/v1"
        );
        assert_eq!(made.object["metadata"]["generation"], 3);
        assert!(made.object.get("status").is_none());
    }
}
