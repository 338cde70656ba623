//! Clusters join, are watched over, and leave. One task a cluster; nothing of one cluster waits for
//! another.

pub(crate) mod cluster;
pub(crate) mod credentials;
pub(crate) mod io;
pub(crate) mod join;
mod joined;
mod leave;
pub(crate) mod report;
pub(crate) mod streams;
