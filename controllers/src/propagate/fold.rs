//! Everything that is known about an object folded into its one federated object: what would be
//! written, or that nothing would. Folding twice is folding once. What others wrote (placements and
//! overrides of their controllers, annotations, labels) stays. Compared as data, so that objects
//! that KubeAdmiral stored are left alone while nothing differs. Pure.

use super::resolve::Resolved;
use super::template::{Template, is_federated_annotation, is_federated_label};
use crate::federated::Federated;
use crate::follow::Following;
use crate::pending::{self, Reach};
use crate::pointer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use navarch_crds::go;
use navarch_crds::keys::{annotation, controller, finalizer, navarch};
use navarch_crds::names::ClusterName;
use navarch_crds::naming::federated_object_name;
use navarch_crds::v1alpha1::{FederatedTypeConfig, GenericFederatedObjectSpec, OverridePatch};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Texts = BTreeMap<String, String>;

/// Clusters and replicas; `None` is Duplicate.
pub type Placement = BTreeMap<ClusterName, Option<i64>>;

/// What is decided about where an object goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placing {
    /// The controller in whose name it is decided: the scheduler's, or the one that places
    /// namespaces.
    pub controller: &'static str,
    /// The answer.
    pub placement: Placement,
    /// Annotations that go with it; `None` removes one.
    pub annotations: BTreeMap<&'static str, Option<String>>,
    /// Whether a summary for the user is written when the placement changes
    /// (`kubeadmiral.io/scheduling`, fed back to the source).
    pub summary: bool,
}

/// What is folded.
#[derive(Clone, Copy, Debug)]
pub struct FoldInputs<'a> {
    /// The source as it stands in the host; `None`: the federated object was written by itself, and what it says stays.
    pub source: Option<&'a Value>,
    /// Its type config.
    pub type_config: &'a FederatedTypeConfig,
    /// Its template.
    pub template: &'a Template,
    /// Where it goes; `None` keeps what is written.
    pub placing: Option<&'a Placing>,
    /// Whom it follows; `None` keeps what is written.
    pub following: Option<&'a Following>,
    /// Annotations of controllers that change without a new decision (triggers, deferred
    /// reasons); `None` removes one.
    pub notes: &'a BTreeMap<&'static str, Option<String>>,
    /// The overrides; `None` keeps what is written, as while a policy is missing or wrong. Only
    /// those of placed clusters are written.
    pub overrides: Option<&'a Resolved>,
    /// Clusters that are known to hold no copy any more.
    pub absent: &'a BTreeSet<String>,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Fold {
    /// A new object.
    Create(Federated),
    /// The object, by a PUT with the resource version that was read.
    Update(Federated),
    /// Nothing.
    Unchanged,
}

/// Whether a federated object belongs to another source: the name is taken. The version of the
/// owner's API does not count, it changes with the type config.
#[must_use]
pub fn collides(federated: &Federated, source: &Value) -> bool {
    let Some(owner) = federated.controller_owner() else {
        return false;
    };
    let group = |api_version: &str| match api_version.split_once('/') {
        Some((group, _)) => group.to_owned(),
        None => String::new(),
    };
    group(&owner.api_version) != group(pointer::text(source, &["apiVersion"]))
        || owner.kind != pointer::text(source, &["kind"])
        || owner.name != pointer::text(source, &["metadata", "name"])
}

