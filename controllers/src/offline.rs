//! Without a cluster: documents in, decisions (`navarch schedule`) or federated objects and copies
//! (`navarch render`) out, by the very functions that the controllers use. Pure.
//!
//! What `render` assumes where nothing is said: a cluster without conditions has joined and is ready; a
//! cluster that does not say what it serves serves every type of the type configs; the default
//! type configs are there, and those of the documents replace the ones of the same type.

mod documents;
pub mod explained;
pub mod plan;
mod plan_quotas;
pub mod quotas;
mod results;
mod room;
pub mod schedule;
pub mod scheduled;
mod stored;
pub mod suggest;

pub use documents::{Documents, OfflineError, Reading};
pub use plan_quotas::{Figure, QuotaChange, QuotaPlan, Waits};
pub use results::{CopyResult, ErrorResult, ObjectName, Rendered, RenderedObject};

use jiff::Timestamp;
use serde_json::Value;

/// Renders documents of any kinds.
///
/// # Errors
/// A document that is no object, or one of ours that cannot be read.
pub fn render(documents: Vec<Value>) -> Result<Rendered, OfflineError> {
    render_at(documents, Timestamp::now())
}

/// As [`render`], at a given time: tolerations and migrations end.
///
/// # Errors
/// As [`render`].
pub fn render_at(documents: Vec<Value>, now: Timestamp) -> Result<Rendered, OfflineError> {
    let documents = Documents::read(documents, Reading::Sketched)?;
    Ok(results::of(&documents, now))
}

#[cfg(test)]
#[path = "offline/tests.rs"]
mod tests;
