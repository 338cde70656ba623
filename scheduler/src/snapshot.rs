//! What is known of the clusters at one moment. Everything that a decision reads again and again is
//! worked out once, when a cluster is taken over. Whoever decides holds a snapshot that nobody changes meanwhile; its
//! owner changes his own and pays for what changed.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock};

use navarch_crds::go::hash::fnv1_32;
use navarch_crds::go::quantity;
use navarch_crds::names::{ClusterName, NameError};
use navarch_crds::v1alpha1::{self, FederatedCluster};
use serde::Serialize;

use crate::framework::kept::{Kept, State};
use crate::outline::Outlines;
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

#[derive(Clone, Debug, PartialEq, Eq)]
struct About {
    name: ClusterName,
    name_hash: u32,
    labels: BTreeMap<String, String>,
    taints: TaintList,
    served: Arc<Served>,
    joined: bool,
    ready: bool,
    removal: Removal,
    hashes: Arc<Hashes>,
}

/// Taints in the order they were written.
pub(crate) type TaintList = Arc<[Arc<Taint>]>;

/// What a cluster serves.
pub(crate) type Served = HashSet<ApiResource, BuildHasherDefault<ShortText>>;

/// FNV-1a. The standard hasher takes longer over three short words than all other filters together,
/// and what clusters serve is no place for an attack: a cluster can only slow down its own entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortText(u64);

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
        let taints: TaintList = cluster
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
        let hashes = Arc::new(Hashes {
            labels: hash(&labels),
            taints: hash(&sorted_taints(&taints)),
            api_resources: hash(&sorted_resources(&status.api_resource_types)),
        });
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
            name_hash: fnv1_32(name.as_str().as_bytes()),
            name,
            labels: labels.unwrap_or_default(),
            taints,
            served: Arc::new(served.collect()),
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

    pub(crate) fn taint_list(&self) -> &TaintList {
        &self.about.taints
    }

    pub(crate) fn served(&self) -> &Arc<Served> {
        &self.about.served
    }

    /// The same cluster, which shares with the other one what is equal in both. Most clusters serve the same
    /// resources, and thousands of equal sets are slow to look at and large.
    #[must_use]
    pub fn beside(mut self, other: &Self) -> Self {
        let served = &other.about.served;
        if self.about.served == *served {
            Arc::make_mut(&mut self.about).served = Arc::clone(served);
        }
        self
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

    /// FNV-1 of the name, where the hash of a cluster and an object begins.
    #[must_use]
    pub fn name_hash(&self) -> u32 {
        self.about.name_hash
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
    pub fn hashes(&self) -> &Arc<Hashes> {
        &self.about.hashes
    }
}

/// The clusters that take part in decisions.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Sorted by name. Shared with what was said of them.
    clusters: Arc<Vec<Arc<Cluster>>>,
    /// As many, in the same order.
    outlines: Outlines,
    version: u64,
    hashes: OnceLock<Arc<ClusterHashes>>,
    /// Answers about these clusters in this state. All that become of one snapshot share them.
    kept: Arc<Kept>,
    state: State,
    /// What everybody else sees, where this is how one object sees it.
    common: Option<Arc<Self>>,
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
            outlines: Outlines::of(&clusters),
            clusters: Arc::new(clusters),
            version,
            hashes: OnceLock::new(),
            kept: Arc::default(),
            state: State::default(),
            common: None,
        }
    }

    /// A cluster came, changed, or does not take part any more. `false`: nothing that decisions read is different, and
    /// the snapshot is as it was. What was made for the other clusters stays.
    pub fn put(&mut self, cluster: Arc<Cluster>, version: u64) -> bool {
        if !cluster.joined() {
            return self.remove(cluster.name(), version);
        }
        match self.place(cluster.name().as_str()) {
            Ok(place) => {
                let known = self.clusters.get(place);
                let Some(known) = known.filter(|known| **known != cluster) else {
                    return false;
                };
                if known.hashes() != cluster.hashes() {
                    let hashes = self.hashes.get_mut().map(Arc::make_mut);
                    let renewed = hashes.map(|hashes| hashes.replace(place, cluster.hashes()));
                    if renewed == Some(None) {
                        self.hashes = OnceLock::new();
                    }
                }
                self.replace(place, cluster);
            }
            Err(place) => {
                self.outlines.insert(place, &cluster);
                Arc::make_mut(&mut self.clusters).insert(place, cluster);
                self.hashes = OnceLock::new();
            }
        }
        self.changed(1, version);
        true
    }

    /// A cluster went. `false`: it took no part.
    pub fn remove(&mut self, name: &ClusterName, version: u64) -> bool {
        let Ok(place) = self.place(name.as_str()) else {
            return false;
        };
        self.outlines.remove(place);
        Arc::make_mut(&mut self.clusters).remove(place);
        self.hashes = OnceLock::new();
        self.changed(1, version);
        true
    }

    fn replace(&mut self, place: usize, cluster: Arc<Cluster>) {
        let Some(known) = Arc::make_mut(&mut self.clusters).get_mut(place) else {
            return;
        };
        if known.about == cluster.about {
            self.outlines.refigure(place, &cluster);
        } else {
            self.outlines.replace(place, &cluster);
        }
        *known = cluster;
    }

    fn changed(&mut self, clusters: usize, version: u64) {
        self.version = version;
        self.common = None;
        self.state = self.kept.changed(clusters, self.clusters.len());
    }

    /// Where a cluster is, or where it would be.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.clusters
            .binary_search_by(|cluster| cluster.name().as_str().cmp(name))
    }

    /// The clusters, for whoever keeps something about them, and their outlines.
    pub(crate) fn side_by_side(&self) -> (&Arc<Vec<Arc<Cluster>>>, &Outlines) {
        (&self.clusters, &self.outlines)
    }

    pub(crate) fn kept(&self) -> (&Kept, State) {
        (&self.kept, self.state)
    }

    /// The same clusters, some of which have other figures; what rests on the rest of them is kept. Figures of
    /// clusters that are not there are passed over.
    #[must_use]
    pub fn with_figures(
        &self,
        changed: impl IntoIterator<Item = (ClusterName, Figures)>,
        version: u64,
    ) -> Self {
        let mut after = self.clone();
        let count = after.refigure(changed);
        if count > 0 {
            after.changed(count, version);
        }
        after.version = version;
        after
    }

    /// The same clusters, some of which have other figures for one object: whatever is said of them is for nobody else
    /// and not kept.
    #[must_use]
    pub fn seen_otherwise(
        &self,
        changed: impl IntoIterator<Item = (ClusterName, Figures)>,
        version: u64,
    ) -> Self {
        let mut seen = self.clone();
        if seen.refigure(changed) > 0 && seen.common.is_none() {
            seen.common = Some(Arc::new(self.clone()));
        }
        seen.version = version;
        seen
    }

    /// How many clusters have other figures now.
    fn refigure(&mut self, changed: impl IntoIterator<Item = (ClusterName, Figures)>) -> usize {
        let mut count = 0_usize;
        for (name, figures) in changed {
            let Ok(place) = self.place(name.as_str()) else {
                continue;
            };
            let known = self.clusters.get(place);
            if let Some(known) = known.filter(|known| *known.figures() != figures) {
                let cluster = Arc::new(known.with_figures(figures));
                self.replace(place, cluster);
                count = count.saturating_add(1);
            }
        }
        count
    }

    /// What everybody sees, if this is how one object sees it.
    pub(crate) fn common(&self) -> Option<&Self> {
        self.common.as_deref()
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
        let place = self.place(name).ok()?;
        self.clusters.get(place)
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
