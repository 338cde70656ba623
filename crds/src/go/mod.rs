//! Behave as Go does, where stored text depends on it: JSON encoding, hashing, durations,
//! quantities. Pure functions over text and numbers.

pub mod duration;
pub mod hash;
pub mod json;
pub mod quantity;
