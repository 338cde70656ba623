//! What a plugin reads of an object. Two objects with equal signatures get equal answers about one cluster, as
//! far as these do not hang on where the objects are placed, so the answer of one may serve the other.

use std::fmt::{Debug, Write};

/// Everything that was read, written out. Compared as a whole, so that no hash can mistake one
/// object for another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(String);

impl Signature {
    /// The signature of a plugin that reads nothing of the object.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The signature of what was read. The debug form escapes text, so different values differ.
    #[must_use]
    pub fn of(read: &impl Debug) -> Self {
        Self(format!("{read:?}"))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends the signature of one plugin.
    pub(crate) fn push(&mut self, plugin: &str, signature: &Self) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{plugin}\t{}", signature.0);
    }
}
