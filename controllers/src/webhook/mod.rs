//! Scheduler plugins behind HTTP: what administrators configured, how such a plugin is asked and what its answers
//! mean. The pure files read configurations, write questions and read answers; `io.rs` sends them. A decision that
//! needs answers is taken by the desk, which keeps no worker waiting and never changes an object: whoever asked
//! comes back for the outcome.

pub(crate) mod answer;
pub(crate) mod configuration;
pub(crate) mod desk;
pub(crate) mod io;
pub(crate) mod payload;
pub(crate) mod quantities;
pub(crate) mod url;
