//! What is seen of objects, and when. Decisions are in `seen` and `board` (pure); `observer` holds the watches.

pub(crate) mod board;
pub(crate) mod observer;
pub(crate) mod seen;
