//! `ServiceImport`: a service that other clusters export.

use super::GROUP;
use crate::lenient::{is_default, null_is_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    /// A service that other clusters export.
    ServiceImport {
        group: GROUP, plural: "serviceimports", singular: "serviceimport",
        short: ["svcim"], scope: NamespaceResourceScope, status: true,
        columns: [
            ("Type", "string", ".spec.type", "The type of this ServiceImport"),
            ("IP", "string", ".spec.ips", "The VIP for this ServiceImport"),
            ("Age", "date", ".metadata.creationTimestamp", "")
        ],
        parts: {
            required spec ("spec", in schema false): ServiceImportSpec,
            optional status ("status", in schema false): ServiceImportStatus,
        }
    }
}

/// How the imported service is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceImportSpec {
    /// Its ports.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default, extend("x-kubernetes-list-type" = "atomic"))]
    pub ports: Vec<ServicePort>,
    /// Its address, for the type `ClusterSetIP`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 1))]
    pub ips: Vec<String>,
    /// Whether it has an address.
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub import_type: ServiceImportType,
    /// `ClientIP` or `None`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub session_affinity: String,
    /// How long a client stays with one endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity_config: Option<SessionAffinityConfig>,
}

open_enum! {
    /// Whether an imported service has an address.
    ServiceImportType, schema closed {
        /// It has one.
        ClusterSetIp = "ClusterSetIP",
        /// It has none.
        Headless = "Headless",
    }
}

/// A port of an imported service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Its name.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("x-navarch-default" = "TCP"))]
    pub protocol: String,
    /// The protocol of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
    /// Its number.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub port: i32,
}

/// How long a client stays with one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionAffinityConfig {
    /// By the address of the client.
    #[serde(rename = "clientIP", default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<ClientIpConfig>,
}

/// Affinity by the address of the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientIpConfig {
    /// For so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i32>,
}

/// Where the service comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceImportStatus {
    /// The exporting clusters.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["cluster"]))]
    pub clusters: Vec<ClusterStatus>,
}

/// An exporting cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterStatus {
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub cluster: String,
}
