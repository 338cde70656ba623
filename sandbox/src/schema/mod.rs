//! What is known of each kind's fields: schemas, defaults, pruning, strict decoding and validation. Pure functions over
//! JSON values; nothing here stores, sends or knows of requests.

pub mod defaults;
pub mod node;
pub mod quantity;

pub use node::{Kind, ListType, Node, Schemas};
