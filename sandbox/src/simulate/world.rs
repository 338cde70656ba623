//! What a controller may read and do: the caches, and writes to the cluster under the names of the real components.

use super::cache::Cache;
use super::clock::Clock;
use super::events::Recorder;
use super::kinds::{self, Kind};
use super::options::SimulationOptions;
use super::switches::Switches;
use crate::cluster::{Cluster, DeleteOptions, Propagation, WriteOptions};
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use serde_json::Value;
use std::sync::Arc;

/// The field manager of the workload controllers.
pub(crate) const CONTROLLERS: &str = "kube-controller-manager";
/// The field manager of kubelets.
pub(crate) const KUBELET: &str = "kubelet";
/// The field manager of the scheduler.
pub(crate) const SCHEDULER: &str = "kube-scheduler";

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) options: SimulationOptions,
    pub(crate) switches: Arc<Switches>,
    pub(crate) recorder: Recorder,
    pub(crate) clock: Clock,
    caches: Vec<Cache>,
}

impl World {
    pub(crate) fn new(
        cluster: Cluster,
        options: SimulationOptions,
        switches: Arc<Switches>,
        clock: Clock,
    ) -> Self {
        let recorder = Recorder::new(cluster.clone(), options.events);
        Self {
            cluster,
            options,
            switches,
            recorder,
            clock,
            caches: Kind::ALL.iter().map(|kind| Cache::new(*kind)).collect(),
        }
    }

    pub(crate) fn cache(&self, kind: Kind) -> &Cache {
        &self.caches[kind as usize]
    }

    pub(crate) fn cache_mut(&mut self, kind: Kind) -> &mut Cache {
        &mut self.caches[kind as usize]
    }

    /// An object, if it exists.
    pub(crate) fn get(&self, kind: Kind, key: &Key) -> Option<Object> {
        self.cache(kind).get(key).cloned()
    }

    /// The objects another controls.
    pub(crate) fn owned(&self, kind: Kind, owner: &Value) -> Vec<Object> {
        let term = kinds::owned_by(object::uid(owner));
        let found = self.cache(kind).under(&term);
        found.map(|(_, object)| object.clone()).collect()
    }

    /// The key of the object of a kind that controls this one.
    pub(crate) fn controller_key(value: &Value, kind: &str) -> Option<Key> {
        let owner = object::controller_of(value)?;
        let is = owner.get("kind").and_then(Value::as_str) == Some(kind);
        let name = owner.get("name").and_then(Value::as_str)?;
        is.then(|| Key::new(object::namespace(value).unwrap_or_default(), name))
    }

    pub(crate) fn create(
        &self,
        kind: Kind,
        namespace: &str,
        object: Value,
        manager: &str,
    ) -> Result<Object, Status> {
        let options = WriteOptions::by(manager);
        Ok(self
            .cluster
            .create(&kind.gvr(), namespace, object, &options)?
            .object)
    }

    /// Changes an object, if it still is the same one.
    pub(crate) fn change(
        &self,
        kind: Kind,
        object: &Value,
        options: &WriteOptions,
        mut change: impl FnMut(&mut Value),
    ) -> Result<Object, Status> {
        let namespace = object::namespace(object).unwrap_or_default();
        let name = object::name(object);
        let gvr = kind.gvr();
        let written = self
            .cluster
            .mutate(&gvr, namespace, name, options, |live| {
                if object::uid(live) != object::uid(object) {
                    return Err(Status::not_found(&gvr.group, &gvr.resource, name));
                }
                change(live);
                Ok(())
            })?;
        Ok(written.object)
    }

    /// Changes an object as the controller manager does.
    pub(crate) fn edit(
        &self,
        kind: Kind,
        object: &Value,
        change: impl FnMut(&mut Value),
    ) -> Result<Object, Status> {
        self.change(kind, object, &WriteOptions::by(CONTROLLERS), change)
    }

    /// Writes the status of an object, unless it is that already.
    pub(crate) fn set_status(
        &self,
        kind: Kind,
        object: &Object,
        status: &Value,
        manager: &str,
    ) -> Result<(), Status> {
        if object.get("status") == Some(status) {
            return Ok(());
        }
        let options = WriteOptions::by(manager).to("status");
        let put = |live: &mut Value| {
            object::map_mut(live).insert("status".to_owned(), status.clone());
        };
        gone_is_fine(self.change(kind, object, &options, put).map(|_| ()))
    }

    /// Deletes an object, if it still is the same one.
    pub(crate) fn delete(&self, kind: Kind, object: &Value) -> Result<(), Status> {
        self.delete_with(kind, object, DeleteOptions::default())
    }

    /// Deletes an object and, afterwards, what it owns.
    pub(crate) fn delete_in_background(&self, kind: Kind, object: &Value) -> Result<(), Status> {
        let options = DeleteOptions {
            propagation: Some(Propagation::Background),
            ..DeleteOptions::default()
        };
        self.delete_with(kind, object, options)
    }

    pub(crate) fn delete_with(
        &self,
        kind: Kind,
        object: &Value,
        mut options: DeleteOptions,
    ) -> Result<(), Status> {
        options.uid = Some(object::uid(object).to_owned());
        let namespace = object::namespace(object).unwrap_or_default();
        let name = object::name(object);
        let deleted = self.cluster.delete(&kind.gvr(), namespace, name, &options);
        match deleted {
            // Another object of that name: the one meant is gone.
            Err(status) if status.code == 409 => Ok(()),
            other => gone_is_fine(other.map(|_| ())),
        }
    }
}

/// An object that is gone needs nothing more.
pub(crate) fn gone_is_fine(outcome: Result<(), Status>) -> Result<(), Status> {
    match outcome {
        Err(status) if status.code == 404 => Ok(()),
        other => other,
    }
}
