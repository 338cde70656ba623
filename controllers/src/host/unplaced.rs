//! Objects for which no cluster fitted, and what could change that. A cluster that becomes ready or gets room moves
//! nothing that is placed, so nobody else is woken by it; these are. No I/O.

use std::collections::HashMap;
use std::sync::Mutex;

use navarch_scheduler::verdict::Wake;

use crate::runtime::key::Key;
use crate::runtime::locked;

/// Keys that fit nowhere, with what can change that.
#[derive(Debug, Default)]
pub(crate) struct Unplaced {
    by_key: Mutex<HashMap<Key, Vec<Wake>>>,
}

impl Unplaced {
    /// What a decision came to: nothing can wake what is placed.
    pub(crate) fn put(&self, key: &Key, wakes: Vec<Wake>) {
        let mut by_key = locked(&self.by_key);
        if wakes.is_empty() {
            by_key.remove(key);
        } else {
            by_key.insert(key.clone(), wakes);
        }
    }

    /// Nothing is decided about this key any more.
    pub(crate) fn forget(&self, key: &Key) {
        locked(&self.by_key).remove(key);
    }

    /// The keys that one of these can help, sorted.
    pub(crate) fn keys(&self, happened: &[Wake]) -> Vec<Key> {
        let mut keys: Vec<Key> = locked(&self.by_key)
            .iter()
            .filter(|(_, wakes)| wakes.iter().any(|wake| happened.contains(wake)))
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_helped_is_woken() {
        let unplaced = Unplaced::default();
        let (unready, full) = (Key::new(Some("n"), "unready"), Key::new(Some("n"), "full"));
        unplaced.put(&unready, vec![Wake::ClusterReady]);
        unplaced.put(&full, vec![Wake::ClusterResources]);
        let helped = unplaced.keys(&[Wake::ClusterReady]);
        assert_eq!(helped, std::slice::from_ref(&unready));
        assert_eq!(unplaced.keys(&[Wake::ClusterLabels]), []);
        unplaced.put(&unready, Vec::new());
        unplaced.forget(&full);
        assert_eq!(
            unplaced.keys(&[Wake::ClusterReady, Wake::ClusterResources]),
            []
        );
    }
}
