//! What one object uses: what it is charged and what was admitted for it, each under its own quotas.

use std::collections::BTreeSet;

use super::amounts::{Amounts, larger};
use super::tree::{Leaves, NodeId};

/// One object in the account.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// Whom the charge is charged to.
    pub(super) leaves: Leaves,
    pub(super) charge: Amounts,
    pub(super) reserved: Option<Reserved>,
}

/// What was admitted, and whom it is to be charged to.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) leaves: Leaves,
    pub(super) amounts: Amounts,
}

/// What an object uses at one leaf, and what of it is charged there.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) leaf: NodeId,
    pub(super) charge: Amounts,
    pub(super) uses: Amounts,
}

impl Object {
    /// What it uses, wherever that is.
    pub(super) fn uses(&self) -> Amounts {
        match &self.reserved {
            None => self.charge.clone(),
            Some(reserved) => larger(&self.charge, &reserved.amounts),
        }
    }

    /// What it uses at a leaf.
    pub(super) fn uses_at(&self, leaf: NodeId) -> Amounts {
        let admitted = self.reserved.as_ref();
        if admitted.is_some_and(|reserved| reserved.leaves.nodes().contains(&leaf)) {
            self.uses()
        } else if self.leaves.nodes().contains(&leaf) {
            self.charge.clone()
        } else {
            Amounts::default()
        }
    }

    /// In the order of leaves.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let admitted = self.reserved.iter();
        let admitted = admitted.flat_map(|reserved| reserved.leaves.nodes());
        let leaves: BTreeSet<NodeId> = self
            .leaves
            .nodes()
            .iter()
            .chain(admitted)
            .copied()
            .collect();
        let entry = |leaf| Entry {
            leaf,
            charge: if self.leaves.nodes().contains(&leaf) {
                self.charge.clone()
            } else {
                Amounts::default()
            },
            uses: self.uses_at(leaf),
        };
        leaves.into_iter().map(entry).collect()
    }
}
