//! The account: how much of each quota is used. It is the fold of what objects are charged and of what was admitted on
//! top; every change of an object changes the sums on its way to the root and nothing else.
//!
//! What an object uses of a cluster is the larger of its charge and its reservation. So an admission that has become a
//! charge may be dropped before or after the charge is seen, and nothing is counted twice or not at all in between.
//! Where it is admitted under other quotas than it is charged to, it counts under both until it is charged to them: the
//! write that moves it may never come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use navarch_crds::names::ClusterName;
use navarch_crds::quota::Charge;
use navarch_crds::select::Labels;

use super::amounts::{Amount, Amounts, Names, ONCE, larger, side_by_side};
use super::object::{Entry, Object, Reserved};
use super::room::Counted;
use super::shortage::Refusal;
use super::tree::{Leaves, NodeId, Tree};

/// How much of each quota is used, and by whom. `K` is the key of an object.
#[derive(Debug)]
pub struct Account<K> {
    pub(super) tree: Arc<Tree>,
    pub(super) names: Names,
    /// The place of a resource in the tree, by its number; none for what no quota names.
    pub(super) places: Vec<Option<usize>>,
    labels: BTreeMap<ClusterName, Labels>,
    pub(super) nodes: Vec<NodeUse>,
    objects: BTreeMap<K, Object>,
}

/// What is used of a node.
#[derive(Debug, Default)]
pub(super) struct NodeUse {
    /// By the place of the resource.
    pub(super) sums: Vec<Sum>,
    /// By cluster; a cluster that is not used has none.
    pub(super) clusters: BTreeMap<u32, ClusterUse>,
    /// The most of a cluster and a resource; where several hold, the least.
    pub(super) caps: BTreeMap<(u32, usize), i64>,
}

/// What is used of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// All of it, at the node and below.
    pub(super) used: i128,
    /// What of it is admitted and not charged yet.
    pub(super) reserved: i128,
    /// What is used of what the node has together with its children: without what they keep to themselves.
    pub(super) flow: i128,
    /// What children use beyond what they bring.
    pub(super) over: i128,
    /// What children bring and do not use.
    pub(super) idle: i128,
}

/// What is used of one cluster, by the place of the resource.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClusterUse {
    pub(super) used: Vec<i128>,
}

/// Nodes of which there is more free than there was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed(Vec<NodeId>);

impl Freed {
    /// Nothing came free.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.iter().copied()
    }

    /// What came free here and there.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
        self.0.sort_unstable();
        self.0.dedup();
    }

    fn all(tree: &Tree) -> Self {
        Self(tree.nodes().collect())
    }
}

impl<K: Ord + Clone> Account<K> {
    /// An account of nothing. `clusters` are those that are there, with their labels, for caps by label.
    #[must_use]
    pub fn new(tree: Arc<Tree>, clusters: &BTreeMap<ClusterName, Labels>) -> Self {
        let mut account = Self {
            tree,
            names: Names::default(),
            places: Vec::new(),
            labels: clusters.clone(),
            nodes: Vec::new(),
            objects: BTreeMap::new(),
        };
        account.fold();
        account
    }

    /// The quotas.
    #[must_use]
    pub const fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// How many objects are charged or admitted.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Other quotas: all objects are attributed anew, without admission.
    pub fn set_tree(&mut self, tree: Arc<Tree>, mut attribute: impl FnMut(&K) -> Leaves) -> Freed {
        self.tree = tree;
        for (key, object) in &mut self.objects {
            object.leaves = attribute(key);
            if let Some(reserved) = &mut object.reserved {
                reserved.leaves = object.leaves.clone();
            }
        }
        self.fold();
        Freed::all(&self.tree)
    }

    /// What is admitted for an object is to be charged to these leaves.
    pub fn readmit(&mut self, key: &K, leaves: &Leaves) {
        if self.is_reserved(key) {
            self.change(key, |object| {
                if let Some(reserved) = &mut object.reserved {
                    reserved.leaves = leaves.clone();
                }
            });
        }
    }

