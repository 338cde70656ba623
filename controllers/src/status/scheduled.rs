//! The conditions `Scheduled` and `QuotaReserved` of a federated object: what the last pass had to say, put into the
//! status that is written anyway. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_crds::keys::annotation;
use navarch_crds::v1alpha1::{GenericFederatedObjectCondition, GenericFederatedObjectStatus};
use serde_json::Value;

use crate::host::scheduled::{Topic, Word};
use crate::runtime::compact::annotation as annotation_of;

/// The scheduler has decided about this federated object.
pub(super) fn is_decided(federated: &Value) -> bool {
    annotation_of(federated, annotation::SCHEDULING_TRIGGERS).is_some_and(|text| !text.is_empty())
}

/// The status `after` a look with the condition in it. Without a word what is written stays, and that
/// all is well is added when a write is due in any case: after a take-over it would cost one for nothing.
pub(super) fn with(
    topic: Topic,
    before: &GenericFederatedObjectStatus,
    mut after: GenericFederatedObjectStatus,
    word: Option<&Word>,
    decided: bool,
    now: Timestamp,
) -> GenericFederatedObjectStatus {
    let stored = condition(topic, before).cloned();
    let due = decided && stored.is_none() && after != *before;
    let placed = Word::Well;
    let Some(word) = word.or(due.then_some(&placed)) else {
        return after;
    };
    let cleared = *word == placed && stored.as_ref().is_some_and(|one| one.reason != topic.well);
    if stored.is_some() && word.is_said_by(topic, stored.as_ref()) && !cleared {
        return after;
    }
    let (status, reason, message) = word.condition(topic);
    let mut condition = stored.unwrap_or_else(|| GenericFederatedObjectCondition {
        condition_type: topic.condition.to_owned(),
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
fn condition(
    topic: Topic,
    status: &GenericFederatedObjectStatus,
) -> Option<&GenericFederatedObjectCondition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.condition_type == topic.condition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::scheduled::SCHEDULED;

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
            SCHEDULED,
            &GenericFederatedObjectStatus::default(),
            synced(),
            None,
            true,
            at(1),
        );
        assert_eq!(condition(SCHEDULED, &first).unwrap().status, "True");
        assert_eq!(
            with(SCHEDULED, &first, first.clone(), None, true, at(2)),
            first
        );
        let taken_over = synced();
        assert_eq!(
            with(
                SCHEDULED,
                &taken_over,
                taken_over.clone(),
                None,
                true,
                at(1)
            ),
            taken_over
        );
        let not_asked = with(
            SCHEDULED,
            &GenericFederatedObjectStatus::default(),
            synced(),
            None,
            false,
            at(1),
        );
        assert_eq!(condition(SCHEDULED, &not_asked), None);
    }

    #[test]
    fn failure_and_recovery_are_one_change_each() {
        let well = with(
            SCHEDULED,
            &GenericFederatedObjectStatus::default(),
            synced(),
            None,
            true,
            at(1),
        );
        let ill = with(SCHEDULED, &well, well.clone(), Some(&failed()), true, at(5));
        let said = condition(SCHEDULED, &ill).unwrap();
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
        assert_eq!(
            with(SCHEDULED, &ill, ill.clone(), Some(&failed()), true, at(6)),
            ill
        );
        let again = with(SCHEDULED, &ill, ill.clone(), Some(&Word::Well), true, at(9));
        let said = condition(SCHEDULED, &again).unwrap();
        assert_eq!((said.status.as_str(), said.message.as_str()), ("True", ""));
        assert_eq!(again.conditions.len(), 1);
    }
}
