//! The status that both policy families share: how many objects refer to the policy.

use crate::lenient::{is_zero, null_is_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many federated objects refer to a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceCountStatus {
    /// Federated objects whose effective policy this is.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_zero"
    )]
    #[schemars(range(min = 0))]
    pub ref_count: i64,
    /// The same by type. KubeAdmiral never writes it.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub typed_ref_count: Vec<TypedReferenceCount>,
}

/// A count for one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TypedReferenceCount {
    /// Group of the type.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub group: String,
    /// Plural name of the type.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub resource: String,
    /// How many.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default, range(min = 0))]
    pub count: i64,
}
