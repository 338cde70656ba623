//! From a federated object to its copies. Whether an object that was there before may be taken over: pure.
//! Under `io`: one member's watch and workers.

pub mod adopt;
pub(crate) mod io;
