//! The quotas as trees: what each node has of each resource, what is wrong with it, and who is charged to it.
//! Nothing here changes but when a quota does.

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::quota::{GlobalQuotaSpec, Mode, OnExceeded, Strategy};
use navarch_crds::select::Labels;

use super::matching::{Candidates, Matching, Subject};
use super::problem::{self, Problem};
use super::resource::ResourceName;
use super::shares::{Brought, Cap, Share, Written, amounts, caps};

/// A node of the tree that it came from. In another tree it means another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    pub(super) fn at(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(u32::MAX))
    }

    pub(super) const fn place(self) -> usize {
        // No target of ours has pointers shorter than 32 bits.
        self.0 as usize
    }
}

/// Which quotas an object is charged to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Leaves {
    /// None.
    #[default]
    None,
    /// One of each tree.
    At(Arc<[NodeId]>),
    /// Several of one tree: it is charged to the first of them, and does not grow until only one is left.
    Ambiguous {
        /// Where it is charged, one of each tree.
        at: Arc<[NodeId]>,
        /// All that would have it.
        names: Arc<[String]>,
    },
}

impl Leaves {
    /// Where the object is charged.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        match self {
            Self::None => &[],
            Self::At(at) | Self::Ambiguous { at, .. } => at,
        }
    }

    /// No quota has it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.nodes().is_empty()
    }
}

#[derive(Debug)]
pub(super) struct Node {
    name: String,
    parent: Option<NodeId>,
    root: NodeId,
    /// Nodes stand before those below them, and those follow without a gap: up to here, exclusively.
    end: u32,
    problem: Option<Problem>,
    mode: Mode,
    on_exceeded: OnExceeded,
    strategy: Strategy,
    weight: i64,
    pub(super) shares: Vec<Share>,
    pub(super) caps: Vec<Cap>,
}

impl Node {
    pub(super) const fn is_root(&self) -> bool {
        self.parent.is_none()
    }

    pub(super) const fn mode(&self) -> &Mode {
        &self.mode
    }
}

/// All quotas.
#[derive(Debug, Default)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    by_name: BTreeMap<String, NodeId>,
    resources: Vec<ResourceName>,
    matching: Matching,
}

impl Tree {
    /// Puts the quotas together. Whatever is wrong with one is a problem of that one and of those below it.
    #[must_use]
    pub fn build(specs: &BTreeMap<String, GlobalQuotaSpec>) -> Self {
        let mut problems = BTreeMap::new();
        let parents = problem::parents(specs, &mut problems);
        let resources = problem::resources(specs, &mut problems);
        let order = in_order(specs, &parents);
        let by_name: BTreeMap<String, NodeId> = order
            .iter()
            .enumerate()
            .map(|(place, (name, _))| ((*name).to_owned(), NodeId::at(place)))
            .collect();
        let mut matching = Matching::default();
        let mut written = Vec::with_capacity(order.len());
        let mut nodes: Vec<Node> = Vec::with_capacity(order.len());
        for (place, (name, below)) in order.iter().enumerate() {
            let Some(spec) = specs.get(*name) else {
                continue;
            };
            let (id, end) = (NodeId::at(place), NodeId::at(place + below).0);
            let parent = parents.get(name).and_then(|parent| by_name.get(*parent));
            let root = parent.map_or(id, |parent| nodes[parent.place()].root);
            if let Some(selector) = &spec.selector
                && let Err(wrong) = matching.add(id, selector)
            {
                problems.entry(name).or_insert(wrong);
            }
            if let Some(wrong) = problem::of_node(spec, *below > 1) {
                problems.entry(name).or_insert(wrong);
            }
            written.push(amounts(spec, &resources));
            nodes.push(Node {
                name: (*name).to_owned(),
                parent: parent.copied(),
                root,
                end,
                problem: problems.remove(name),
                mode: enforced_by_default(&spec.mode),
                on_exceeded: waiting_by_default(&spec.on_exceeded),
                strategy: passing_by_default(&spec.queueing.strategy),
                weight: spec.queueing.weight.max(1),
                shares: vec![Share::default(); resources.len()],
                caps: caps(spec, &resources),
            });
        }
        let mut tree = Self {
            nodes,
            by_name,
            resources,
            matching,
        };
        tree.put_together(&written);
        tree.hand_problems_down();
        tree
    }

