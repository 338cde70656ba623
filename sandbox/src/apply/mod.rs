//! Field ownership and server-side apply, by the semantics of Kubernetes' structured merge. Pure functions over JSON
//! values and a [`Node`](crate::schema::Node): nothing here reads a clock, stores or knows of requests.

pub mod compare;
pub mod conflict;
mod entry;
pub mod fields;
pub mod managers;
mod merge;
pub mod path;
mod scale;
#[cfg(test)]
mod tests;
mod typed;
mod zero;

#[cfg(test)]
pub(crate) use tests::recorded_widget;

pub use conflict::Conflict;
pub use entry::{Entry, Operation};
pub use fields::{FieldSet, plain};
pub use managers::{Write, after_update, apply, keep_times, manager_name};
pub use path::Step;
pub use scale::after_scale;

/// Why a configuration is not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Fields belong to others: 409 with one cause a field.
    #[error("{}", conflict::message(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration carries managed fields: 400.
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
    /// It does not fit the schema: 500, without a reason.
    #[error("{0}")]
    Untyped(String),
}
