//! A second account for tests: it works everything out anew from the definitions each time, by name and without any
//! shortcut. And the quotas and charges that tests try.

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::names::ClusterName;
use navarch_crds::quota::{Charge, ClusterCharge, GlobalQuotaSpec, Mode};
use proptest::prelude::*;
use serde_json::json;

const RESOURCES: [&str; 3] = ["count/configmaps", "pods", "requests.memory"];
pub(super) const CLUSTERS: [&str; 3] = ["a", "b", "c"];

pub(super) type Specs = BTreeMap<String, GlobalQuotaSpec>;
/// By cluster, none for what is counted once, and resource.
pub(super) type Uses = BTreeMap<(Option<String>, String), i128>;

/// An object: where it is charged, what it is charged, what is admitted for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub(super) leaves: Vec<String>,
    pub(super) charge: Charge,
    pub(super) reserved: Option<Charge>,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) specs: Specs,
    pub(super) objects: BTreeMap<u8, Object>,
}

pub(super) fn amounts(charge: &Charge) -> Uses {
    let mut uses = Uses::new();
    for (name, amount) in &charge.once {
        *uses.entry((None, name.clone())).or_default() += i128::from(*amount);
    }
    for (cluster, copy) in &charge.clusters {
        let cluster = Some(cluster.to_string());
        for (name, each) in &copy.each {
            let use_of = uses.entry((cluster.clone(), name.clone())).or_default();
            *use_of += i128::from(copy.replicas) * i128::from(*each);
        }
        for (name, amount) in &copy.fixed {
            *uses.entry((cluster.clone(), name.clone())).or_default() += i128::from(*amount);
        }
    }
    uses
}

fn largest(one: Uses, other: Uses) -> Uses {
    let mut most = one;
    for (place, amount) in other {
        let there = most.entry(place).or_default();
        *there = (*there).max(amount);
    }
    most
}

impl Object {
    fn uses(&self) -> Uses {
        let reserved = self.reserved.as_ref().map(amounts).unwrap_or_default();
        largest(amounts(&self.charge), reserved)
    }
}

impl Model {
    fn written(&self, node: &str, resource: &str, field: &str) -> Option<i128> {
        let share = self.specs[node]
            .resources
            .iter()
            .find(|share| share.name == resource)?;
        let text = match field {
            "guaranteed" => &share.guaranteed,
            "limit" => &share.limit,
            _ => &share.lending_limit,
        };
        text.parse().ok()
    }

    pub(super) fn children(&self, node: &str) -> Vec<&str> {
        let below = self
            .specs
            .iter()
            .filter(|(_, spec)| spec.parent_name == node);
        below.map(|(name, _)| name.as_str()).collect()
    }

    fn parent(&self, node: &str) -> Option<&str> {
        Some(self.specs[node].parent_name.as_str()).filter(|parent| !parent.is_empty())
    }

    pub(super) fn path(&self, node: &str) -> Vec<String> {
        let mut path = vec![node.to_owned()];
        while let Some(parent) = self.parent(path.last().unwrap()) {
            path.push(parent.to_owned());
        }
        path
    }

    fn enforces(&self, node: &str) -> bool {
        matches!(&self.specs[node].mode, Mode::Enforce | Mode::Other(_))
    }

    pub(super) fn guaranteed(&self, node: &str, resource: &str) -> i128 {
        self.written(node, resource, "guaranteed")
            .unwrap_or_else(|| {
                let children = self.children(node);
                children
                    .iter()
                    .map(|child| self.guaranteed(child, resource))
                    .sum()
            })
    }

    /// What a whole tree has.
    fn pool(&self, root: &str, resource: &str) -> Option<i128> {
        let guaranteed = self.guaranteed(root, resource);
        self.written(root, resource, "limit")
            .or((guaranteed > 0).then_some(guaranteed))
    }

    fn limit(&self, node: &str, resource: &str) -> Option<i128> {
        match self.parent(node) {
            Some(_) => self.written(node, resource, "limit"),
            None => self.pool(node, resource),
        }
    }

    pub(super) fn subtree(&self, node: &str, resource: &str) -> i128 {
        let children = self.children(node);
        let of_children: i128 = children
            .iter()
            .map(|child| self.guaranteed(child, resource))
            .sum();
        let whole = match self.parent(node) {
            Some(_) => self.guaranteed(node, resource),
            None => self.pool(node, resource).unwrap_or(0),
        };
        let lent = children.iter().map(|child| {
            let subtree = self.subtree(child, resource);
            self.written(child, resource, "lending")
                .map_or(subtree, |lending| subtree.min(lending))
        });
        (whole - of_children).max(0) + lent.sum::<i128>()
    }

