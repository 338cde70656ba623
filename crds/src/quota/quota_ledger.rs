//! `QuotaLedger`: which federated objects may be growing right now, and who leads. No amounts: those are on the objects.

use super::GROUP;
use crate::lenient::{is_zero, null_is_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    /// Internal: keeps the limits of GlobalQuotas when leaders change. Do not edit it; it may be deleted while no
    /// controller manager runs.
    QuotaLedger {
        group: GROUP, plural: "quotaledgers", singular: "quotaledger",
        short: [], scope: ClusterResourceScope, status: false,
        columns: [
            ("epoch", "integer", ".spec.epoch", "How often the leader has changed."),
            ("holder", "string", ".spec.holder", "")
        ],
        parts: { required spec ("spec", in schema true): QuotaLedgerSpec }
    }
}

/// Which federated objects may be growing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuotaLedgerSpec {
    /// How often the leader has changed. Only the leader of the newest epoch can write.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_zero"
    )]
    #[schemars(range(min = 0))]
    pub epoch: i64,
    /// The leader, for people who look.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub holder: String,
    /// The objects to which a write that lets them grow may be on its way.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub open: Vec<OpenObject>,
}

/// A federated object that may be growing.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct OpenObject {
    /// Its namespace; empty for a `ClusterFederatedObject`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub namespace: String,
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub name: String,
    /// Its uid: another object of the same name is not meant.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub uid: String,
}
