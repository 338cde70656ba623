//! What can be wrong with a quota, told as the condition `Active=False` tells it.

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::quota::{ClusterCap, GlobalQuotaSpec};
use navarch_crds::select::{Labels, labels_match};

use super::resource::{ResourceError, ResourceName};

/// Why a node admits nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In one word.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

impl Problem {
    pub(super) const fn new(reason: &'static str, message: String) -> Self {
        Self { reason, message }
    }
}

/// Problems by the name of the quota; the first one that is found is told.
pub(super) type Problems<'a> = BTreeMap<&'a str, Problem>;

/// Who is below whom. Those that are above themselves, or below somebody who is not there, are roots.
pub(super) fn parents<'a>(
    specs: &'a BTreeMap<String, GlobalQuotaSpec>,
    problems: &mut Problems<'a>,
) -> BTreeMap<&'a str, &'a str> {
    let mut parents = BTreeMap::new();
    for (name, spec) in specs {
        let parent = spec.parent_name.as_str();
        if specs.contains_key(parent) {
            parents.insert(name.as_str(), parent);
        } else if !parent.is_empty() {
            let message = format!(
                "there is no GlobalQuota {parent:?}, which parentName names: create it, or name another one"
            );
            problems.insert(name, Problem::new("ParentMissing", message));
        }
    }
    let mut settled = BTreeSet::new();
    for start in specs.keys() {
        let mut way = Vec::new();
        let mut at = Some(start.as_str());
        while let Some(name) = at.filter(|name| settled.insert(*name)) {
            way.push(name);
            at = parents.get(name).copied();
        }
        // Where the way ends at one of its own nodes, it has gone round.
        if let Some(first) = way.iter().position(|name| Some(*name) == at) {
            let round = &way[first..];
            for name in round {
                let message = format!(
                    "parentName goes round: {}; make one of them a root",
                    round.join(" → ")
                );
                problems.insert(name, Problem::new("Cycle", message));
                parents.remove(name);
            }
        }
    }
    parents
}

/// All resources that are named, in order; what cannot be read is a problem of who wrote it.
pub(super) fn resources<'a>(
    specs: &'a BTreeMap<String, GlobalQuotaSpec>,
    problems: &mut Problems<'a>,
) -> Vec<ResourceName> {
    let mut all = BTreeSet::new();
    for (name, spec) in specs {
        if let Err(problem) = read(spec, &mut all) {
            problems.entry(name).or_insert(problem);
        }
    }
    all.into_iter().collect()
}

fn read(spec: &GlobalQuotaSpec, all: &mut BTreeSet<ResourceName>) -> Result<(), Problem> {
    let mut first = Ok(());
    let mut keep = |problem: Problem| {
        if first.is_ok() {
            first = Err(problem);
        }
    };
    let mut seen = BTreeSet::new();
    for share in &spec.resources {
        let resource = match ResourceName::parse(&share.name) {
            Ok(resource) => resource,
            Err(error) => {
                keep(unreadable(&error));
                continue;
            }
        };
        let mut amount = |text: &str| match resource.limit(text) {
            _ if text.is_empty() => None,
            Ok(amount) => Some(amount),
            Err(error) => {
                keep(unreadable(&error));
                None
            }
        };
        let (guaranteed, limit) = (amount(&share.guaranteed), amount(&share.limit));
        amount(&share.lending_limit);
        if let (Some(guaranteed), Some(limit)) = (guaranteed, limit)
            && guaranteed > limit
        {
            let message = format!(
                "{} of {resource} is guaranteed and the limit is {}: raise the limit or lower the guarantee",
                share.guaranteed, share.limit
            );
            keep(Problem::new("GuaranteeExceedsLimit", message));
        }
        if !seen.insert(resource.clone()) {
            keep(twice(&resource));
        }
        all.insert(resource);
    }
    for cap in &spec.clusters {
        let mut seen = BTreeSet::new();
        for limited in &cap.resources {
            match ResourceName::parse(&limited.name) {
                Ok(resource) => {
                    if let Err(error) = resource.limit(&limited.limit) {
                        keep(unreadable(&error));
                    }
                    if !seen.insert(resource.clone()) {
                        keep(twice(&resource));
                    }
                    all.insert(resource);
                }
                Err(error) => keep(unreadable(&error)),
            }
        }
    }
    first
}

fn unreadable(error: &ResourceError) -> Problem {
    let reason = match error {
        ResourceError::Unknown { .. } => "UnknownResource",
        ResourceError::Amount { .. } | ResourceError::Negative { .. } => "InvalidAmount",
    };
    Problem::new(reason, error.to_string())
}

fn twice(resource: &ResourceName) -> Problem {
    let message =
        format!("{resource} is there twice, maybe under two names: write it once in each list");
    Problem::new("DuplicateResource", message)
}

/// What is wrong with a node besides its amounts.
pub(super) fn of_node(spec: &GlobalQuotaSpec, has_children: bool) -> Option<Problem> {
    if has_children && spec.selector.is_some() {
        let message = "it has a selector and children: workloads are charged to leaves only, so move the selector into a child";
        return Some(Problem::new("SelectorOnParent", message.to_owned()));
    }
    spec.clusters.iter().find_map(of_cap)
}

fn of_cap(cap: &ClusterCap) -> Option<Problem> {
    let error = labels_match(cap.selector.as_ref(), &Labels::new()).err()?;
    Some(selector("clusters", &error.to_string()))
}

pub(super) fn selector(field: &str, error: &str) -> Problem {
    Problem::new("InvalidSelector", format!("{field}: {error}"))
}

pub(super) fn exceeds_parent(
    parent: &str,
    resource: &ResourceName,
    sum: i128,
    bound: i128,
) -> Problem {
    let text = |amount: i128| resource.text(i64::try_from(amount).unwrap_or(i64::MAX));
    let message = format!(
        "the children of {parent} are guaranteed {} of {resource} together, and it has {}: lower one of them or raise {parent}",
        text(sum),
        text(bound)
    );
    Problem::new("GuaranteesExceedParent", message)
}

pub(super) fn parent_inactive(parent: &str) -> Problem {
    let message = format!("{parent}, which is above it, is not active: look there");
    Problem::new("ParentInactive", message)
}
