//! The objects of one kind as they were last told, with an index by terms (`Kind::terms`).

use super::kinds::Kind;
use crate::object::Object;
use crate::store::Key;
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Debug)]
pub(crate) struct Cache {
    kind: Kind,
    objects: BTreeMap<Key, Object>,
    terms: HashMap<String, BTreeSet<Key>>,
}

impl Cache {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            objects: BTreeMap::new(),
            terms: HashMap::new(),
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Object> {
        self.objects.get(key)
    }

    /// All objects, by namespace and name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Key, &Object)> {
        self.objects.iter()
    }

    /// The objects of a namespace, by name.
    pub(crate) fn in_namespace<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        let first = Key::new(namespace, "");
        let objects = self.objects.range(first..);
        let within = objects.take_while(move |(key, _)| key.namespace == namespace);
        within.map(|(_, object)| object)
    }

    /// The objects under a term, by namespace and name.
    pub(crate) fn under(&self, term: &str) -> impl Iterator<Item = (&Key, &Object)> {
        let keys = self.terms.get(term).into_iter().flatten();
        keys.filter_map(|key| self.objects.get_key_value(key))
    }

    /// Puts an object; answers what was there.
    pub(crate) fn put(&mut self, key: &Key, object: Object) -> Option<Object> {
        let old = self.remove(key);
        for term in self.kind.terms(&object) {
            self.terms.entry(term).or_default().insert(key.clone());
        }
        self.objects.insert(key.clone(), object);
        old
    }

    /// Removes an object; answers what was there.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Object> {
        let old = self.objects.remove(key)?;
        for term in self.kind.terms(&old) {
            if let Some(keys) = self.terms.get_mut(&term) {
                keys.remove(key);
                if keys.is_empty() {
                    self.terms.remove(&term);
                }
            }
        }
        Some(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn an_index_follows_its_objects() {
        let mut cache = Cache::new(Kind::Pod);
        let key = Key::new("a", "x");
        let pod = |node: &str| Arc::new(json!({"spec": {"nodeName": node}}));
        cache.put(&key, pod("one"));
        assert_eq!(cache.under("node one").count(), 1);
        cache.put(&key, pod("two"));
        assert_eq!(cache.under("node one").count(), 0);
        assert_eq!(cache.under("node two").count(), 1);
        cache.remove(&key);
        assert_eq!(cache.under("node two").count(), 0);
        assert_eq!(cache.all().count(), 0);
    }
}
