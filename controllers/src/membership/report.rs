//! The status of a cluster object as a function of what was found. Pure.
//! Types and reasons are KubeAdmiral's (`pkg/controllers/federatedcluster/clusterstatus.go`).

use super::cluster::ClusterError;
use super::credentials::CredentialsError;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use navarch_crds::keys::cluster_condition as reason;
use navarch_crds::v1alpha1::{
    ApiResource, ClusterCondition, FederatedCluster, FederatedClusterStatus, Resources,
};

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

/// Not ready: the secret does not exist.
pub(crate) const SECRET_NOT_FOUND: &str = "SecretNotFound";
/// Not ready: the secret lacks something, or holds what cannot be used.
pub(crate) const SECRET_UNUSABLE: &str = "SecretUnusable";
/// Not ready: the member does not accept what the secret holds.
pub(crate) const CREDENTIALS_REFUSED: &str = "CredentialsRefused";
/// All of them; KubeAdmiral has no reasons for these.
pub(crate) const CREDENTIALS: [&str; 3] = [SECRET_NOT_FOUND, SECRET_UNUSABLE, CREDENTIALS_REFUSED];

/// The reason of a condition for credentials that cannot be used.
pub(super) fn reason_of(error: &ClusterError) -> &'static str {
    match error {
        ClusterError::Credentials(
            CredentialsError::NoSecret { .. } | CredentialsError::NoSecretNamed,
        ) => SECRET_NOT_FOUND,
        ClusterError::Credentials(_)
        | ClusterError::Connect(_)
        | ClusterError::Request(_)
        | ClusterError::Join(_) => SECRET_UNUSABLE,
    }
}

/// What a look at a member found.
#[derive(Clone, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) health: &'a Health,
    /// `None`: not looked at.
    pub(crate) types: Option<&'a [ApiResource]>,
    /// Group versions whose types are only known from before, for people.
    pub(crate) unknown: &'a str,
    pub(crate) resources: Option<Resources>,
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

/// Whether a cluster object tells more than its own last report: figures that flow and times say nothing that would need
/// another look at the member, and every report would cause the next one.
pub(super) fn is_news(before: &FederatedCluster, now: &FederatedCluster) -> bool {
    let metadata = |cluster: &FederatedCluster| ObjectMeta {
        resource_version: None,
        managed_fields: None,
        ..cluster.metadata.clone()
    };
    let status = |cluster: &FederatedCluster| {
        let mut status = cluster.status.clone().unwrap_or_default();
        status.resources = Resources::default();
        for condition in &mut status.conditions {
            condition.last_probe_time = None;
            condition.last_transition_time = None;
        }
        status
    };
    before.spec != now.spec || metadata(before) != metadata(now) || status(before) != status(now)
}

/// The status after a look at the member. What could not be read stays as it was.
pub(crate) fn after_probe(
    before: &FederatedClusterStatus,
    found: Found<'_>,
    now: Timestamp,
) -> FederatedClusterStatus {
    let Found {
        health,
        types,
        unknown,
        resources,
    } = found;
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
    let well = "cluster is ready to accept workloads";
    let partial = format!("{well}; not answering, and known from before: {unknown}");
    let message = match (message, unknown) {
        ("", "") => well,
        ("", _) => partial.as_str(),
        (message, _) => message,
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

/// The status of a joined cluster whose secret is gone or of no use: whether the member itself is well is
/// not known, and what was known of it stays.
pub(crate) fn without_credentials(
    before: &FederatedClusterStatus,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> FederatedClusterStatus {
    let mut status = before.clone();
    set_condition(&mut status, reason::READY, "False", reason, message, now);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(health: &'a Health, types: Option<&'a [ApiResource]>) -> Found<'a> {
        Found {
            health,
            types,
            unknown: "",
            resources: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_equal_probe_changes_nothing_not_even_times() {
        let first = after_probe(
            &FederatedClusterStatus::default(),
            found(&Health::Well, None),
            at(1),
        );
        let second = after_probe(&first, found(&Health::Well, None), at(2));
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
            found(&Health::Well, Some(&types)),
            at(1),
        );
        let silent = Health::Silent {
            message: "no answer".to_owned(),
        };
        let second = after_probe(&first, found(&silent, None), at(9));
        assert_eq!(second.api_resource_types.len(), 1);
        let ready = second.condition("Ready").unwrap();
        assert_eq!(
            (ready.status.as_str(), ready.message.as_str()),
            ("Unknown", "no answer")
        );
        assert_eq!(ready.last_transition_time, Some(Time(at(9))));
        assert!(second.is_true("Offline"));
    }
    #[test]
    fn groups_that_are_known_from_before_are_named_in_the_condition() {
        let mut look = found(&Health::Well, None);
        look.unknown = "down.example.com/v1";
        let status = after_probe(&FederatedClusterStatus::default(), look, at(1));
        let ready = status.condition("Ready").unwrap();
        assert_eq!(ready.status, "True");
        assert!(
            ready.message.contains("down.example.com/v1"),
            "{}",
            ready.message
        );
    }
}
