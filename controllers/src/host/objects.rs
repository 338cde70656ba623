//! What is looked up of the host as it stands: policies, override policies, profiles, and what KubeAdmiral noted.
//! Driven by plain calls; no I/O.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::copies::predecessor::Versions;
use crate::runtime::compact::text;
use crate::runtime::key::Key;
use crate::runtime::locked;

/// What KubeAdmiral wrote down of copies, read once when a running federation is taken over.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    by_key: Mutex<HashMap<Key, Arc<Versions>>>,
}

impl Inherited {
    pub(crate) fn put(&self, object: &Value) {
        if let (Some(key), Some(versions)) = (Key::of_object(object), Versions::read(object)) {
            locked(&self.by_key).insert(key, Arc::new(versions));
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Versions>> {
        locked(&self.by_key).get(key).cloned()
    }
}

/// Namespace (empty: none) and name.
pub(crate) type ObjectKey = (String, String);

/// Objects that are looked up whole: policies, override policies, profiles.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    by_name: Mutex<BTreeMap<ObjectKey, Arc<Value>>>,
}

impl Objects {
    /// `true`: the content changed.
    pub(crate) fn put(&self, value: Value) -> bool {
        let key = Self::key(&value);
        let mut by_name = locked(&self.by_name);
        let same = by_name.get(&key).is_some_and(|known| {
            known.get("spec") == value.get("spec")
                && known.pointer("/metadata/uid") == value.pointer("/metadata/uid")
        });
        by_name.insert(key, Arc::new(value));
        !same
    }

    pub(crate) fn remove(&self, key: &ObjectKey) {
        locked(&self.by_name).remove(key);
    }

    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Arc<Value>> {
        locked(&self.by_name)
            .get(&(namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    /// Namespace and name of those for which `wanted` holds.
    pub(crate) fn names(&self, wanted: impl Fn(&Value) -> bool) -> Vec<ObjectKey> {
        locked(&self.by_name)
            .iter()
            .filter(|(_, value)| wanted(value))
            .map(|(key, _)| key.clone())
            .collect()
    }

    pub(crate) fn key(value: &Value) -> ObjectKey {
        let part = |pointer| text(value, pointer).unwrap_or_default().to_owned();
        (part("/metadata/namespace"), part("/metadata/name"))
    }
}
