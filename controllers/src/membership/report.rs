//! The status of a cluster object as a function of what was found. Pure.
//! Types and reasons are KubeAdmiral's (`pkg/controllers/federatedcluster/clusterstatus.go`).

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_crds::keys::cluster_condition as reason;
use navarch_crds::v1alpha1::{ApiResource, ClusterCondition, FederatedClusterStatus, Resources};

/// What is known about the health of a member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// It is well.
    Well,
    /// It answers and is not well.
    Unwell {
        reason: &'static str,
        message: String,
    },
    /// It does not answer, for long enough to say so.
    Silent { message: String },
}

/// Sets a condition; its transition time moves only when its status does.
pub(crate) fn set_condition(
    status: &mut FederatedClusterStatus,
    kind: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let time = Some(Time(now));
    let present = status
        .conditions
        .iter_mut()
        .find(|condition| condition.condition_type == kind);
    if let Some(present) = present {
        if present.status != value || present.reason != reason || present.message != message {
            if present.status != value {
                present.last_transition_time = time.clone();
            }
            present.last_probe_time = time;
            value.clone_into(&mut present.status);
            reason.clone_into(&mut present.reason);
            message.clone_into(&mut present.message);
        }
        return;
    }
    status.conditions.push(ClusterCondition {
        condition_type: kind.to_owned(),
        status: value.to_owned(),
        last_probe_time: time.clone(),
        last_transition_time: time,
        reason: reason.to_owned(),
        message: message.to_owned(),
    });
}

/// The status after a look at the member. What could not be read stays as it was.
pub(crate) fn after_probe(
    before: &FederatedClusterStatus,
    health: &Health,
    types: Option<&[ApiResource]>,
    resources: Option<Resources>,
    now: Timestamp,
) -> FederatedClusterStatus {
    let mut status = before.clone();
    let (ready, ready_reason, offline, offline_reason, message) = match health {
        Health::Well => (
            "True",
            reason::CLUSTER_READY,
            "False",
            reason::CLUSTER_REACHABLE,
            "",
        ),
        Health::Unwell { reason, message } => (
            "False",
            *reason,
            "False",
            reason::CLUSTER_REACHABLE,
            message.as_str(),
        ),
        Health::Silent { message } => (
            "Unknown",
            reason::CLUSTER_NOT_REACHABLE,
            "True",
            reason::CLUSTER_NOT_REACHABLE,
            message.as_str(),
        ),
    };
    let offline_message = match health {
        Health::Well | Health::Unwell { .. } => "cluster is reachable",
        Health::Silent { message } => message,
    };
    let message = if message.is_empty() {
        "cluster is ready to accept workloads"
    } else {
        message
    };
    set_condition(
        &mut status,
        reason::OFFLINE,
        offline,
        offline_reason,
        offline_message,
        now,
    );
    set_condition(
        &mut status,
        reason::READY,
        ready,
        ready_reason,
        message,
        now,
    );
    if let Some(types) = types {
        status.api_resource_types = types.to_vec();
    }
    if let Some(resources) = resources {
        status.resources = resources;
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_equal_probe_changes_nothing_not_even_times() {
        let first = after_probe(
            &FederatedClusterStatus::default(),
            &Health::Well,
            None,
            None,
            at(1),
        );
        let second = after_probe(&first, &Health::Well, None, None, at(2));
        assert_eq!(first, second);
        assert!(first.is_true("Ready"));
    }

    #[test]
    fn a_silent_member_keeps_what_was_known_of_it() {
        let types = [ApiResource {
            kind: "Pod".to_owned(),
            ..ApiResource::default()
        }];
        let first = after_probe(
            &FederatedClusterStatus::default(),
            &Health::Well,
            Some(&types),
            None,
            at(1),
        );
        let silent = Health::Silent {
            message: "no answer".to_owned(),
        };
        let second = after_probe(&first, &silent, None, None, at(9));
        assert_eq!(second.api_resource_types.len(), 1);
        let ready = second.condition("Ready").unwrap();
        assert_eq!(
            (ready.status.as_str(), ready.message.as_str()),
            ("Unknown", "no answer")
        );
        assert_eq!(ready.last_transition_time, Some(Time(at(9))));
        assert!(second.is_true("Offline"));
    }
}
