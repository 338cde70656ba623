//! `CronJob`s: when one last ran anywhere. Which jobs are active is not told: they are objects of
//! members.

use super::Figures as Kept;
use crate::copies::aggregate::Inputs;
use crate::pointer;
use serde_json::Value;

/// What is kept of a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    scheduled: String,
    successful: String,
}

pub(super) fn observe(object: &Value) -> Kept {
    let time = |field: &str| pointer::text(object, &["status", field]).to_owned();
    Kept::CronJob(Figures {
        scheduled: time("lastScheduleTime"),
        successful: time("lastSuccessfulTime"),
    })
}

pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    let mut status = inputs.old_status();
    for (field, of) in [
        (
            "lastScheduleTime",
            (|copy| &copy.scheduled) as fn(&Figures) -> &String,
        ),
        ("lastSuccessfulTime", |copy| &copy.successful),
    ] {
        let times = inputs
            .seen()
            .filter_map(|(_, observed)| match &observed.figures {
                Kept::CronJob(copy) => Some(of(copy)),
                _ => None,
            });
        if let Some(latest) = times.filter(|time| !time.is_empty()).max() {
            status.insert(field.to_owned(), latest.clone().into());
        }
    }
    Some(status.into())
}