/// Folds. An object that is being deleted is left alone: its successor is made when it is gone.
#[must_use]
pub fn fold(last: Option<&Federated>, inputs: FoldInputs<'_>) -> Fold {
    if last.is_some_and(Federated::is_terminating) {
        return Fold::Unchanged;
    }
    let mut next = last.cloned().unwrap_or_else(|| skeleton(inputs));
    let renewed = content(&mut next, inputs) || last.is_none();
    let all = pending::normalise(&inputs.type_config.spec.controllers);
    let start = if renewed {
        None
    } else {
        next.annotation(annotation::PENDING_CONTROLLERS)
            .and_then(pending::parse)
    };
    let mut reach = pending::advance(&start.unwrap_or_else(|| all.clone()));
    if let Some(placing) = inputs.placing
        && reach.allows(placing.controller)
        && place(&mut next, placing, inputs)
    {
        reach = again(reach, &all, placing.controller);
    }
    // Nobody waits for this controller, and it waits for nobody (KubeAdmiral `pkg/controllers/follower`).
    if let Some(following) = inputs.following {
        following.write(&mut next.spec);
    }
    if let Some(overrides) = inputs.overrides {
        if reach.allows(controller::OVERRIDE) && override_copies(&mut next.spec, overrides) {
            reach = again(reach, &all, controller::OVERRIDE);
        }
    } else if reach.ran.contains(controller::OVERRIDE) {
        // Stored overrides name containers by index: with another template they must not be used.
        reach = hold(reach, &all);
    }
    notes(&mut next, inputs.notes);
    set_pending(&mut next, &reach);
    withdraw(&mut next, last, inputs.absent);
    match last {
        None => Fold::Create(next),
        Some(last) if *last == next => Fold::Unchanged,
        Some(_) => Fold::Update(next),
    }
}

/// What runs behind a controller that changed something. Who stands beside it in its step is still
/// waited for.
fn again(before: Reach, all: &[Vec<String>], controller: &str) -> Reach {
    let beside = beside(&before, all, controller);
    let behind = pending::behind(all, controller);
    let mut reach = if beside.is_empty() {
        pending::advance(&behind)
    } else {
        let mut left = vec![beside];
        left.extend(behind);
        Reach {
            left,
            ..Reach::default()
        }
    };
    reach.ran.extend(before.ran);
    reach
}

/// The foreign names of a controller's own step that are still waited for.
fn beside(reach: &Reach, all: &[Vec<String>], controller: &str) -> Vec<String> {
    let own = all
        .iter()
        .find(|step| step.iter().any(|name| name == controller));
    let waited = reach.left.first();
    match (own, waited) {
        (Some(own), Some(waited)) if waited.iter().all(|name| own.contains(name)) => waited.clone(),
        _ => Vec::new(),
    }
}

/// Stops in front of the override step: its policy is missing or wrong.
fn hold(reach: Reach, all: &[Vec<String>]) -> Reach {
    let mut first = vec![controller::OVERRIDE.to_owned()];
    first.extend(beside(&reach, all, controller::OVERRIDE));
    let mut left = vec![first];
    left.extend(pending::behind(all, controller::OVERRIDE));
    Reach {
        ran: reach.ran,
        left,
    }
}

fn skeleton(inputs: FoldInputs<'_>) -> Federated {
    let described = &inputs.template.object;
    let text = |field: &str| pointer::text(described, &["metadata", field]).to_owned();
    let config = inputs.type_config.metadata.name.as_deref();
    Federated {
        metadata: ObjectMeta {
            name: Some(federated_object_name(
                &text("name"),
                config.unwrap_or_default(),
            )),
            namespace: Some(text("namespace")).filter(|namespace| !namespace.is_empty()),
            finalizers: Some(vec![finalizer::SYNC.to_owned()]),
            ..ObjectMeta::default()
        },
        spec: GenericFederatedObjectSpec::default(),
        status: None,
    }
}

