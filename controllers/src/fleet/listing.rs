//! What a listing shows, so that its end tells what has gone while nobody watched: no event tells of that. No decisions.

use std::collections::HashSet;
use std::hash::Hash;

/// One listing after the other of one watch.
#[derive(Debug)]
pub(crate) struct Listing<K> {
    shown: HashSet<K>,
}

impl<K> Default for Listing<K> {
    fn default() -> Self {
        Self {
            shown: HashSet::new(),
        }
    }
}

impl<K: Eq + Hash> Listing<K> {
    /// A listing begins; what an earlier one showed does not count.
    pub(crate) fn start(&mut self) {
        self.shown.clear();
    }

    pub(crate) fn show(&mut self, key: K) {
        self.shown.insert(key);
    }

    /// It is complete: those of the known that it did not show have gone.
    pub(crate) fn gone(&mut self, known: impl IntoIterator<Item = K>) -> Vec<K> {
        let shown = std::mem::take(&mut self.shown);
        let mut gone: Vec<K> = known.into_iter().collect();
        gone.retain(|key| !shown.contains(key));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_complete_listing_shows_has_gone() {
        let mut listing = Listing::default();
        listing.start();
        listing.show("a");
        // The first attempt broke off.
        listing.start();
        listing.show("b");
        assert_eq!(listing.gone(["a", "b", "c"]), ["a", "c"]);
        listing.start();
        assert_eq!(listing.gone(["b"]), ["b"]);
    }
}