    pub(super) fn kept(&self, node: &str, resource: &str) -> i128 {
        match (self.parent(node), self.written(node, resource, "lending")) {
            (Some(_), Some(lending)) => (self.subtree(node, resource) - lending).max(0),
            _ => 0,
        }
    }

    fn own_use(&self, node: &str, cluster: Option<&str>, resource: &str) -> i128 {
        let here = self
            .objects
            .values()
            .filter(|object| object.leaves.iter().any(|leaf| leaf == node));
        here.flat_map(Object::uses)
            .filter(|((of, name), _)| {
                name == resource && (cluster.is_none() || of.as_deref() == cluster)
            })
            .map(|(_, amount)| amount)
            .sum()
    }

    pub(super) fn used(&self, node: &str, cluster: Option<&str>, resource: &str) -> i128 {
        let below = self.children(node);
        let below: i128 = below
            .iter()
            .map(|child| self.used(child, cluster, resource))
            .sum();
        self.own_use(node, cluster, resource) + below
    }

    /// Use without what children keep to themselves.
    pub(super) fn flow(&self, node: &str, resource: &str) -> i128 {
        let up = |child: &&str| (self.flow(child, resource) - self.kept(child, resource)).max(0);
        let below: i128 = self.children(node).iter().map(up).sum();
        self.own_use(node, None, resource) + below
    }

    pub(super) fn available(&self, node: &str, resource: &str) -> Option<i128> {
        let (subtree, flow) = (self.subtree(node, resource), self.flow(node, resource));
        let Some(parent) = self.parent(node) else {
            return self
                .pool(node, resource)
                .filter(|_| self.enforces(node))
                .map(|_| subtree - flow);
        };
        let kept = self.kept(node, resource);
        let allowance = self
            .written(node, resource, "limit")
            .filter(|_| self.enforces(node))
            .map(|limit| {
                (subtree - kept) - (flow - kept).max(0) + (limit - self.guaranteed(node, resource))
            });
        let above = self.available(parent, resource);
        let above = match (above, allowance) {
            (Some(above), Some(allowance)) => Some(above.min(allowance)),
            (one, other) => one.or(other),
        };
        above.map(|above| (kept - flow).max(0) + above)
    }

    fn cap(&self, node: &str, cluster: &str, resource: &str) -> Option<i128> {
        let caps = self.specs[node].clusters.iter();
        let caps = caps.filter(|cap| cap.names.iter().any(|name| name == cluster));
        let limits = caps
            .flat_map(|cap| &cap.resources)
            .filter(|limited| limited.name == resource);
        limits.map(|limited| limited.limit.parse().unwrap()).min()
    }

    pub(super) fn fits(&self, key: u8, leaves: &[String], wanted: &Charge) -> bool {
        let mut object = self.objects.get(&key).cloned().unwrap_or_default();
        let before = if object.leaves == leaves {
            object.uses()
        } else {
            Uses::new()
        };
        object.reserved = Some(wanted.clone());
        let after = object.uses();
        let more = |place: &(Option<String>, String)| {
            after.get(place).unwrap_or(&0) - before.get(place).unwrap_or(&0)
        };
        let places: BTreeSet<_> = before.keys().chain(after.keys()).cloned().collect();
        leaves.iter().all(|leaf| {
            let of_nodes = RESOURCES.iter().all(|resource| {
                let growth: i128 = places
                    .iter()
                    .filter(|(_, name)| name == resource)
                    .map(more)
                    .sum();
                growth <= 0
                    || self
                        .available(leaf, resource)
                        .is_none_or(|free| growth <= free)
            });
            of_nodes
                && places.iter().all(|place| {
                    let (Some(cluster), resource) = place else {
                        return true;
                    };
                    let fits = |node: &String| {
                        self.cap(node, cluster, resource).is_none_or(|cap| {
                            self.used(node, Some(cluster), resource) + more(place) <= cap
                        })
                    };
                    more(place) <= 0
                        || self
                            .path(leaf)
                            .iter()
                            .filter(|node| self.enforces(node))
                            .all(fits)
                })
        })
    }

