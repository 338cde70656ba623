//! `navarch quota`: the tree of global quotas with what is used of each, and who waits for room. Reads only.

mod suggest;
pub(crate) mod tell;

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use navarch_crds::go::quantity;
use navarch_crds::quota::{GlobalQuota, ResourceUse};
use navarch_crds::v1alpha1::{FederatedObject, GenericFederatedObjectCondition};
use serde_json::Value;

use crate::error::CliError;
use crate::kubeconfig::{HostFlags, Target};
use crate::output::{self, Format, table};

/// Width of a bar, in characters.
const BAR: usize = 20;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct QuotaFlags {
    #[command(subcommand)]
    command: Option<QuotaCommand>,
    /// Only this quota and those under it
    name: Option<String>,
    /// Print as JSON or YAML
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    #[command(flatten)]
    host: HostFlags,
}

#[derive(Debug, Subcommand)]
enum QuotaCommand {
    /// Propose global quotas from what runs and from ResourceQuotas
    Suggest(suggest::SuggestFlags),
}

pub(crate) async fn run(flags: QuotaFlags) -> Result<(), CliError> {
    if let Some(QuotaCommand::Suggest(flags)) = flags.command {
        return suggest::run(flags).await;
    }
    let target = flags.host.target().await?;
    let quotas = list(&target, "global quotas").await?;
    if let Some(format) = flags.output {
        return output::print_value(&quotas, format);
    }
    let quotas: BTreeMap<String, GlobalQuota> = quotas
        .into_iter()
        .map(|quota: GlobalQuota| (quota.name_any(), quota))
        .collect();
    if quotas.is_empty() {
        return output::print(
            "There is no GlobalQuota: nothing is limited over all clusters. docs/quota.md shows how to make one.",
        );
    }
    if let Some(name) = flags
        .name
        .as_ref()
        .filter(|name| !quotas.contains_key(*name))
    {
        return Err(CliError::Refused {
            message: format!("there is no GlobalQuota {name:?}"),
            advice: format!("those there are: {}", names(quotas.keys())),
        });
    }
    let objects: Vec<FederatedObject> = list(&target, "federated objects").await?;
    let mut text = tree(&quotas, flags.name.as_deref());
    let waiting = waiting(&objects);
    if !waiting.is_empty() {
        let headers = ["NAMESPACE", "KIND", "NAME", "WAITS", "WHY"];
        text.push_str("\n\n");
        text.push_str(&table::render(&headers, &waiting));
    }
    output::print(&text)
}

async fn list<K>(target: &Target, what: &str) -> Result<Vec<K>, CliError>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::all(target.client.clone());
    let doing = format!("listing {what} in context {:?}", target.context);
    let list = api.list(&ListParams::default()).await;
    Ok(list.map_err(CliError::request(doing))?.items)
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Rows in the order of the tree, each child under its parent. What hangs nowhere (a cycle, a missing parent) comes last.
fn tree(quotas: &BTreeMap<String, GlobalQuota>, only: Option<&str>) -> String {
    let mut order = Vec::new();
    let mut shown = BTreeSet::new();
    let is_root = |quota: &GlobalQuota| quota.spec.parent_name.is_empty();
    let starts: Vec<&String> = match only {
        Some(name) => quotas.keys().filter(|key| *key == name).collect(),
        None => {
            let (roots, others): (Vec<_>, Vec<_>) =
                quotas.iter().partition(|(_, quota)| is_root(quota));
            roots
                .into_iter()
                .chain(others)
                .map(|(name, _)| name)
                .collect()
        }
    };
    for name in starts {
        descend(quotas, name, 0, &mut shown, &mut order);
    }
    let rows: Vec<Vec<String>> = order
        .iter()
        .flat_map(|(depth, name)| rows(&quotas[*name], name, *depth))
        .collect();
    let headers = [
        "QUOTA",
        "RESOURCE",
        "USED",
        "",
        "GUARANTEED",
        "LIMIT",
        "BORROWED",
        "LENT",
        "FREE",
        "STATE",
    ];
    table::render(&headers, &rows)
}

fn descend<'a>(
    quotas: &'a BTreeMap<String, GlobalQuota>,
    name: &'a String,
    depth: usize,
    shown: &mut BTreeSet<&'a String>,
    order: &mut Vec<(usize, &'a String)>,
) {
    if !shown.insert(name) {
        return;
    }
    order.push((depth, name));
    let children = quotas
        .iter()
        .filter(|(_, quota)| quota.spec.parent_name == *name);
    for (child, _) in children {
        descend(quotas, child, depth + 1, shown, order);
    }
}

/// A row for each resource; the name and the state stand in the first.
fn rows(quota: &GlobalQuota, name: &str, depth: usize) -> Vec<Vec<String>> {
    let status = quota.status.clone().unwrap_or_default();
    let shown = match depth {
        0 => name.to_owned(),
        depth => format!("{}└ {name}", "  ".repeat(depth - 1)),
    };
    let mut first = Some((shown, state(quota)));
    let mut row = |cells: Vec<String>| {
        let (shown, state) = first
            .take()
            .unwrap_or_else(|| (" ".to_owned(), " ".to_owned()));
        let mut row = vec![shown];
        row.extend(cells);
        row.push(state);
        row
    };
    if status.resources.is_empty() {
        return vec![row(vec![String::new(); 8])];
    }
    status
        .resources
        .iter()
        .map(|used| row(cells(used)))
        .collect()
}

