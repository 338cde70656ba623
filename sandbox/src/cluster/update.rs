//! Update in all its forms: replace, change in place, status.

use super::admission::{Operation, Review};
use super::{Cluster, WriteOptions, Written, collection, convert, decode, key, prepare};
use crate::object::{self, Gvr, Object};
use crate::registry::ResourceInfo;
use crate::status::{Cause, Status};
use serde_json::Value;
use std::sync::Arc;

/// How managed fields come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields {
    /// The writer owns what is different.
    Update,
    /// An apply has set them.
    Applied,
}

/// How often a write without a resourceVersion is tried again when others are faster.
const ATTEMPTS: usize = 30;

impl Cluster {
    /// Replaces an object, or its subresource (`options.subresource`).
    pub fn update(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        let info = self.resource(gvr)?;
        let mut object = object;
        let mut warnings = Vec::new();
        decode::body(&info, &mut object, options, &mut warnings)?;
        prepare::namespace(&info, namespace, &mut object)?;
        let versioned = object::resource_version(&object).is_some_and(|v| v != "0");
        if info.needs_resource_version() && !versioned {
            // Of custom resources the server says it earlier, and in other words.
            let (zero, kind) = match info.custom {
                Some(_) => ("0", &info.plural),
                None => ("0x0", &info.kind),
            };
            let cause = Cause {
                reason: "FieldValueInvalid".into(),
                message: format!("Invalid value: {zero}: must be specified for an update"),
                field: "metadata.resourceVersion".into(),
            };
            return Err(Status::invalid(&info.group, kind, name, &[cause]));
        }
        let mut written = self.change(&info, namespace, name, options, Fields::Update, |_| {
            Ok(object.clone())
        })?;
        written.warnings.splice(0..0, warnings);
        Ok(written)
    }

    /// Replaces the status of an object; its name and namespace are those of the object given.
    pub fn update_status(&self, gvr: &Gvr, object: Value, manager: &str) -> Result<Object, Status> {
        let namespace = object::namespace(&object).unwrap_or_default().to_owned();
        let name = object::name(&object).to_owned();
        let options = WriteOptions::by(manager).to("status");
        Ok(self
            .update(gvr, &namespace, &name, object, &options)?
            .object)
    }

    /// Reads an object, lets `change` change it, writes it; again when someone else was faster. A change without effect
    /// writes nothing.
    pub fn mutate(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        options: &WriteOptions,
        mut change: impl FnMut(&mut Value) -> Result<(), Status>,
    ) -> Result<Written, Status> {
        let info = self.resource(gvr)?;
        self.change(&info, namespace, name, options, Fields::Update, |live| {
            let mut new = Value::clone(live);
            change(&mut new)?;
            Ok(new)
        })
    }

    /// The one way to change a stored object: `make` gives the new one (in the resource's version) from the live one.
    pub(super) fn change(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        name: &str,
        options: &WriteOptions,
        fields: Fields,
        mut make: impl FnMut(&Object) -> Result<Value, Status>,
    ) -> Result<Written, Status> {
        for _ in 0..ATTEMPTS {
            let missing = || Status::not_found(&info.group, &info.plural, name);
            let live = self.live(info, namespace, name).ok_or_else(missing)?;
            let new = make(&convert::to(live.clone(), info))?;
            let new = self.stored_form(info, convert::to_storage(new, info));
            let mut warnings = Vec::new();
            let new = self.prepare_change(info, &live, new, options, fields, &mut warnings)?;
            if let Some(object) = self.commit_change(info, &live, new, options.dry_run) {
                let object = convert::to(object, info);
                return Ok(Written {
                    object,
                    created: false,
                    warnings,
                });
            }
        }
        Err(Status::stale(&info.group, &info.plural, name))
    }

    fn prepare_change(
        &self,
        info: &ResourceInfo,
        live: &Object,
        mut new: Value,
        options: &WriteOptions,
        fields: Fields,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        prepare::empty_fields_reset(&mut new);
        prepare::defaults(info, &mut new);
        prepare::for_update(info, live, &mut new, options)?;
        prepare::managed_fields(info, Some(live), &mut new, options, fields);
        for step in self.admission() {
            step.admit(&mut Review {
                cluster: self,
                resource: info,
                operation: Operation::Update,
                object: &mut new,
                old: Some(live),
                options,
                warnings,
            })?;
        }
        prepare::after_update(info, live, &mut new, options);
        prepare::validate_update(info, live, &new)?;
        Ok(new)
    }

    /// Stores the change; `None` when someone else was faster. An object whose last finalizer went is removed instead:
    /// the answer is the change, at the version it had before, and a watch never sees it.
    fn commit_change(
        &self,
        info: &ResourceInfo,
        live: &Object,
        new: Value,
        dry_run: bool,
    ) -> Option<Object> {
        if new == **live {
            return Some(live.clone());
        }
        if dry_run {
            return Some(Arc::new(new));
        }
        let namespace = object::namespace(live).unwrap_or_default();
        let key = key(info, namespace, object::name(live));
        let expected = Some(object::revision(live));
        if object::deletion_timestamp(&new).is_some() && self.may_go(info, &new) {
            let removed = self.store().commit(&collection(info), &key, expected, None);
            self.after_delete(info, &removed.ok()?);
            return Some(Arc::new(new));
        }
        let stored = self
            .store()
            .commit(&collection(info), &key, expected, Some(new))
            .ok()?;
        self.after_write(info, &stored);
        Some(stored)
    }
}
