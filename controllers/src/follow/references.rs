//! What a workload names: by its pod template, and by its annotation.

use std::collections::BTreeSet;

use navarch_crds::keys::annotation;
use serde::Deserialize;
use serde_json::Value;

use super::pod::PodSpec;
use crate::pointer;

/// An object in the namespace of whoever refers to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Its group.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Reference {
    pub(super) fn new(group: &str, kind: &str, name: &str) -> Self {
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// Why it is not known what an object refers to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// The annotation.
    #[error(
        "annotation {key} cannot be read ({0}): write a list such as [{{\"kind\": \"Service\", \"name\": \"web\"}}]; until \
         then what followed goes on following",
        key = annotation::FOLLOWERS
    )]
    Annotation(String),
    /// The template.
    #[error(
        "the pods of this {kind} cannot be read at {path} ({message}): correct them; until then what followed goes on \
         following"
    )]
    Pods {
        /// Its kind.
        kind: String,
        /// Where they should be.
        path: String,
        /// What is wrong.
        message: String,
    },
}

/// Workloads that lead, and where they describe their pods (KubeAdmiral `pkg/util/pod`).
const LEADERS: [(&str, &str, &[&str]); 6] = [
    ("apps", "Deployment", &["spec", "template", "spec"]),
    ("apps", "StatefulSet", &["spec", "template", "spec"]),
    ("apps", "DaemonSet", &["spec", "template", "spec"]),
    ("batch", "Job", &["spec", "template", "spec"]),
    (
        "batch",
        "CronJob",
        &["spec", "jobTemplate", "spec", "template", "spec"],
    ),
    ("", "Pod", &["spec"]),
];

/// Whether objects of a kind lead others.
#[must_use]
pub fn is_leader(group: &str, kind: &str) -> bool {
    path(group, kind).is_some()
}

fn path(group: &str, kind: &str) -> Option<&'static [&'static str]> {
    let found = LEADERS
        .iter()
        .find(|(of, named, _)| *of == group && *named == kind);
    found.map(|(_, _, path)| *path)
}

/// Group and kind of an object.
pub(super) fn group_and_kind(object: &Value) -> (&str, &str) {
    let version = pointer::text(object, &["apiVersion"]);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    (group, pointer::text(object, &["kind"]))
}

/// Everything that a workload refers to; nothing for objects of other kinds.
///
/// # Errors
/// When the annotation or the pods cannot be read: then it is not known, which is something else than nothing.
pub fn references(
    template: &Value,
    annotation: Option<&str>,
) -> Result<BTreeSet<Reference>, FollowError> {
    let (group, kind) = group_and_kind(template);
    let Some(path) = path(group, kind) else {
        return Ok(BTreeSet::new());
    };
    let mut found = named(annotation)?;
    let wrong = |message: String| FollowError::Pods {
        kind: kind.to_owned(),
        path: path.join("."),
        message,
    };
    let pods = pointer::get(template, path).filter(|pods| pods.is_object());
    let pods = pods.ok_or_else(|| wrong("there are none".to_owned()))?;
    let pods = PodSpec::deserialize(pods).map_err(|error| wrong(error.to_string()))?;
    found.extend(pods.references());
    Ok(found)
}

/// One entry of the annotation. Its namespace is always the leader's.
#[derive(Deserialize)]
struct Entry {
    group: Option<String>,
    kind: Option<String>,
    name: Option<String>,
}

fn named(annotation: Option<&str>) -> Result<BTreeSet<Reference>, FollowError> {
    let Some(text) = annotation.filter(|text| !text.is_empty()) else {
        return Ok(BTreeSet::new());
    };
    let entries: Option<Vec<Entry>> =
        serde_json::from_str(text).map_err(|error| FollowError::Annotation(error.to_string()))?;
    let entries = entries.unwrap_or_default().into_iter();
    let references = entries.map(|entry| Reference {
        group: entry.group.unwrap_or_default(),
        kind: entry.kind.unwrap_or_default(),
        name: entry.name.unwrap_or_default(),
    });
    Ok(references
        .filter(|reference| !reference.kind.is_empty() && !reference.name.is_empty())
        .collect())
}
