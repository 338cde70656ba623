//! What the results look like: JSON, tables, and the verdict on each target. Pure but for reading and writing files.

pub(crate) mod files;
pub(crate) mod tables;
pub(crate) mod targets;
