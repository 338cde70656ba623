//! How much more may be used. One walk from a leaf to its root answers for one resource:
//! `available(root) = subtree − use`, `available(n) = max(0, kept − use) + min(available(parent), allowance)`, where the
//! allowance is what the node's limit leaves. A node that does not count bounds nothing.

use navarch_crds::names::ClusterName;
use navarch_crds::quota::{Charge, ClusterCharge, Mode};
use std::collections::BTreeMap;

use super::account::Account;
use super::amounts::{Amount, Amounts, ONCE, amount_of, side_by_side};
use super::object::Object;
use super::shortage::{Refusal, Shortage};
use super::tree::{Leaves, NodeId};

/// Whose limits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Of those that enforce them.
    Enforced,
    /// Of those that warn, too.
    Warned,
    /// Of all.
    All,
}

impl Counted {
    fn counts(self, mode: &Mode) -> bool {
        match self {
            Self::All => true,
            Self::Warned => *mode != Mode::Observe,
            Self::Enforced => !matches!(mode, Mode::Observe | Mode::Warn),
        }
    }
}

/// The tightest bound on a way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) free: i128,
    pub(super) node: NodeId,
    pub(super) limit: i128,
}

impl Bound {
    /// The tighter one; the first where they are equal.
    fn tighter(first: Option<Self>, second: Self) -> Option<Self> {
        match first {
            Some(first) if first.free <= second.free => Some(first),
            _ => Some(second),
        }
    }
}

impl<K: Ord + Clone> Account<K> {
    /// How much more of a resource may be used at a node; none where nothing bounds it.
    pub(super) fn available(&self, node: NodeId, place: usize, counted: Counted) -> Option<Bound> {
        let mut tightest = None;
        // What the nodes below on the way keep to themselves and have left: it is used before anything is passed on.
        let mut kept_left = 0;
        for node in self.tree.path(node) {
            let found = self.tree.get(node)?;
            let share = &found.shares[place];
            let sum = &self.nodes[node.place()].sums[place];
            if let Some(limit) = share.limit
                && counted.counts(found.mode())
            {
                let allowance = if found.is_root() {
                    share.subtree - sum.flow
                } else {
                    limit - share.kept_below - sum.flow.max(share.kept)
                };
                let own_left = (share.kept - sum.flow).max(0);
                // The second holds by itself in a tree whose guarantees are right.
                let free = (own_left + allowance).min(limit - sum.used - kept_left);
                let bound = Bound {
                    free: kept_left + free,
                    node,
                    limit,
                };
                tightest = Bound::tighter(tightest, bound);
            }
            kept_left += (share.kept - sum.flow).max(0);
        }
        tightest
    }

    /// Whether an object may use what is wanted at these leaves.
    pub(super) fn admits(
        &self,
        key: &K,
        leaves: &Leaves,
        wanted: &[Amount],
        counted: Counted,
    ) -> Result<(), Refusal> {
        for leaf in leaves.nodes() {
            let (before, after) = self.before_and_after(key, *leaf, wanted);
            self.admits_at(leaves, *leaf, (&before, &after), counted)?;
        }
        Ok(())
    }

