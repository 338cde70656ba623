//! Why an object is where it is: every filter's verdict on every cluster, every score, the figures behind
//! the replicas, what was applied, and what waits. The state of a host in, data out; pure, and decided by
//! the functions that the running scheduler uses.

use super::documents::{Documents, OfflineError, Reading};
use super::quotas::QuotaAnswer;
use super::results::ObjectName;
use super::schedule::{self, Answer, Asked, Decided, OwnPods};
use crate::federated::Federated;
use crate::pending;
use crate::pointer;
use jiff::Timestamp;
use navarch_crds::keys::annotation;
use navarch_crds::v1alpha1::PropagationStatusType;
use navarch_scheduler::explain::{self, FilterVerdict};
use navarch_scheduler::framework::traits::Share;
use navarch_scheduler::unit::Features;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why an object is where it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The object.
    pub object: ObjectName,
    /// Its policy, `NAMESPACE/NAME` or the name of a policy of the cluster; empty for none.
    pub policy: String,
    /// What would be decided now, in one sentence.
    pub summary: String,
    /// Every cluster that takes part, and those that hold copies, by name.
    pub clusters: Vec<ExplainedCluster>,
    /// What was written and applied when; empty for an object that is not federated yet.
    pub applied: Vec<String>,
    /// What waits, and why.
    pub waiting: Vec<String>,
    /// Annotations of the object that do not count, and why not.
    pub ignored: Vec<String>,
    /// What global quotas say of it; left out where none has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaAnswer>,
}

/// What there is to say of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedCluster {
    /// The cluster.
    pub name: String,
    /// It runs the object now.
    pub placed: bool,
    /// Replicas recorded for it; `null` where it runs the whole object.
    pub replicas: Option<i64>,
    /// It would run the object if the scheduler decided now.
    pub chosen: bool,
    /// Replicas it would have then.
    pub chosen_replicas: Option<i64>,
    /// What the last dispatch came to, as in the status of the federated object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Every filter's verdict, in the order in which they are asked.
    pub filters: Vec<FilterVerdict>,
    /// Its scores, if it fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Scored>,
    /// The figures behind its replicas, if they were divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

/// Scores of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scored {
    /// Their sum.
    pub total: i64,
    /// One a plugin.
    pub plugins: BTreeMap<String, i64>,
}

/// The figures behind the replicas of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Its weight among the chosen clusters.
    pub weight: i64,
    /// What it was granted first.
    pub min: i64,
    /// The most it may have.
    pub max: Option<i64>,
    /// What it was seen able to run.
    pub estimated_capacity: Option<i64>,
    /// A cap set by hand.
    pub limited_capacity: Option<i64>,
    /// What was recorded for it.
    pub current: Option<i64>,
    /// What it gets.
    pub planned: i64,
    /// What is left there besides.
    pub overflow: i64,
}

impl From<&Share> for Figures {
    fn from(share: &Share) -> Self {
        Self {
            weight: share.weight,
            min: share.min,
            max: share.max,
            estimated_capacity: share.estimated,
            limited_capacity: share.limited,
            current: share.current,
            planned: share.planned,
            overflow: share.overflow,
        }
    }
}

/// Explains the one object among documents of a host: the source, its federated object or both, with the
/// clusters and what the object names. `beside` are quotas, namespaces and other federated objects: what these are charged
/// is not free.
///
/// # Errors
/// Documents that cannot be read, or about which nothing can be decided.
pub fn explain(
    documents: Vec<Value>,
    beside: Vec<Value>,
    features: Features,
    now: Timestamp,
) -> Result<Explained, OfflineError> {
    let mut documents = Documents::read(documents, Reading::Stored)?;
    let unread = documents.take_beside(beside);
    let Decided {
        snapshot, answers, ..
    } = schedule::each(&documents, OwnPods::AreLeftOut, features, now)?;
    let Some(answer) = answers.into_iter().next().transpose()? else {
        return Ok(Explained::default());
    };
    let mut shown = Explained {
        object: answer.object.clone(),
        policy: answer.policy.clone().unwrap_or_default(),
        ..Explained::default()
    };
    let mut clusters: BTreeMap<String, ExplainedCluster> = BTreeMap::new();
    if let Some(asked) = &answer.asked {
        shown.summary = explain::summary(&asked.decision);
        shown.ignored = asked
            .ignored
            .iter()
            .map(|one| format!("{}: {}", one.annotation, one.message))
            .collect();
        let seen = asked.seen.as_ref().unwrap_or(&snapshot);
        for judged in explain::verdicts(&asked.unit, seen, &asked.profile, now) {
            named(&mut clusters, &judged.cluster).filters = judged.filters;
        }
        decided(&mut clusters, asked);
    } else {
        "it names no policy, so nobody schedules it".clone_into(&mut shown.summary);
    }
    if let Some(last) = &answer.last {
        recorded(&mut clusters, last);
        shown.applied = applied(last);
    }
    shown.waiting = waiting(&answer, now);
    if let Some(quota) = &answer.quota {
        let unread = unread.iter().map(super::documents::OfflineError::message);
        let notes = unread.map(|error| format!("not counted for quotas: {error}"));
        shown.waiting.extend(notes);
        if let Some(message) = quota.message.as_ref().filter(|_| !quota.fits) {
            shown.waiting.push(format!("for room: {message}"));
        }
    }
    shown.quota.clone_from(&answer.quota);
    shown.clusters = clusters.into_values().collect();
    Ok(shown)
}

