//! What the nodes of a member offer, added up: what each says itself, and what Katalyst found out that its pods leave
//! unused (`CustomNodeResource`, one a node, of its name).

use std::collections::HashMap;

use navarch_crds::go::quantity::Quantity;

use super::amounts::{Amounts, Total, add, read};
use super::slim::{SlimNode, SlimReclaimed};

/// Everything of one member.
#[derive(Debug, Default)]
pub(super) struct Offered {
    nodes: HashMap<Box<str>, Node>,
    reclaimed: HashMap<Box<str>, Reclaimed>,
    /// By the nodes that pods may come to.
    of_nodes: Total,
    /// Of the same nodes.
    of_reclaimed: Total,
}

#[derive(Debug)]
struct Node {
    schedulable: bool,
    allocatable: Amounts,
    epoch: u32,
}

#[derive(Debug)]
struct Reclaimed {
    allocatable: Amounts,
    epoch: u32,
}

impl Offered {
    /// Whether what it offers is other than before.
    pub(super) fn put_node(&mut self, node: &SlimNode, epoch: u32) -> bool {
        let Some(name) = node.metadata.name.as_deref() else {
            return false;
        };
        let node = Node {
            schedulable: is_schedulable(node),
            allocatable: read(&node.status.allocatable),
            epoch,
        };
        let known = self.nodes.get(name);
        let same = known.is_some_and(|known| {
            known.schedulable == node.schedulable && known.allocatable == node.allocatable
        });
        self.remove_node(name);
        if node.schedulable {
            self.of_nodes.add(&node.allocatable);
            if let Some(reclaimed) = self.reclaimed.get(name) {
                self.of_reclaimed.add(&reclaimed.allocatable);
            }
        }
        self.nodes.insert(name.into(), node);
        !same
    }

    pub(super) fn remove_node(&mut self, name: &str) {
        if let Some(node) = self.nodes.remove(name).filter(|node| node.schedulable) {
            self.of_nodes.take_off(&node.allocatable);
            if let Some(reclaimed) = self.reclaimed.get(name) {
                self.of_reclaimed.take_off(&reclaimed.allocatable);
            }
        }
    }

    /// Nodes that no list has had since then are gone.
    pub(super) fn keep_nodes(&mut self, since: u32) {
        let old = self.nodes.iter().filter(|(_, node)| node.epoch < since);
        let old: Vec<Box<str>> = old.map(|(name, _)| name.clone()).collect();
        for name in old {
            self.remove_node(&name);
        }
    }

    pub(super) fn put_reclaimed(&mut self, reclaimed: &SlimReclaimed, epoch: u32) {
        let Some(name) = reclaimed.metadata.name.as_deref() else {
            return;
        };
        self.remove_reclaimed(name);
        let resources = reclaimed.status.resources.as_ref();
        let allocatable = resources.and_then(|resources| resources.allocatable.as_ref());
        let allocatable = allocatable.map(read).unwrap_or_default();
        if self.takes_pods(name) {
            self.of_reclaimed.add(&allocatable);
        }
        let reclaimed = Reclaimed { allocatable, epoch };
        self.reclaimed.insert(name.into(), reclaimed);
    }

    pub(super) fn remove_reclaimed(&mut self, name: &str) {
        if let Some(reclaimed) = self.reclaimed.remove(name)
            && self.takes_pods(name)
        {
            self.of_reclaimed.take_off(&reclaimed.allocatable);
        }
    }

    /// As [`Self::keep_nodes`].
    pub(super) fn keep_reclaimed(&mut self, since: u32) {
        let old = self.reclaimed.iter().filter(|(_, one)| one.epoch < since);
        let old: Vec<Box<str>> = old.map(|(name, _)| name.clone()).collect();
        for name in old {
            self.remove_reclaimed(&name);
        }
    }

    fn takes_pods(&self, name: &str) -> bool {
        self.nodes.get(name).is_some_and(|node| node.schedulable)
    }

    /// The sums. What Katalyst says of a resource counts instead of what nodes say, as with KubeAdmiral
    /// (`pkg/controllers/federatedcluster`).
    pub(super) fn sums(&self) -> impl Iterator<Item = (&str, Quantity)> + Clone {
        let reclaimed = &self.of_reclaimed.0;
        let of_nodes = self.of_nodes.0.iter();
        let of_nodes = of_nodes.filter(|(name, _)| !reclaimed.contains_key(*name));
        let all = of_nodes.chain(reclaimed);
        all.map(|(name, (sum, _))| (name.as_str(), *sum))
    }

    /// The same added up anew, with the number of nodes that take pods.
    pub(super) fn count(&self) -> (i64, Amounts) {
        let (mut total, mut reclaimed) = (Amounts::new(), Amounts::new());
        let mut nodes = 0_i64;
        let mut names: Vec<&Box<str>> = self.nodes.keys().collect();
        names.sort();
        for name in names {
            let Some(node) = self.nodes.get(name).filter(|node| node.schedulable) else {
                continue;
            };
            nodes += 1;
            for (name, amount) in &node.allocatable {
                add(&mut total, name, amount);
            }
            for (name, amount) in self
                .reclaimed
                .get(name)
                .into_iter()
                .flat_map(|one| &one.allocatable)
            {
                add(&mut reclaimed, name, amount);
            }
        }
        total.extend(reclaimed);
        (nodes, total)
    }
}

/// As KubeAdmiral counts nodes; one without a condition `Ready` counts as ready.
fn is_schedulable(node: &SlimNode) -> bool {
    let kept_away = node
        .spec
        .taints
        .iter()
        .any(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"));
    let ready = node
        .status
        .conditions
        .iter()
        .all(|condition| condition.kind != "Ready" || condition.status == "True");
    ready && !node.spec.unschedulable && !kept_away
}
