//! `ServiceExport`: the service of the same name can be used from other clusters.

use super::GROUP;
use crate::lenient::null_is_default;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    /// The service of the same name can be used from other clusters.
    ServiceExport {
        group: GROUP, plural: "serviceexports", singular: "serviceexport",
        short: ["svcex"], scope: NamespaceResourceScope, status: true,
        columns: [("Age", "date", ".metadata.creationTimestamp", "")],
        parts: { optional status ("status", in schema false): ServiceExportStatus }
    }
}

/// How the export went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceExportStatus {
    /// Aspects of its state.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A standard condition (`k8s.io/apimachinery/pkg/apis/meta/v1`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    #[schemars(
        !default,
        length(max = 316),
        extend("pattern" = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$")
    )]
    pub condition_type: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default, extend("enum" = ["True", "False", "Unknown"]))]
    pub status: String,
    /// The generation that it was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` last changed.
    #[serde(default)]
    #[schemars(!default, required)]
    pub last_transition_time: Option<Time>,
    /// One word that says why.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(
        !default,
        length(min = 1, max = 1024),
        extend("pattern" = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    )]
    pub reason: String,
    /// A sentence that says why.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default, length(max = 32768))]
    pub message: String,
}