/// Template, labels, annotations and owner. Says whether anything changed that controllers decide
/// by: bookkeeping does not count, so that what is fed back to a source starts nothing.
fn content(next: &mut Federated, inputs: FoldInputs<'_>) -> bool {
    let template = inputs.template;
    let finalizers = next.metadata.finalizers.get_or_insert_default();
    if !finalizers.iter().any(|name| name == finalizer::SYNC) {
        finalizers.push(finalizer::SYNC.to_owned());
    }
    let Some(source) = inputs.source else {
        return see_template(next);
    };
    let owner = owner(source);
    if next.metadata.owner_references.as_deref() != Some(std::slice::from_ref(&owner)) {
        next.metadata.owner_references = Some(vec![owner]);
    }
    let mut labels = next.metadata.labels.clone().unwrap_or_default();
    let kind = pointer::text(source, &["kind"]);
    let api_version = pointer::text(source, &["apiVersion"]);
    labels.retain(|key, value| {
        !is_federated_label(key) && !names_type(key, value, api_version, kind)
    });
    labels.extend(template.labels.clone());
    let mut annotations = next.annotations();
    annotations.retain(|key, _| !is_federated_annotation(key));
    annotations.extend(template.annotations.clone());

    let changed = replace(&mut next.metadata.labels, labels)
        | replace(&mut next.metadata.annotations, annotations)
        | (next.spec.template != template.object);
    if next.spec.template != template.object {
        next.spec.template = template.object.clone();
    }
    let annotations = next.metadata.annotations.get_or_insert_default();
    for (key, value) in &template.bookkeeping {
        if !annotations
            .get(key)
            .is_some_and(|old| same_note(key, old, value))
        {
            annotations.insert(key.clone(), value.clone());
        }
    }
    changed
}

/// Notes which template is decided about. Says whether it is another one than the last time.
fn see_template(next: &mut Federated) -> bool {
    let note = next.template_note();
    let annotations = next.metadata.annotations.get_or_insert_default();
    let before = annotations.insert(navarch::TEMPLATE_SEEN.to_owned(), note.clone());
    before.as_ref() != Some(&note)
}

/// Whether a label names this type in some version.
fn names_type(key: &str, value: &str, api_version: &str, kind: &str) -> bool {
    let group = |text: &str| {
        text.split_once('/')
            .map_or(String::new(), |(group, _)| group.to_owned())
    };
    value == kind && (key == api_version || key.contains('/') && group(key) == group(api_version))
}

