//! `OverridePolicy` and `ClusterOverridePolicy`: how copies differ from cluster to cluster. What
//! an override does to an object is in `overriders.rs`.

use super::{ClusterSelectorTerm, GROUP, Overriders, ReferenceCountStatus};
use crate::lenient::null_is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

kind! {
    /// How copies of the objects of a namespace that name this policy differ.
    OverridePolicy {
        group: GROUP, plural: "overridepolicies", singular: "overridepolicy",
        short: ["op"], scope: NamespaceResourceScope, status: true,
        columns: [],
        parts: {
            required spec ("spec", in schema true): GenericOverridePolicySpec,
            optional status ("status", in schema false): ReferenceCountStatus,
        }
    }
}

kind! {
    /// How copies of the objects of any namespace, or of none, that name this policy differ.
    ClusterOverridePolicy {
        group: GROUP, plural: "clusteroverridepolicies", singular: "clusteroverridepolicy",
        short: ["cop"], scope: ClusterResourceScope, status: true,
        columns: [],
        parts: {
            required spec ("spec", in schema true): GenericOverridePolicySpec,
            optional status ("status", in schema false): ReferenceCountStatus,
        }
    }
}

/// Rules that are applied in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenericOverridePolicySpec {
    /// The rules.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub override_rules: Vec<OverrideRule>,
}

/// What is changed, and where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverrideRule {
    /// In which clusters; in all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_clusters: Option<TargetClusters>,
    /// What is changed; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overriders: Option<Overriders>,
}

/// Clusters that all given parts select.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetClusters {
    /// By name; empty selects all.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub clusters: Vec<String>,
    /// By labels; empty selects all.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub cluster_selector: BTreeMap<String, String>,
    /// By terms, which are ORed; empty selects all.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub cluster_affinity: Vec<ClusterSelectorTerm>,
}
