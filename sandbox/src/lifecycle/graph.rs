//! Who owns whom, as far as events told. Pure state; `garbage` acts on what it says.

use crate::object::{self, Gvr, Object};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// An object, as far as garbage collection cares.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its resource.
    pub(super) gvr: Gvr,
    /// Its namespace, or empty.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// Its `ownerReferences`.
    pub(super) owners: Vec<Value>,
    /// Whether it is being deleted, and how its dependents are to go.
    pub(super) deletion: Deletion,
}

/// What a deleted object waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletion {
    /// It is not being deleted.
    No,
    /// It is, and waits for nothing of ours.
    Plain,
    /// It waits until its dependents are gone.
    Foreground,
    /// It waits until its dependents have been let go.
    Orphan,
}

impl Node {
    /// From an object.
    pub(super) fn of(gvr: &Gvr, object: &Object) -> Self {
        let finalizers = object::finalizers(object);
        let deletion = match object::deletion_timestamp(object) {
            None => Deletion::No,
            Some(_) if finalizers.contains(&"orphan") => Deletion::Orphan,
            Some(_) if finalizers.contains(&"foregroundDeletion") => Deletion::Foreground,
            Some(_) => Deletion::Plain,
        };
        Self {
            gvr: gvr.clone(),
            namespace: object::namespace(object).unwrap_or_default().to_owned(),
            name: object::name(object).to_owned(),
            owners: object::owner_references(object).to_vec(),
            deletion,
        }
    }

    /// Whether the reference to this owner holds the owner's deletion up.
    pub(super) fn blocks(&self, owner: &str) -> bool {
        self.owners
            .iter()
            .any(|reference| reference["uid"] == owner && reference["blockOwnerDeletion"] == true)
    }
}

/// Every object by uid, and the dependents of each owner.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: HashMap<String, Node>,
    /// Ordered, so that what is done does not depend on chance.
    dependents: HashMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Takes an object's present state in.
    pub(super) fn put(&mut self, uid: &str, node: Node) {
        self.unlink(uid);
        for owner in node
            .owners
            .iter()
            .filter_map(|reference| reference["uid"].as_str())
        {
            self.dependents
                .entry(owner.to_owned())
                .or_default()
                .insert(uid.to_owned());
        }
        self.nodes.insert(uid.to_owned(), node);
    }

    /// Forgets an object that is gone; its last state.
    pub(super) fn remove(&mut self, uid: &str) -> Option<Node> {
        self.unlink(uid);
        self.nodes.remove(uid)
    }

    fn unlink(&mut self, uid: &str) {
        let owners = self
            .nodes
            .get(uid)
            .map(|node| node.owners.clone())
            .unwrap_or_default();
        for owner in owners
            .iter()
            .filter_map(|reference| reference["uid"].as_str())
        {
            if let Some(dependents) = self.dependents.get_mut(owner) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
    }

    /// One object.
    pub(super) fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// The objects that name this one as an owner.
    pub(super) fn dependents(&self, uid: &str) -> Vec<String> {
        self.dependents
            .get(uid)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}
