//! The pipeline every read and write goes through, whoever asks: HTTP clients and, in the process, the simulated
//! controllers. It decides what a write becomes (names, defaults, validation, managed fields, generation, finalizers,
//! admission) and leaves keeping it to the store. It does no I/O and never blocks.

pub mod admission;
mod convert;
mod create;
mod decode;
mod definitions;
mod delete;
mod fields;
mod identity;
mod labels;
mod options;
mod patch;
mod pods;
mod prepare;
mod read;
mod scale;
mod update;
mod watch;

pub use fields::FieldSelector;
pub use identity::uid as new_uid;
pub use labels::LabelSelector;
pub use options::{
    DeleteOptions, Deleted, FieldValidation, ListOptions, Listed, Propagation, VersionMatch,
    WatchOptions, WriteOptions, Written,
};
pub use patch::Patch;
pub(crate) use patch::check_name;
pub use watch::{Watch, WatchEvent, WatchEventKind};

use crate::object::{Gvr, Object};
use crate::registry::{Registry, ResourceInfo};
use crate::status::Status;
use crate::store::{Collection, Key, Memory, Store};
use admission::Admission;
use std::sync::{Arc, PoisonError, RwLock};

/// One cluster's state and rules. A handle: clones share everything.
#[derive(Debug, Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Box<dyn Store>,
    registry: Registry,
    admission: RwLock<Vec<Arc<dyn Admission>>>,
}

/// How many changes of each resource are remembered for watches and pages.
const HISTORY: usize = 10_000;

impl Cluster {
    /// An empty cluster in memory.
    pub fn in_memory() -> Self {
        Self::with_store(Box::new(Memory::new(HISTORY)))
    }

    /// A cluster whose objects are kept in this store.
    pub fn with_store(store: Box<dyn Store>) -> Self {
        let admission = RwLock::new(Vec::new());
        Self {
            inner: Arc::new(Inner {
                store,
                registry: Registry::builtin(),
                admission,
            }),
        }
    }

    /// The resources this cluster has.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.store().revision()
    }

    /// Forgets the history: older watches and pages are answered with 410.
    pub fn compact(&self) {
        self.store().compact();
    }

    /// Adds an admission step; steps run in the order they were added.
    pub fn add_admission(&self, step: Arc<dyn Admission>) {
        self.inner
            .admission
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(step);
    }

    fn admission(&self) -> Vec<Arc<dyn Admission>> {
        self.inner
            .admission
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn store(&self) -> &dyn Store {
        self.inner.store.as_ref()
    }

    /// The resource of that name, or the 404 a server answers.
    pub fn resource(&self, gvr: &Gvr) -> Result<Arc<ResourceInfo>, Status> {
        self.registry().find(gvr).ok_or_else(|| {
            if self.registry().has_group(&gvr.group) {
                Status::no_such_resource()
            } else {
                Status::page_not_found()
            }
        })
    }

    fn live(&self, info: &ResourceInfo, namespace: &str, name: &str) -> Option<Object> {
        self.store()
            .get(&collection(info), &key(info, namespace, name))
    }
}

fn collection(info: &ResourceInfo) -> Collection {
    let stored = &info.stored_as;
    Collection {
        group: stored.group.clone(),
        resource: stored.resource.clone(),
    }
}

fn key(info: &ResourceInfo, namespace: &str, name: &str) -> Key {
    Key::new(if info.namespaced { namespace } else { "" }, name)
}
