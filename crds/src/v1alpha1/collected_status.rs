//! `CollectedStatus` and `ClusterCollectedStatus`: fields of member objects, gathered in one
//! object named like the federated object. They have neither spec nor status.

use super::GROUP;
use crate::lenient::null_is_default;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

kind! {
    /// The collected fields of the member objects of one `FederatedObject`.
    CollectedStatus {
        group: GROUP, plural: "collectedstatuses", singular: "collectedstatus",
        short: ["cs"], scope: NamespaceResourceScope, status: false,
        columns: [],
        parts: {
            required clusters ("clusters", in schema true): Vec<CollectedFieldsWithCluster>,
            optional last_update_time ("lastUpdateTime", in schema true): Time,
        }
    }
}

kind! {
    /// The collected fields of the member objects of one `ClusterFederatedObject`.
    ClusterCollectedStatus {
        group: GROUP, plural: "clustercollectedstatuses", singular: "clustercollectedstatus",
        short: ["ccs"], scope: ClusterResourceScope, status: false,
        columns: [],
        parts: {
            required clusters ("clusters", in schema true): Vec<CollectedFieldsWithCluster>,
            optional last_update_time ("lastUpdateTime", in schema true): Time,
        }
    }
}

/// What was collected from one member cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CollectedFieldsWithCluster {
    /// Name of the member cluster.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub cluster: String,
    /// The collected fields, nested as in the member object.
    #[serde(default)]
    #[schemars(!default, schema_with = "super::kubernetes::any")]
    pub collected_fields: Value,
    /// What went wrong while collecting.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub error: String,
}
