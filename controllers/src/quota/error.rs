//! Why the ledger did not let an object grow, and what became of one that was in doubt.

use std::sync::Arc;

use navarch_crds::quota::OpenObject;
use serde_json::Value;

use crate::fleet::request::RequestError;

/// Why a name was not opened. Nothing was sent to the object.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// Another leader has written itself into the ledger: nothing may be admitted any more.
    #[error(
        "the quota ledger belongs to {holder} (epoch {epoch}): this process was replaced and must end"
    )]
    Lost {
        /// The other leader.
        holder: Arc<str>,
        /// Its number.
        epoch: i64,
    },
    /// The ledger cannot be used yet.
    #[error("the quota ledger is not ready: {0}")]
    NotReady(&'static str),
    /// Nobody knows yet what became of an earlier write to this object.
    #[error("an earlier write to {} is not settled: it has to be fenced first", shown(.0))]
    Unsettled(OpenObject),
    /// The ledger could not be read or written.
    #[error("the quota ledger: {0}")]
    Request(Arc<RequestError>),
    /// A write that would be carried out whatever became of its object.
    #[error("a write that lets an object grow has to name its uid and its resource version")]
    Unconditional,
}

/// The definition is not there.
pub(super) const NOT_SERVED: &str =
    "the host does not know the kind QuotaLedger: run `navarch install`";
/// The first moments of a leader.
pub(super) const NOT_TAKEN_OVER: &str =
    "what an earlier leader has left is still being cleared up; it is tried again";
/// The last ones.
pub(super) const ENDING: &str = "this process is ending";

impl LedgerError {
    /// The host did not answer.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_silence())
    }
}

/// Why a growing write has no answer that says that it was carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// It was not sent: what was admitted for it is free again.
    #[error(transparent)]
    NotOpened(#[from] LedgerError),
    /// It was not and will not be carried out. What was admitted is free once the object has been read anew.
    #[error(transparent)]
    Refused(RequestError),
    /// It may have been carried out, or may be at any time: what was admitted stays until the object was fenced.
    #[error(transparent)]
    Unanswered(RequestError),
}

/// An object to which no earlier write can be carried out any more, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fenced {
    /// It was as it had been, and has been written once more.
    Written(Value),
    /// Somebody has written it in between.
    Newer(Value),
    /// It does not exist any more.
    Gone,
    /// Another object has its name.
    Replaced(Value),
}

/// Why an object could not be fenced; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FenceError {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The write did not change the object: something in the host takes the mark away.
    #[error(
        "the annotation navarch.dev/fence does not stay on the object: look for an admission webhook that removes it"
    )]
    Unchanged,
}

impl FenceError {
    /// The server's own words, or ours.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Request(error) => error.message(),
            Self::Unchanged => self.to_string(),
        }
    }
}

/// A name in the ledger as people write it.
pub(super) fn shown(object: &OpenObject) -> String {
    if object.namespace.is_empty() {
        object.name.clone()
    } else {
        format!("{}/{}", object.namespace, object.name)
    }
}