    /// Other clusters, or other labels of theirs.
    pub fn set_clusters(&mut self, clusters: &BTreeMap<ClusterName, Labels>) -> Freed {
        self.labels.clone_from(clusters);
        self.resolve_caps();
        Freed::all(&self.tree)
    }

    /// What stands on an object, wherever it comes from: counted without being admitted. Nothing for none. An object
    /// whose leaves have changed moves with all that it uses. What is admitted for it stays admitted.
    pub fn charge(&mut self, key: &K, leaves: &Leaves, charge: Option<&Charge>) -> Freed {
        let charge = charge.map_or_else(Amounts::default, |charge| self.names.take_in(charge));
        self.learn_places();
        self.change(key, |object| {
            object.leaves = leaves.clone();
            object.charge = charge;
        })
    }

    /// Admits the whole new charge of an object, or nothing of it: it counts until it is charged or dropped, instead of
    /// an earlier admission. What does not grow is never refused. At leaves that it is not charged to yet, all of it is growth.
    ///
    /// # Errors
    /// Why it must not grow.
    pub fn reserve(&mut self, key: &K, leaves: &Leaves, wanted: &Charge) -> Result<Freed, Refusal> {
        let wanted = self.names.take_in(wanted);
        self.learn_places();
        self.admits(key, leaves, &wanted, Counted::Enforced)?;
        Ok(self.take_in(key, leaves, wanted))
    }

    /// Takes something as admitted without asking.
    #[cfg(test)]
    pub(super) fn take(&mut self, key: &K, leaves: &Leaves, wanted: &Charge) {
        let wanted = self.names.take_in(wanted);
        self.learn_places();
        self.take_in(key, leaves, wanted);
    }

    fn take_in(&mut self, key: &K, leaves: &Leaves, amounts: Amounts) -> Freed {
        self.change(key, |object| {
            object.reserved = Some(Reserved {
                leaves: leaves.clone(),
                amounts,
            });
        })
    }

    /// Drops what was admitted; what is charged stays.
    pub fn unreserve(&mut self, key: &K) -> Freed {
        if !self.objects.contains_key(key) {
            return Freed::default();
        }
        self.change(key, |object| object.reserved = None)
    }

    /// The object is gone, and its copies too.
    pub fn forget(&mut self, key: &K) -> Freed {
        self.change(key, |object| *object = Object::default())
    }

    /// Whether an object has something admitted that is not settled.
    #[must_use]
    pub fn is_reserved(&self, key: &K) -> bool {
        self.objects
            .get(key)
            .is_some_and(|object| object.reserved.is_some())
    }

    pub(super) fn object(&self, key: &K) -> Option<&Object> {
        self.objects.get(key)
    }

    /// What it uses at a leaf now, and what it would use.
    pub(super) fn before_and_after(
        &self,
        key: &K,
        leaf: NodeId,
        wanted: &[Amount],
    ) -> (Amounts, Amounts) {
        let object = self.objects.get(key);
        let charge = object.map_or(&[][..], |object| &object.charge);
        let before = object.map_or_else(Amounts::default, |object| object.uses_at(leaf));
        (before, larger(charge, wanted))
    }

