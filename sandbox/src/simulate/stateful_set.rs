//! StatefulSets: pods with numbers, made, updated and given up in order (k8s.io/kubernetes
//! `pkg/controller/statefulset`). Claims of volume claim templates are made; no volume is bound to them.

use super::engine::{Again, Controller, Seen};
use super::events::Note;
use super::field::{self, put_count};
use super::kinds::Kind;
use super::pods::{self, set_label};
use super::revisions::Revisions;
use super::world::{CONTROLLERS, World};
use crate::cluster::WriteOptions;
use crate::object::{self, Gvr, Object};
use crate::status::Status;
use crate::store::Key;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const COMPONENT: &str = "statefulset-controller";
const REVISION: &str = "controller-revision-hash";

#[derive(Debug)]
pub(crate) struct StatefulSets;

/// What one look at a StatefulSet works with.
#[derive(Debug)]
struct Look {
    set: Object,
    revisions: Revisions,
    /// The revision pods had before the update that is on its way.
    current: String,
    /// Pods by number.
    pods: BTreeMap<i64, Object>,
    first: i64,
    wanted: i64,
    ordered: bool,
    now: Timestamp,
}

impl Controller for StatefulSets {
    fn observe(&mut self, seen: &Seen<'_>, world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::StatefulSet if seen.new.is_some() => wake.push(seen.key.clone()),
            Kind::Pod => pods::concerned(seen, Kind::StatefulSet, "StatefulSet", world, wake),
            _ => {}
        }
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(set) = world.get(Kind::StatefulSet, key) else {
            return Ok(None);
        };
        let own = pods::claim(Kind::Pod, &set, world)?;
        let revisions = Revisions::find(&set, world)?;
        let look = Look::new(set, revisions, own);
        let mut given_up = 0;
        if object::deletion_timestamp(&look.set).is_none() {
            given_up = look.act(world)?;
        }
        look.write_status(given_up, world)?;
        let used = |r: &Object| {
            let name = object::name(r);
            name == look.current
                || look
                    .pods
                    .values()
                    .any(|p| object::label(p, REVISION) == Some(name))
        };
        look.revisions.clean_up(&look.set, used, world)?;
        let pods: Vec<Object> = look.pods.values().cloned().collect();
        Ok(pods::next_available(&pods, look.min_ready(), look.now))
    }
}

impl Look {
    fn new(set: Object, revisions: Revisions, own: Vec<Object>) -> Self {
        let known = field::text(&set, "/status/currentRevision");
        let kept = !known.is_empty() && revisions.template(known).is_some();
        let current = if kept { known } else { revisions.present() }.to_owned();
        let numbered = own.into_iter().filter_map(|pod| {
            let (name, number) = object::name(&pod).rsplit_once('-')?;
            let number: i64 = number.parse().ok().filter(|_| name == object::name(&set))?;
            Some((number, pod))
        });
        Self {
            current,
            pods: numbered.collect(),
            first: field::count(&set, "/spec/ordinals/start"),
            wanted: field::number(&set, "/spec/replicas").unwrap_or(1),
            ordered: field::text(&set, "/spec/podManagementPolicy") != "Parallel",
            now: Timestamp::now(),
            revisions,
            set,
        }
    }

    fn min_ready(&self) -> i64 {
        field::count(&self.set, "/spec/minReadySeconds")
    }

    fn is_healthy(&self, pod: &Value) -> bool {
        pods::is_active(pod) && pods::is_available(pod, self.min_ready(), self.now)
    }

    fn end(&self) -> i64 {
        self.first + self.wanted
    }

    fn partition(&self) -> i64 {
        field::count(&self.set, "/spec/updateStrategy/rollingUpdate/partition")
    }

