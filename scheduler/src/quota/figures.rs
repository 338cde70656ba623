//! What is told of a node: its use, what it borrows and lends, where it is over its limit. For people and for the
//! order in which those that wait come in; nothing is decided by it.

use std::collections::BTreeMap;

use navarch_crds::names::ClusterName;
use navarch_crds::quota::{ClusterUse, ResourceUse};

use super::account::{Account, Sum};
use super::resource::ResourceName;
use super::room::{Counted, whole};
use super::shares::Share as Shares;
use super::tree::NodeId;

/// What is told of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Of each resource that the node names, is guaranteed or uses, in order.
    pub resources: Vec<ResourceFigures>,
    /// Of each cluster that is used or capped.
    pub clusters: BTreeMap<ClusterName, ClusterFigures>,
}

/// What is told of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceFigures {
    /// The resource.
    pub resource: ResourceName,
    /// The most that may be used; of a root what its tree has.
    pub limit: Option<i64>,
    /// What nobody else can take away.
    pub guaranteed: i64,
    /// All that is charged or admitted, at the node and below.
    pub used: i64,
    /// What of it is admitted and not charged yet.
    pub reserved: i64,
    /// What is used beyond the guarantee; a root borrows from nobody.
    pub borrowed: i64,
    /// What others use of the guarantee. Where several could have lent it, each has lent its part.
    pub lent: i64,
    /// How much more could be used if every node enforced its limits; none where nothing bounds it.
    pub headroom: Option<i64>,
}

/// What is told of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterFigures {
    /// What is used.
    pub used: BTreeMap<ResourceName, i64>,
    /// The caps of this node.
    pub limit: BTreeMap<ResourceName, i64>,
}

/// More is used than may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// Of which resource.
    pub resource: ResourceName,
    /// In which cluster, where a cap is exceeded.
    pub cluster: Option<ClusterName>,
    /// So much is used.
    pub used: i64,
    /// So much may be.
    pub limit: i64,
}

/// How much of its tree a leaf has borrowed, by its weight: the largest over all resources. The smaller goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(i128);

/// Shares are told in millionths.
const MILLIONTHS: i128 = 1_000_000;

impl ResourceFigures {
    /// As a status tells it.
    #[must_use]
    pub fn status(&self) -> ResourceUse {
        let text = |amount| self.resource.text(amount);
        let maybe = |amount: Option<i64>| amount.map_or_else(String::new, text);
        ResourceUse {
            name: self.resource.to_string(),
            limit: maybe(self.limit),
            guaranteed: text(self.guaranteed),
            used: text(self.used),
            reserved: text(self.reserved),
            borrowed: text(self.borrowed),
            lent: text(self.lent),
            headroom: maybe(self.headroom),
        }
    }
}

impl Figures {
    /// As a status tells it of clusters.
    #[must_use]
    pub fn cluster_uses(&self) -> Vec<ClusterUse> {
        let texts = |amounts: &BTreeMap<ResourceName, i64>| {
            let text =
                |(name, amount): (&ResourceName, &i64)| (name.to_string(), name.text(*amount));
            amounts.iter().map(text).collect()
        };
        self.clusters
            .iter()
            .map(|(name, cluster)| ClusterUse {
                name: name.to_string(),
                used: texts(&cluster.used),
                limit: texts(&cluster.limit),
            })
            .collect()
    }
}

impl<K: Ord + Clone> Account<K> {
    /// What is told of a node; nothing of one that is not there.
    #[must_use]
    pub fn figures(&self, node: NodeId) -> Figures {
        let mut figures = Figures::default();
        for (place, resource, share, sum) in self.sums(node) {
            if !share.named && share.guaranteed == 0 && sum.used == 0 {
                continue;
            }
            let borrowed = if self.tree.parent(node).is_some() {
                (sum.used - share.guaranteed).max(0)
            } else {
                0
            };
            let available = self.available(node, place, Counted::All);
            figures.resources.push(ResourceFigures {
                resource: resource.clone(),
                limit: share.limit.map(whole),
                guaranteed: whole(share.guaranteed),
                used: whole(sum.used),
                reserved: whole(sum.reserved),
                borrowed: whole(borrowed),
                lent: whole(self.lent(node, place)),
                headroom: available.map(|bound| whole(bound.free.max(0))),
            });
        }
        self.clusters_of(node, &mut figures);
        figures
    }

