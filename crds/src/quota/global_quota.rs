//! `GlobalQuota`: a node of a tree of tenants, each with what it is guaranteed and what it may use at most.

use super::GROUP;
use crate::lenient::{is_default, is_zero, null_is_default};
use crate::v1alpha1::kubernetes::{quantity, quantity_text};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

kind! {
    /// A limit that holds over all member clusters together: for a team, a tenant tree, a kind of hardware. A node of a
    /// tree: what a node is guaranteed and does not use, its siblings may borrow. Workloads are charged to the leaves.
    GlobalQuota {
        group: GROUP, plural: "globalquotas", singular: "globalquota",
        short: ["gq"], scope: ClusterResourceScope, status: true,
        columns: [
            ("parent", "string", ".spec.parentName", ""),
            ("mode", "string", ".spec.mode", ""),
            ("active", "string", ".status.conditions[?(@.type=='Active')].status", "Whether growth is admitted by it."),
            ("over", "string", ".status.conditions[?(@.type=='OverLimit')].status", "Whether more is used than the limit."),
            ("waiting", "integer", ".status.pending.objects", "Objects that wait for room."),
            ("age", "date", ".metadata.creationTimestamp", "")
        ],
        parts: {
            required spec ("spec", in schema true): GlobalQuotaSpec,
            optional status ("status", in schema false): GlobalQuotaStatus,
        }
    }
}

/// What a node of the tree is for and how much it has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GlobalQuotaSpec {
    /// The node above; none for the root of a tree.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(length(max = 253))]
    pub parent_name: String,
    /// Which workloads are charged here. Only leaves have one; without one nothing is charged here directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<QuotaSelector>,
    /// How much of each resource. What is not named is not limited by this node.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]), length(max = 64))]
    pub resources: Vec<ResourceShare>,
    /// How much of single clusters at most. Every entry that names or selects a cluster holds for it.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"), length(max = 64))]
    pub clusters: Vec<ClusterCap>,
    /// Whether the limits hold or are only looked at.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Mode::is_empty"
    )]
    #[schemars(extend("x-navarch-default" = "Enforce"))]
    pub mode: Mode,
    /// What becomes of a workload that does not fit.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "OnExceeded::is_empty"
    )]
    #[schemars(extend("x-navarch-default" = "Wait"))]
    pub on_exceeded: OnExceeded,
    /// In which order those that wait come in.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub queueing: Queueing,
}

open_enum! {
    /// Whether the limits hold or are only looked at.
    Mode, schema closed {
        /// Use is counted and shown; nothing is said of workloads that would not fit.
        Observe = "Observe",
        /// As `Observe`, and a workload that would not fit is told so.
        Warn = "Warn",
        /// The limits hold.
        Enforce = "Enforce",
    }
}

open_enum! {
    /// What becomes of a workload that does not fit.
    OnExceeded, schema closed {
        /// It stays as it is until all of what it asks for fits.
        Wait = "Wait",
        /// As much of it runs as fits; the rest waits.
        Partial = "Partial",
        /// It stays as it is and does not wait in line: it is looked at again when it is changed.
        Reject = "Reject",
    }
}

open_enum! {
    /// In which order those that wait come in.
    Strategy, schema closed {
        /// A smaller one may pass a larger one that does not fit yet, but not for ever.
        BestEffortFifo = "BestEffortFIFO",
        /// Nobody passes anybody.
        StrictFifo = "StrictFIFO",
    }
}

/// Which workloads are charged to a leaf: those that all the given fields match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaSelector {
    /// Namespaces by name.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"), length(max = 1000))]
    pub namespaces: Vec<String>,
    /// Namespaces by their labels in the host; beside `namespaces`, either is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Workloads by their labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_selector: Option<LabelSelector>,
    /// Workloads by kind: `Deployment.apps`, `ConfigMap`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"), length(max = 100))]
    pub kinds: Vec<String>,
    /// Workloads whose pods have one of these priority classes.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"), length(max = 100))]
    pub priority_classes: Vec<String>,
}

