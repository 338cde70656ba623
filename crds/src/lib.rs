//! The API that Navarch speaks and nothing that acts on it: KubeAdmiral's types, every key and
//! name, defaults as data, and the few behaviours of Go that stored values depend on.
//! No I/O, no clock, no client. The map of the house: docs/architecture.md

#[macro_use]
mod kind;
mod lenient;

pub mod definitions;
pub mod go;
pub mod keys;
pub mod multicluster;
pub mod names;
pub mod naming;
pub mod quota;
pub mod select;
mod select_text;
pub mod type_configs;
pub mod v1alpha1;
