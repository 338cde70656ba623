//! What a decision and its policy come to on the federated object: placement and annotations, in KubeAdmiral's words.
//! Pure.

use std::collections::BTreeMap;

use navarch_crds::go::duration::{self, Duration};
use navarch_crds::keys::{annotation, controller};
use navarch_scheduler::Decision;
use navarch_scheduler::policy::{CheckedPolicy, Followers};
use navarch_scheduler::trigger::TriggerOutcome;

use super::fold::Placing;
use super::gather::FoundPolicy;
use crate::host::stores::TypeConfig;

/// What is remembered of the triggers.
pub(super) fn notes(triggers: &TriggerOutcome) -> BTreeMap<&'static str, Option<String>> {
    BTreeMap::from([
        (
            annotation::SCHEDULING_TRIGGERS,
            Some(triggers.store.clone()),
        ),
        (
            annotation::SCHEDULING_DEFERRED_REASONS,
            triggers.deferred.clone(),
        ),
    ])
}

/// A decision as it is written (KubeAdmiral `scheduler/scheduler.go`). Namespaces are placed in the name
/// of the controller that their type config lists.
pub(super) fn placing(config: &TypeConfig, found: &FoundPolicy, decision: Decision) -> Placing {
    Placing {
        controller: if config.is_namespaces() {
            controller::NAMESPACE_AUTO_PROPAGATION
        } else {
            controller::SCHEDULER
        },
        placement: decision.placement,
        annotations: switches(&found.policy),
        ..Placing::default()
    }
}

/// How long a pod may find no node before its replica moves; nothing if none moves.
pub(super) fn threshold(policy: &CheckedPolicy) -> Option<Duration> {
    let migration = policy.auto_migration.as_ref()?;
    duration::parse(migration.unschedulable_for.as_deref()?).ok()
}

/// What a policy switches on for an object, in KubeAdmiral's words; also when there is no reason to decide again, so
/// that the switches count at once.
pub(super) fn switches(policy: &CheckedPolicy) -> BTreeMap<&'static str, Option<String>> {
    // Go's own writing, `1m0s` for `1m`.
    let threshold = threshold(policy).map(|threshold| threshold.to_string());
    let follow = matches!(policy.followers, Followers::Follow).to_string();
    BTreeMap::from([
        (annotation::ENABLE_FOLLOWER_SCHEDULING, Some(follow)),
        (annotation::POD_UNSCHEDULABLE_THRESHOLD, threshold),
    ])
}
