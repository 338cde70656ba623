//! Conflicts of server-side apply and the words for them.

use super::entry::Entry;
use super::fields::{FieldSet, spell};
use super::{ApplyError, Step};

/// A field another manager owns and an apply would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The other manager as messages name it, for example `"kubectl" using apps/v1`.
    pub manager: String,
    /// The field.
    pub path: Vec<Step>,
}

impl Conflict {
    pub(super) fn between(entry: &Entry, gained: &FieldSet) -> Vec<Self> {
        entry
            .fields
            .intersection(gained)
            .paths()
            .into_iter()
            .map(|path| Self {
                manager: entry.spell(),
                path,
            })
            .collect()
    }

    /// The cause's `field`.
    pub fn field(&self) -> String {
        spell(&self.path)
    }

    /// The cause's `message`.
    pub fn message(&self) -> String {
        format!("conflict with {}", self.manager)
    }
}

pub(super) fn refuse(mut conflicts: Vec<Conflict>) -> ApplyError {
    conflicts.sort_by(|a, b| a.manager.cmp(&b.manager));
    ApplyError::Conflicts(conflicts)
}

/// The message of the answer.
pub fn message(conflicts: &[Conflict]) -> String {
    if let [only] = conflicts {
        return format!(
            "Apply failed with 1 conflict: {}: {}",
            only.message(),
            only.field()
        );
    }
    let mut lines = Vec::new();
    let mut last = None;
    for conflict in conflicts {
        if last != Some(&conflict.manager) {
            lines.push(format!("conflicts with {}:", conflict.manager));
            last = Some(&conflict.manager);
        }
        lines.push(format!("- {}", conflict.field()));
    }
    format!(
        "Apply failed with {} conflicts: {}",
        conflicts.len(),
        lines.join("\n")
    )
}
