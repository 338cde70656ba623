//! Quota's part of `explain`, `schedule` and `plan`, as people read it.

use std::collections::BTreeMap;

use navarch_controllers::offline::quotas::QuotaAnswer;
use navarch_controllers::offline::{Figure, QuotaChange, QuotaPlan};

use crate::output::table;

/// What quotas say of one object.
pub(crate) fn answer(answer: &QuotaAnswer) -> String {
    let mut lines = vec![format!("Quota: {}", verdict(answer))];
    lines.push(format!("  charged now: {}", amounts(&answer.charged)));
    if let Some(most) = answer.replicas {
        lines.push(format!("  most replicas in all clusters: {most}"));
    }
    if !answer.clusters.is_empty() {
        let most = answer.clusters.iter();
        let most: Vec<String> = most.map(|(name, most)| format!("{name} {most}")).collect();
        lines.push(format!(
            "  most replicas in one cluster, the others staying as they are: {}",
            most.join(", ")
        ));
    }
    if let Some(condition) = &answer.condition {
        lines.push(format!("  it waits: {condition}"));
    }
    let mut rows = Vec::new();
    for quota in &answer.quotas {
        let mut name = match quota.parent.as_str() {
            "" => quota.name.clone(),
            parent => format!("{} (in {parent})", quota.name),
        };
        let mut mode = quota.mode.as_str().to_owned();
        for used in &quota.resources {
            let text = |text: &String| if text.is_empty() { "-" } else { text }.to_owned();
            rows.push(vec![
                std::mem::take(&mut name),
                std::mem::take(&mut mode),
                used.name.clone(),
                text(&used.used),
                text(&used.guaranteed),
                text(&used.limit),
                text(&used.headroom),
            ]);
        }
        if !name.is_empty() {
            rows.push(
                [name, mode]
                    .into_iter()
                    .chain(vec![String::new(); 5])
                    .collect(),
            );
        }
    }
    let headers = [
        "QUOTA",
        "MODE",
        "RESOURCE",
        "USED",
        "GUARANTEED",
        "LIMIT",
        "FREE",
    ];
    lines.push(table::render(&headers, &rows));
    lines.join("\n")
}

fn verdict(answer: &QuotaAnswer) -> String {
    let message = answer.message.as_deref().unwrap_or_default();
    match (answer.fits, answer.asks.is_empty()) {
        (false, _) => format!("what it asks for does not fit: {message}"),
        (true, true) => "it asks for nothing more than it is charged".to_owned(),
        (true, false) => {
            let warned = match message {
                "" => String::new(),
                warning => format!("; a quota that only warns says: {warning}"),
            };
            format!("it asks for {}, which fits{warned}", amounts(&answer.asks))
        }
    }
}

fn amounts(amounts: &BTreeMap<String, String>) -> String {
    if amounts.is_empty() {
        return "nothing".to_owned();
    }
    let each = amounts
        .iter()
        .map(|(name, amount)| format!("{amount} of {name}"));
    each.collect::<Vec<_>>().join(", ")
}

/// What a change would mean for quotas.
pub(crate) fn plan(plan: &QuotaPlan) -> Vec<String> {
    let mut blocks = Vec::new();
    if !plan.quotas.is_empty() {
        let rows: Vec<Vec<String>> = plan.quotas.iter().flat_map(rows).collect();
        let headers = ["QUOTA", "RESOURCE", "USED", "LIMIT", "FREE", "STATE"];
        blocks.push(table::render(&headers, &rows));
    }
    for waits in &plan.waits {
        let also = if waits.already {
            ", as it does now"
        } else {
            ""
        };
        blocks.push(format!(
            "{}: would wait{also}: {}",
            waits.object.shown(),
            waits.message
        ));
    }
    for object in &plan.fits {
        blocks.push(format!("{}: waits now, and would come in", object.shown()));
    }
    blocks
}

fn rows(quota: &QuotaChange) -> Vec<Vec<String>> {
    let mut state = match (&quota.problem, quota.over.as_slice()) {
        (Some(problem), _) => format!("would not be active: {problem}"),
        (None, []) if !quota.before => "new".to_owned(),
        (None, []) => "ok".to_owned(),
        (None, over) => format!("over its limit: {}", over.join("; ")),
    };
    let mut name = quota.name.clone();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let changes = |before: &str, after: &str| {
        let text = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
        if before == after || !quota.before {
            text(after)
        } else {
            format!("{} -> {}", text(before), text(after))
        }
    };
    for Figure {
        name: resource,
        used,
        used_then,
        limit,
        limit_then,
        free,
        free_then,
    } in &quota.resources
    {
        rows.push(vec![
            std::mem::take(&mut name),
            resource.clone(),
            changes(used, used_then),
            changes(limit, limit_then),
            changes(free, free_then),
            std::mem::take(&mut state),
        ]);
    }
    if rows.is_empty() {
        let none = String::new;
        rows.push(vec![name, none(), none(), none(), none(), state]);
    }
    rows
}
