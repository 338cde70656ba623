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

/// One cluster, as far as decisions need it.
#[derive(Clone, Debug)]
pub struct Cluster {
    name: ClusterName,
    labels: BTreeMap<String, String>,
    taints: Vec<Arc<Taint>>,
    served: HashSet<ApiResource, BuildHasherDefault<ShortText>>,
    joined: bool,
    ready: bool,
    removal: Removal,
    allocatable: Amounts,
    available: Amounts,
    reserved: Amounts,
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
        Ok(Self {
            name,
            labels: labels.unwrap_or_default(),
            taints,
            served: served.collect(),
            joined: cluster.is_joined(),
            ready: cluster.is_ready(),
            removal,
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
            reserved: Amounts::default(),
            hashes,
        })
    }

    /// The cluster with resources set aside that decisions have promised and that its own figures do
    /// not show yet.
    #[must_use]
    pub fn with_reserved(mut self, reserved: Amounts) -> Self {
        self.reserved = reserved;
        self
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &ClusterName {
        &self.name
    }

    /// Labels, sorted.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Taints in the order they were written.
    #[must_use]
    pub fn taints(&self) -> &[Arc<Taint>] {
        &self.taints
    }

    /// The cluster serves this resource.
    #[must_use]
    pub fn serves(&self, resource: &ApiResource) -> bool {
        self.served.contains(resource)
    }

    /// Nothing is known of what the cluster serves: its API was never listed.
    #[must_use]
    pub fn api_unknown(&self) -> bool {
        self.served.is_empty()
    }

    /// Condition `Joined` is true.
    #[must_use]
    pub fn joined(&self) -> bool {
        self.joined
    }

    /// Condition `Ready` is true.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.ready
    }

    /// The cluster is being removed from the federation.
    #[must_use]
    pub fn terminating(&self) -> bool {
        self.removal == Removal::Started
    }

    /// Resources of its schedulable nodes.
    #[must_use]
    pub fn allocatable(&self) -> &Amounts {
        &self.allocatable
    }

    /// What no pod has asked for. May be negative.
    #[must_use]
    pub fn available(&self) -> &Amounts {
        &self.available
    }

    /// Promised by decisions and not visible in `available` yet.
    #[must_use]
    pub fn reserved(&self) -> &Amounts {
        &self.reserved
    }

    /// Hashes as the trigger document holds them.
    #[must_use]
    pub fn hashes(&self) -> &Hashes {
        &self.hashes
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
            .filter(|cluster| cluster.joined)
            .collect();
        clusters.sort_by(|left, right| left.name.cmp(&right.name));
        clusters.dedup_by(|left, right| left.name == right.name);
        Self {
            clusters,
            version,
            hashes: OnceLock::new(),
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
            .binary_search_by(|cluster| cluster.name.as_str().cmp(name));
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
