//! What would move if documents were applied to a host: the state of the host and the documents in,
//! cluster by cluster the replicas now and then out. Pure; who reads the host is elsewhere. The same
//! functions decide as in the running scheduler, and only where its triggers would make it decide.

use super::documents::{Documents, OfflineError, Reading};
use super::plan_quotas::{self, QuotaPlan, Said};
use super::quotas::Books;
use super::results::ObjectName;
use super::schedule::{self, Answer, Decided, OwnPods};
use crate::pointer;
use jiff::Timestamp;
use navarch_scheduler::placement::Placement;
use navarch_scheduler::unit::Features;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What would move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Objects whose placement would change, in the order in which they were given.
    pub moves: Vec<Move>,
    /// Objects that would be decided about anew, if their policy did not put it off.
    pub deferred: Vec<Deferred>,
    /// Objects about which nothing could be decided: they would stay where they are.
    pub problems: Vec<Problem>,
    /// How many objects would stay as they are.
    pub unchanged: usize,
    /// What each cluster runs now and then, by name; clusters in which nothing changes are left out.
    pub totals: Vec<ClusterTotal>,
    /// What would be of global quotas. A move of which it says that it waits does not take place before it comes in.
    pub quota: QuotaPlan,
}

/// An object that would move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Which.
    pub object: ObjectName,
    /// Its policy.
    pub policy: String,
    /// No cluster would take it.
    pub unschedulable: bool,
    /// It would move without the documents, too: something is under way.
    pub already: bool,
    /// Its clusters, by name, those that stay as they are included.
    pub clusters: Vec<ClusterMove>,
    /// Why clusters that lose it would not do any more.
    pub reasons: BTreeMap<String, String>,
}

/// What one cluster runs of an object. No count stands for the whole object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterMove {
    /// The cluster.
    pub name: String,
    /// It runs the object now.
    pub placed_before: bool,
    /// Replicas now.
    pub before: Option<i64>,
    /// It would run the object.
    pub placed_after: bool,
    /// Replicas then.
    pub after: Option<i64>,
}

/// An object whose policy puts a decision off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deferred {
    /// Which.
    pub object: ObjectName,
    /// Why, as in the annotation `kubeadmiral.io/scheduling-deferred-reasons`.
    pub reason: String,
}

/// An object about which nothing could be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Why.
    pub message: String,
}

/// What a cluster runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClusterTotal {
    /// The cluster.
    pub name: String,
    /// Objects and replicas now.
    pub before: Load,
    /// Objects and replicas then.
    pub after: Load,
}

/// Objects and their replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Objects placed.
    pub objects: i64,
    /// Their replicas; an object that is not divided counts with all of its own.
    pub replicas: i64,
}

/// Works out what would move if `changed` were applied to a host that holds `live`. `beside` are the host's namespaces:
/// quotas go by their labels.
///
/// # Errors
/// Documents that cannot be read.
pub fn plan(
    live: &[Value],
    changed: Vec<Value>,
    beside: &[Value],
    features: Features,
    now: Timestamp,
) -> Result<Plan, OfflineError> {
    // Read first and alone, so that what is wrong is told with the number that the user knows.
    Documents::read(changed.clone(), Reading::Stored)?;
    let mut plan = Plan::default();
    let live = readable(live, &mut plan.problems);
    let mut then = live.clone();
    then.extend(
        changed
            .into_iter()
            .map(|document| completed(document, &live)),
    );
    let decide = |documents| -> Result<Decisions, OfflineError> {
        let mut documents = Documents::read(documents, Reading::Stored)?;
        documents.take_beside(beside.to_vec());
        Ok(decisions(&documents, features, now))
    };
    let (mut present, mut future) = (decide(live)?, decide(then)?);
    plan.quota = plan_quotas::plan(
        present.books.take(),
        &present.said,
        future.books.take(),
        &future.said,
        now,
    );
    let future = future.next;
    let present: BTreeMap<String, &Next> = present
        .next
        .iter()
        .flatten()
        .map(|one| (one.key(), one))
        .collect();
    let mut totals: BTreeMap<String, ClusterTotal> = BTreeMap::new();
    for next in &future {
        let next = match next {
            Ok(next) => next,
            Err(message) => {
                plan.problems.push(Problem {
                    message: message.clone(),
                });
                continue;
            }
        };
        count(&mut totals, next);
        if let Some(reason) = &next.deferred {
            plan.deferred.push(Deferred {
                object: next.object.clone(),
                reason: reason.clone(),
            });
        }
        if next.before == next.after {
            plan.unchanged = plan.unchanged.saturating_add(1);
            continue;
        }
        let already = present
            .get(&next.key())
            .is_some_and(|one| one.after == next.after);
        plan.moves.push(next.shown(already));
    }
    plan.totals = totals
        .into_values()
        .filter(|total| total.before != total.after)
        .collect();
    Ok(plan)
}

