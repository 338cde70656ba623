//! A scheduler: puts each pod on the node with the most room among those it may run on, or says why there is none, in the
//! words of kube-scheduler (k8s.io/kubernetes `pkg/scheduler`). It keeps account of what pods take of each node.

mod eligible;
mod room;

pub(crate) use eligible::{selects_node, untolerated};

use super::engine::{Again, Controller, Seen};
use super::events::Note;
use super::field;
use super::kinds::Kind;
use super::pods;
use super::world::{SCHEDULER, World, gone_is_fine};
use crate::cluster::WriteOptions;
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use eligible::Refusal;
use room::{Account, Room};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const COMPONENT: &str = "default-scheduler";

#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    /// What the pods of each node take.
    accounts: HashMap<String, Account>,
    /// Where each pod is booked.
    booked: HashMap<Key, (String, Room)>,
    /// Pods that found no node.
    waiting: BTreeSet<Key>,
}

/// Why a pod goes nowhere.
#[derive(Debug, Default)]
struct Unschedulable {
    /// So many nodes for each reason.
    reasons: BTreeMap<String, usize>,
    /// On so many of them the removal of other pods would not help.
    hopeless: usize,
}

impl Unschedulable {
    fn message(&self, nodes: usize) -> String {
        if nodes == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let mut counted: Vec<String> = self
            .reasons
            .iter()
            .map(|(r, n)| format!("{n} {r}"))
            .collect();
        counted.sort();
        let mut after = Vec::new();
        let helpless = nodes - self.hopeless;
        if helpless > 0 {
            after.push(format!(
                "{helpless} No preemption victims found for incoming pod"
            ));
        }
        if self.hopeless > 0 {
            let hopeless = self.hopeless;
            after.push(format!(
                "{hopeless} Preemption is not helpful for scheduling"
            ));
        }
        after.sort();
        format!(
            "0/{nodes} nodes are available: {}. preemption: 0/{nodes} nodes are available: {}.",
            counted.join(", "),
            after.join(", ")
        )
    }
}

impl Controller for Scheduler {
    fn observe(&mut self, seen: &Seen<'_>, _world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::Node if self.may_help(seen) => {
                wake.extend(std::mem::take(&mut self.waiting));
            }
            Kind::Pod => {
                let freed = self.book(seen.key, seen.new);
                if freed {
                    wake.extend(std::mem::take(&mut self.waiting));
                }
                match seen.new {
                    Some(pod) if is_to_be_scheduled(pod) => {
                        let changed = seen
                            .old
                            .is_none_or(|old| old.get("spec") != pod.get("spec"));
                        if changed || !self.waiting.contains(seen.key) {
                            wake.push(seen.key.clone());
                        }
                    }
                    _ => {
                        self.waiting.remove(seen.key);
                    }
                }
            }
            _ => {}
        }
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(pod) = world.get(Kind::Pod, key).filter(|p| is_to_be_scheduled(p)) else {
            return Ok(None);
        };
        match self.choose(&pod, world) {
            Ok(node) => self.bind(key, &pod, &node, world)?,
            Err(message) => {
                self.waiting.insert(key.clone());
                refuse(&pod, &message, world)?;
            }
        }
        Ok(None)
    }
}

fn is_to_be_scheduled(pod: &Value) -> bool {
    field::text(pod, "/spec/nodeName").is_empty()
        && pods::is_active(pod)
        && field::list(pod, "/spec/schedulingGates").is_empty()
        && matches!(field::text(pod, "/spec/schedulerName"), COMPONENT | "")
}

impl Scheduler {
    /// Whether a change of a node may let a waiting pod in.
    fn may_help(&self, seen: &Seen<'_>) -> bool {
        let (Some(new), false) = (seen.new, self.waiting.is_empty()) else {
            return false;
        };
        let relevant = |node: &Value| {
            let part = |path: &str| node.pointer(path).cloned();
            let labels = part("/metadata/labels");
            (labels, part("/spec"), part("/status/allocatable"))
        };
        seen.old.is_none_or(|old| relevant(old) != relevant(new))
    }

