//! Objects whose replicas may move by themselves: what was last said of the room for each, gathered anew from what the
//! members show. A pass over an object puts its plan here; what changes in a member asks for a look at those that it
//! concerns. No requests.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use navarch_crds::names::ClusterName;
use navarch_scheduler::migration::AutoMigrationInfo;
use navarch_scheduler::policy::Strategy;
use tokio::time::Instant;

use super::context::Context;
use crate::fleet::member::Member;
use crate::fleet::waiting::{Origin, Touched, WaitingPod};
use crate::migrate::{Copy, Estimate, Question, Sight, Workload, estimate};
use crate::runtime::key::Key;
use crate::runtime::locked;
use crate::runtime::queue::Queue;
use crate::runtime::retry::Backoff;

/// Pods come and go in numbers: what they mean is looked at once for all of them.
const WINDOW: Duration = Duration::from_secs(1);

/// What an object's estimate rests on.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) type_config: Arc<str>,
    pub(crate) workload: Workload,
    /// How long a pod may find no node.
    pub(crate) threshold: SignedDuration,
    pub(crate) strategy: Strategy,
    /// Where it is placed.
    pub(crate) clusters: BTreeSet<ClusterName>,
    /// What was last said.
    pub(crate) info: AutoMigrationInfo,
}

/// The plans of all objects that migrate by themselves, and those of them that are to be looked at.
#[derive(Debug)]
pub(crate) struct Migrations {
    /// Objects of which the pods may have changed, or whose time has come.
    pub(crate) queue: Queue<Key>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    plans: HashMap<Key, Arc<Plan>>,
    /// The keys of them by the namespace of their pods.
    namespaces: HashMap<Option<Arc<str>>, HashSet<Key>>,
    /// When what was said of clusters was last confirmed.
    confirmed: HashMap<Key, BTreeMap<String, Timestamp>>,
}

impl State {
    fn remove(&mut self, key: &Key) {
        self.plans.remove(key);
        if let Some(keys) = self.namespaces.get_mut(&key.namespace) {
            keys.remove(key);
            if keys.is_empty() {
                self.namespaces.remove(&key.namespace);
            }
        }
    }
}

impl Migrations {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self {
            queue: Queue::new(backoff),
            state: Mutex::default(),
        }
    }

    pub(crate) fn put(&self, key: &Key, plan: Plan) {
        let mut state = locked(&self.state);
        let keys = state.namespaces.entry(key.namespace.clone()).or_default();
        keys.insert(key.clone());
        state.plans.insert(key.clone(), Arc::new(plan));
    }

    /// It does not migrate by itself any more.
    pub(crate) fn forget(&self, key: &Key) {
        let mut state = locked(&self.state);
        state.remove(key);
        state.confirmed.remove(key);
    }

    pub(crate) fn plan(&self, key: &Key) -> Option<Arc<Plan>> {
        locked(&self.state).plans.get(key).cloned()
    }

    /// Something changed about the copy of an object.
    pub(crate) fn copy_changed(&self, key: &Key) {
        if locked(&self.state).plans.contains_key(key) {
            self.queue.push_after(key.clone(), WINDOW);
        }
    }

    /// Something changed about the pods of an owner in a member.
    pub(crate) fn pods_changed(&self, member: &Member, touched: &Touched) {
        let concerned: Vec<Key> = {
            let state = locked(&self.state);
            let namespace = Some(&touched.namespace).filter(|name| !name.is_empty());
            let keys = state.namespaces.get(&namespace.cloned());
            let concerned = |key: &&Key| {
                state.plans.get(key).is_some_and(|plan| {
                    let record = || member.record(key);
                    plan.clusters.contains(&member.name)
                        && owns(&plan.workload, &touched.origin, record)
                })
            };
            keys.into_iter()
                .flatten()
                .filter(concerned)
                .cloned()
                .collect()
        };
        for key in concerned {
            self.queue.push_after(key, WINDOW);
        }
    }

    /// What is known of a member as a whole changed.
    pub(crate) fn member_changed(&self, member: &ClusterName) {
        let concerned: Vec<Key> = {
            let state = locked(&self.state);
            let plans = state.plans.iter();
            let there = plans.filter(|(_, plan)| plan.clusters.contains(member));
            there.map(|(key, _)| key.clone()).collect()
        };
        for key in concerned {
            self.queue.push_after(key, WINDOW);
        }
    }

    fn confirmed(&self, key: &Key) -> BTreeMap<String, Timestamp> {
        let state = locked(&self.state);
        state.confirmed.get(key).cloned().unwrap_or_default()
    }

    fn confirm(&self, key: &Key, confirmed: BTreeMap<String, Timestamp>) {
        let mut state = locked(&self.state);
        if confirmed.is_empty() {
            state.confirmed.remove(key);
        } else {
            state.confirmed.insert(key.clone(), confirmed);
        }
    }
}

