//! Where objects are kept: a small trait, and memory behind it. A store knows keys, revisions and history; it knows
//! nothing of kinds, selectors or validation.

mod memory;

pub use memory::Memory;

use crate::object::Object;
use bytes::Bytes;
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::OnceLock;

/// All objects of one resource, whatever their version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collection {
    /// API group.
    pub group: String,
    /// Plural resource name.
    pub resource: String,
}

/// An object's place in its collection; sorts by namespace, then name, as a real server's storage does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Ord for Key {
    /// As the paths `namespace/name` sort: `a-b/x` is before `a/x`, because a dash is before a slash.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let path = |key: &Self| {
            let slash = (!key.namespace.is_empty()).then_some(b'/');
            key.namespace.clone().into_bytes().into_iter().chain(slash)
        };
        path(self)
            .cmp(path(other))
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Key {
    /// From its parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was created.
    Added,
    /// It was changed.
    Modified,
    /// It was removed.
    Deleted,
}

/// One entry of a collection's history.
#[derive(Debug)]
pub struct Change {
    /// The revision it made.
    pub revision: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// Where.
    pub key: Key,
    /// The object after it; for a deletion the last state, with the revision of the deletion.
    pub object: Object,
    /// The object before it.
    pub previous: Option<Object>,
    json: OnceLock<Bytes>,
}

impl Change {
    /// The object as compact JSON, written once however many watch it. `write` does the writing.
    pub fn json(&self, write: impl FnOnce(&Value) -> Bytes) -> Bytes {
        self.json.get_or_init(|| write(&self.object)).clone()
    }
}

/// The part of a collection at one revision.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// In the order of their keys.
    pub objects: Vec<Object>,
    /// The revision they are of.
    pub revision: u64,
}

/// The asked revision is older than the history that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The oldest revision from which changes can still be told.
    pub oldest: u64,
}

/// Someone else was faster: the object is not at the expected revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raced;

/// Keeps objects by key with one revision counter for all.
pub trait Store: Debug + Send + Sync {
    /// The newest revision.
    fn revision(&self) -> u64;

    /// One object.
    fn get(&self, collection: &Collection, key: &Key) -> Option<Object>;

    /// The objects of a namespace (all when `None`) behind `after`, now or at an older revision.
    fn list(
        &self,
        collection: &Collection,
        namespace: Option<&str>,
        after: Option<&Key>,
        at: Option<u64>,
    ) -> Result<Snapshot, Compacted>;

    /// Puts or removes (`None`) an object if it still is at the expected revision (`None`: absent). Sets
    /// `metadata.resourceVersion`. Answers what is stored, or what was removed.
    fn commit(
        &self,
        collection: &Collection,
        key: &Key,
        expected: Option<u64>,
        object: Option<Value>,
    ) -> Result<Object, Raced>;

    /// The changes behind a revision, and the newest revision at that moment.
    fn changes(
        &self,
        collection: &Collection,
        after: u64,
    ) -> Result<(Vec<Arc<Change>>, u64), Compacted>;

    /// Tells when a collection changes.
    fn subscribe(&self, collection: &Collection) -> tokio::sync::watch::Receiver<u64>;

    /// Forgets the history of all collections up to now: older watches and pages get 410.
    fn compact(&self);
}
