//! What is known of each kind's fields: schemas, defaults, pruning, strict decoding and validation. Pure functions over
//! JSON values; nothing here stores, sends or knows of requests.

mod compile;
pub mod defaults;
pub mod node;
pub mod quantity;
mod rules;
pub mod types;
pub mod unknown;
pub mod validate;

pub use compile::Schemas;
#[cfg(test)]
pub(crate) use compile::unpack;
pub use node::{Kind, ListType, Node};
