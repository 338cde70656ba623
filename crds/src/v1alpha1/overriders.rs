//! What an override rule changes in an object: one list a kind of change, applied in the order
//! image, command, args, envs, annotations, labels, JSON patch.

use super::EnvVar;
use crate::lenient::null_is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a rule changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overriders {
    /// Container images.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub image: Vec<ImageOverrider>,
    /// Container commands.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub command: Vec<EntrypointOverrider>,
    /// Container arguments.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub args: Vec<EntrypointOverrider>,
    /// Annotations of the object.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub annotations: Vec<StringMapOverrider>,
    /// Labels of the object.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub labels: Vec<StringMapOverrider>,
    /// Environment variables of containers.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub envs: Vec<EnvOverrider>,
    /// Anything, by JSON patch.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub jsonpatch: Vec<JsonPatchOverrider>,
}

open_enum! {
    /// What is done to a map, a list of variables or a part of an image; empty means `overwrite`.
    MapOperator, schema closed {
        /// Add what must not be there yet.
        AddIfAbsent = "addIfAbsent",
        /// Replace what is there.
        Overwrite = "overwrite",
        /// Remove what is there.
        Delete = "delete",
    }
}

open_enum! {
    /// What is done to a command or to arguments; empty means `overwrite`.
    EntrypointOperator, schema closed {
        /// Add at the end.
        Append = "append",
        /// Replace the whole.
        Overwrite = "overwrite",
        /// Remove what is equal.
        Delete = "delete",
    }
}

open_enum! {
    /// A part of the name of an image.
    ImageComponent, schema closed {
        /// The registry, with its port.
        Registry = "Registry",
        /// The path below the registry.
        Repository = "Repository",
        /// The tag.
        Tag = "Tag",
        /// The digest.
        Digest = "Digest",
    }
}

/// A change of environment variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvOverrider {
    /// The container or init container.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub container_name: String,
    /// What is done.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "MapOperator::is_empty"
    )]
    pub operator: MapOperator,
    /// The variables.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub value: Vec<EnvVar>,
}

/// A change of a command or of arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntrypointOverrider {
    /// The container or init container.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub container_name: String,
    /// What is done.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "EntrypointOperator::is_empty"
    )]
    pub operator: EntrypointOperator,
    /// The words.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub value: Vec<String>,
}

/// A change of labels or annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StringMapOverrider {
    /// What is done.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "MapOperator::is_empty"
    )]
    pub operator: MapOperator,
    /// Keys and values.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub value: BTreeMap<String, String>,
}

/// A change of images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageOverrider {
    /// The containers or init containers; all when empty. Not looked at when `imagePath` is set.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub container_names: Vec<String>,
    /// Where the image is, for kinds that are not known to hold pods.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub image_path: String,
    /// What is done to the image, in order.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub operations: Vec<ImageOperation>,
}

/// A change of one part of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageOperation {
    /// The part.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub image_component: ImageComponent,
    /// What is done.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "MapOperator::is_empty"
    )]
    pub operator: MapOperator,
    /// The new value.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub value: String,
}

/// A change by JSON patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JsonPatchOverrider {
    /// The operation of RFC 6902; empty means `replace`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub operator: String,
    /// The JSON pointer (RFC 6901) of what is changed.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub path: String,
    /// The new value. Always written: Go does not leave a struct out.
    #[serde(default)]
    #[schemars(schema_with = "super::kubernetes::any")]
    pub value: Value,
}
