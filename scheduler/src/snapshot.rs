//! What is known of the clusters at one moment. Everything that a decision reads again and again is
//! worked out once, when a cluster is taken over; a snapshot never changes.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock};

use navarch_crds::go::quantity;
use navarch_crds::names::{ClusterName, NameError};
use navarch_crds::v1alpha1::{self, FederatedCluster};
use serde::Serialize;

use crate::resources::Amounts;
use crate::trigger::{ClusterHashes, hash};

/// A taint of a cluster. Serialises as KubeAdmiral hashes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value, often empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

impl fmt::Display for Taint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_empty() {
            write!(out, "{}:{}", self.key, self.effect)
        } else {
            write!(out, "{}={}:{}", self.key, self.value, self.effect)
        }
    }
}

/// What identifies a resource that a cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiResource {
    /// API group, empty for the core group.
    pub group: String,
    /// API version without the group.
    pub version: String,
    /// Kind.
    pub kind: String,
}

impl fmt::Display for ApiResource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            write!(out, "{} {}", self.version, self.kind)
        } else {
            write!(out, "{}/{} {}", self.group, self.version, self.kind)
        }
    }
}

/// One cluster, as far as decisions need it. Its figures change all the time, so that what else is known of it is
/// shared by all of its states.
#[derive(Clone, Debug)]
pub struct Cluster {
    about: Arc<About>,
    figures: Figures,
}

/// What a cluster has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Resources of its schedulable nodes.
    pub allocatable: Amounts,
    /// What no pod has asked for and nobody was promised. May be negative.
    pub available: Amounts,
}

#[derive(Clone, Debug)]
struct About {
    name: ClusterName,
    labels: BTreeMap<String, String>,
    taints: Vec<Arc<Taint>>,
    served: HashSet<ApiResource, BuildHasherDefault<ShortText>>,
    joined: bool,
    ready: bool,
    removal: Removal,
    hashes: Hashes,
}

/// FNV-1a. The standard hasher takes longer over three short words than all other filters together,
/// and what clusters serve is no place for an attack: a cluster can only slow down its own entry.
#[derive(Clone, Copy, Debug)]
struct ShortText(u64);

impl Default for ShortText {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for ShortText {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Whether the cluster is being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    Started,
    NotAsked,
}

/// Hashes of the parts of a cluster whose change may cause rescheduling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Of the labels.
    pub labels: String,
    /// Of the taints.
    pub taints: String,
    /// Of the resources it serves.
    pub api_resources: String,
}

impl Cluster {
    /// Takes a cluster over. What is missing counts as absent.
    ///
    /// # Errors
    /// If its name is none that an object can have; no API server stores such a cluster.
    pub fn new(cluster: &FederatedCluster) -> Result<Self, NameError> {
        let name = ClusterName::new(cluster.metadata.name.as_deref().unwrap_or_default())?;
        let labels = cluster.metadata.labels.clone();
        let status = cluster.status.clone().unwrap_or_default();
        let taints: Vec<Arc<Taint>> = cluster
            .spec
            .taints
            .iter()
            .map(|taint| {
                let (key, value) = (taint.key.clone(), taint.value.clone());
                Arc::new(Taint {
                    key,
                    value,
                    effect: taint.effect.clone(),
                })
            })
            .collect();
        let hashes = Hashes {
            labels: hash(&labels),
            taints: hash(&sorted_taints(&taints)),
            api_resources: hash(&sorted_resources(&status.api_resource_types)),
        };
        let served = status
            .api_resource_types
            .iter()
            .map(|resource| ApiResource {
                group: resource.group.clone(),
                version: resource.version.clone(),
                kind: resource.kind.clone(),
            });
        let removal = match cluster.metadata.deletion_timestamp {
            Some(_) => Removal::Started,
            None => Removal::NotAsked,
        };
        let about = About {
            name,
            labels: labels.unwrap_or_default(),
            taints,
            served: served.collect(),
            joined: cluster.is_joined(),
            ready: cluster.is_ready(),
            removal,
            hashes,
        };
        let figures = Figures {
            allocatable: amounts(
                status
                    .resources
                    .allocatable
                    .iter()
                    .map(|(name, amount)| (name, &amount.0)),
            ),
            available: amounts(
                status
                    .resources
                    .available
                    .iter()
                    .map(|(name, amount)| (name, &amount.0)),
            ),
        };
        Ok(Self {
            about: Arc::new(about),
            figures,
        })
    }

    /// The same cluster with other figures.
    #[must_use]
    pub fn with_figures(&self, figures: Figures) -> Self {
        Self {
            about: Arc::clone(&self.about),
            figures,
        }
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &ClusterName {
        &self.about.name
    }

    /// Labels, sorted.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.about.labels
    }

    /// Taints in the order they were written.
    #[must_use]
    pub fn taints(&self) -> &[Arc<Taint>] {
        &self.about.taints
    }

    /// The cluster serves this resource.
    #[must_use]
    pub fn serves(&self, resource: &ApiResource) -> bool {
        self.about.served.contains(resource)
    }