    fn change(&mut self, key: &K, edit: impl FnOnce(&mut Object)) -> Freed {
        let mut object = self.objects.remove(key).unwrap_or_default();
        let before = object.entries();
        edit(&mut object);
        let (after, mut freed) = (object.entries(), Freed::default());
        let none = || (Amounts::default(), Amounts::default());
        let of = |entries: &[Entry], leaf| {
            let found = entries.iter().find(|entry| entry.leaf == leaf);
            found.map_or_else(none, |entry| (entry.charge.clone(), entry.uses.clone()))
        };
        let leaves = before.iter().chain(&after).map(|entry| entry.leaf);
        let leaves: BTreeSet<NodeId> = leaves.collect();
        for leaf in leaves {
            let ((charge, uses), (new_charge, new_uses)) = (of(&before, leaf), of(&after, leaf));
            self.shift(leaf, &uses, &new_uses, &mut freed);
            self.shift_reserved(leaf, (&charge, &uses), (&new_charge, &new_uses));
        }
        if !object.charge.is_empty() || object.reserved.is_some() {
            self.objects.insert(key.clone(), object);
        }
        freed.extend(Freed::default());
        freed
    }

    /// Moves the sums from one list to another.
    fn shift(&mut self, leaf: NodeId, from: &[Amount], to: &[Amount], freed: &mut Freed) {
        let changes = self.changes(from, to);
        for (place, more) in by_resource(&changes) {
            self.flow(leaf, place, more, freed);
        }
        for cluster in changes.chunk_by(|one, other| one.cluster == other.cluster) {
            self.shift_cluster(leaf, cluster, freed);
        }
    }

    fn changes(&self, from: &[Amount], to: &[Amount]) -> Vec<Change> {
        side_by_side(from, to)
            .filter(|(_, _, from, to)| from != to)
            .filter_map(|(cluster, resource, from, to)| {
                Some(Change {
                    cluster,
                    place: self.place(resource)?,
                    more: i128::from(to) - i128::from(from),
                })
            })
            .collect()
    }

    /// What is used at a leaf and above it, and what of it reaches whom.
    fn flow(&mut self, leaf: NodeId, place: usize, more: i128, freed: &mut Freed) {
        let mut passed_on = more;
        let mut at = Some(leaf);
        while let Some(node) = at {
            at = self.tree.parent(node);
            let Some(share) = self.tree.get(node).map(|node| &node.shares[place]) else {
                return;
            };
            let sum = &mut self.nodes[node.place()].sums[place];
            sum.used += more;
            if passed_on == 0 {
                continue;
            }
            if passed_on < 0 {
                freed.0.push(node);
            }
            let before = Passed::of(share, sum.flow);
            sum.flow += passed_on;
            let after = Passed::of(share, sum.flow);
            passed_on = after.up - before.up;
            if let Some(parent) = at {
                let sum = &mut self.nodes[parent.place()].sums[place];
                sum.over += after.over - before.over;
                sum.idle += after.idle - before.idle;
            }
        }
    }

    fn shift_cluster(&mut self, leaf: NodeId, changes: &[Change], freed: &mut Freed) {
        let Some(cluster) = changes.first().map(|change| change.cluster) else {
            return;
        };
        if cluster == ONCE {
            return;
        }
        let resources = self.tree.resources().len();
        let tree = Arc::clone(&self.tree);
        for node in tree.path(leaf) {
            let NodeUse { clusters, caps, .. } = &mut self.nodes[node.place()];
            let entry = clusters.entry(cluster).or_default();
            entry.used.resize(resources, 0);
            for change in changes {
                entry.used[change.place] += change.more;
                if change.more < 0 && caps.contains_key(&(cluster, change.place)) {
                    freed.0.push(node);
                }
            }
            if entry.used.iter().all(|used| *used == 0) {
                clusters.remove(&cluster);
            }
        }
    }

    fn shift_reserved(
        &mut self,
        leaf: NodeId,
        (charge, uses): (&[Amount], &[Amount]),
        (new_charge, new_uses): (&[Amount], &[Amount]),
    ) {
        let mut changes = self.changes(charge, uses);
        for change in &mut changes {
            change.more = -change.more;
        }
        changes.extend(self.changes(new_charge, new_uses));
        let tree = Arc::clone(&self.tree);
        for (place, more) in by_resource(&changes) {
            for node in tree.path(leaf) {
                self.nodes[node.place()].sums[place].reserved += more;
            }
        }
    }

