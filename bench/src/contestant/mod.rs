//! A contestant: a folder with a command file and manifests, and its running processes.
//! `description` and `template` are pure; `running` starts, applies and ends.

pub(crate) mod description;
pub(crate) mod running;
pub(crate) mod template;