    /// What nodes have together, from the leaves up.
    fn put_together(&mut self, written: &[Vec<Written>]) {
        for resource in 0..self.resources.len() {
            // What the children of each node bring: guarantees, what they lend, what they keep.
            let mut brought = vec![Brought::default(); self.nodes.len()];
            for place in (0..self.nodes.len()).rev() {
                let (written, below) = (&written[place][resource], brought[place]);
                let parent = self.nodes[place].parent;
                let share = written.share(below, parent.is_none());
                if let Some(parent) = parent {
                    brought[parent.place()].add(&share);
                }
                self.nodes[place].shares[resource] = share;
                let bound = written.guaranteed.or(written.limit);
                let exceeded = bound.filter(|bound| below.guaranteed > *bound);
                if let Some(bound) = exceeded {
                    self.children_exceed(place, resource, below.guaranteed, bound);
                }
            }
        }
    }

    fn children_exceed(&mut self, place: usize, resource: usize, sum: i128, bound: i128) {
        let parent = self.nodes[place].name.clone();
        let end = NodeId(self.nodes[place].end).place();
        let resource_name = self.resources[resource].clone();
        for child in &mut self.nodes[place + 1..end] {
            let guaranteed = child.shares[resource].guaranteed;
            if child.parent == Some(NodeId::at(place)) && guaranteed > 0 {
                child.problem.get_or_insert_with(|| {
                    problem::exceeds_parent(&parent, &resource_name, sum, bound)
                });
            }
        }
    }

    fn hand_problems_down(&mut self) {
        for place in 0..self.nodes.len() {
            let Some(parent) = self.nodes[place].parent else {
                continue;
            };
            // Parents stand before their children, so theirs is settled.
            if self.nodes[parent.place()].problem.is_some() {
                let wrong = problem::parent_inactive(&self.nodes[parent.place()].name);
                self.nodes[place].problem.get_or_insert(wrong);
            }
        }
    }

    /// The node of a quota.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// The name of a node's quota.
    #[must_use]
    pub fn name(&self, node: NodeId) -> &str {
        self.get(node).map_or("", |node| &node.name)
    }

