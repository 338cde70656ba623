//! A store in memory: sorted maps, and a ring of recent changes per collection.

use super::{Change, ChangeKind, Collection, Compacted, Key, Raced, Snapshot, Store};
use crate::object::{self, Object};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// Objects in memory.
#[derive(Debug)]
pub struct Memory {
    state: RwLock<State>,
    history: usize,
}

#[derive(Debug)]
struct State {
    revision: u64,
    /// Changes up to this revision are forgotten in all collections, also in those that do not exist yet.
    floor: u64,
    shelves: HashMap<Collection, Shelf>,
}

#[derive(Debug)]
struct Shelf {
    objects: BTreeMap<Key, Object>,
    changes: VecDeque<Arc<Change>>,
    /// Changes up to this revision are forgotten.
    oldest: u64,
    changed: watch::Sender<u64>,
}

impl Shelf {
    fn new(floor: u64) -> Self {
        Self {
            objects: BTreeMap::new(),
            changes: VecDeque::new(),
            oldest: floor,
            changed: watch::Sender::new(0),
        }
    }

    fn record(&mut self, change: Change, history: usize) {
        let revision = change.revision;
        self.changes.push_back(Arc::new(change));
        while self.changes.len() > history {
            if let Some(dropped) = self.changes.pop_front() {
                self.oldest = dropped.revision;
            }
        }
        self.changed.send_replace(revision);
    }

    /// The objects as they were at an older revision: the newest ones with later changes taken back.
    fn at(&self, revision: u64) -> BTreeMap<Key, Object> {
        let mut objects = self.objects.clone();
        for change in self
            .changes
            .iter()
            .rev()
            .take_while(|c| c.revision > revision)
        {
            match &change.previous {
                Some(previous) => objects.insert(change.key.clone(), previous.clone()),
                None => objects.remove(&change.key),
            };
        }
        objects
    }
}

