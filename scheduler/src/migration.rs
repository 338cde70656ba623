//! What auto migration and custom migration wrote on an object
//! (`kubeadmiral.io/auto-migration-info`, `kubeadmiral.io/applied-migration-configuration`), and what a user's
//! `kubeadmiral.io/migration-configuration` comes to. Who counts pods and who writes annotations lives elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use navarch_crds::go;
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

/// A user's migration configuration as it is written.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    #[serde(deserialize_with = "or_empty")]
    replicas_migrations: Vec<ReplicasMigration>,
    #[serde(deserialize_with = "or_empty")]
    workload_migrations: Vec<WorkloadMigration>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicasMigration {
    cluster: Option<String>,
    limited_capacity: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WorkloadMigration {
    cluster: Option<String>,
    valid_until: Option<Timestamp>,
}

/// A migration configuration cannot be applied. What was applied before stays.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// Not of the form.
    #[error("reading the migration configuration ({0}): correct the annotation")]
    Json(#[from] serde_json::Error),
    /// Limits for something without replicas.
    #[error(
        "reading the migration configuration: replicasMigrations limit replicas, and this object has none; \
         use workloadMigrations"
    )]
    NoReplicas,
    /// Something is not said.
    #[error("reading the migration configuration: an entry has no {0}; add it")]
    Missing(&'static str),
    /// A limit below zero.
    #[error(
        "reading the migration configuration: limitedCapacity of {0} is below zero; write 0 or more"
    )]
    Negative(String),
    /// Two entries for a cluster.
    #[error("reading the migration configuration: cluster {0} has two entries; leave one")]
    Twice(String),
}

impl CustomMigration {
    /// Checks a user's configuration by the rules of KubeAdmiral (`validateMigrationConfig`). Times are kept in whole
    /// seconds, as Kubernetes writes them.
    ///
    /// # Errors
    /// If it cannot be applied as a whole.
    pub fn check(text: &str, has_replicas: bool) -> Result<Self, MigrationError> {
        let configuration: Option<Configuration> = serde_json::from_str(text)?;
        let configuration = configuration.unwrap_or_default();
        if !configuration.replicas_migrations.is_empty() && !has_replicas {
            return Err(MigrationError::NoReplicas);
        }
        let mut seen = BTreeSet::new();
        let mut once = |cluster: Option<String>| {
            let named = cluster.filter(|name| !name.is_empty());
            let cluster = named.ok_or(MigrationError::Missing("cluster"))?;
            if seen.insert(cluster.clone()) {
                Ok(cluster)
            } else {
                Err(MigrationError::Twice(cluster))
            }
        };
        let mut applied = Self::default();
        for entry in configuration.replicas_migrations {
            let cluster = once(entry.cluster)?;
            let limit = entry
                .limited_capacity
                .ok_or(MigrationError::Missing("limitedCapacity"))?;
            if limit < 0 {
                return Err(MigrationError::Negative(cluster));
            }
            applied.limited_capacity.insert(cluster, limit);
        }
        for entry in configuration.workload_migrations {
            let cluster = once(entry.cluster)?;
            let until = entry
                .valid_until
                .ok_or(MigrationError::Missing("validUntil"))?;
            // Within the range that `until` itself is in.
            let valid_until = Timestamp::from_second(until.as_second()).unwrap_or(until);
            applied.unavailable_clusters.push(UnavailableCluster {
                cluster,
                valid_until,
            });
        }
        applied
            .unavailable_clusters
            .sort_by(|left, right| left.cluster.cmp(&right.cluster));
        Ok(applied)
    }

    /// As it is written; the hash of annotations depends on the text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Maps of texts and plain structs always have a JSON form.
        go::json::to_string(self).unwrap_or_default()
    }

    /// The clusters that are left at that time, by name.
    #[must_use]
    pub fn evicted(&self, now: Timestamp) -> BTreeSet<&str> {
        let left = self.unavailable_clusters.iter();
        left.filter(|entry| now < entry.valid_until)
            .map(|entry| entry.cluster.as_str())
            .collect()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_become_what_kubeadmiral_writes() {
        for (name, text, expected) in [
            ("nothing", "{}", "{}"),
            ("null", "null", "{}"),
            (
                "both",
                r#"{"workloadMigrations":[{"cluster":"c","validUntil":"2030-01-02T05:04:05.9+02:00"},
                    {"cluster":"a","validUntil":"2030-01-01T00:00:00Z"}],
                    "replicasMigrations":[{"cluster":"b","limitedCapacity":0}]}"#,
                r#"{"limitedCapacity":{"b":0},"unavailableClusters":[{"cluster":"a","validUntil":"2030-01-01T00:00:00Z"},{"cluster":"c","validUntil":"2030-01-02T03:04:05Z"}]}"#,
            ),
        ] {
            let applied = CustomMigration::check(text, true).unwrap();
            assert_eq!(applied.to_json(), expected, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_applied_is_named() {
        let limit = r#"{"replicasMigrations":[{"cluster":"a","limitedCapacity":1}]}"#;
        for (name, text, has_replicas, word) in [
            ("no JSON", "{", true, "correct the annotation"),
            ("no replicas", limit, false, "has none"),
            (
                "no cluster",
                r#"{"workloadMigrations":[{"validUntil":"2030-01-01T00:00:00Z"}]}"#,
                true,
                "no cluster",
            ),
            (
                "no limit",
                r#"{"replicasMigrations":[{"cluster":"a"}]}"#,
                true,
                "no limitedCapacity",
            ),
            (
                "no time",
                r#"{"workloadMigrations":[{"cluster":"a","validUntil":null}]}"#,
                true,
                "no validUntil",
            ),
            (
                "below zero",
                r#"{"replicasMigrations":[{"cluster":"a","limitedCapacity":-1}]}"#,
                true,
                "below zero",
            ),
            (
                "twice",
                r#"{"replicasMigrations":[{"cluster":"a","limitedCapacity":1}],
                    "workloadMigrations":[{"cluster":"a","validUntil":"2030-01-01T00:00:00Z"}]}"#,
                true,
                "two entries",
            ),
        ] {
            let error = CustomMigration::check(text, has_replicas).unwrap_err();
            assert!(error.to_string().contains(word), "{name}: {error}");
        }
    }

    #[test]
    fn clusters_are_left_until_their_time() {
        let text =
            r#"{"workloadMigrations":[{"cluster":"a","validUntil":"1970-01-01T00:00:10Z"}]}"#;
        let applied = CustomMigration::check(text, false).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(applied.evicted(at(9)), BTreeSet::from(["a"]));
        assert_eq!(applied.next_expiry(at(9)), Some(at(10)));
        assert!(applied.evicted(at(10)).is_empty());
        assert_eq!(applied.next_expiry(at(10)), None);
    }
}
