//! The ReplicaSets of a Deployment: which one has its template, their revisions, making and scaling them.

use super::{COMPONENT, HASH, REVISION, bounds, status, wanted};
use crate::cluster::WriteOptions;
use crate::object::{self, Object};
use crate::simulate::events::Note;
use crate::simulate::field;
use crate::simulate::hash;
use crate::simulate::kinds::Kind;
use crate::simulate::pods::{set_annotation, set_label};
use crate::simulate::world::{CONTROLLERS, World};
use crate::status::Status;
use serde_json::{Value, json};

const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";

/// Annotations of a Deployment that are not copied to its ReplicaSets.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAXIMUM,
    "deprecated.deployment.rollback.to",
];

/// The ReplicaSets of a Deployment.
#[derive(Debug)]
pub(super) struct Sets {
    /// With the Deployment's template.
    pub(super) new: Option<Object>,
    /// All others, oldest first.
    pub(super) old: Vec<Object>,
    /// What became of finding the new one, for the Progressing condition: a reason and a message.
    pub(super) found: Option<(&'static str, String)>,
    /// Whether the Deployment's status was written already.
    pub(super) marked: bool,
    /// Name collisions met.
    pub(super) collisions: i64,
}

/// `spec.replicas` of a ReplicaSet.
pub(super) fn size(set: &Object) -> i64 {
    field::number(set, "/spec/replicas").unwrap_or(0)
}

/// The sum of a number over sets.
pub(super) fn sum<'a>(sets: impl IntoIterator<Item = &'a Object>, path: &str) -> i64 {
    sets.into_iter().map(|s| field::count(s, path)).sum()
}

pub(super) fn desired(set: &Object) -> Option<i64> {
    object::annotation(set, DESIRED).and_then(|text| text.parse().ok())
}

pub(super) fn maximum(set: &Object) -> Option<i64> {
    object::annotation(set, MAXIMUM).and_then(|text| text.parse().ok())
}

