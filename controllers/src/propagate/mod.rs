//! From a source object to its one federated object. Template, classification, overrides, pending
//! controllers and the fold into one write are pure.

mod auto_migration;
pub(crate) mod consult;
pub(crate) mod custom_migration;
pub(crate) mod decide;
pub mod fold;
mod following;
pub(crate) mod gather;
pub(crate) mod io;
pub mod merge_patch;
pub mod overrides;
mod place;
mod placed;
pub mod policy_name;
pub(crate) mod quota;
pub mod resolve;
pub mod template;
mod told;