/// The selector of the copy is only looked up where the template has none.
fn owns(
    workload: &Workload,
    origin: &Origin,
    record: impl Fn() -> Option<crate::fleet::records::Record>,
) -> bool {
    workload.owns(origin, None) || {
        let scale = record().and_then(|record| record.observed.scale);
        let written = scale.as_ref().and_then(|scale| scale.selector.as_deref());
        written.is_some() && workload.owns(origin, written)
    }
}

/// Estimates the room for an object from what its members show now.
pub(crate) fn estimated(ctx: &Context, key: &Key, plan: &Plan, now: Timestamp) -> Estimate {
    let confirmed = ctx.migrations.confirmed(key);
    let placed = plan.clusters.iter().cloned();
    let said = plan.info.estimated_capacity.keys();
    let said = said.filter_map(|name| ClusterName::new(name).ok());
    let clusters: BTreeSet<ClusterName> = placed.chain(said).collect();
    let mut answer = estimate(&Question {
        threshold: plan.threshold,
        now,
        last: &plan.info,
        clusters: clusters
            .iter()
            .map(|name| (name.to_string(), sight(ctx, key, plan, name)))
            .collect(),
        confirmed: &confirmed,
    });
    ctx.migrations.confirm(key, answer.confirmed.clone());
    // Nothing tells when a watch that failed works again.
    let members = clusters.iter().filter_map(|name| ctx.fleet.get(name));
    let doubts = members.filter_map(|member| member.waiting.doubted_for(Instant::now()));
    if let Some(Ok(at)) = doubts.min().map(|wait| now.checked_add(wait)) {
        answer.again = Some(answer.again.map_or(at, |earlier| earlier.min(at)));
    }
    answer
}

fn sight(ctx: &Context, key: &Key, plan: &Plan, cluster: &ClusterName) -> Sight {
    if !ctx.clusters.exists(cluster) {
        return Sight::Nothing;
    }
    let Some(member) = ctx.fleet.get(cluster) else {
        return Sight::Unknown;
    };
    let heard = member.heard.last();
    let known = member.is_ready()
        && member.is_listed(&plan.type_config)
        && member.waiting.is_known(Instant::now());
    let Some(heard) = heard.filter(|_| known) else {
        return Sight::Unknown;
    };
    let Some(record) = member.record(key).filter(|record| !record.terminating) else {
        return Sight::Nothing;
    };
    // What its controllers have not acted on yet tells nothing of the room there.
    if !record.observed.is_current() {
        return Sight::Unknown;
    }
    let Some(scale) = record.observed.scale else {
        return Sight::Unknown;
    };
    let written = scale.selector.as_deref();
    let namespace = key.namespace().unwrap_or_default();
    let found = member
        .waiting
        .of(namespace, |origin| plan.workload.owns(origin, written));
    let newest = of_newest_template(&found);
    Sight::Copy(Copy {
        waiting: i64::try_from(newest.len()).unwrap_or(i64::MAX),
        unschedulable: newest.iter().filter_map(|pod| pod.unschedulable).collect(),
        scale: *scale,
        heard,
    })
}

/// Those of the template that the youngest pod was made from: pods of older ones go with the rollout. KubeAdmiral looks
/// at the newest ReplicaSet alone, too.
fn of_newest_template(found: &[(Arc<Origin>, Vec<WaitingPod>)]) -> Vec<WaitingPod> {
    let youngest = found
        .iter()
        .max_by_key(|(_, pods)| pods.iter().filter_map(|pod| pod.created).max());
    let template = youngest.and_then(|(origin, _)| Workload::template_of(origin));
    found
        .iter()
        .filter(|(origin, _)| Workload::template_of(origin) == template)
        .flat_map(|(_, pods)| pods.iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_older_templates_do_not_count() {
        let pods = |hash: Option<&str>, created: &[i64]| {
            let labels = hash.map(|hash| ("pod-template-hash".to_owned(), hash.to_owned()));
            let origin = Origin {
                labels: labels.into_iter().collect(),
                owner: None,
            };
            let pod = |second: &i64| WaitingPod {
                created: Timestamp::from_second(*second).ok(),
                unschedulable: None,
            };
            (
                Arc::new(origin),
                created.iter().map(pod).collect::<Vec<_>>(),
            )
        };
        let count = |found: &[_]| of_newest_template(found).len();
        assert_eq!(count(&[]), 0);
        let (old, new) = (pods(Some("a"), &[1, 2, 3]), pods(Some("b"), &[2, 4]));
        assert_eq!(count(std::slice::from_ref(&old)), 3);
        assert_eq!(count(&[old.clone(), new.clone()]), 2);
        assert_eq!(count(&[new, old]), 2);
        assert_eq!(count(&[pods(None, &[1]), pods(None, &[5])]), 2);
    }
}