/// How much of one resource a node has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.guaranteed) || !has(self.limit) || quantity(string(self.guaranteed)).compareTo(quantity(string(self.limit))) <= 0",
        "message": "the resource is guaranteed more than its limit: raise the limit or lower the guarantee",
    },
    {
        "rule": "(!has(self.guaranteed) || !string(self.guaranteed).startsWith('-')) && (!has(self.limit) || !string(self.limit).startsWith('-')) && (!has(self.lendingLimit) || !string(self.lendingLimit).startsWith('-'))",
        "message": "an amount is negative: write zero or more",
    },
]))]
pub struct ResourceShare {
    /// A name that a core `ResourceQuota` knows: `cpu` and `requests.cpu` (the same), `limits.memory`, `nvidia.com/gpu`,
    /// `pods`, `requests.storage`, `services.loadbalancers`, `count/deployments.apps`.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default, length(min = 1, max = 253))]
    pub name: String,
    /// What nobody else can take away.
    #[serde(
        default,
        deserialize_with = "quantity_text",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(schema_with = "amount")]
    pub guaranteed: String,
    /// The most that may be used, with what is borrowed; without it as much as the tree lends.
    #[serde(
        default,
        deserialize_with = "quantity_text",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(schema_with = "amount")]
    pub limit: String,
    /// How much of an idle guarantee others may borrow; without it all.
    #[serde(
        default,
        deserialize_with = "quantity_text",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(schema_with = "amount")]
    pub lending_limit: String,
}

/// A quantity. What validation rules may cost depends on how long a text can be.
fn amount(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut schema = quantity();
    schema["maxLength"] = 40.into();
    schema.try_into().unwrap_or_default()
}

/// How much of each of some clusters may be used at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterCap {
    /// Clusters by name.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "set"), length(max = 1000))]
    pub names: Vec<String>,
    /// Clusters by label; beside `names`, either is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// The most that may be used of each of them.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]), length(max = 64))]
    pub resources: Vec<ResourceCap>,
}

/// The most of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceCap {
    /// As in `spec.resources`.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default, length(min = 1, max = 253))]
    pub name: String,
    /// The most that may be used.
    #[serde(default, deserialize_with = "quantity_text")]
    #[schemars(!default, schema_with = "amount")]
    pub limit: String,
}

/// In which order those that wait come in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queueing {
    /// Whether a smaller one may pass a larger one.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Strategy::is_empty"
    )]
    #[schemars(extend("x-navarch-default" = "BestEffortFIFO"))]
    pub strategy: Strategy,
    /// The share of this node beside its siblings when what they borrow is short; none counts as one.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_zero"
    )]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: i64,
}

/// How much of it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GlobalQuotaStatus {
    /// The generation of the spec that this tells of.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_zero"
    )]
    pub observed_generation: i64,
    /// `Active`, `OverLimit`, `Borrowing`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<QuotaCondition>,
    /// Use of each resource.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub resources: Vec<ResourceUse>,
    /// Use of each cluster that is used.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub clusters: Vec<ClusterUse>,
    /// What waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// One thing that is so or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaCondition {
    /// What.
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub condition_type: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub status: String,
    /// Why, in one word.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub reason: String,
    /// Why, for people.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
    /// Since when, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: Option<String>,
}

/// How much of one resource is used. Amounts are quantities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceUse {
    /// The resource.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub name: String,
    /// The most that may be used; empty: no limit of its own.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub limit: String,
    /// What nobody else can take away.
    #[serde(default, deserialize_with = "null_is_default")]
    pub guaranteed: String,
    /// What is charged, of this node and those under it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub used: String,
    /// What of it is on its way: admitted, and not yet written.
    #[serde(default, deserialize_with = "null_is_default")]
    pub reserved: String,
    /// What is used beyond the guarantee.
    #[serde(default, deserialize_with = "null_is_default")]
    pub borrowed: String,
    /// What others use of the guarantee.
    #[serde(default, deserialize_with = "null_is_default")]
    pub lent: String,
    /// How much more could be used right now.
    #[serde(default, deserialize_with = "null_is_default")]
    pub headroom: String,
}

/// How much of one cluster is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterUse {
    /// The cluster.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub name: String,
    /// What is charged there, by resource.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub used: BTreeMap<String, String>,
    /// The caps that hold there, by resource.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub limit: BTreeMap<String, String>,
}

/// What waits for room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pending {
    /// How many objects.
    #[serde(default, deserialize_with = "null_is_default")]
    pub objects: i64,
    /// Since when the first of them waits, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// What they ask for beyond what they have, by resource.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub resources: BTreeMap<String, String>,
}
