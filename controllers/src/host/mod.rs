//! What is known of the host, and one manager's whole state. Every room takes states over by the same
//! functions, whether from a watch or from an answer to its own write. No requests, no decisions; `io.rs` alone waits.

pub(crate) mod charges;
pub(crate) mod clusters;
pub(crate) mod context;
pub(crate) mod followings;
pub(crate) mod io;
pub(crate) mod migrations;
pub(crate) mod objects;
pub(crate) mod promised;
pub(crate) mod quotas;
pub(crate) mod recent;
pub(crate) mod room;
pub(crate) mod scheduled;
pub(crate) mod stores;
pub(crate) mod take;
pub(crate) mod unplaced;