    /// Does the next thing in order; everything at once when the policy is Parallel. Answers how many pods it gave up for
    /// an update: they no longer count as current.
    fn act(&self, world: &mut World) -> Result<i64, Status> {
        for number in self.first..self.end() {
            match self.pods.get(&number) {
                None => self.make(number, world)?,
                Some(pod) if pods::is_finished(pod) && !pods::is_terminating(pod) => {
                    self.give_up(pod, world)?;
                }
                Some(pod) if self.ordered && !self.is_healthy(pod) => {
                    return self.update_unready(pod, number, world).map(|()| 0);
                }
                Some(_) => continue,
            }
            if self.ordered {
                return Ok(0);
            }
        }
        let surplus = self.pods.iter().rev();
        let surplus = surplus.filter(|(n, _)| **n < self.first || **n >= self.end());
        let mut shrinking = false;
        for (_, pod) in surplus {
            shrinking = true;
            if !pods::is_terminating(pod) {
                self.give_up(pod, world)?;
            }
            if self.ordered {
                return Ok(0);
            }
        }
        if shrinking || field::text(&self.set, "/spec/updateStrategy/type") == "OnDelete" {
            return Ok(0);
        }
        self.update(world)
    }

    /// A pod of an old revision that does not become ready must not hold up its own replacement.
    fn update_unready(&self, pod: &Object, number: i64, world: &mut World) -> Result<(), Status> {
        let rolling = field::text(&self.set, "/spec/updateStrategy/type") != "OnDelete";
        let known = object::label(pod, REVISION).unwrap_or_default();
        let broken = known != self.current && known != self.revisions.present();
        if rolling && broken && number >= self.partition() && pods::is_active(pod) {
            return self.give_up(pod, world);
        }
        Ok(())
    }

    /// Replaces pods of older revisions from the last to the partition, one at a time.
    fn update(&self, world: &mut World) -> Result<i64, Status> {
        let present = self.revisions.present();
        let last_first = self.pods.iter().rev();
        for (number, pod) in last_first.filter(|(n, _)| **n < self.end()) {
            if *number < self.partition().max(self.first) {
                break;
            }
            if object::label(pod, REVISION) != Some(present) && !pods::is_terminating(pod) {
                return self.give_up(pod, world).map(|()| 1);
            }
            if !self.is_healthy(pod) {
                return Ok(0);
            }
        }
        Ok(0)
    }

    fn make(&self, number: i64, world: &mut World) -> Result<(), Status> {
        let updating = self.current != self.revisions.present();
        let old = updating && number < self.partition().max(self.first + self.current_pods());
        let revision = if old {
            &self.current
        } else {
            self.revisions.present()
        };
        let template = self.revisions.template(revision);
        let template = template
            .or_else(|| self.set.pointer("/spec/template").cloned())
            .unwrap_or(json!({}));
        let set = object::name(&self.set);
        let name = format!("{set}-{number}");
        let mut pod = pods::from_template(&template, &self.set);
        object::metadata_mut(&mut pod).insert("name".to_owned(), name.clone().into());
        set_label(&mut pod, REVISION, revision);
        set_label(&mut pod, "statefulset.kubernetes.io/pod-name", &name);
        set_label(
            &mut pod,
            "apps.kubernetes.io/pod-index",
            &number.to_string(),
        );
        let spec = object::field_mut(&mut pod, "spec");
        spec.insert("hostname".to_owned(), name.clone().into());
        let service = field::text(&self.set, "/spec/serviceName");
        if !service.is_empty() {
            spec.insert("subdomain".to_owned(), service.into());
        }
        self.claims(&name, &mut pod, world)?;
        let namespace = object::namespace(&self.set).unwrap_or_default();
        match world.create(Kind::Pod, namespace, pod, CONTROLLERS) {
            Ok(_) => {
                let message = format!("create Pod {name} in StatefulSet {set} successful");
                let note = Note::normal(COMPONENT, &self.set, "SuccessfulCreate", message);
                world.recorder.say(note);
                Ok(())
            }
            Err(status) => {
                let message = format!(
                    "create Pod {name} in StatefulSet {set} failed error: {}",
                    status.message
                );
                let note = Note::warning(COMPONENT, &self.set, "FailedCreate", message);
                world.recorder.say(note);
                Err(status)
            }
        }
    }

