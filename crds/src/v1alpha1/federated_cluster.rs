//! `FederatedCluster`: a member, how it is reached and what is known of it.

use super::kubernetes::quantities;
use super::{ApiResource, GROUP, Taint};
use crate::lenient::{is_default, null_is_default};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Not;

kind! {
    /// A member cluster.
    FederatedCluster {
        group: GROUP, plural: "federatedclusters", singular: "federatedcluster",
        short: ["fcluster"], scope: ClusterResourceScope, status: true,
        columns: [
            ("ready", "string", ".status.conditions[?(@.type=='Ready')].status", ""),
            ("joined", "string", ".status.conditions[?(@.type=='Joined')].status", ""),
            ("age", "date", ".metadata.creationTimestamp", "")
        ],
        parts: {
            required spec ("spec", in schema false): FederatedClusterSpec,
            optional status ("status", in schema false): FederatedClusterStatus,
        }
    }
}

/// How a member cluster is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedClusterSpec {
    /// Address of the API server: host, host:port, IP or IP:port, or a URL.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub api_endpoint: String,
    /// Skip the verification of the server's certificate.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Not::not"
    )]
    pub insecure: bool,
    /// Make a service account in the member on joining, and use its token afterwards.
    #[serde(default, deserialize_with = "null_is_default")]
    pub use_service_account: bool,
    /// The secret with the credentials, in the system namespace of the host.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub secret_ref: LocalSecretReference,
    /// Taints that keep objects away that do not tolerate them.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub taints: Vec<Taint>,
}

/// A secret in the system namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalSecretReference {
    /// Name of the secret.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub name: String,
}

/// What is known of a member cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedClusterStatus {
    /// `Joined`, `Ready` and `Offline`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<ClusterCondition>,
    /// Capacity, summed over the nodes.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub resources: Resources,
    /// The types that the member serves.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub api_resource_types: Vec<ApiResource>,
    /// Joining left something in the member that leaving must clean up.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Not::not"
    )]
    pub join_performed: bool,
}

impl FederatedClusterStatus {
    /// The condition of this type.
    #[must_use]
    pub fn condition(&self, condition_type: &str) -> Option<&ClusterCondition> {
        self.conditions
            .iter()
            .find(|condition| condition.condition_type == condition_type)
    }

    /// The condition of this type is `True`.
    #[must_use]
    pub fn is_true(&self, condition_type: &str) -> bool {
        self.condition(condition_type)
            .is_some_and(|condition| condition.status == "True")
    }
}

impl FederatedCluster {
    /// The member has joined.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.status
            .as_ref()
            .is_some_and(|status| status.is_true("Joined"))
    }

    /// The member is ready for work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status
            .as_ref()
            .is_some_and(|status| status.is_true("Ready"))
    }
}

/// One aspect of the state of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCondition {
    /// `Joined`, `Ready` or `Offline`.
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub condition_type: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub status: String,
    /// When it was last looked at.
    #[serde(default)]
    #[schemars(!default, required)]
    pub last_probe_time: Option<Time>,
    /// When `status` last changed.
    #[serde(default)]
    #[schemars(!default, required)]
    pub last_transition_time: Option<Time>,
    /// One word that says why.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub reason: String,
    /// A sentence that says why.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub message: String,
}

/// Capacity of a member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Nodes that are ready and take pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedulable_nodes: Option<i64>,
    /// What those nodes offer.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(schema_with = "quantities")]
    pub allocatable: BTreeMap<String, Quantity>,
    /// What is left of it.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(schema_with = "quantities")]
    pub available: BTreeMap<String, Quantity>,
}
