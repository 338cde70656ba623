//! The condition `Scheduled` of a federated object: what the last pass had to say, put into the status that
//! is written anyway. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_crds::keys::annotation;
use navarch_crds::v1alpha1::{GenericFederatedObjectCondition, GenericFederatedObjectStatus};
use serde_json::Value;

use crate::host::scheduled::{PLACED, SCHEDULED, Word};
use crate::runtime::compact::annotation as annotation_of;

/// The scheduler has decided about this federated object.
pub(super) fn is_decided(federated: &Value) -> bool {
    annotation_of(federated, annotation::SCHEDULING_TRIGGERS).is_some_and(|text| !text.is_empty())
}

/// The status `after` a look with the condition in it. Without a word what is written stays, and that
/// all is well is added when a write is due in any case: after a take-over it would cost one for nothing.
pub(super) fn with(
    before: &GenericFederatedObjectStatus,
    mut after: GenericFederatedObjectStatus,
    word: Option<&Word>,
    decided: bool,
    now: Timestamp,
) -> GenericFederatedObjectStatus {
    let stored = condition(before).cloned();
    let due = decided && stored.is_none() && after != *before;
    let placed = Word::Placed;
    let Some(word) = word.or(due.then_some(&placed)) else {
        return after;
    };
    let cleared = *word == placed && stored.as_ref().is_some_and(|one| one.reason != PLACED);
    if stored.is_some() && word.is_said_by(stored.as_ref()) && !cleared {
        return after;
    }
    let (status, reason, message) = word.condition();
    let mut condition = stored.unwrap_or_else(|| GenericFederatedObjectCondition {
        condition_type: SCHEDULED.to_owned(),
        ..GenericFederatedObjectCondition::default()
    });
    if condition.status != status {
        condition.last_transition_time = Some(Time(now));
    }
    condition.last_update_time = Some(Time(now));
    status.clone_into(&mut condition.status);
    reason.clone_into(&mut condition.reason);
    message.clone_into(&mut condition.message);
    put(&mut after.conditions, condition);
    after
}

/// Puts a condition where it stands already, or at the end: their order is part of what is compared.
pub(super) fn put(
    conditions: &mut Vec<GenericFederatedObjectCondition>,
    condition: GenericFederatedObjectCondition,
) {
    let place = conditions
        .iter_mut()
        .find(|other| other.condition_type == condition.condition_type);
    match place {
        Some(place) => *place = condition,
        None => conditions.push(condition),
    }
}

/// The condition as it is stored.
fn condition(status: &GenericFederatedObjectStatus) -> Option<&GenericFederatedObjectCondition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.condition_type == SCHEDULED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failed() -> Word {
        Word::Failed {
            reason: "NothingFits",
            message: "0/2 clusters fit: 2 untolerated taint".to_owned(),
        }
    }

    fn synced() -> GenericFederatedObjectStatus {
        GenericFederatedObjectStatus {
            synced_generation: 1,
            ..GenericFederatedObjectStatus::default()
        }
    }

    #[test]
    fn that_all_is_well_costs_no_write_of_its_own() {
        let first = with(
            &GenericFederatedObjectStatus::default(),
            synced(),
            None,
            true,
            at(1),
        );
        assert_eq!(condition(&first).unwrap().status, "True");
        assert_eq!(with(&first, first.clone(), None, true, at(2)), first);
        let taken_over = synced();
        assert_eq!(
            with(&taken_over, taken_over.clone(), None, true, at(1)),
            taken_over
        );
        let not_asked = with(
            &GenericFederatedObjectStatus::default(),
            synced(),
            None,
            false,
            at(1),
        );
        assert_eq!(condition(&not_asked), None);
    }

    #[test]
    fn failure_and_recovery_are_one_change_each() {
        let well = with(
            &GenericFederatedObjectStatus::default(),
            synced(),
            None,
            true,
            at(1),
        );
        let ill = with(&well, well.clone(), Some(&failed()), true, at(5));
        let said = condition(&ill).unwrap();
        assert_eq!(
            (
                said.status.as_str(),
                said.reason.as_str(),
                said.message.as_str()
            ),
            (
                "False",
                "NothingFits",
                "0/2 clusters fit: 2 untolerated taint"
            )
        );
        assert_eq!(said.last_transition_time, Some(Time(at(5))));
        assert_eq!(with(&ill, ill.clone(), Some(&failed()), true, at(6)), ill);
        let again = with(&ill, ill.clone(), Some(&Word::Placed), true, at(9));
        let said = condition(&again).unwrap();
        assert_eq!((said.status.as_str(), said.message.as_str()), ("True", ""));
        assert_eq!(again.conditions.len(), 1);
    }
}