fn named<'a>(
    clusters: &'a mut BTreeMap<String, ExplainedCluster>,
    name: &str,
) -> &'a mut ExplainedCluster {
    clusters
        .entry(name.to_owned())
        .or_insert_with(|| ExplainedCluster {
            name: name.to_owned(),
            ..ExplainedCluster::default()
        })
}

/// What would be decided now.
fn decided(clusters: &mut BTreeMap<String, ExplainedCluster>, asked: &Asked) {
    let decision = &asked.decision;
    for (name, replicas) in &decision.placement {
        let cluster = named(clusters, name.as_str());
        cluster.chosen = true;
        cluster.chosen_replicas = *replicas;
    }
    for (name, replicas) in &asked.unit.current {
        let cluster = named(clusters, name.as_str());
        cluster.placed = true;
        cluster.replicas = *replicas;
    }
    for scored in explain::explain(decision).scores {
        named(clusters, scored.cluster).score = Some(Scored {
            total: scored.total,
            plugins: scored
                .plugins
                .into_iter()
                .map(|(plugin, score)| (plugin.to_owned(), score))
                .collect(),
        });
    }
    for (cluster, share) in decision.shares() {
        named(clusters, cluster.name().as_str()).figures = Some(share.into());
    }
}

/// What the federated object says of its copies.
fn recorded(clusters: &mut BTreeMap<String, ExplainedCluster>, last: &Federated) {
    for name in last.spec.placed_clusters() {
        named(clusters, name).placed = true;
    }
    for copy in last.status.iter().flat_map(|status| &status.clusters) {
        named(clusters, &copy.cluster).status = Some(copy.status.as_str().to_owned());
    }
}

/// What was written and applied when.
fn applied(last: &Federated) -> Vec<String> {
    let mut lines = Vec::new();
    let entries = last.metadata.managed_fields.iter().flatten();
    for entry in entries {
        if let (Some(manager), Some(time)) = (&entry.manager, &entry.time) {
            let part = entry.subresource.as_deref().unwrap_or("spec and metadata");
            lines.push(format!(
                "{}: {manager} wrote {part} of {}",
                time.0,
                last.name()
            ));
        }
    }
    let status = last.status.clone().unwrap_or_default();
    for condition in &status.conditions {
        let since = condition.last_transition_time.as_ref();
        let since = since.map_or_else(String::new, |time| format!(" since {}", time.0));
        let why = [&condition.reason, &condition.message]
            .into_iter()
            .filter(|text| !text.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(": ");
        let why = Some(why).filter(|why| !why.is_empty());
        let why = why.map_or_else(String::new, |why| format!(" ({why})"));
        lines.push(format!(
            "condition {} is {}{since}{why}",
            condition.condition_type, condition.status
        ));
    }
    for copy in &status.clusters {
        lines.push(format!(
            "{}: {}, generation {} of the copy was seen",
            copy.cluster,
            copy.status.as_str(),
            copy.last_observed_generation
        ));
    }
    lines.sort();
    lines
}

/// What waits, and why.
fn waiting(answer: &Answer, now: Timestamp) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(last) = &answer.last else {
        if answer.asked.is_some() {
            notes.push("there is no federated object yet: no pass has succeeded".to_owned());
        }
        return notes;
    };
    if last.is_terminating() {
        notes.push("the federated object is being deleted: its copies go first".to_owned());
    }
    if let (Some(outcome), Some(asked)) = (answer.outcome(), &answer.asked) {
        let current = &asked.unit.current;
        if let Some(reason) = &outcome.deferred {
            notes.push(format!(
                "changes do not count because of {reason} in the policy's reschedulePolicy"
            ));
        } else if outcome.reschedule || current.is_empty() && asked.decision.placement != *current {
            notes.push("the next pass decides anew".to_owned());
        }
        if let Some(until) = asked.unit.custom_migration.next_expiry(now) {
            notes.push(format!(
                "the migration configuration keeps it away from a cluster until {until}"
            ));
        }
    }
    if last
        .annotation(annotation::NO_SCHEDULING)
        .is_some_and(|text| !text.is_empty())
    {
        notes.push(format!(
            "annotation {} keeps it where it is",
            annotation::NO_SCHEDULING
        ));
    }
    if let Some(list) = last.annotation(annotation::PENDING_CONTROLLERS)
        && pending::parse(list).is_none_or(|steps| !steps.is_empty())
    {
        notes.push(format!("controllers have yet to run: {list}"));
    }
    for cluster in last.withdrawing().into_iter().flatten() {
        notes.push(format!(
            "{cluster}: its copy is being withdrawn, and is not surely gone yet"
        ));
    }
    let status = last.status.clone().unwrap_or_default();
    if status.synced_generation != last.generation() {
        notes.push(format!(
            "generation {} is not reported by all clusters yet; {} was",
            last.generation(),
            status.synced_generation
        ));
    }
    for copy in &status.clusters {
        if copy.status != PropagationStatusType::Ok {
            notes.push(format!("{}: {}", copy.cluster, copy.status.as_str()));
        }
    }
    notes
}

/// The names of what has to be read besides the object: its policy as kind, namespace and name.
#[must_use]
pub fn wanted_policy(object: &Value) -> Option<(&'static str, String, String)> {
    let labels = pointer::texts(object, "labels");
    let namespace = pointer::text(object, &["metadata", "namespace"]);
    let named = crate::propagate::policy_name::policy_name(namespace, &labels)?;
    Some((
        named.kind,
        named.namespace.to_owned(),
        named.name.to_owned(),
    ))
}
