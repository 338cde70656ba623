//! What a federated object is charged: written in the same write as its placement, so that the two never disagree.

use crate::names::ClusterName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The value of [`crate::keys::navarch::CHARGE`]. Amounts are whole numbers under the names of a core `ResourceQuota`,
/// spelled out (`requests.cpu`, never `cpu`): processors in thousandths, everything else in its own unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// What the object costs once, however many clusters have it (`count/deployments.apps`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub once: BTreeMap<String, i64>,
    /// What its copy may use of each cluster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<ClusterName, ClusterCharge>,
}

/// What a copy may use of its cluster: so many replicas, each of which uses so much.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterCharge {
    /// The copies' pods; one where a kind has no replicas and uses something all the same.
    #[serde(default)]
    pub replicas: i64,
    /// What one of them uses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub each: BTreeMap<String, i64>,
    /// What the copy uses besides, whatever its replicas: claims, load balancers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fixed: BTreeMap<String, i64>,
}