    /// Nothing is known of what the cluster serves: its API was never listed.
    #[must_use]
    pub fn api_unknown(&self) -> bool {
        self.about.served.is_empty()
    }

    /// Condition `Joined` is true.
    #[must_use]
    pub fn joined(&self) -> bool {
        self.about.joined
    }

    /// Condition `Ready` is true.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.about.ready
    }

    /// The cluster is being removed from the federation.
    #[must_use]
    pub fn terminating(&self) -> bool {
        self.about.removal == Removal::Started
    }

    /// Resources of its schedulable nodes.
    #[must_use]
    pub fn allocatable(&self) -> &Amounts {
        &self.figures.allocatable
    }

    /// What it has.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// What no pod has asked for and nobody was promised. May be negative.
    #[must_use]
    pub fn available(&self) -> &Amounts {
        &self.figures.available
    }

    /// Hashes as the trigger document holds them.
    #[must_use]
    pub fn hashes(&self) -> &Hashes {
        &self.about.hashes
    }
}

/// The clusters that take part in decisions.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    clusters: Vec<Arc<Cluster>>,
    version: u64,
    hashes: OnceLock<Arc<ClusterHashes>>,
}

impl Snapshot {
    /// A snapshot of the joined ones of these clusters, sorted by name. `version` tells snapshots
    /// apart for whoever remembers an answer.
    #[must_use]
    pub fn new(clusters: impl IntoIterator<Item = Arc<Cluster>>, version: u64) -> Self {
        let mut clusters: Vec<Arc<Cluster>> = clusters
            .into_iter()
            .filter(|cluster| cluster.joined())
            .collect();
        clusters.sort_by(|left, right| left.name().cmp(right.name()));
        clusters.dedup_by(|left, right| left.name() == right.name());
        Self {
            clusters,
            version,
            hashes: OnceLock::new(),
        }
    }

    /// The same clusters, some of which have other figures; what rests on the rest of them is kept. Figures of
    /// clusters that are not there are passed over.
    #[must_use]
    pub fn with_figures(
        &self,
        changed: impl IntoIterator<Item = (ClusterName, Figures)>,
        version: u64,
    ) -> Self {
        let mut clusters = self.clusters.clone();
        for (name, figures) in changed {
            let place = clusters.binary_search_by(|cluster| cluster.name().cmp(&name));
            if let Some(cluster) = place.ok().and_then(|index| clusters.get_mut(index)) {
                *cluster = Arc::new(cluster.with_figures(figures));
            }
        }
        Self {
            clusters,
            version,
            hashes: self.hashes.clone(),
        }
    }

    /// Joined clusters, sorted by name.
    #[must_use]
    pub fn clusters(&self) -> &[Arc<Cluster>] {
        &self.clusters
    }

    /// The version given.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The cluster of this name, if it has joined.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Cluster>> {
        let place = self
            .clusters
            .binary_search_by(|cluster| cluster.name().as_str().cmp(name));
        place.ok().and_then(|index| self.clusters.get(index))
    }

    /// The part of every trigger document that is the same for all objects, made once.
    #[must_use]
    pub fn cluster_hashes(&self) -> &Arc<ClusterHashes> {
        self.hashes
            .get_or_init(|| Arc::new(ClusterHashes::new(&self.clusters)))
    }
}

/// Sorted by key and value. Taints that differ in their effect only keep their order, as
/// KubeAdmiral leaves them, or the hash would differ from what it stored.
fn sorted_taints(taints: &[Arc<Taint>]) -> Vec<&Taint> {
    let mut sorted: Vec<&Taint> = taints.iter().map(|taint| &**taint).collect();
    sorted.sort_by(|left, right| (&left.key, &left.value).cmp(&(&right.key, &right.value)));
    sorted
}

fn sorted_resources(resources: &[v1alpha1::ApiResource]) -> Vec<&v1alpha1::ApiResource> {
    let mut sorted: Vec<&v1alpha1::ApiResource> = resources.iter().collect();
    sorted.sort();
    sorted
}

/// An amount that cannot be read counts as absent: the cluster then looks full, never roomy.
fn amounts<'a>(quantities: impl Iterator<Item = (&'a String, &'a String)>) -> Amounts {
    let parsed =
        quantities.filter_map(|(name, text)| Some((name.as_str(), quantity::parse(text).ok()?)));
    Amounts::new(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::cluster;

    #[test]
    fn other_figures_change_nothing_else() {
        let clusters = ["b", "a"].map(|name| Arc::new(cluster(name).resource("cpu", 9, 9).build()));
        let before = Snapshot::new(clusters, 1);
        let hashes = Arc::clone(before.cluster_hashes());
        let none = |name: &str| (ClusterName::new(name).unwrap(), Figures::default());
        let after = before.with_figures([none("b"), none("unknown")], 2);
        let free = |name: &str| after.get(name).unwrap().available().milli_cpu;
        assert_eq!((free("a"), free("b")), (9, 0));
        assert!(Arc::ptr_eq(&hashes, after.cluster_hashes()));
        assert!(after.get("b").unwrap().ready());
        assert_eq!((after.clusters().len(), after.version()), (2, 2));
    }
}
