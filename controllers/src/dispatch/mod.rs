//! From a federated object to its copies. What a copy looks like and whether an object that was there
//! before may be taken over: pure. Under `io`: one member's watch and workers.

pub mod adopt;
pub(crate) mod io;
pub mod render;