    /// Everything from the beginning.
    fn fold(&mut self) {
        let tree = Arc::clone(&self.tree);
        for resource in tree.resources() {
            self.names.resources.number(resource.as_str());
        }
        self.places.clear();
        self.learn_places();
        self.nodes.clear();
        for node in &tree.nodes {
            let sums = vec![Sum::default(); node.shares.len()];
            self.nodes.push(NodeUse {
                sums,
                ..NodeUse::default()
            });
        }
        for node in tree.nodes() {
            if let (Some(found), Some(parent)) = (tree.get(node), tree.parent(node)) {
                for (share, sum) in found
                    .shares
                    .iter()
                    .zip(&mut self.nodes[parent.place()].sums)
                {
                    sum.idle += share.subtree - share.kept;
                }
            }
        }
        self.resolve_caps();
        let objects = std::mem::take(&mut self.objects);
        let mut freed = Freed::default();
        for object in objects.values() {
            for Entry { leaf, charge, uses } in object.entries() {
                self.shift(leaf, &[], &uses, &mut freed);
                self.shift_reserved(leaf, (&[], &[]), (&charge, &uses));
            }
        }
        self.objects = objects;
    }

    fn resolve_caps(&mut self) {
        let tree = Arc::clone(&self.tree);
        let named = tree.nodes.iter().flat_map(|node| &node.caps);
        for name in named.flat_map(super::shares::Cap::cluster_names) {
            // A name that no cluster can have caps nothing.
            if let Ok(name) = ClusterName::new(name) {
                self.names.clusters.number(&name);
            }
        }
        for name in self.labels.keys() {
            self.names.clusters.number(name);
        }
        for (node, node_use) in tree.nodes.iter().zip(&mut self.nodes) {
            node_use.caps.clear();
            for (number, name) in self.names.clusters.names().iter().enumerate() {
                let labels = self.labels.get(name);
                let number = u32::try_from(number).unwrap_or(ONCE);
                for cap in node
                    .caps
                    .iter()
                    .filter(|cap| cap.holds_for(name.as_str(), labels))
                {
                    for (place, limit) in &cap.limits {
                        let least = node_use.caps.entry((number, *place)).or_insert(*limit);
                        *least = (*least).min(*limit);
                    }
                }
            }
        }
    }

    /// Numbers that were given since: where the tree has those resources.
    fn learn_places(&mut self) {
        for name in self.names.resources.names().iter().skip(self.places.len()) {
            let place = self
                .tree
                .resources()
                .binary_search_by(|resource| resource.as_str().cmp(name.as_str()));
            self.places.push(place.ok());
        }
    }

    pub(super) fn place(&self, resource: u32) -> Option<usize> {
        self.places.get(resource as usize).copied().flatten()
    }
}

/// So much more of a resource of a cluster.
#[derive(Clone, Copy, Debug)]
struct Change {
    cluster: u32,
    place: usize,
    more: i128,
}

/// Over all clusters, resource by resource; what comes to nothing is left out.
fn by_resource(changes: &[Change]) -> Vec<(usize, i128)> {
    let mut sums: Vec<(usize, i128)> = Vec::new();
    for change in changes {
        match sums.iter_mut().find(|(place, _)| *place == change.place) {
            Some((_, sum)) => *sum += change.more,
            None => sums.push((change.place, change.more)),
        }
    }
    sums.retain(|(_, sum)| *sum != 0);
    sums
}

/// What a node's use means to its parent.
struct Passed {
    /// What it uses of it.
    up: i128,
    /// What it uses of others.
    over: i128,
    /// What others may use.
    idle: i128,
}

impl Passed {
    fn of(share: &super::shares::Share, flow: i128) -> Self {
        let up = (flow - share.kept).max(0);
        Self {
            up,
            over: (flow - share.subtree).max(0),
            idle: (share.subtree - share.kept - up).max(0),
        }
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
