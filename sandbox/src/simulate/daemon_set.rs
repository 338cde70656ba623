//! DaemonSets: one pod on every node that may have it (k8s.io/kubernetes `pkg/controller/daemon`).

use super::engine::{Again, Controller, Seen};
use super::events::Note;
use super::field::{self, put_count};
use super::kinds::Kind;
use super::pods::{self, set_label};
use super::revisions::Revisions;
use super::scheduler::{selects_node, untolerated};
use super::world::{CONTROLLERS, World};
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const COMPONENT: &str = "daemonset-controller";
const REVISION: &str = "controller-revision-hash";
const GENERATION: &str = "deprecated.daemonset.template.generation";

#[derive(Debug)]
pub(crate) struct DaemonSets;

/// Pods by the node they are on or are meant for.
type ByNode = BTreeMap<String, Vec<Object>>;

impl Controller for DaemonSets {
    fn observe(&mut self, seen: &Seen<'_>, world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::DaemonSet if seen.new.is_some() => wake.push(seen.key.clone()),
            Kind::Pod => pods::concerned(seen, Kind::DaemonSet, "DaemonSet", world, wake),
            Kind::Node => {
                let part = |node: &Object, path: &str| node.pointer(path).cloned();
                let same = match (seen.old, seen.new) {
                    (Some(old), Some(new)) => ["/metadata/labels", "/spec"]
                        .iter()
                        .all(|path| part(old, path) == part(new, path)),
                    _ => false,
                };
                if !same {
                    wake.extend(world.cache(Kind::DaemonSet).all().map(|(k, _)| k.clone()));
                }
            }
            _ => {}
        }
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(set) = world.get(Kind::DaemonSet, key) else {
            return Ok(None);
        };
        let own = pods::claim(Kind::Pod, &set, world)?;
        let revisions = Revisions::find(&set, world)?;
        let mut by_node = ByNode::new();
        for pod in &own {
            by_node.entry(node_of(pod)).or_default().push(pod.clone());
        }
        let eligible = eligible(&set, world);
        if object::deletion_timestamp(&set).is_none() {
            place(&set, &by_node, &eligible, &revisions, world)?;
            roll(&set, &by_node, &eligible, revisions.hash(), world)?;
        }
        let now = Timestamp::now();
        let status = status(&set, &by_node, &eligible, revisions.hash(), now);
        world.set_status(Kind::DaemonSet, &set, &status, CONTROLLERS)?;
        let used = |r: &Object| {
            let hash = object::label(r, REVISION);
            own.iter().any(|p| object::label(p, REVISION) == hash)
        };
        revisions.clean_up(&set, used, world)?;
        let min_ready = field::count(&set, "/spec/minReadySeconds");
        Ok(pods::next_available(&own, min_ready, now))
    }
}

const NAMED: &str = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";

/// The node a pod is on, or the one it is meant for.
fn node_of(pod: &Value) -> String {
    let bound = field::text(pod, "/spec/nodeName");
    let node = if bound.is_empty() {
        field::text(pod, NAMED)
    } else {
        bound
    };
    node.to_owned()
}

/// What every daemon pod tolerates.
fn tolerations(template: &Value) -> Vec<Value> {
    let mut all = field::list(template, "/spec/tolerations").to_vec();
    let mut add = |name: &str, effect: &str| {
        all.push(json!({
            "key": format!("node.kubernetes.io/{name}"), "operator": "Exists", "effect": effect,
        }));
    };
    add("not-ready", "NoExecute");
    add("unreachable", "NoExecute");
    for name in [
        "disk-pressure",
        "memory-pressure",
        "pid-pressure",
        "unschedulable",
    ] {
        add(name, "NoSchedule");
    }
    if field::flag(template, "/spec/hostNetwork") {
        add("network-unavailable", "NoSchedule");
    }
    all
}

/// Nodes that may have a pod: whether one should be made, or only one that is there may stay.
fn eligible(set: &Object, world: &World) -> BTreeMap<String, bool> {
    let template = set.pointer("/spec/template").cloned().unwrap_or(json!({}));
    let tolerations = tolerations(&template);
    let mut nodes = BTreeMap::new();
    for (key, node) in world.cache(Kind::Node).all() {
        let named = field::text(&template, "/spec/nodeName");
        let selected = named.is_empty() || named == key.name;
        if selected
            && selects_node(&template, node)
            && untolerated(&tolerations, node, &["NoExecute"]).is_none()
        {
            let run = untolerated(&tolerations, node, &["NoSchedule"]).is_none();
            nodes.insert(key.name.clone(), run);
        }
    }
    nodes
}

/// Makes pods where they are missing, deletes those that should not be.
fn place(
    set: &Object,
    by_node: &ByNode,
    eligible: &BTreeMap<String, bool>,
    revisions: &Revisions,
    world: &mut World,
) -> Result<(), Status> {
    for (node, pods_there) in by_node {
        let mut alive: Vec<&Object> = pods_there
            .iter()
            .filter(|p| !pods::is_terminating(p))
            .collect();
        let stay = usize::from(eligible.contains_key(node));
        alive.sort_by_key(|p| (pods::is_finished(p), !pods::is_ready(p)));
        let surplus = alive.iter().skip(stay);
        let failed = alive.iter().take(stay).filter(|p| pods::is_finished(p));
        for pod in surplus.chain(failed) {
            give_up(set, pod, world)?;
        }
    }
    for node in eligible
        .iter()
        .filter(|(_, run)| **run)
        .map(|(node, _)| node)
    {
        if !by_node.contains_key(node) {
            make(set, node, revisions, world)?;
        }
    }
    Ok(())
}