    /// Books a pod where it is now; says whether something became free.
    fn book(&mut self, key: &Key, pod: Option<&Object>) -> bool {
        let on = pod.filter(|p| !pods::is_finished(p));
        let node = on
            .map(|p| field::text(p, "/spec/nodeName"))
            .unwrap_or_default();
        if let Some((known, _)) = self.booked.get(key) {
            if known == node {
                return false;
            }
            if let Some((known, room)) = self.booked.remove(key)
                && let Some(account) = self.accounts.get_mut(&known)
            {
                account.give_back(&room);
            }
        } else if node.is_empty() {
            return false;
        }
        let Some(pod) = on.filter(|_| !node.is_empty()) else {
            return true;
        };
        let room = room::requested(pod);
        self.accounts
            .entry(node.to_owned())
            .or_default()
            .take(&room);
        self.booked.insert(key.clone(), (node.to_owned(), room));
        false
    }

    fn choose(&self, pod: &Value, world: &World) -> Result<String, String> {
        let wanted = room::requested(pod);
        let mut best: Option<(room::Score, String)> = None;
        let mut why = Unschedulable::default();
        let mut nodes = 0;
        let empty = Account::default();
        for (key, node) in world.cache(Kind::Node).all() {
            nodes += 1;
            let account = self.accounts.get(&key.name).unwrap_or(&empty);
            let refusal = eligible::refusal(pod, node)
                .map(Refusal::hopeless)
                .or_else(|| account.refusal(&wanted, node));
            match refusal {
                Some(refusal) => {
                    why.hopeless += usize::from(refusal.hopeless);
                    for reason in refusal.reasons {
                        *why.reasons.entry(reason).or_insert(0) += 1;
                    }
                }
                None => {
                    let score = account.score(&wanted, node);
                    if best.as_ref().is_none_or(|(known, _)| score < *known) {
                        best = Some((score, key.name.clone()));
                    }
                }
            }
        }
        best.map(|(_, name)| name).ok_or_else(|| why.message(nodes))
    }

    fn bind(
        &mut self,
        key: &Key,
        pod: &Object,
        node: &str,
        world: &mut World,
    ) -> Result<(), Status> {
        let options = WriteOptions::by(SCHEDULER).to("binding");
        let bound = world
            .cluster
            .bind(&key.namespace, &key.name, node, &options);
        match bound {
            Ok(_) => {}
            // It was bound or deleted in between: the newer version comes by watch.
            Err(status) if status.code == 409 || status.code == 404 => return Ok(()),
            Err(status) => return Err(status),
        }
        let place = format!("{}/{}", key.namespace, key.name);
        let message = format!("Successfully assigned {place} to {node}");
        world
            .recorder
            .say(Note::normal(COMPONENT, pod, "Scheduled", message));
        Ok(())
    }
}

fn refuse(pod: &Object, message: &str, world: &mut World) -> Result<(), Status> {
    let known = field::condition(pod, "PodScheduled");
    let same = known.is_some_and(|c| {
        field::text(c, "/message") == message && field::text(c, "/reason") == "Unschedulable"
    });
    if same {
        return Ok(());
    }
    let since = known
        .filter(|c| field::text(c, "/status") == "False")
        .map(|c| field::text(c, "/lastTransitionTime").to_owned());
    let condition = json!({
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastProbeTime": null, "lastTransitionTime": since.unwrap_or_else(object::now),
    });
    let options = WriteOptions::by(SCHEDULER).to("status");
    let put = |live: &mut Value| {
        let status = object::field_mut(live, "status");
        let conditions = status.entry("conditions").or_insert_with(|| json!([]));
        if let Some(conditions) = conditions.as_array_mut() {
            conditions.retain(|c| field::text(c, "/type") != "PodScheduled");
            conditions.push(condition.clone());
        }
    };
    gone_is_fine(world.change(Kind::Pod, pod, &options, put).map(|_| ()))?;
    let note = Note::warning(COMPONENT, pod, "FailedScheduling", message.to_owned());
    world.recorder.say(note);
    Ok(())
}