    fn clusters_of(&self, node: NodeId, figures: &mut Figures) {
        let Some(node_use) = self.nodes.get(node.place()) else {
            return;
        };
        for (cluster, there) in &node_use.clusters {
            let Some(name) = self.names.clusters.name(*cluster) else {
                continue;
            };
            let cluster = figures.clusters.entry(name.clone()).or_default();
            for (resource, used) in self.tree.resources().iter().zip(&there.used) {
                if *used != 0 {
                    cluster.used.insert(resource.clone(), whole(*used));
                }
            }
        }
        for ((cluster, place), limit) in &node_use.caps {
            let name = self.names.clusters.name(*cluster);
            if let (Some(name), Some(resource)) = (name, self.tree.resources().get(*place)) {
                let cluster = figures.clusters.entry(name.clone()).or_default();
                cluster.limit.insert(resource.clone(), *limit);
            }
        }
    }

    /// Where more is used than may be, resources first, then clusters.
    #[must_use]
    pub fn over_limit(&self, node: NodeId) -> Vec<Over> {
        let mut over = Vec::new();
        for (_, resource, share, sum) in self.sums(node) {
            if let Some(limit) = share.limit.filter(|limit| sum.used > *limit) {
                over.push(Over {
                    resource: resource.clone(),
                    cluster: None,
                    used: whole(sum.used),
                    limit: whole(limit),
                });
            }
        }
        let mut figures = Figures::default();
        self.clusters_of(node, &mut figures);
        for (name, cluster) in figures.clusters {
            for (resource, limit) in cluster.limit {
                let used = cluster.used.get(&resource).copied().unwrap_or(0);
                if used > limit {
                    over.push(Over {
                        resource,
                        cluster: Some(name.clone()),
                        used,
                        limit,
                    });
                }
            }
        }
        over
    }

    /// How much a leaf has borrowed of its tree, for its weight.
    #[must_use]
    pub fn share(&self, node: NodeId) -> Share {
        let root = self.tree.get(self.tree.root(node));
        let mut most = 0;
        for (place, _, share, sum) in self.sums(node) {
            let Some(pool) = root.and_then(|root| root.shares[place].limit) else {
                continue;
            };
            let borrowed = (sum.used - share.guaranteed).max(0);
            most = most.max(borrowed.saturating_mul(MILLIONTHS) / pool.max(1));
        }
        Share(most / i128::from(self.tree.weight(node)))
    }

    /// What others use of a node's guarantee. What children of one parent borrow beyond what is nobody's is lent by all
    /// whose guarantee is idle, each by how much of it is.
    fn lent(&self, node: NodeId, place: usize) -> i128 {
        // From the root down: what a node lends, its children lend it, as far as it is not its own.
        let mut way: Vec<NodeId> = self.tree.path(node).collect();
        way.reverse();
        let mut lent = 0;
        for pair in way.windows(2) {
            let [parent, child] = pair else {
                return lent;
            };
            let (Some(above), Some(below)) = (self.tree.get(*parent), self.tree.get(*child)) else {
                return 0;
            };
            let sum = &self.nodes[parent.place()].sums[place];
            let (above, below) = (&above.shares[place], &below.shares[place]);
            let borrowed = (sum.flow - above.subtree).max(0);
            let taken = (sum.over + lent - borrowed - above.own).clamp(0, sum.idle.max(0));
            let used = (self.nodes[child.place()].sums[place].flow - below.kept).max(0);
            let idle = (below.subtree - below.kept - used).max(0);
            lent = if sum.idle > 0 {
                // Amounts of a tree are bounded by limits, which are far from the end of what can be multiplied.
                idle.saturating_mul(taken) / sum.idle
            } else {
                0
            };
        }
        lent
    }

    fn sums(&self, node: NodeId) -> impl Iterator<Item = (usize, &ResourceName, &Shares, &Sum)> {
        let shares = self.tree.get(node).map(|node| node.shares.as_slice());
        let sums = self
            .nodes
            .get(node.place())
            .map(|node| node.sums.as_slice());
        let shares = shares.unwrap_or_default().iter();
        let both = shares.zip(sums.unwrap_or_default());
        let resources = self.tree.resources().iter().enumerate();
        resources
            .zip(both)
            .map(|((place, resource), (share, sum))| (place, resource, share, sum))
    }
}