    fn admits_at(
        &self,
        leaves: &Leaves,
        leaf: NodeId,
        (before, after): (&[Amount], &[Amount]),
        counted: Counted,
    ) -> Result<(), Refusal> {
        let mut grown = Vec::new();
        let mut growth: BTreeMap<usize, i128> = BTreeMap::new();
        let mut grows = false;
        for (cluster, resource, from, to) in side_by_side(before, after) {
            grows |= to > from;
            if let Some(place) = self.place(resource) {
                let more = i128::from(to) - i128::from(from);
                *growth.entry(place).or_default() += more;
                if more > 0 && cluster != ONCE {
                    grown.push((cluster, place, more));
                }
            }
        }
        if !grows {
            return Ok(());
        }
        if let Some(refusal) = self.blocked(leaves, counted) {
            return Err(refusal);
        }
        for (place, more) in growth.iter().filter(|(_, more)| **more > 0) {
            match self.available(leaf, *place, counted) {
                Some(bound) if bound.free < *more => {
                    return Err(self.short(bound, *place, None, *more).into());
                }
                _ => {}
            }
        }
        for (cluster, place, more) in &grown {
            match self.left_of_cluster(leaf, *cluster, *place, counted) {
                Some(bound) if bound.free < *more => {
                    let name = self.names.clusters.name(*cluster).cloned();
                    return Err(self.short(bound, *place, name, *more).into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Why nothing at these leaves grows at all.
    fn blocked(&self, leaves: &Leaves, counted: Counted) -> Option<Refusal> {
        let counts = |node: &NodeId| counted.counts(&self.tree.mode(*node));
        let ways = || leaves.nodes().iter().flat_map(|leaf| self.tree.path(*leaf));
        if let Leaves::Ambiguous { names, .. } = leaves
            && ways().any(|node| counts(&node))
        {
            return Some(Refusal::Ambiguous {
                quotas: names.clone(),
            });
        }
        ways().find_map(|node| {
            let problem = self.tree.problem(node).filter(|_| counts(&node))?;
            Some(Refusal::Inactive {
                quota: self.tree.name(node).to_owned(),
                message: problem.message.clone(),
            })
        })
    }

    /// What caps leave of a resource of a cluster.
    fn left_of_cluster(
        &self,
        leaf: NodeId,
        cluster: u32,
        place: usize,
        counted: Counted,
    ) -> Option<Bound> {
        let mut tightest = None;
        for node in self.tree.path(leaf) {
            let node_use = &self.nodes[node.place()];
            let Some(limit) = node_use.caps.get(&(cluster, place)) else {
                continue;
            };
            if counted.counts(&self.tree.mode(node)) {
                let used = node_use.clusters.get(&cluster);
                let used = used.and_then(|cluster| cluster.used.get(place));
                let limit = i128::from(*limit);
                let bound = Bound {
                    free: limit - used.copied().unwrap_or(0),
                    node,
                    limit,
                };
                tightest = Bound::tighter(tightest, bound);
            }
        }
        tightest
    }

    fn short(
        &self,
        bound: Bound,
        place: usize,
        cluster: Option<ClusterName>,
        asked: i128,
    ) -> Shortage {
        let resource = self.tree.resources().get(place);
        Shortage {
            quota: self.tree.name(bound.node).to_owned(),
            resource: resource.map_or_else(String::new, ToString::to_string),
            cluster,
            asked: whole(asked),
            free: whole(bound.free.max(0)),
            limit: whole(bound.limit),
        }
    }

    /// The question of [`Account::reserve`], without taking anything.
    ///
    /// # Errors
    /// Why the object must not grow like this.
    pub fn would_fit(&self, key: &K, leaves: &Leaves, wanted: &Charge) -> Result<(), Refusal> {
        let wanted = self.names.look_up(wanted);
        self.admits(key, leaves, &wanted, Counted::Enforced)
    }

    /// What a quota that only warns says: why the object would not grow like this if it enforced its limits.
    #[must_use]
    pub fn warning(&self, key: &K, leaves: &Leaves, wanted: &Charge) -> Option<Refusal> {
        let wanted = self.names.look_up(wanted);
        self.admits(key, leaves, &wanted, Counted::Warned).err()
    }

    /// The most replicas that the copy in a cluster may have altogether, everything else of the object staying as it is;
    /// `i64::MAX` where nothing bounds them. So many can be reserved, one more cannot. Of `copy` the replicas do not
    /// matter; where not even what it uses besides fits, it may have none.
    #[must_use]
    pub fn headroom(
        &self,
        key: &K,
        leaves: &Leaves,
        copy: &ClusterCharge,
        cluster: &ClusterName,
    ) -> i64 {
        let present = self.present(key);
        let number = self.names.clusters.known(cluster);
        let mut bounds = Bounds::new(self, leaves);
        let names = copy.each.keys().chain(copy.fixed.keys());
        for name in names {
            let resource = self.names.resources.known(name);
            let there = match (number, resource) {
                (Some(number), Some(resource)) => amount_of(&present, number, resource),
                _ => 0,
            };
            let more = bounds.more(resource, number);
            bounds.keep(name, there, more);
        }
        bounds.replicas(copy)
    }

    /// The most replicas in all clusters together, if those that are there stay where they are and the others come
    /// without anything else; `i64::MAX` where nothing bounds them. Caps of clusters are not looked at here, and what
    /// is left over beside whole replicas in a cluster that has some is not counted.
    #[must_use]
    pub fn headroom_total(&self, key: &K, leaves: &Leaves, each: &BTreeMap<String, i64>) -> i64 {
        let present = self.present(key);
        let mut bounds = Bounds::new(self, leaves);
        for name in each.keys() {
            let more = bounds.more(self.names.resources.known(name), None);
            bounds.keep(name, 0, more);
        }
        let one = ClusterCharge {
            each: each.clone(),
            ..ClusterCharge::default()
        };
        let mut total = bounds.replicas(&one);
        for copy in present.chunk_by(|one, other| one.cluster == other.cluster) {
            let Some(cluster) = copy.first().map(|amount| amount.cluster) else {
                continue;
            };
            if cluster == ONCE {
                continue;
            }
            let covered = each
                .iter()
                .filter(|(_, each)| **each > 0)
                .map(|(name, each)| {
                    let resource = self.names.resources.known(name);
                    resource.map_or(0, |resource| amount_of(copy, cluster, resource)) / each
                });
            total = total.saturating_add(covered.min().unwrap_or(0));
        }
        total
    }

    /// What it uses, wherever it is charged: what runs is not taken back because it moves to another quota.
    fn present(&self, key: &K) -> Amounts {
        self.object(key).map_or_else(Default::default, Object::uses)
    }
}

/// What bounds the replicas of one copy, resource by resource.
struct Bounds<'a, K> {
    account: &'a Account<K>,
    leaves: &'a Leaves,
    blocked: bool,
    /// By the resource's name in the copy: what the copy may come to.
    most: BTreeMap<String, i128>,
}

impl<'a, K: Ord + Clone> Bounds<'a, K> {
    fn new(account: &'a Account<K>, leaves: &'a Leaves) -> Self {
        Self {
            account,
            leaves,
            blocked: account.blocked(leaves, Counted::Enforced).is_some(),
            most: BTreeMap::new(),
        }
    }

    /// How much more may be used, at least nothing; none where nothing bounds it.
    fn more(&self, resource: Option<u32>, cluster: Option<u32>) -> Option<i128> {
        if self.blocked {
            return Some(0);
        }
        let place = self.account.place(resource?)?;
        let bounds = self.leaves.nodes().iter().flat_map(|leaf| {
            let of_all = self.account.available(*leaf, place, Counted::Enforced);
            let of_cluster = cluster.and_then(|cluster| {
                self.account
                    .left_of_cluster(*leaf, cluster, place, Counted::Enforced)
            });
            of_all.into_iter().chain(of_cluster)
        });
        bounds.map(|bound| bound.free.max(0)).min()
    }

    fn keep(&mut self, name: &str, there: i64, more: Option<i128>) {
        if let Some(more) = more {
            self.most.insert(name.to_owned(), i128::from(there) + more);
        }
    }

    fn replicas(&self, copy: &ClusterCharge) -> i64 {
        let mut replicas = i128::from(i64::MAX);
        for (name, most) in &self.most {
            let amount = |amounts: &BTreeMap<String, i64>| {
                i128::from(amounts.get(name).copied().unwrap_or(0).max(0))
            };
            let (each, left) = (amount(&copy.each), most - amount(&copy.fixed));
            if left < 0 {
                return 0;
            }
            if each > 0 {
                replicas = replicas.min(left / each);
            }
        }
        whole(replicas)
    }
}

/// As far as it can be counted.
pub(super) fn whole(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}