/// The merge patch is compared as JSON: other text for the same patch is no reason to write.
fn same_note(key: &str, old: &str, new: &str) -> bool {
    if key != annotation::TEMPLATE_GENERATOR_MERGE_PATCH {
        return old == new;
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    old == new || read(old).is_some_and(|old| Some(old) == read(new))
}

/// Replaces a map of texts; none and an empty one are the same.
fn replace(held: &mut Option<Texts>, new: Texts) -> bool {
    let differs = held.as_ref().map_or(!new.is_empty(), |old| *old != new);
    if differs {
        *held = Some(new);
    }
    differs
}

fn owner(source: &Value) -> OwnerReference {
    let text = |steps: &[&str]| pointer::text(source, steps).to_owned();
    OwnerReference {
        api_version: text(&["apiVersion"]),
        kind: text(&["kind"]),
        name: text(&["metadata", "name"]),
        uid: text(&["metadata", "uid"]),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Placement, replicas and the annotations that go with them.
fn place(next: &mut Federated, placing: &Placing, inputs: FoldInputs<'_>) -> bool {
    let clusters = placing.placement.keys().map(ClusterName::as_str);
    let mut changed = next
        .spec
        .set_controller_placement(placing.controller, clusters);
    let path = &inputs.type_config.spec.path_definition.replicas_spec;
    let patches: BTreeMap<String, Vec<OverridePatch>> = placing
        .placement
        .iter()
        .filter_map(|(cluster, replicas)| {
            let patch = OverridePatch {
                op: "replace".to_owned(),
                path: format!("/{}", path.replace('.', "/")),
                value: json!((*replicas)?),
            };
            Some((cluster.to_string(), vec![patch]))
        })
        .collect();
    changed |= set_overrides(&mut next.spec, placing.controller, patches);
    if changed && placing.summary {
        let summary = summary(next, placing);
        next.metadata
            .annotations
            .get_or_insert_default()
            .insert(annotation::SCHEDULING.to_owned(), summary);
    }
    changed |= notes(next, &placing.annotations);
    changed
}

/// The decision in the form in which it is fed back to the source.
fn summary(next: &Federated, placing: &Placing) -> String {
    let mut summary = json!({
        "sourceGeneration": pointer::number(&next.spec.template, &["metadata", "generation"]).unwrap_or(0),
        "fedGeneration": next.generation(),
    });
    if let (Some(map), false) = (summary.as_object_mut(), placing.placement.is_empty()) {
        let placement: serde_json::Map<String, Value> = placing
            .placement
            .iter()
            .map(|(cluster, replicas)| (cluster.to_string(), json!(replicas)))
            .collect();
        map.insert("placement".into(), placement.into());
    }
    go::json::to_string(&summary).unwrap_or_default()
}

/// The overrides of the placed clusters.
fn override_copies(spec: &mut GenericFederatedObjectSpec, overrides: &Resolved) -> bool {
    let placed: BTreeSet<String> = spec
        .placed_clusters()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let patches: BTreeMap<String, Vec<OverridePatch>> = overrides
        .iter()
        .filter(|(cluster, patches)| placed.contains(cluster.as_str()) && !patches.is_empty())
        .map(|(cluster, patches)| (cluster.to_string(), patches.clone()))
        .collect();
    set_overrides(spec, controller::OVERRIDE, patches)
}

/// As the setter of the API, but an empty operation and `replace` are the same.
fn set_overrides(
    spec: &mut GenericFederatedObjectSpec,
    controller: &str,
    patches: BTreeMap<String, Vec<OverridePatch>>,
) -> bool {
    let plain = |patch: &OverridePatch| {
        let op = if patch.op.is_empty() {
            "replace"
        } else {
            &patch.op
        };
        (op.to_owned(), patch.path.clone(), patch.value.clone())
    };
    let held: BTreeMap<&str, Vec<_>> = spec
        .controller_overrides(controller)
        .unwrap_or_default()
        .iter()
        .map(|entry| {
            (
                entry.cluster.as_str(),
                entry.patches.iter().map(plain).collect(),
            )
        })
        .collect();
    let wanted: BTreeMap<&str, Vec<_>> = patches
        .iter()
        .map(|(cluster, list)| (cluster.as_str(), list.iter().map(plain).collect()))
        .collect();
    if held == wanted {
        return false;
    }
    spec.set_controller_overrides(controller, patches)
}

/// Sets and removes annotations. Says whether any changed.
fn notes(next: &mut Federated, notes: &BTreeMap<&'static str, Option<String>>) -> bool {
    let mut annotations = next.annotations();
    for (key, value) in notes {
        match value {
            Some(value) => annotations.insert((*key).to_owned(), value.clone()),
            None => annotations.remove(*key),
        };
    }
    replace(&mut next.metadata.annotations, annotations)
}

fn set_pending(next: &mut Federated, reach: &Reach) {
    let held = next
        .annotation(annotation::PENDING_CONTROLLERS)
        .and_then(pending::parse);
    if held.as_ref() != Some(&reach.left) {
        next.metadata.annotations.get_or_insert_default().insert(
            annotation::PENDING_CONTROLLERS.to_owned(),
            pending::print(&reach.left),
        );
    }
}

/// Keeps the record of clusters that may still hold a copy. It is first written when a cluster
/// loses its placement, and stays, empty at last: without it the status would count again.
fn withdraw(next: &mut Federated, last: Option<&Federated>, absent: &BTreeSet<String>) {
    let Some(last) = last else {
        return;
    };
    let mut left = last.copies();
    left.retain(|cluster| !absent.contains(cluster));
    let placed = next.spec.placed_clusters();
    left.retain(|cluster| !placed.contains(cluster.as_str()));
    let held = next.withdrawing();
    if held.is_none()
        && left.is_empty()
        && last
            .copies()
            .iter()
            .all(|cluster| placed.contains(cluster.as_str()))
    {
        return;
    }
    if held.as_ref() != Some(&left) {
        let text = go::json::to_string(&left).unwrap_or_default();
        next.metadata
            .annotations
            .get_or_insert_default()
            .insert(navarch::WITHDRAWING.to_owned(), text);
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
