//! The decision: which clusters run an object, with how many replicas, and why.
//!
//! This crate is a function from what is known to what is decided. It never does I/O, never asks
//! for the time, never starts a task and never sees a client of a cluster: everything comes in as
//! an argument. It knows the API types of `navarch-crds` and nothing else of the house.
//!
//! | where | what |
//! |---|---|
//! | [`unit`], [`policy`], [`snapshot`] | the question: object, policy, clusters |
//! | [`framework`] | runs plugins in order and collects what they say |
//! | [`plugins`] | one file a plugin |
//! | [`planner`] | splits replicas |
//! | [`placement`], [`verdict`] | the answer, refusals and failures |
//! | [`quota`] | what all clusters together may run of some workloads |
//! | [`trigger`] | is it time to decide again? |
//! | [`explain`], [`audit`] | why this answer; is it sound? |

pub mod audit;
pub mod explain;
pub mod framework;
pub mod migration;
mod outline;
pub mod placement;
pub mod planner;
pub mod plugins;
pub mod policy;
pub mod quota;
pub mod request;
pub mod resources;
pub mod selector;
pub mod snapshot;
pub mod toleration;
pub mod trigger;
pub mod unit;
pub mod verdict;

pub use framework::cycle::{keep, schedule};
pub use framework::profile;
pub use placement::Decision;
pub use verdict::Broken;