    /// How many pods still have the revision before the update.
    fn current_pods(&self) -> i64 {
        self.with_revision(&self.current)
    }

    fn with_revision(&self, revision: &str) -> i64 {
        let has =
            |p: &&Object| object::label(p, REVISION) == Some(revision) && !pods::is_terminating(p);
        i64::try_from(self.pods.values().filter(has).count()).unwrap_or(0)
    }

    /// Makes the claims of a pod and mounts them.
    fn claims(&self, name: &str, pod: &mut Value, world: &World) -> Result<(), Status> {
        let gvr = Gvr::new("", "v1", "persistentvolumeclaims");
        let namespace = object::namespace(&self.set).unwrap_or_default();
        for template in field::list(&self.set, "/spec/volumeClaimTemplates") {
            let volume = object::name(template).to_owned();
            let claim = format!("{volume}-{name}");
            let labels = self.set.pointer("/spec/selector/matchLabels");
            let made = json!({
                "metadata": {"name": claim, "labels": labels},
                "spec": template.get("spec"),
            });
            let by = WriteOptions::by(CONTROLLERS);
            match world.cluster.create(&gvr, namespace, made, &by) {
                Ok(_) => {}
                Err(status) if status.reason == "AlreadyExists" => {}
                Err(status) => return Err(status),
            }
            let spec = object::field_mut(pod, "spec");
            let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
            if let Some(volumes) = volumes.as_array_mut() {
                volumes.retain(|v| field::text(v, "/name") != volume);
                volumes
                    .push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}}));
            }
        }
        Ok(())
    }

    fn give_up(&self, pod: &Object, world: &mut World) -> Result<(), Status> {
        world.delete(Kind::Pod, pod)?;
        let (name, set) = (object::name(pod), object::name(&self.set));
        let message = format!("delete Pod {name} in StatefulSet {set} successful");
        let note = Note::normal(COMPONENT, &self.set, "SuccessfulDelete", message);
        world.recorder.say(note);
        Ok(())
    }

    fn write_status(&self, given_up: i64, world: &World) -> Result<(), Status> {
        let present = self.revisions.present();
        let count = |f: &dyn Fn(&&Object) -> bool| {
            i64::try_from(self.pods.values().filter(f).count()).unwrap_or(0)
        };
        let replicas = count(&|_| true);
        let ready = count(&|p| pods::is_ready(p) && pods::phase(p) == "Running");
        let available = |p: &&Object| {
            pods::phase(p) == "Running" && pods::is_available(p, self.min_ready(), self.now)
        };
        let updated = self.with_revision(present);
        let mut current = self.current_pods() - given_up;
        let mut revision = self.current.as_str();
        let rolling = field::text(&self.set, "/spec/updateStrategy/type") != "OnDelete";
        if rolling && updated == self.wanted && replicas == updated && ready == replicas {
            (current, revision) = (updated, present);
        }
        let mut status = self.set.get("status").cloned().unwrap_or(json!({}));
        let map = object::map_mut(&mut status);
        let generation = object::generation(&self.set);
        map.insert("observedGeneration".to_owned(), json!(generation));
        map.insert("replicas".to_owned(), json!(replicas));
        map.insert("availableReplicas".to_owned(), json!(count(&available)));
        map.insert("currentRevision".to_owned(), revision.into());
        map.insert("updateRevision".to_owned(), present.into());
        map.insert("collisionCount".to_owned(), json!(0));
        put_count(&mut status, "readyReplicas", ready);
        put_count(&mut status, "currentReplicas", current);
        put_count(&mut status, "updatedReplicas", updated);
        world.set_status(Kind::StatefulSet, &self.set, &status, CONTROLLERS)
    }
}
