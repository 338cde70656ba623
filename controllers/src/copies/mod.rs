//! What the objects alone tell of copies: what they were made from, who owns their fields, what they
//! report and how reports add up. Pure, and below every room that asks; nothing here keeps an object.
//! A kind is a file under `kinds/` and a line in its registry.

pub mod aggregate;
pub mod applied;
pub(crate) mod charge;
pub mod conditions;
pub mod drift;
pub mod kinds;
pub mod observe;
pub mod patches;
pub mod pods;
pub mod predecessor;
pub mod render;
pub mod scale;
pub mod settled;
