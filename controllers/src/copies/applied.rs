//! The record on a copy of what it was made from, and who decides about its replicas. Pure.

use crate::pointer;
use navarch_crds::go;
use navarch_crds::keys::navarch;
use serde_json::Value;
use std::fmt;

/// The first half of the SHA-256 of the object as Go writes JSON (sorted keys), in hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DesiredHash(String);

impl DesiredHash {
    /// Of an object.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        // A value of serde_json cannot fail to be written.
        let text = go::json::to_string(object).unwrap_or_default();
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let half = digest.as_ref().iter().take(16);
        Self(half.map(|byte| format!("{byte:02x}")).collect())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DesiredHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What `navarch.dev/applied` says: what was applied, and from what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Hash of the desired object.
    pub hash: DesiredHash,
    /// Uid of the federated object.
    pub uid: String,
    /// Generation of the federated object.
    pub generation: i64,
}

impl Applied {
    /// Reads the annotation of a member object.
    #[must_use]
    pub fn read(object: &Value) -> Option<Self> {
        let text = pointer::text(object, &["metadata", "annotations", navarch::APPLIED]);
        let mut parts = text.split(' ');
        let read = Self {
            hash: DesiredHash(parts.next()?.to_owned()),
            uid: parts.next()?.to_owned(),
            generation: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(read)
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.hash, self.uid, self.generation)
    }
}

/// Who decides about the replicas of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replicas {
    /// We send them. Also with `retain-replicas`, as long as nobody else owns them in the member:
    /// leaving out what nobody else owns would reset it.
    #[default]
    Sent,
    /// Somebody else owns them there (see [`super::drift::owned_by_others`]): with
    /// `retain-replicas` they are left out.
    OwnedElsewhere,
}