    /// Every bound that is enforced, with what is used of it.
    pub(super) fn bounds(&self) -> BTreeMap<(String, Option<String>, String), (i128, i128)> {
        let mut bounds = BTreeMap::new();
        for node in self.specs.keys().filter(|node| self.enforces(node)) {
            for resource in RESOURCES {
                if let Some(limit) = self.limit(node, resource) {
                    let used = self.used(node, None, resource);
                    bounds.insert((node.clone(), None, resource.to_owned()), (used, limit));
                }
                for cluster in CLUSTERS {
                    if let Some(cap) = self.cap(node, cluster, resource) {
                        let used = self.used(node, Some(cluster), resource);
                        let place = (node.clone(), Some(cluster.to_owned()), resource.to_owned());
                        bounds.insert(place, (used, cap));
                    }
                }
            }
        }
        bounds
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = &String> {
        self.specs
            .keys()
            .filter(|name| self.children(name).is_empty())
    }

    /// One leaf of each of the first trees.
    pub(super) fn leaves_of(&self, key: u8) -> Vec<String> {
        let mut by_root: BTreeMap<String, Vec<&String>> = BTreeMap::new();
        for leaf in self.leaves() {
            let root = self.path(leaf).pop().unwrap();
            by_root.entry(root).or_default().push(leaf);
        }
        let trees = usize::from(key % 4);
        let pick = |leaves: &Vec<&String>| leaves[usize::from(key) % leaves.len()].clone();
        by_root.values().take(trees).map(pick).collect()
    }
}

pub(super) type ShareStrategy = (Option<u8>, Option<u8>, Option<u8>);
pub(super) type NodeStrategy = (u8, Vec<ShareStrategy>, u8, Option<(u8, u8, u8)>);

pub(super) fn nodes() -> impl Strategy<Value = Vec<NodeStrategy>> {
    let amount = |most: u8| prop::option::of(0..most);
    let share = (
        amount(12),
        prop::option::weighted(0.4, 0..40_u8),
        amount(12),
    );
    let cap = prop::option::weighted(0.3, (0..3_u8, 0..3_u8, 0..20_u8));
    prop::collection::vec(
        (any::<u8>(), prop::collection::vec(share, 3), 0..8_u8, cap),
        1..8,
    )
}

/// Quotas whose guarantees are right, or as they come.
pub(super) fn specs(nodes: &[NodeStrategy], right: bool) -> Specs {
    let mut nodes = nodes.to_vec();
    let parent = |of: u8, place: usize| match usize::from(of) % (place + 2) {
        chosen if chosen < place => Some(chosen),
        _ => None,
    };
    let parents: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(place, node)| parent(node.0, place))
        .collect();
    for place in (0..nodes.len()).rev().filter(|_| right) {
        for resource in 0..3 {
            // Children stand behind their parents, so theirs is right already; none is the sum of theirs.
            let mut below = 0;
            for child in (0..nodes.len()).filter(|child| parents[*child] == Some(place)) {
                below += nodes[child].1[resource].0.unwrap_or(0);
            }
            let share = &mut nodes[place].1[resource];
            share.0 = Some(share.0.unwrap_or(below).max(below));
            share.1 = share.1.map(|limit| limit.max(share.0.unwrap()));
        }
    }
    let spec = |place: usize| {
        let (_, shares, mode, cap) = &nodes[place];
        let text =
            |amount: Option<u8>| amount.map_or_else(String::new, |amount| amount.to_string());
        let resources: Vec<_> = shares
            .iter()
            .zip(RESOURCES)
            .map(|((guaranteed, limit, lending), name)| {
                json!({ "name": name, "guaranteed": text(*guaranteed), "limit": text(*limit), "lendingLimit": text(*lending) })
            })
            .collect();
        let caps: Vec<_> = cap
            .iter()
            .map(|(cluster, resource, limit)| {
                let resource = RESOURCES[usize::from(*resource)];
                json!({ "names": [CLUSTERS[usize::from(*cluster)]], "resources": [{ "name": resource, "limit": limit }] })
            })
            .collect();
        let mode = ["Observe", "Warn"]
            .get(usize::from(*mode))
            .copied()
            .unwrap_or_default();
        let parent = parents[place].map_or_else(String::new, |parent| format!("n{parent}"));
        serde_json::from_value(
            json!({ "parentName": parent, "resources": resources, "clusters": caps, "mode": mode }),
        )
        .unwrap()
    };
    (0..nodes.len())
        .map(|place| (format!("n{place}"), spec(place)))
        .collect()
}

pub(super) fn charge() -> impl Strategy<Value = Charge> {
    let copy =
        (0..4_i64, 0..2_i64, 0..4_i64, 0..3_i64).prop_map(|(replicas, pods, memory, fixed)| {
            ClusterCharge {
                replicas,
                each: BTreeMap::from([
                    ("pods".to_owned(), pods),
                    ("requests.memory".to_owned(), memory),
                ]),
                fixed: BTreeMap::from([("requests.memory".to_owned(), fixed)]),
            }
        });
    let cluster =
        prop::sample::select(&CLUSTERS[..]).prop_map(|name| ClusterName::new(name).unwrap());
    (0..2_i64, prop::collection::btree_map(cluster, copy, 0..3)).prop_map(|(once, clusters)| {
        Charge {
            once: BTreeMap::from([("count/configmaps".to_owned(), once)]),
            clusters,
        }
    })
}
