//! Whether an object that a member already has may be taken over, and whether copies stay when the
//! federated object goes: what annotations of the federated object say, their internal twins
//! first (KubeAdmiral `pkg/util/adoption`, `pkg/util/orphaning`). Pure.

use crate::pointer;
use navarch_crds::keys::{self, annotation, label};
use navarch_crds::names::ClusterName;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

type Texts = BTreeMap<String, String>;

/// What may be done with an object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// It is managed already.
    Ours,
    /// It is taken over; it gets the annotation `kubeadmiral.io/adopted`.
    Adopt,
    /// It is somebody else's; the status is `AlreadyExists`. Why it is not taken over.
    Refuse(String),
    /// It says that it must not be managed; the status is `ManagedLabelFalse`.
    Unmanaged,
}

#[derive(Deserialize)]
struct ClustersToAdopt {
    #[serde(default)]
    clusters: Option<Vec<String>>,
    #[serde(default)]
    regexp: Option<String>,
}

/// Decides about an object that exists in a cluster, by the annotations of the federated object.
#[must_use]
pub fn decide(annotations: &Texts, cluster: &ClusterName, existing: &Value) -> Adoption {
    match pointer::text(existing, &["metadata", "labels", label::MANAGED]) {
        keys::TRUE => return Adoption::Ours,
        keys::FALSE => return Adoption::Unmanaged,
        _ => {}
    }
    let resolution = twin(
        annotations,
        annotation::CONFLICT_RESOLUTION_INTERNAL,
        annotation::CONFLICT_RESOLUTION,
    );
    if resolution != "adopt" {
        return Adoption::Refuse(format!(
            "an object of this name is there that is not managed; to take it over, set annotation {}: adopt \
             and name the cluster in {}",
            annotation::CONFLICT_RESOLUTION,
            annotation::CLUSTERS_TO_ADOPT
        ));
    }
    let wanted = twin(
        annotations,
        annotation::CLUSTERS_TO_ADOPT_INTERNAL,
        annotation::CLUSTERS_TO_ADOPT,
    );
    match names(wanted, cluster) {
        Ok(true) => Adoption::Adopt,
        Ok(false) => Adoption::Refuse(format!(
            "annotation {} does not name cluster {cluster}",
            annotation::CLUSTERS_TO_ADOPT
        )),
        Err(problem) => Adoption::Refuse(format!(
            "annotation {} cannot be read: {problem}; write {{\"clusters\": […], \"regexp\": …}}",
            annotation::CLUSTERS_TO_ADOPT
        )),
    }
}

/// The internal annotation wins whenever it is there, also when it is empty.
fn twin<'a>(annotations: &'a Texts, internal: &str, own: &str) -> &'a str {
    let found = annotations.get(internal).or_else(|| annotations.get(own));
    found.map_or("", String::as_str)
}

fn names(wanted: &str, cluster: &ClusterName) -> Result<bool, String> {
    if wanted.is_empty() {
        return Ok(false);
    }
    let wanted: ClustersToAdopt =
        serde_json::from_str(wanted).map_err(|error| error.to_string())?;
    let listed = wanted
        .clusters
        .iter()
        .flatten()
        .any(|name| name == cluster.as_str());
    let pattern = wanted.regexp.filter(|pattern| !pattern.is_empty());
    let Some(pattern) = pattern else {
        return Ok(listed);
    };
    let pattern = Regex::new(&pattern).map_err(|error| error.to_string())?;
    Ok(listed || pattern.is_match(cluster.as_str()))
}

/// What becomes of copies when the federated object is deleted or a cluster is emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphaning {
    /// They are deleted.
    Delete,
    /// Those that were there before us stay.
    KeepAdopted,
    /// All stay.
    KeepAll,
}

/// Reads the orphan annotation.
#[must_use]
pub fn orphaning(annotations: &Texts) -> Orphaning {
    match twin(annotations, annotation::ORPHAN_INTERNAL, annotation::ORPHAN) {
        "all" => Orphaning::KeepAll,
        "adopted" => Orphaning::KeepAdopted,
        _ => Orphaning::Delete,
    }
}

impl Orphaning {
    /// Whether this copy stays.
    #[must_use]
    pub fn keeps(self, copy: &Value) -> bool {
        match self {
            Self::Delete => false,
            Self::KeepAll => true,
            Self::KeepAdopted => {
                pointer::text(copy, &["metadata", "annotations", annotation::ADOPTED]) == keys::TRUE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn decided(pairs: &[(&str, &str)], managed: Option<&str>) -> Adoption {
        let object = json!({"metadata": {"labels": {label::MANAGED: managed}}});
        decide(&texts(pairs), &ClusterName::new("eu-1").unwrap(), &object)
    }

    #[test]
    fn both_annotations_have_to_say_so() {
        let adopt = ("kubeadmiral.io/conflict-resolution", "adopt");
        let to = |text| ("kubeadmiral.io/clusters-to-adopt", text);
        for (name, annotations, adopts) in [
            ("nothing said", vec![], false),
            ("no cluster named", vec![adopt], false),
            ("named", vec![adopt, to(r#"{"clusters":["eu-1"]}"#)], true),
            (
                "another named",
                vec![adopt, to(r#"{"clusters":["us"]}"#)],
                false,
            ),
            (
                "pattern",
                vec![adopt, to(r#"{"clusters":["us"],"regexp":"u-"}"#)],
                true,
            ),
            (
                "bad pattern",
                vec![adopt, to(r#"{"clusters":["eu-1"],"regexp":"("}"#)],
                false,
            ),
            ("no JSON", vec![adopt, to("eu-1")], false),
            ("not asked for", vec![to(r#"{"regexp":".*"}"#)], false),
            (
                "internal wins",
                vec![
                    adopt,
                    to(r#"{"regexp":".*"}"#),
                    ("internal.kubeadmiral.io/clusters-to-adopt", ""),
                ],
                false,
            ),
            (
                "internal alone",
                vec![
                    ("internal.kubeadmiral.io/conflict-resolution", "adopt"),
                    to(r#"{"regexp":".*"}"#),
                ],
                true,
            ),
        ] {
            assert_eq!(
                decided(&annotations, None) == Adoption::Adopt,
                adopts,
                "{name}"
            );
        }
    }

    #[test]
    fn the_managed_label_decides_first() {
        assert_eq!(decided(&[], Some("true")), Adoption::Ours);
        assert_eq!(
            decided(
                &[("kubeadmiral.io/conflict-resolution", "adopt")],
                Some("false")
            ),
            Adoption::Unmanaged
        );
        assert!(matches!(decided(&[], Some("odd")), Adoption::Refuse(_)));
    }

    #[test]
    fn copies_stay_as_the_annotation_says() {
        let adopted = json!({"metadata": {"annotations": {"kubeadmiral.io/adopted": "true"}}});
        for (name, annotations, created, taken) in [
            ("nothing", vec![], false, false),
            ("all", vec![("kubeadmiral.io/orphan", "all")], true, true),
            (
                "adopted",
                vec![("kubeadmiral.io/orphan", "adopted")],
                false,
                true,
            ),
            (
                "internal",
                vec![
                    ("kubeadmiral.io/orphan", "all"),
                    ("internal.kubeadmiral.io/orphan", ""),
                ],
                false,
                false,
            ),
            ("odd", vec![("kubeadmiral.io/orphan", "true")], false, false),
        ] {
            let orphaning = orphaning(&texts(&annotations));
            assert_eq!(
                (orphaning.keeps(&json!({})), orphaning.keeps(&adopted)),
                (created, taken),
                "{name}"
            );
        }
    }
}
