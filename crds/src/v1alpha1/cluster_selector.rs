//! Terms that select clusters by labels and fields, shared by policies. Evaluation: `select.rs`.

use crate::lenient::null_is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

open_enum! {
    /// How a requirement relates a key and its values.
    ClusterSelectorOperator, schema closed {
        /// The value is one of those listed.
        In = "In",
        /// The value is none of those listed, or the key is absent.
        NotIn = "NotIn",
        /// The key is present.
        Exists = "Exists",
        /// The key is absent.
        DoesNotExist = "DoesNotExist",
        /// The value is an integer greater than the one listed.
        Gt = "Gt",
        /// The value is an integer less than the one listed.
        Lt = "Lt",
    }
}

/// One term; terms of a list are ORed, both parts of a term must match, and a term without parts
/// matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSelectorTerm {
    /// Requirements on the labels of the cluster.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub match_expressions: Vec<ClusterSelectorRequirement>,
    /// Requirements on the fields of the cluster; only `metadata.name` has content.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub match_fields: Vec<ClusterSelectorRequirement>,
}

/// One requirement of a term.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterSelectorRequirement {
    /// The label key, or the field path.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub key: String,
    /// How key and values are related.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub operator: ClusterSelectorOperator,
    /// The values. The list must be there even for `Exists`, where it is empty.
    // `None` is an absent list or `null`: Go writes `null` for it and `[]` for an empty one, so
    // the two hash differently.
    #[serde(default)]
    #[schemars(!default, required)]
    pub values: Option<Vec<String>>,
}

impl ClusterSelectorRequirement {
    /// The values, none when the list is absent.
    #[must_use]
    pub fn values(&self) -> &[String] {
        self.values.as_deref().unwrap_or_default()
    }
}