    /// All nodes, parents before their children.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId::at)
    }

    /// The node above.
    #[must_use]
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.get(node).and_then(|node| node.parent)
    }

    /// The node itself, then those above it up to the root.
    pub fn path(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let first = self.get(node).map(|_| node);
        std::iter::successors(first, |node| self.parent(*node))
    }

    /// The root of its tree.
    #[must_use]
    pub fn root(&self, node: NodeId) -> NodeId {
        self.get(node).map_or(node, |node| node.root)
    }

    /// It has no children.
    #[must_use]
    pub fn is_leaf(&self, node: NodeId) -> bool {
        self.below(node).len() <= 1
    }

    /// The node and all that are below it.
    pub(super) fn below(&self, node: NodeId) -> std::ops::Range<u32> {
        self.get(node)
            .map_or(node.0..node.0, |found| node.0..found.end)
    }

    /// What is wrong; none when the node is active.
    #[must_use]
    pub fn problem(&self, node: NodeId) -> Option<&Problem> {
        self.get(node).and_then(|node| node.problem.as_ref())
    }

    /// Whether its limits hold; `Enforce` where nothing is said.
    #[must_use]
    pub fn mode(&self, node: NodeId) -> Mode {
        self.get(node)
            .map_or(Mode::Enforce, |node| node.mode.clone())
    }

    /// What becomes of what does not fit; `Wait` where nothing is said.
    #[must_use]
    pub fn on_exceeded(&self, node: NodeId) -> OnExceeded {
        self.get(node)
            .map_or(OnExceeded::Wait, |node| node.on_exceeded.clone())
    }

    /// Who may pass whom; `BestEffortFIFO` where nothing is said.
    #[must_use]
    pub fn strategy(&self, node: NodeId) -> Strategy {
        self.get(node)
            .map_or(Strategy::BestEffortFifo, |node| node.strategy.clone())
    }

    /// Its share beside its siblings, at least one.
    #[must_use]
    pub fn weight(&self, node: NodeId) -> i64 {
        self.get(node).map_or(1, |node| node.weight)
    }

    /// Every resource that some node names, in order.
    #[must_use]
    pub fn resources(&self) -> &[ResourceName] {
        &self.resources
    }

    /// Leaves that may take objects of a namespace. Holds for as long as this tree and the namespace's labels.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str, labels: &Labels) -> Candidates {
        self.matching.in_namespace(namespace, labels)
    }

    /// Leaves that may take objects that are in no namespace.
    #[must_use]
    pub fn in_no_namespace(&self) -> Candidates {
        self.matching.in_no_namespace()
    }

    /// Which of the candidates take the object.
    #[must_use]
    pub fn among(&self, candidates: &Candidates, subject: &Subject<'_>) -> Leaves {
        let taken = self.matching.among(candidates, subject);
        let (mut at, mut names) = (Vec::new(), Vec::new());
        // In the order of nodes those of one tree stand together.
        for tree in taken.chunk_by(|a, b| self.root(*a) == self.root(*b)) {
            at.extend(tree.first());
            if tree.len() > 1 {
                names.extend(tree.iter().map(|node| self.name(*node).to_owned()));
            }
        }
        match (at.is_empty(), names.is_empty()) {
            (true, _) => Leaves::None,
            (false, true) => Leaves::At(at.into()),
            (false, false) => Leaves::Ambiguous {
                at: at.into(),
                names: names.into(),
            },
        }
    }

    /// Which leaves take an object, from scratch. Where it is in no namespace, the subject's is empty.
    #[must_use]
    pub fn leaves_of(&self, subject: &Subject<'_>) -> Leaves {
        let candidates = if subject.namespace.is_empty() {
            self.in_no_namespace()
        } else {
            self.in_namespace(subject.namespace, subject.namespace_labels)
        };
        self.among(&candidates, subject)
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node.place())
    }
}

/// Names in the order of nodes, each with how many there are at it and below it.
fn in_order<'a>(
    specs: &'a BTreeMap<String, GlobalQuotaSpec>,
    parents: &BTreeMap<&'a str, &'a str>,
) -> Vec<(&'a str, usize)> {
    let mut children: BTreeMap<&str, Vec<&'a str>> = BTreeMap::new();
    let mut to_do = Vec::new();
    for name in specs.keys().rev() {
        match parents.get(name.as_str()) {
            Some(parent) => children.entry(parent).or_default().push(name),
            None => to_do.push((name.as_str(), 0_usize)),
        }
    }
    let mut order: Vec<(&str, usize)> = Vec::with_capacity(specs.len());
    let mut depths: Vec<usize> = Vec::with_capacity(specs.len());
    while let Some((name, depth)) = to_do.pop() {
        order.push((name, 1));
        depths.push(depth);
        let below = children.get(name).into_iter().flatten();
        to_do.extend(below.map(|child| (*child, depth + 1)));
    }
    // From the end: what is counted at a depth belongs to the next node that is one less deep.
    let mut counted: Vec<usize> = vec![0; depths.iter().max().map_or(0, |most| most + 2)];
    for (place, depth) in depths.iter().enumerate().rev() {
        order[place].1 += std::mem::take(&mut counted[depth + 1]);
        counted[*depth] += order[place].1;
    }
    order
}

fn enforced_by_default(mode: &Mode) -> Mode {
    match mode {
        Mode::Other(_) => Mode::Enforce,
        known => known.clone(),
    }
}

fn waiting_by_default(on_exceeded: &OnExceeded) -> OnExceeded {
    match on_exceeded {
        OnExceeded::Other(_) => OnExceeded::Wait,
        known => known.clone(),
    }
}

fn passing_by_default(strategy: &Strategy) -> Strategy {
    match strategy {
        Strategy::Other(_) => Strategy::BestEffortFifo,
        known => known.clone(),
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
