//! What auto migration and custom migration wrote on an object
//! (`kubeadmiral.io/auto-migration-info`, `kubeadmiral.io/applied-migration-configuration`).
//! Reading only; who counts pods and who applies a configuration lives elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Pods as auto migration counted them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoMigrationInfo {
    /// Replicas a cluster was seen able to run; absent where there is no shortage.
    #[serde(
        deserialize_with = "or_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub estimated_capacity: BTreeMap<String, i64>,
    /// Replicas whose pods have been assigned to nodes.
    #[serde(
        deserialize_with = "or_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub scheduled_replicas: BTreeMap<String, i64>,
}

/// A migration configuration after it was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomMigration {
    /// Most replicas a cluster may have, whatever else is asked.
    #[serde(
        deserialize_with = "or_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub limited_capacity: BTreeMap<String, i64>,
    /// Clusters the object has to leave for a time.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub unavailable_clusters: Vec<UnavailableCluster>,
}

/// A cluster that is left until a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnavailableCluster {
    /// Cluster name.
    pub cluster: String,
    /// From then on the cluster is available again.
    pub valid_until: Timestamp,
}

/// Go reads `null` as nothing.
fn or_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl CustomMigration {
    /// The next time at which a cluster becomes available again: decide then.
    #[must_use]
    pub fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let times = self
            .unavailable_clusters
            .iter()
            .map(|cluster| cluster.valid_until);
        times.filter(|until| *until > now).min()
    }
}
