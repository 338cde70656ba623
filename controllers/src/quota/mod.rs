//! Limits over all clusters: the ledger, by which a leader makes sure that nothing of an earlier one lets an object grow
//! behind its back (decision 0030). The protocol is pure and is what the model checker goes through; `io/` alone sends.

mod error;
pub(crate) mod io;
#[cfg(test)]
mod model;
mod protocol;
#[cfg(test)]
mod protocol_tests;
mod record;

pub(crate) use error::{FenceError, Fenced, LedgerError, PlaceError};
pub(crate) use record::open_name;

/// Names in the ledger at once. Each is a request for the next leader; what is beyond waits for a moment.
const OPEN_MAX: usize = 256;
