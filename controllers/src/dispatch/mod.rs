//! From a federated object to its copies. What a copy looks like, whether it drifted, whether an
//! object that was there before may be taken over: pure.

pub mod adopt;
pub mod drift;
pub(crate) mod io;
pub mod patches;
pub(crate) mod place;
pub mod render;
pub(crate) mod watch;
pub(crate) mod withdraw;