fn cells(used: &ResourceUse) -> Vec<String> {
    let text = |text: &String| text.clone();
    vec![
        text(&used.name),
        text(&used.used),
        bar(used),
        text(&used.guaranteed),
        text(&used.limit),
        text(&used.borrowed),
        text(&used.lent),
        text(&used.headroom),
    ]
}

/// How much of what could be used is used: `#` what is used, `+` what of it is borrowed.
fn bar(used: &ResourceUse) -> String {
    let amount = |text: &str| {
        quantity::parse(text)
            .map(quantity::Quantity::milli_value)
            .unwrap_or(0)
    };
    let (now, free) = (amount(&used.used), amount(&used.headroom));
    let borrowed = amount(&used.borrowed).min(now);
    let whole = now.saturating_add(free).max(1);
    let part = |amount: i64| {
        let cells =
            i128::from(amount.max(0)) * i128::try_from(BAR).unwrap_or(0) / i128::from(whole);
        usize::try_from(cells).unwrap_or(BAR).min(BAR)
    };
    let (full, lent) = (part(now), part(borrowed));
    format!(
        "[{}{}{}]",
        "#".repeat(full - lent.min(full)),
        "+".repeat(lent.min(full)),
        ".".repeat(BAR - full)
    )
}

/// What is wrong with it, or how many wait; `ok` otherwise.
fn state(quota: &GlobalQuota) -> String {
    let Some(status) = &quota.status else {
        return "not seen by a controller manager yet".to_owned();
    };
    let condition = |kind: &str| {
        status
            .conditions
            .iter()
            .find(|condition| condition.condition_type == kind)
    };
    if let Some(active) = condition("Active").filter(|active| active.status == "False") {
        return format!("{}: {}", active.reason, active.message);
    }
    let mut parts = Vec::new();
    if condition("OverLimit").is_some_and(|over| over.status == "True") {
        parts.push("over its limit".to_owned());
    }
    let waiting = status.pending.as_ref().map_or(0, |pending| pending.objects);
    if waiting > 0 {
        parts.push(format!("{waiting} waiting"));
    }
    if parts.is_empty() {
        parts.push("ok".to_owned());
    }
    parts.join(", ")
}

/// Who waits, those that wait longest first.
fn waiting(objects: &[FederatedObject]) -> Vec<Vec<String>> {
    let mut found: Vec<(jiff::Timestamp, Vec<String>)> = Vec::new();
    for object in objects {
        let conditions = object.status.iter().flat_map(|status| &status.conditions);
        let mut waits = conditions.filter(|condition| {
            condition.condition_type == "QuotaReserved" && condition.status == "False"
        });
        let Some(condition) = waits.next() else {
            continue;
        };
        let since = since(condition).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let text = |pointer: &str| {
            let value = object.spec.template.pointer(pointer);
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let row = vec![
            object.namespace().unwrap_or_default(),
            text("/kind"),
            text("/metadata/name"),
            table::age(since, jiff::Timestamp::now()),
            condition.message.clone(),
        ];
        found.push((since, row));
    }
    found.sort();
    found.into_iter().map(|(_, row)| row).collect()
}

fn since(condition: &GenericFederatedObjectCondition) -> Option<jiff::Timestamp> {
    condition.last_transition_time.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(parent: &str, used: &str, free: &str, borrowed: &str) -> GlobalQuota {
        let status = serde_json::json!({
            "conditions": [{"type": "Active", "status": "True"}],
            "resources": [{
                "name": "requests.cpu", "limit": "20", "guaranteed": "10", "used": used, "reserved": "0",
                "borrowed": borrowed, "lent": "0", "headroom": free,
            }],
        });
        let mut quota = GlobalQuota::default();
        quota.spec.parent_name = parent.to_owned();
        quota.status = serde_json::from_value(status).unwrap();
        quota
    }

    #[test]
    fn children_stand_under_their_parents() {
        let quotas = BTreeMap::from([
            ("company".to_owned(), quota("", "15", "5", "0")),
            ("a".to_owned(), quota("company", "15", "5", "5")),
            ("lost".to_owned(), quota("nobody", "0", "0", "0")),
        ]);
        let text = tree(&quotas, None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("company "), "{text}");
        assert!(lines[2].starts_with("└ a "), "{text}");
        assert!(lines[2].contains("[##########+++++.....]"), "{text}");
        assert!(lines[3].starts_with("lost "), "{text}");
        assert_eq!(tree(&quotas, Some("a")).lines().count(), 2);
    }

    #[test]
    fn a_cycle_is_shown_once() {
        let quotas = BTreeMap::from([
            ("a".to_owned(), quota("b", "0", "0", "0")),
            ("b".to_owned(), quota("a", "0", "0", "0")),
        ]);
        assert_eq!(tree(&quotas, None).lines().count(), 3);
    }
}
