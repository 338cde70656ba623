//! Claims of volumes: bound when every copy is.

use super::Figures as Kept;
use crate::copies::aggregate::Inputs;
use crate::pointer;
use serde_json::Value;

/// What is kept of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figures {
    /// Its volume is gone.
    Lost,
    /// It has none yet.
    #[default]
    Pending,
    /// It has one.
    Bound,
}

pub(super) fn observe(object: &Value) -> Kept {
    Kept::Claim(match pointer::text(object, &["status", "phase"]) {
        "Lost" => Figures::Lost,
        "Bound" => Figures::Bound,
        _ => Figures::Pending,
    })
}

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let seen = inputs.seen().map(|(_, observed)| match &observed.figures {
        Kept::Claim(phase) => *phase,
        _ => Figures::Pending,
    });
    let worst = seen.min().unwrap_or_default();
    let phase = match worst {
        Figures::Lost => "Lost",
        Figures::Bound if inputs.all_seen() => "Bound",
        Figures::Pending | Figures::Bound => "Pending",
    };
    let mut status = inputs.old_status();
    status.insert("phase".to_owned(), phase.into());
    Some(status.into())
}
