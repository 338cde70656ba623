//! `PropagationPolicy` and `ClusterPropagationPolicy`: where objects go. The text of a spec is
//! hashed (`policyContentHash`), so the order of fields and what is left out are Go's.

use super::{ClusterSelectorTerm, GROUP, ReferenceCountStatus, Toleration};
use crate::lenient::{is_zero, null_is_default, null_is_true, yes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Not;

kind! {
    /// Where the objects of a namespace that name this policy go.
    PropagationPolicy {
        group: GROUP, plural: "propagationpolicies", singular: "propagationpolicy",
        short: ["pp"], scope: NamespaceResourceScope, status: true,
        columns: [],
        parts: {
            required spec ("spec", in schema true): PropagationPolicySpec,
            optional status ("status", in schema false): ReferenceCountStatus,
        }
    }
}

kind! {
    /// Where the objects of any namespace, or of none, that name this policy go.
    ClusterPropagationPolicy {
        group: GROUP, plural: "clusterpropagationpolicies", singular: "clusterpropagationpolicy",
        short: ["cpp"], scope: ClusterResourceScope, status: true,
        columns: [],
        parts: {
            required spec ("spec", in schema true): PropagationPolicySpec,
            optional status ("status", in schema false): ReferenceCountStatus,
        }
    }
}

/// Where objects go, and how they are divided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropagationPolicySpec {
    /// Name of the scheduling profile; empty means the built-in one.
    #[serde(default, deserialize_with = "null_is_default")]
    pub scheduling_profile: String,
    /// Whether each cluster gets a whole copy, or a share of the replicas.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub scheduling_mode: SchedulingMode,
    /// How replicas are divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-navarch-default" = "Spread"))]
    pub replicas_strategy: Option<ReplicasStrategy>,
    /// Labels that a cluster must have; empty selects every cluster.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub cluster_selector: BTreeMap<String, String>,
    /// Terms of which a cluster must match one; empty selects every cluster.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub cluster_affinity: Vec<ClusterSelectorTerm>,
    /// Taints that do not keep the objects away.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tolerations: Vec<Toleration>,
    /// The most clusters to use; no limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_clusters: Option<i64>,
    /// The only clusters to consider, with preferences; empty considers every cluster.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub placement: Vec<DesiredPlacement>,
    /// What the objects refer to does not follow them.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Not::not"
    )]
    pub disable_follower_scheduling: bool,
    /// When unschedulable replicas move to other clusters; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_migration: Option<AutoMigration>,
    /// What makes the scheduler decide again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-navarch-default" = {"rescheduleWhen": {"policyContentChanged": true}}))]
    pub reschedule_policy: Option<ReschedulePolicy>,
}

open_enum! {
    /// Whether each cluster gets a whole copy, or a share of the replicas.
    SchedulingMode, schema closed {
        /// A whole copy each.
        Duplicate = "Duplicate",
        /// A share of the replicas each.
        Divide = "Divide",
    }
}

open_enum! {
    /// How replicas are divided.
    ReplicasStrategy, schema closed {
        /// Over few clusters.
        Binpack = "Binpack",
        /// Over all clusters, by weight.
        Spread = "Spread",
    }
}

/// A cluster to consider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DesiredPlacement {
    /// Name of the cluster.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub cluster: String,
    /// Preferences for the cluster.
    #[serde(default, deserialize_with = "null_is_default")]
    pub preferences: Preferences,
}

/// How many replicas a cluster should get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    /// At least so many.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_zero"
    )]
    #[schemars(range(min = 0))]
    pub min_replicas: i64,
    /// At most so many; no limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_replicas: Option<i64>,
    /// The share of the cluster. `Binpack` does not look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub weight: Option<i64>,
    /// Clusters with a higher priority are selected, and filled by `Binpack`, first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub priority: Option<i64>,
}

/// When unschedulable replicas move to other clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoMigration {
    /// What makes a replica move.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(extend("x-navarch-default" = {"podUnschedulableFor": "1m"}, "minProperties" = 1))]
    pub when: AutoMigrationTrigger,
    /// Keep the unschedulable replicas too, so that they can come back.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(extend("x-navarch-default" = false))]
    pub keep_unschedulable_replicas: bool,
}

/// What makes a replica move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoMigrationTrigger {
    /// Its pod could not be scheduled for so long, in Go's format, for example `1m30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "duration"))]
    pub pod_unschedulable_for: Option<String>,
}

/// What makes the scheduler decide again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReschedulePolicy {
    /// Nothing does: objects stay where they are.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Not::not"
    )]
    pub disable_rescheduling: bool,
    /// These events do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reschedule_when: Option<RescheduleTrigger>,
    /// How replicas move when they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-navarch-default" = {}))]
    pub replica_rescheduling: Option<ReplicaRescheduling>,
}

/// Events that make the scheduler decide again.
#[expect(clippy::struct_excessive_bools, reason = "four switches of the API")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RescheduleTrigger {
    /// The policy says something else.
    #[serde(default = "yes", deserialize_with = "null_is_true")]
    #[schemars(extend("x-navarch-default" = true))]
    pub policy_content_changed: bool,
    /// A cluster joined.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(extend("x-navarch-default" = false))]
    pub cluster_joined: bool,
    /// The labels of a cluster changed.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(extend("x-navarch-default" = false))]
    pub cluster_labels_changed: bool,
    /// The types that a cluster serves changed.
    #[serde(
        rename = "clusterAPIResourcesChanged",
        default,
        deserialize_with = "null_is_default"
    )]
    #[schemars(extend("x-navarch-default" = false))]
    pub cluster_api_resources_changed: bool,
}

impl Default for RescheduleTrigger {
    fn default() -> Self {
        Self {
            policy_content_changed: true,
            cluster_joined: false,
            cluster_labels_changed: false,
            cluster_api_resources_changed: false,
        }
    }
}

/// How replicas move when the scheduler decides again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaRescheduling {
    /// Running replicas stay where they are, at the price of the preferences.
    #[serde(default = "yes", deserialize_with = "null_is_true")]
    #[schemars(extend("x-navarch-default" = true))]
    pub avoid_disruption: bool,
}

impl Default for ReplicaRescheduling {
    fn default() -> Self {
        Self {
            avoid_disruption: true,
        }
    }
}