impl Memory {
    /// An empty store that remembers so many changes of each collection.
    pub fn new(history: usize) -> Self {
        Self {
            state: RwLock::new(State {
                floor: 0,
                revision: 1,
                shelves: HashMap::new(),
            }),
            history,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn select(
    objects: &BTreeMap<Key, Object>,
    namespace: Option<&str>,
    after: Option<&Key>,
) -> Vec<Object> {
    let first = namespace.map(|n| Key::new(n, ""));
    let start = match (after, &first) {
        (Some(key), _) => Bound::Excluded(key),
        (None, Some(key)) => Bound::Included(key),
        (None, None) => Bound::Unbounded,
    };
    let range = objects.range::<Key, _>((start, Bound::Unbounded));
    let within = range.take_while(|(key, _)| namespace.is_none_or(|n| key.namespace == n));
    within.map(|(_, object)| object.clone()).collect()
}

impl Store for Memory {
    fn revision(&self) -> u64 {
        self.read().revision
    }

    fn get(&self, collection: &Collection, key: &Key) -> Option<Object> {
        self.read()
            .shelves
            .get(collection)?
            .objects
            .get(key)
            .cloned()
    }

    fn list(
        &self,
        collection: &Collection,
        namespace: Option<&str>,
        after: Option<&Key>,
        at: Option<u64>,
    ) -> Result<Snapshot, Compacted> {
        let state = self.read();
        let Some(shelf) = state.shelves.get(collection) else {
            let revision = at.unwrap_or(state.revision);
            return Ok(Snapshot {
                objects: Vec::new(),
                revision,
            });
        };
        match at.filter(|r| *r < state.revision) {
            None => Ok(Snapshot {
                objects: select(&shelf.objects, namespace, after),
                revision: state.revision,
            }),
            Some(revision) if revision < shelf.oldest => Err(Compacted {
                oldest: shelf.oldest,
            }),
            Some(revision) => Ok(Snapshot {
                objects: select(&shelf.at(revision), namespace, after),
                revision,
            }),
        }
    }

    fn commit(
        &self,
        collection: &Collection,
        key: &Key,
        expected: Option<u64>,
        object: Option<Value>,
    ) -> Result<Object, Raced> {
        let mut state = self.write();
        let revision = state.revision + 1;
        let floor = state.floor;
        let shelf = state
            .shelves
            .entry(collection.clone())
            .or_insert_with(|| Shelf::new(floor));
        let previous = shelf.objects.get(key).cloned();
        if previous.as_deref().map(object::revision) != expected {
            return Err(Raced);
        }
        let kind = match (&previous, &object) {
            (None, None) => return Err(Raced),
            (None, Some(_)) => ChangeKind::Added,
            (Some(_), Some(_)) => ChangeKind::Modified,
            (Some(_), None) => ChangeKind::Deleted,
        };
        let last = || previous.as_deref().cloned().unwrap_or_default();
        let mut stored = object.unwrap_or_else(last);
        object::metadata_mut(&mut stored)
            .insert("resourceVersion".into(), revision.to_string().into());
        let stored = Arc::new(stored);
        if kind == ChangeKind::Deleted {
            shelf.objects.remove(key);
        } else {
            shelf.objects.insert(key.clone(), stored.clone());
        }
        let change = Change {
            revision,
            kind,
            key: key.clone(),
            object: stored.clone(),
            previous,
            json: OnceLock::new(),
        };
        shelf.record(change, self.history);
        state.revision = revision;
        Ok(stored)
    }

    fn changes(
        &self,
        collection: &Collection,
        after: u64,
    ) -> Result<(Vec<Arc<Change>>, u64), Compacted> {
        let state = self.read();
        let Some(shelf) = state.shelves.get(collection) else {
            return Ok((Vec::new(), state.revision));
        };
        if after < shelf.oldest {
            return Err(Compacted {
                oldest: shelf.oldest,
            });
        }
        let from = shelf.changes.partition_point(|c| c.revision <= after);
        Ok((
            shelf.changes.iter().skip(from).cloned().collect(),
            state.revision,
        ))
    }

    fn subscribe(&self, collection: &Collection) -> watch::Receiver<u64> {
        if let Some(shelf) = self.read().shelves.get(collection) {
            return shelf.changed.subscribe();
        }
        let mut state = self.write();
        let floor = state.floor;
        let shelf = state
            .shelves
            .entry(collection.clone())
            .or_insert_with(|| Shelf::new(floor));
        shelf.changed.subscribe()
    }

    fn compact(&self) {
        let mut state = self.write();
        let revision = state.revision;
        state.floor = revision;
        #[expect(clippy::iter_over_hash_type, reason = "each shelf is on its own")]
        for shelf in state.shelves.values_mut() {
            shelf.changes.clear();
            shelf.oldest = revision;
            shelf.changed.send_replace(revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn collection() -> Collection {
        Collection {
            group: String::new(),
            resource: "pods".into(),
        }
    }

    fn named(name: &str, value: i64) -> Value {
        json!({"metadata": {"name": name, "namespace": "a"}, "value": value})
    }

    #[test]
    fn a_write_at_the_wrong_revision_is_refused() {
        let store = Memory::new(10);
        let key = Key::new("a", "x");
        let first = store
            .commit(&collection(), &key, None, Some(named("x", 1)))
            .expect("created");
        assert_eq!(
            store.commit(&collection(), &key, None, Some(named("x", 2))),
            Err(Raced)
        );
        assert_eq!(
            store.commit(&collection(), &key, Some(1), Some(named("x", 2))),
            Err(Raced)
        );
        let at = Some(object::revision(&first));
        assert!(
            store
                .commit(&collection(), &key, at, Some(named("x", 2)))
                .is_ok()
        );
    }

    #[test]
    fn older_revisions_can_be_listed_until_they_are_forgotten() {
        let store = Memory::new(2);
        let commit = |name: &str, expected, value: Option<Value>| {
            let key = Key::new("a", name);
            object::revision(
                &store
                    .commit(&collection(), &key, expected, value)
                    .expect(name),
            )
        };
        let first = commit("x", None, Some(named("x", 1)));
        let second = commit("y", None, Some(named("y", 1)));
        commit("x", Some(first), None);
        let then = store
            .list(&collection(), Some("a"), None, Some(second))
            .expect("kept");
        assert_eq!(then.objects.len(), 2);
        assert_eq!(
            store
                .list(&collection(), None, None, None)
                .expect("now")
                .objects
                .len(),
            1
        );
        commit("z", None, Some(named("z", 1)));
        assert!(store.list(&collection(), None, None, Some(first)).is_err());
        assert!(store.changes(&collection(), first - 1).is_err());
    }

    #[test]
    fn a_namespace_is_listed_alone_and_from_a_key() {
        let store = Memory::new(10);
        for (namespace, name) in [("a", "x"), ("a", "y"), ("b", "x")] {
            let object = Some(json!({"metadata": {"name": name, "namespace": namespace}}));
            store
                .commit(&collection(), &Key::new(namespace, name), None, object)
                .expect(name);
        }
        let count = |namespace, after: Option<&Key>| {
            store
                .list(&collection(), namespace, after, None)
                .expect("listed")
                .objects
                .len()
        };
        assert_eq!(count(Some("a"), None), 2);
        assert_eq!(count(None, None), 3);
        assert_eq!(count(Some("a"), Some(&Key::new("a", "x"))), 1);
    }
}
