//! One member: how it is reached, what is known of its copies, whether it takes work. Nothing here
//! decides what a member should hold.

mod amounts;
mod asked;
pub(crate) mod capacity;
mod capped;
pub(crate) mod changed;
pub(crate) mod connect;
pub(crate) mod discovery;
pub(crate) mod health;
pub(crate) mod heard;
pub(crate) mod kind;
pub(crate) mod limits;
pub(crate) mod listing;
pub(crate) mod member;
mod offered;
pub(crate) mod records;
pub(crate) mod request;
pub(crate) mod slim;
pub(crate) mod steadiness;
mod streamed;
pub(crate) mod waiting;
pub(crate) mod watch;
pub(crate) mod workload;
