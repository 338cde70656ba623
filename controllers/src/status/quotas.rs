//! What a global quota says of itself: conditions, use, and what waits. Pure.

use jiff::Timestamp;
use navarch_crds::quota::{GlobalQuotaStatus, Pending, QuotaCondition};
use navarch_scheduler::quota::Over;
use navarch_scheduler::quota::resource::amount_text;

use crate::host::quotas::Told;

/// The status after a look. Times move only when something else does.
pub(super) fn status_of(
    told: &Told,
    before: &GlobalQuotaStatus,
    now: Timestamp,
) -> GlobalQuotaStatus {
    let problem = told.problem.as_ref();
    let (active, reason, message) = match problem {
        None => ("True", "Active", String::new()),
        Some(problem) => ("False", problem.reason, problem.message.clone()),
    };
    let figures = told.figures.resources.iter();
    let resources: Vec<_> = figures.map(|figures| figures.status()).collect();
    let borrows = told.figures.resources.iter().any(|one| one.borrowed > 0);
    let over: Vec<String> = told.over.iter().map(over_text).collect();
    let truth = |so: bool| if so { "True" } else { "False" };
    let conditions = vec![
        condition(before, ("Active", active, reason, message), now),
        condition(
            before,
            (
                "OverLimit",
                truth(!over.is_empty()),
                if over.is_empty() {
                    "WithinLimits"
                } else {
                    "UsedMoreThanLimit"
                },
                over.join("; "),
            ),
            now,
        ),
        condition(
            before,
            (
                "Borrowing",
                truth(borrows),
                if borrows {
                    "UsedMoreThanGuaranteed"
                } else {
                    "WithinGuarantee"
                },
                String::new(),
            ),
            now,
        ),
    ];
    GlobalQuotaStatus {
        observed_generation: told.definition.generation,
        conditions,
        resources,
        clusters: told.figures.cluster_uses(),
        pending: pending(told),
    }
}

fn over_text(over: &Over) -> String {
    let amount = |amount| amount_text(over.resource.as_str(), amount);
    let place = over
        .cluster
        .as_ref()
        .map_or(String::new(), |cluster| format!(" in {cluster}"));
    format!(
        "{}{place}: {} used of {}; nothing grows until less is used",
        over.resource,
        amount(over.used),
        amount(over.limit)
    )
}

fn pending(told: &Told) -> Option<Pending> {
    let pending = &told.pending;
    let resources = pending.resources.iter();
    (pending.objects > 0).then(|| Pending {
        objects: pending.objects,
        oldest: pending.oldest.map(seconds),
        resources: resources
            .map(|(name, amount)| (name.clone(), amount_text(name, *amount)))
            .collect(),
    })
}

fn condition(
    before: &GlobalQuotaStatus,
    (kind, status, reason, message): (&str, &str, &str, String),
    now: Timestamp,
) -> QuotaCondition {
    let known = before
        .conditions
        .iter()
        .find(|condition| condition.condition_type == kind && condition.status == status);
    QuotaCondition {
        condition_type: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        last_transition_time: known
            .and_then(|known| known.last_transition_time.clone())
            .or_else(|| Some(seconds(now))),
    }
}

/// As Kubernetes writes times.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
