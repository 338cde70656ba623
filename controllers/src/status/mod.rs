//! What members report, as numbers, and what follows for the source. Pure files; nothing here
//! keeps an object of a member. A kind is a file under `kinds/` and a line in its registry.

pub mod aggregate;
pub mod conditions;
pub(crate) mod io;
pub mod kinds;
pub mod observe;
