//! The scheduler, with or without plugins that have to be asked. Without them the answer comes at once; with them
//! the question is left at the desk and the object comes back with the answer. Also whether a changed profile or
//! webhook is a reason to decide again. No requests here.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use navarch_crds::keys::navarch::PROFILE_SEEN;
use navarch_scheduler::policy::CheckedPolicy;
use navarch_scheduler::snapshot::Snapshot;
use navarch_scheduler::trigger::TriggerDocument;
use navarch_scheduler::unit::Unit;
use navarch_scheduler::{Broken, Decision, schedule};

use super::gather::FoundPolicy;
use crate::host::context::Context;
use crate::runtime::key::Key;
use crate::webhook::desk::{Basis, Consulted};
use crate::webhook::io::Consultation;
use crate::webhook::payload::UnitTexts;

/// No answer yet: webhooks are being asked, or another object has its turn at a quota. The key comes back after that;
/// until then nothing is to be written or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("waiting for a webhook or a turn")]
pub(crate) struct Waiting;

/// Who asks, and by which policy.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) ctx: &'a Context,
    pub(super) key: &'a Key,
    pub(super) policy: &'a FoundPolicy,
    pub(super) document: &'a TriggerDocument,
}

/// The decision.
pub(super) fn answer(
    asked: Asked<'_>,
    unit: Unit,
    snapshot: &Arc<Snapshot>,
) -> Result<Result<Decision, Broken>, Waiting> {
    let Asked {
        ctx, key, policy, ..
    } = asked;
    let rules = &policy.rules;
    let Some(outside) = &rules.outside else {
        ctx.webhooks.forget(key);
        return Ok(schedule(&unit, snapshot, &rules.profile, Timestamp::now()));
    };
    let basis = Basis {
        unit: unit.clone(),
        document: asked.document.to_json(),
        rules: outside.identity(rules.digest.as_deref()),
    };
    let consultation = || Consultation {
        unit,
        texts: UnitTexts::default(),
        snapshot: Arc::clone(snapshot),
        profile: rules.profile.clone(),
        answers: outside.answers.clone(),
        hooks: outside.hooks.clone(),
        clusters: ctx.clusters.objects(),
        now: Timestamp::now(),
        metrics: Arc::clone(&ctx.metrics),
    };
    match ctx.webhooks.consult(key, basis, consultation) {
        Consulted::Waiting => Err(Waiting),
        Consulted::Outcome(outcome) => Ok(outcome),
    }
}

/// What follows from the rules that the last placement rests on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ruled {
    /// They changed, and the policy lets that count.
    pub(super) reschedule: bool,
    /// What is to be remembered with the next placement.
    pub(super) note: Option<(&'static str, Option<String>)>,
}

/// Whether profile and webhooks are what they were when the object was placed. KubeAdmiral does not look at that, so
/// an object that it placed counts as placed by what there was when this run began.
pub(super) fn ruled(
    ctx: &Context,
    policy: &FoundPolicy,
    annotations: &BTreeMap<String, String>,
) -> Ruled {
    let stored = annotations.get(PROFILE_SEEN).map(String::as_str);
    let now = policy.rules.digest.as_ref();
    let profile = policy.policy.profile.as_deref().unwrap_or_default();
    let first = now.map(|now| ctx.webhooks.first_digest(profile, now));
    compare(
        stored.or(first.as_deref()),
        stored.is_some(),
        now.map(|now| &**now),
        &policy.policy,
    )
}

fn compare(
    before: Option<&str>,
    remembered: bool,
    now: Option<&str>,
    policy: &CheckedPolicy,
) -> Ruled {
    let when = &policy.rescheduling;
    // Without a profile now, the policy itself changed, and that is for its own trigger.
    let changed = now.is_some() && before != now;
    Ruled {
        reschedule: changed && when.when.policy_content_changed && !when.sticky,
        note: (now.is_some() || remembered).then(|| (PROFILE_SEEN, now.map(str::to_owned))),
    }
}

#[cfg(test)]
mod tests {
    use navarch_crds::v1alpha1::PropagationPolicySpec;
    use serde_json::{Value, json};

    use super::*;

    fn policy(reschedule: &Value) -> CheckedPolicy {
        let spec = json!({ "schedulingMode": "Duplicate", "schedulingProfile": "p",
            "reschedulePolicy": reschedule });
        let spec: PropagationPolicySpec = serde_json::from_value(spec).unwrap();
        CheckedPolicy::check(&spec).unwrap()
    }

    #[test]
    fn a_changed_profile_counts_as_a_changed_policy_does() {
        let usual = || policy(&json!(null));
        let sticky = policy(&json!({ "disableRescheduling": true }));
        let deferred = policy(&json!({ "rescheduleWhen": { "policyContentChanged": false } }));
        for (name, before, now, policy, expected) in [
            ("same", Some("1"), Some("1"), usual(), false),
            ("changed", Some("1"), Some("2"), usual(), true),
            ("no profile", None, None, usual(), false),
            ("no profile any more", Some("1"), None, usual(), false),
            ("sticky", Some("1"), Some("2"), sticky, false),
            ("deferred", Some("1"), Some("2"), deferred, false),
        ] {
            let ruled = compare(before, before.is_some(), now, &policy);
            assert_eq!(ruled.reschedule, expected, "{name}");
        }
    }

    #[test]
    fn only_objects_with_a_profile_remember_one() {
        let policy = policy(&json!(null));
        let note = |before: Option<&str>, now: Option<&str>| {
            compare(before, before.is_some(), now, &policy).note
        };
        assert_eq!(note(None, None), None);
        assert_eq!(note(Some("1"), None), Some((PROFILE_SEEN, None)));
        let kept = Some((PROFILE_SEEN, Some("2".to_owned())));
        assert_eq!(note(None, Some("2")), kept);
    }
}
