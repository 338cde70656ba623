//! Limits that hold over all clusters together (`GlobalQuota`, decision 30): who is charged where, how much is used,
//! what may grow, and who waits. Arithmetic only: keys of objects are whatever the caller has, and the time comes in.
//!
//! | where | what |
//! |---|---|
//! | [`resource`] | names of resources, spelled out, and their amounts |
//! | [`need`] | what a copy uses of its cluster, and what an object costs once |
//! | [`tree`] | the quotas: what each has, what is wrong with it, who is charged to it |
//! | `shares`, [`matching`], [`problem`] | the shares of a node; which leaf an object is charged to; what can be wrong with a quota |
//! | [`account`], `object` | the fold of what objects are charged, and what was admitted on top |
//! | `room`, [`shortage`], [`figures`] | how much more may be used; why not; what is told of a node |
//! | [`line`] | who waits for room, and who may come in |

pub mod account;
mod amounts;
pub mod figures;
pub mod line;
pub mod matching;
pub mod need;
mod object;
pub mod problem;
pub mod resource;
mod room;
mod shares;
pub mod shortage;
pub mod tree;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod properties_tests;

pub use account::{Account, Freed};
pub use figures::{Figures, Over, ResourceFigures, Share};
pub use line::{Line, PendingFigures, Place};
pub use matching::{Candidates, Subject};
pub use problem::Problem;
pub use resource::ResourceName;
pub use shortage::{Refusal, Shortage};
pub use tree::{Leaves, NodeId, Tree};
