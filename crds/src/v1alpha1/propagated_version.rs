//! `PropagatedVersion` and `ClusterPropagatedVersion`: what KubeAdmiral last wrote to members.
//! Navarch reads them at take-over and never writes them.

use super::GROUP;
use crate::lenient::null_is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    /// Versions of the member objects of one `FederatedObject`, with the same name.
    PropagatedVersion {
        group: GROUP, plural: "propagatedversions", singular: "propagatedversion",
        short: [], scope: NamespaceResourceScope, status: true,
        columns: [],
        parts: { optional status ("status", in schema false): PropagatedVersionStatus }
    }
}

kind! {
    /// Versions of the member objects of one `ClusterFederatedObject`, with the same name.
    ClusterPropagatedVersion {
        group: GROUP, plural: "clusterpropagatedversions", singular: "clusterpropagatedversion",
        short: [], scope: ClusterResourceScope, status: true,
        columns: [],
        parts: { optional status ("status", in schema false): PropagatedVersionStatus }
    }
}

/// The versions that were last written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropagatedVersionStatus {
    /// MD5 of the template as Go encodes it.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub template_version: String,
    /// MD5 of all overrides as Go encodes them.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub overrides_version: String,
    /// The versions of the member objects.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub cluster_versions: Vec<ClusterObjectVersion>,
}

/// The version of the object in one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterObjectVersion {
    /// Name of the member cluster.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub cluster_name: String,
    /// `gen:<generation>`, or `rv:<resourceVersion>` for kinds without generation.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub version: String,
}
