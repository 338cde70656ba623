//! What the overriders of a rule make of an object: JSON patches, in KubeAdmiral's form
//! (`pkg/controllers/override`), so that a take-over writes nothing. One file a kind of overrider;
//! a new one is a file and an entry here. Pure.

mod containers;
mod entrypoint;
mod envs;
mod image;
mod image_name;
mod json_patch;
mod string_map;

use navarch_crds::v1alpha1::{
    EntrypointOverrider, EnvOverrider, ImageOverrider, JsonPatchOverrider, OverridePatch,
    Overriders, StringMapOverrider,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// One list of a rule.
#[derive(Clone, Copy, Debug)]
pub enum Overrider<'a> {
    /// Images.
    Image(&'a [ImageOverrider]),
    /// Commands.
    Command(&'a [EntrypointOverrider]),
    /// Arguments.
    Args(&'a [EntrypointOverrider]),
    /// Environment variables.
    Envs(&'a [EnvOverrider]),
    /// Annotations.
    Annotations(&'a [StringMapOverrider]),
    /// Labels.
    Labels(&'a [StringMapOverrider]),
    /// Anything.
    JsonPatch(&'a [JsonPatchOverrider]),
}

/// An overrider cannot be computed for an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// A kind without containers.
    #[error(
        "{api_version} {kind} is not known to hold containers; give the object a policy of its own, \
         or use imagePath or jsonpatch"
    )]
    NoContainers {
        /// Its group and version.
        api_version: String,
        /// Its kind.
        kind: String,
    },
    /// A workload without a pod spec.
    #[error("the object has no pod spec at {path}; correct the object")]
    NoPodSpec {
        /// Where it should be.
        path: String,
    },
    /// A list of containers or of variables in a form that is none.
    #[error("{path} cannot be read: {problem}; correct the object")]
    Malformed {
        /// Where.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// An operator that does not exist.
    #[error("operator {0:?} is not known")]
    Operator(String),
    /// An operator without what it needs.
    #[error("{operator} needs a value")]
    NoValue {
        /// The operator.
        operator: &'static str,
    },
    /// Something is there already.
    #[error("addIfAbsent: {what} is there already; use overwrite to replace it")]
    Present {
        /// What.
        what: String,
    },
    /// Not the name of an image.
    #[error("{image:?} is not the name of an image: {problem}")]
    Image {
        /// The text.
        image: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A part of an image that does not exist.
    #[error("imageComponent {0:?} is not known; use Registry, Repository, Tag or Digest")]
    ImageComponent(String),
    /// Not a tag or digest.
    #[error("{value:?} is no {what} of an image")]
    ImagePart {
        /// What it should be.
        what: &'static str,
        /// The text.
        value: String,
    },
    /// An image path that leads nowhere.
    #[error("imagePath {path:?}: {problem}")]
    ImagePath {
        /// The path.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl<'a> Overrider<'a> {
    /// The lists of a rule in the order in which they apply.
    #[must_use]
    pub fn of_rule(rule: &'a Overriders) -> [Self; 7] {
        let Overriders {
            image,
            command,
            args,
            annotations,
            labels,
            envs,
            jsonpatch,
        } = rule;
        [
            Self::Image(image),
            Self::Command(command),
            Self::Args(args),
            Self::Envs(envs),
            Self::Annotations(annotations),
            Self::Labels(labels),
            Self::JsonPatch(jsonpatch),
        ]
    }

    /// Its name in a policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Command(_) => "command",
            Self::Args(_) => "args",
            Self::Envs(_) => "envs",
            Self::Annotations(_) => "annotations",
            Self::Labels(_) => "labels",
            Self::JsonPatch(_) => "jsonpatch",
        }
    }

    /// The patches for an object as the earlier rules left it.
    ///
    /// # Errors
    /// When it cannot be computed for this object.
    pub fn patches(self, object: &Value) -> Result<Vec<OverridePatch>, OverrideError> {
        match self {
            Self::Image(list) => image::patches(object, list),
            Self::Command(list) => entrypoint::patches(object, list, "command"),
            Self::Args(list) => entrypoint::patches(object, list, "args"),
            Self::Envs(list) => envs::patches(object, list),
            Self::Annotations(list) => string_map::patches(object, list, "annotations"),
            Self::Labels(list) => string_map::patches(object, list, "labels"),
            Self::JsonPatch(list) => Ok(json_patch::patches(list)),
        }
    }
}

/// Whole values, one a path, sorted by path as text: `…/10/…` stands before `…/2/…`.
fn replacements(values: BTreeMap<String, Value>) -> Vec<OverridePatch> {
    values
        .into_iter()
        .map(|(path, value)| OverridePatch {
            op: "replace".to_owned(),
            path,
            value,
        })
        .collect()
}
