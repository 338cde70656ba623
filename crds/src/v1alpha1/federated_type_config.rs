//! `FederatedTypeConfig`: which types are federated, and how.

use super::GROUP;
use crate::lenient::{is_default, null_is_default, null_is_true, yes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    /// A type that is federated. Its name is a part of the name of every federated object.
    FederatedTypeConfig {
        group: GROUP, plural: "federatedtypeconfigs", singular: "federatedtypeconfig",
        short: ["ftc"], scope: ClusterResourceScope, status: true,
        columns: [],
        parts: { required spec ("spec", in schema true): FederatedTypeConfigSpec }
    }
}

/// How a type is federated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedTypeConfigSpec {
    /// The type.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub source_type: ApiResource,
    /// Whether the status of the members is merged into the source object; on when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-navarch-default" = {"enabled": true}))]
    pub status_aggregation: Option<StatusAggregationConfig>,
    /// Which fields are collected from the members; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_collection: Option<StatusCollectionConfig>,
    /// Whether unschedulable replicas may move; off when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_migration: Option<AutoMigrationConfig>,
    /// Controllers that must run before an object is propagated: steps in order, the controllers
    /// of a step in any order.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub controllers: Vec<Vec<String>>,
    /// Where things are in an object of the type.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub path_definition: PathDefinition,
}

impl FederatedTypeConfigSpec {
    /// The status of the members is merged into the source object.
    #[must_use]
    pub fn aggregates_status(&self) -> bool {
        self.status_aggregation
            .as_ref()
            .is_none_or(|aggregation| aggregation.enabled)
    }

    /// Fields are collected from the members.
    #[must_use]
    pub fn collects_status(&self) -> bool {
        self.status_collection
            .as_ref()
            .is_some_and(|collection| collection.enabled)
    }

    /// Unschedulable replicas may move.
    #[must_use]
    pub fn migrates(&self) -> bool {
        self.auto_migration
            .as_ref()
            .is_some_and(|migration| migration.enabled)
    }
}

impl FederatedTypeConfig {
    /// This is the type config of namespaces: KubeAdmiral goes by its name, not by its type.
    #[must_use]
    pub fn is_namespace(&self) -> bool {
        self.metadata.name.as_deref() == Some("namespaces")
    }
}

/// Dot paths into objects of a type; empty means that there is no such thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathDefinition {
    /// A label selector that selects the replicas, for example `spec.selector`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub label_selector: String,
    /// The number of replicas to divide; without it the type cannot be divided.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub replicas_spec: String,
    /// The number of replicas that there are.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub replicas_status: String,
    /// The number of available replicas.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub available_replicas_status: String,
    /// The number of ready replicas.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub ready_replicas_status: String,
}

/// Which fields are collected from the members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusCollectionConfig {
    /// Whether anything is collected.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub enabled: bool,
    /// Dot paths of the fields.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub fields: Vec<String>,
}

/// Whether the status of the members is merged into the source object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusAggregationConfig {
    /// Whether it is.
    #[serde(default = "yes", deserialize_with = "null_is_true")]
    #[schemars(!default, extend("x-navarch-default" = true))]
    pub enabled: bool,
}

/// Whether unschedulable replicas may move to other clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AutoMigrationConfig {
    /// Whether they may.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub enabled: bool,
}

/// A type that an API server serves.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct ApiResource {
    /// Its group, empty for the core group.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub group: String,
    /// Its version.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub version: String,
    /// Its kind.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub kind: String,
    /// Its plural name in lower case.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub plural_name: String,
    /// `Namespaced`; anything else counts as cluster-scoped.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub scope: String,
}

impl ApiResource {
    /// `group/version`, or the version alone in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Objects of the type live in namespaces.
    #[must_use]
    pub fn is_namespaced(&self) -> bool {
        self.scope == "Namespaced"
    }
}