/// What is stored on the host and cannot be read is told: it is nobody's typing mistake of now.
fn readable(live: &[Value], problems: &mut Vec<Problem>) -> Vec<Value> {
    let mut kept = Vec::with_capacity(live.len());
    for object in live {
        match Documents::read(vec![object.clone()], Reading::Stored) {
            Ok(_) => kept.push(object.clone()),
            Err(error) => problems.push(Problem {
                message: error.message(),
            }),
        }
    }
    kept
}

/// A cluster in a file rarely says what only its controller knows.
fn completed(mut document: Value, live: &[Value]) -> Value {
    let is = |object: &Value, steps: &[&str], text: &str| pointer::text(object, steps) == text;
    if !is(&document, &["kind"], "FederatedCluster") || document.get("status").is_some() {
        return document;
    }
    let name = pointer::text(&document, &["metadata", "name"]).to_owned();
    let known = live.iter().find(|object| {
        is(object, &["kind"], "FederatedCluster") && is(object, &["metadata", "name"], &name)
    });
    if let Some(status) = known.and_then(|known| known.get("status"))
        && let Some(root) = document.as_object_mut()
    {
        root.insert("status".into(), status.clone());
    }
    document
}

/// What would become of one object.
struct Next {
    object: ObjectName,
    policy: String,
    before: Placement,
    after: Placement,
    deferred: Option<String>,
    unschedulable: bool,
    reasons: BTreeMap<String, String>,
    /// Replicas of the object itself.
    whole: i64,
}

/// What would become of all objects.
#[derive(Default)]
struct Decisions {
    next: Vec<Result<Next, String>>,
    said: Said,
    books: Option<Books>,
}

fn decisions(documents: &Documents, features: Features, now: Timestamp) -> Decisions {
    let mut decisions = Decisions::default();
    match schedule::each(documents, OwnPods::AreLeftOut, features, now) {
        Ok(Decided { answers, books, .. }) => {
            decisions.books = books;
            for answer in answers {
                match answer {
                    Ok(answer) => {
                        decisions.next.extend(Next::of(&answer).map(Ok));
                        let said = answer.quota.map(|quota| (answer.object, quota));
                        decisions.said.extend(said);
                    }
                    Err(error) => decisions.next.push(Err(error.message())),
                }
            }
        }
        Err(error) => decisions.next.push(Err(error.message())),
    }
    decisions
}

impl Next {
    /// `None` for what nobody schedules.
    fn of(answer: &Answer) -> Option<Self> {
        let asked = answer.asked.as_ref()?;
        let before = asked.unit.current.clone();
        let outcome = answer.outcome()?;
        let kept = answer.is_kept(asked, &outcome);
        let decided = &asked.decision;
        let lost = decided.rejected().map(|(cluster, rejected)| {
            (
                cluster.name().to_string(),
                format!("{}: {}", rejected.plugin, rejected.reason),
            )
        });
        let reasons = lost
            .filter(|(name, _)| before.contains_key(name.as_str()))
            .collect();
        Some(Self {
            object: answer.object.clone(),
            policy: answer.policy.clone().unwrap_or_default(),
            deferred: outcome
                .deferred
                .filter(|_| kept && decided.placement != before),
            unschedulable: !kept && decided.unschedulable(),
            after: if kept {
                before.clone()
            } else {
                decided.placement.clone()
            },
            before,
            reasons,
            whole: answer.replicas,
        })
    }

    fn key(&self) -> String {
        format!("{} {}", self.object.api_version, self.object.shown())
    }

    fn shown(&self, already: bool) -> Move {
        let names: BTreeSet<_> = self.before.keys().chain(self.after.keys()).collect();
        let clusters = names.into_iter().map(|name| ClusterMove {
            name: name.to_string(),
            placed_before: self.before.contains_key(name),
            before: self.before.get(name).copied().flatten(),
            placed_after: self.after.contains_key(name),
            after: self.after.get(name).copied().flatten(),
        });
        Move {
            object: self.object.clone(),
            policy: self.policy.clone(),
            unschedulable: self.unschedulable,
            already,
            clusters: clusters.collect(),
            reasons: self.reasons.clone(),
        }
    }
}

fn count(totals: &mut BTreeMap<String, ClusterTotal>, next: &Next) {
    let mut add = |placement: &Placement, load: fn(&mut ClusterTotal) -> &mut Load| {
        for (name, replicas) in placement {
            let total = totals
                .entry(name.to_string())
                .or_insert_with(|| ClusterTotal {
                    name: name.to_string(),
                    ..ClusterTotal::default()
                });
            let load = load(total);
            load.objects = load.objects.saturating_add(1);
            load.replicas = load.replicas.saturating_add(replicas.unwrap_or(next.whole));
        }
    };
    add(&next.before, |total| &mut total.before);
    add(&next.after, |total| &mut total.after);
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