fn revision(set: &Object) -> i64 {
    object::annotation(set, REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn created(set: &Object) -> (String, String) {
    let time = field::text(set, "/metadata/creationTimestamp").to_owned();
    (time, object::name(set).to_owned())
}

fn template(object: &Value) -> Value {
    let mut template = object
        .pointer("/spec/template")
        .cloned()
        .unwrap_or(json!({}));
    let metadata = object::metadata_mut(&mut template);
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
        if labels.is_empty() {
            metadata.remove("labels");
        }
    }
    metadata.remove("creationTimestamp");
    template
}

impl Sets {
    pub(super) fn new(deployment: &Object, mut owned: Vec<Object>) -> Self {
        owned.sort_by_key(created);
        let wanted = template(deployment);
        let at = owned.iter().position(|set| template(set) == wanted);
        let new = at.map(|at| owned.remove(at));
        Self {
            new,
            old: owned,
            found: None,
            marked: false,
            collisions: field::count(deployment, "/status/collisionCount"),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Object> {
        self.old.iter().chain(&self.new)
    }

    /// Brings revision and annotations of the new ReplicaSet and of the Deployment up to date; makes the ReplicaSet when
    /// it is missing and `make` says so.
    pub(super) fn find_new(
        &mut self,
        deployment: &Object,
        make: bool,
        world: &mut World,
    ) -> Result<(), Status> {
        let last = self.old.iter().map(revision).max().unwrap_or(0);
        if let Some(set) = &self.new {
            let next = revision(set).max(last + 1);
            let updated = self.annotate(deployment, set, next, world)?;
            let changed = updated != *set;
            self.new = Some(updated);
            if changed {
                // The Deployment is marked when the change has been seen.
                return Ok(());
            }
            if field::condition(deployment, "Progressing").is_none() {
                let name = self
                    .new
                    .as_ref()
                    .map(|s| object::name(s))
                    .unwrap_or_default();
                let message = format!("Found existing replica set \"{name}\"");
                self.found = Some(("FoundNewReplicaSet", message));
            }
            return self.mark(deployment, next, world);
        }
        if !make {
            return Ok(());
        }
        let made = self.make(deployment, last + 1, world)?;
        let name = object::name(&made).to_owned();
        if size(&made) > 0 {
            let message = format!("Scaled up replica set {name} from 0 to {}", size(&made));
            let note = Note::normal(COMPONENT, deployment, "ScalingReplicaSet", message);
            world.recorder.say(note);
        }
        let message = format!("Created new replica set \"{name}\"");
        self.found = Some(("NewReplicaSetCreated", message));
        self.new = Some(made);
        self.mark(deployment, last + 1, world)
    }

    /// Writes the revision on the Deployment, and what became of finding the new ReplicaSet. The real controller does it with
    /// the status, so that no generation is counted for it; what it would write to the status after that is refused as
    /// out of date, and so is left to its next look here, too.
    fn mark(&mut self, deployment: &Object, revision: i64, world: &World) -> Result<(), Status> {
        let revision = revision.to_string();
        let marked = object::annotation(deployment, REVISION) == Some(revision.as_str());
        let deadline = field::number(deployment, "/spec/progressDeadlineSeconds");
        let found = self
            .found
            .clone()
            .filter(|_| deadline.is_some_and(|d| d < i64::from(i32::MAX)));
        if marked && found.is_none() {
            return Ok(());
        }
        self.marked = true;
        let options = WriteOptions::by(CONTROLLERS).to("status");
        world.change(Kind::Deployment, deployment, &options, |live| {
            set_annotation(live, REVISION, &revision);
            if let Some((reason, message)) = &found {
                status::put_found(live, reason, message);
            }
        })?;
        Ok(())
    }

    fn annotate(
        &self,
        deployment: &Object,
        set: &Object,
        next: i64,
        world: &World,
    ) -> Result<Object, Status> {
        let (surge, _) = bounds(deployment);
        let replicas = wanted(deployment);
        let min_ready = deployment.pointer("/spec/minReadySeconds").cloned();
        let apply = |set: &mut Value| {
            copy_annotations(deployment, set);
            let before = object::annotation(set, REVISION).map(str::to_owned);
            let next = next.to_string();
            if let Some(before) = before.filter(|b| *b != next) {
                let history = object::annotation(set, HISTORY).unwrap_or_default();
                let history = match history {
                    "" => before,
                    known => format!("{known},{before}"),
                };
                set_annotation(set, HISTORY, &history);
            }
            set_annotation(set, REVISION, &next);
            set_annotation(set, DESIRED, &replicas.to_string());
            set_annotation(set, MAXIMUM, &(replicas + surge).to_string());
            let spec = object::field_mut(set, "spec");
            match &min_ready {
                Some(seconds) => spec.insert("minReadySeconds".to_owned(), seconds.clone()),
                None => spec.remove("minReadySeconds"),
            };
        };
        let mut draft = Value::clone(set);
        apply(&mut draft);
        if draft == **set {
            return Ok(set.clone());
        }
        world.edit(Kind::ReplicaSet, set, apply)
    }

    fn make(
        &mut self,
        deployment: &Object,
        revision: i64,
        world: &World,
    ) -> Result<Object, Status> {
        let namespace = object::namespace(deployment).unwrap_or_default();
        let plain = template(deployment);
        loop {
            let hash = hash::of(&plain, self.collisions);
            let set = self.draft(deployment, &plain, &hash, revision);
            match world.create(Kind::ReplicaSet, namespace, set, CONTROLLERS) {
                Ok(made) => return Ok(made),
                Err(status) if status.reason == "AlreadyExists" && self.collisions < 100 => {
                    self.collisions += 1;
                }
                Err(status) => return Err(status),
            }
        }
    }

    fn draft(&self, deployment: &Object, plain: &Value, hash: &str, revision: i64) -> Value {
        let (surge, _) = bounds(deployment);
        let replicas = wanted(deployment);
        let mut template = plain.clone();
        set_label(&mut template, HASH, hash);
        let mut selector = deployment
            .pointer("/spec/selector")
            .cloned()
            .unwrap_or(json!({}));
        object::field_mut(&mut selector, "matchLabels").insert(HASH.to_owned(), hash.into());
        let mut set = json!({
            "metadata": {
                "name": format!("{}-{hash}", object::name(deployment)),
                "labels": template.pointer("/metadata/labels"),
                "ownerReferences": [field::owner_reference(deployment)],
            },
            "spec": {
                "replicas": self.first_size(deployment),
                "selector": selector,
                "template": template,
            },
        });
        if let Some(seconds) = deployment.pointer("/spec/minReadySeconds") {
            let spec = object::field_mut(&mut set, "spec");
            spec.insert("minReadySeconds".to_owned(), seconds.clone());
        }
        copy_annotations(deployment, &mut set);
        set_annotation(&mut set, REVISION, &revision.to_string());
        set_annotation(&mut set, DESIRED, &replicas.to_string());
        set_annotation(&mut set, MAXIMUM, &(replicas + surge).to_string());
        set
    }

    /// As large as the new ReplicaSet may be beside the old ones.
    pub(super) fn first_size(&self, deployment: &Object) -> i64 {
        let replicas = wanted(deployment);
        if field::text(deployment, "/spec/strategy/type") == "Recreate" {
            return replicas;
        }
        let (surge, _) = bounds(deployment);
        let own = self.new.as_ref().map_or(0, size);
        let total: i64 = self.all().map(size).sum();
        let most = replicas + surge;
        if total >= most {
            return own;
        }
        own + (most - total).min(replicas - own)
    }

    /// Scales one ReplicaSet and says so. Answers whether anything was written.
    pub(super) fn scale(
        &mut self,
        deployment: &Object,
        name: &str,
        to: i64,
        world: &mut World,
    ) -> Result<bool, Status> {
        let all = self.old.iter_mut().chain(self.new.as_mut());
        let Some(set) = all.into_iter().find(|s| object::name(s) == name) else {
            return Ok(false);
        };
        let (surge, _) = bounds(deployment);
        let replicas = wanted(deployment);
        let from = size(set);
        let noted = desired(set) == Some(replicas) && maximum(set) == Some(replicas + surge);
        if from == to && noted {
            return Ok(false);
        }
        *set = world.edit(Kind::ReplicaSet, set, |live| {
            object::field_mut(live, "spec").insert("replicas".to_owned(), json!(to));
            set_annotation(live, DESIRED, &replicas.to_string());
            set_annotation(live, MAXIMUM, &(replicas + surge).to_string());
        })?;
        if from != to {
            let way = if to > from { "up" } else { "down" };
            let message = format!("Scaled {way} replica set {name} from {from} to {to}");
            let note = Note::normal(COMPONENT, deployment, "ScalingReplicaSet", message);
            world.recorder.say(note);
        }
        Ok(from != to)
    }

    /// Deletes old, empty ReplicaSets beyond `revisionHistoryLimit`, oldest first.
    pub(super) fn clean_up(&mut self, deployment: &Object, world: &World) -> Result<(), Status> {
        let Some(limit) = field::number(deployment, "/spec/revisionHistoryLimit") else {
            return Ok(());
        };
        let alive = |s: &&Object| object::deletion_timestamp(s).is_none();
        let mut candidates: Vec<Object> = self.old.iter().filter(alive).cloned().collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let Some(surplus) = candidates.len().checked_sub(limit).filter(|n| *n > 0) else {
            return Ok(());
        };
        candidates.sort_by_key(|set| (revision(set), created(set)));
        for set in candidates.iter().take(surplus) {
            let settled =
                field::count(set, "/status/observedGeneration") >= object::generation(set);
            if size(set) == 0 && field::count(set, "/status/replicas") == 0 && settled {
                world.delete_in_background(Kind::ReplicaSet, set)?;
            }
        }
        Ok(())
    }
}

fn copy_annotations(deployment: &Object, set: &mut Value) {
    let annotations = deployment.pointer("/metadata/annotations");
    let annotations = annotations.and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten() {
        if !NOT_COPIED.contains(&key.as_str()) {
            set_annotation(set, key, value.as_str().unwrap_or_default());
        }
    }
}