fn make(set: &Object, node: &str, revisions: &Revisions, world: &mut World) -> Result<(), Status> {
    let template = set.pointer("/spec/template").cloned().unwrap_or(json!({}));
    let mut pod = pods::from_template(&template, set);
    set_label(&mut pod, REVISION, revisions.hash());
    if let Some(generation) = object::annotation(set, GENERATION) {
        set_label(&mut pod, "pod-template-generation", generation);
    }
    let spec = object::field_mut(&mut pod, "spec");
    spec.insert("tolerations".to_owned(), tolerations(&template).into());
    let affinity = object::map_mut(spec.entry("affinity").or_insert_with(|| json!({})));
    let by_node = object::map_mut(affinity.entry("nodeAffinity").or_insert_with(|| json!({})));
    by_node.insert(
        "requiredDuringSchedulingIgnoredDuringExecution".to_owned(),
        json!({"nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": [node]}]}]}),
    );
    let namespace = object::namespace(set).unwrap_or_default();
    match world.create(Kind::Pod, namespace, pod, CONTROLLERS) {
        Ok(pod) => {
            let message = format!("Created pod: {}", object::name(&pod));
            let note = Note::normal(COMPONENT, set, "SuccessfulCreate", message);
            world.recorder.say(note);
            Ok(())
        }
        Err(status) => {
            let message = format!("Error creating: {}", status.message);
            let note = Note::warning(COMPONENT, set, "FailedCreate", message);
            world.recorder.say(note);
            Err(status)
        }
    }
}

fn give_up(set: &Object, pod: &Object, world: &mut World) -> Result<(), Status> {
    world.delete(Kind::Pod, pod)?;
    let message = format!("Deleted pod: {}", object::name(pod));
    let note = Note::normal(COMPONENT, set, "SuccessfulDelete", message);
    world.recorder.say(note);
    Ok(())
}

/// Replaces pods of older templates, as many at once as may be unavailable.
fn roll(
    set: &Object,
    by_node: &ByNode,
    eligible: &BTreeMap<String, bool>,
    hash: &str,
    world: &mut World,
) -> Result<(), Status> {
    if field::text(set, "/spec/updateStrategy/type") == "OnDelete" {
        return Ok(());
    }
    let now = Timestamp::now();
    let min_ready = field::count(set, "/spec/minReadySeconds");
    let desired = i64::try_from(eligible.values().filter(|run| **run).count()).unwrap_or(0);
    let most = set.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
    let most = field::share(most, desired, true).max(1);
    let mut unavailable = 0;
    let mut old = Vec::new();
    for (node, _) in eligible.iter().filter(|(_, run)| **run) {
        let there = by_node.get(node).into_iter().flatten();
        let alive = there.clone().find(|p| !pods::is_terminating(p));
        let available = alive.filter(|p| pods::is_available(p, min_ready, now));
        unavailable += i64::from(available.is_none());
        if let Some(pod) = alive.filter(|p| object::label(p, REVISION) != Some(hash)) {
            old.push((available.is_some(), pod));
        }
    }
    // Those that are not available cost nothing.
    old.sort_by_key(|(available, _)| *available);
    for (available, pod) in old {
        if available && unavailable >= most {
            break;
        }
        unavailable += i64::from(available);
        give_up(set, pod, world)?;
    }
    Ok(())
}

fn status(
    set: &Object,
    by_node: &ByNode,
    eligible: &BTreeMap<String, bool>,
    hash: &str,
    now: Timestamp,
) -> Value {
    let min_ready = field::count(set, "/spec/minReadySeconds");
    let (mut desired, mut current, mut ready, mut available, mut updated) = (0, 0, 0, 0, 0);
    for (node, _) in eligible.iter().filter(|(_, run)| **run) {
        desired += 1;
        let there = by_node.get(node).into_iter().flatten();
        let alive = there.clone().find(|p| !pods::is_terminating(p));
        let Some(pod) = alive.or_else(|| there.clone().next()) else {
            continue;
        };
        current += 1;
        ready += i64::from(pods::is_ready(pod));
        available += i64::from(pods::is_available(pod, min_ready, now));
        updated += i64::from(object::label(pod, REVISION) == Some(hash));
    }
    let misplaced = by_node
        .keys()
        .filter(|n| !eligible.contains_key(*n))
        .count();
    let mut status = set.get("status").cloned().unwrap_or(json!({}));
    let map = object::map_mut(&mut status);
    let generation = object::generation(set);
    map.insert("observedGeneration".to_owned(), json!(generation));
    map.insert("desiredNumberScheduled".to_owned(), json!(desired));
    map.insert("currentNumberScheduled".to_owned(), json!(current));
    map.insert("numberMisscheduled".to_owned(), json!(misplaced));
    map.insert("numberReady".to_owned(), json!(ready));
    put_count(&mut status, "updatedNumberScheduled", updated);
    put_count(&mut status, "numberAvailable", available);
    put_count(&mut status, "numberUnavailable", desired - available);
    status
}
