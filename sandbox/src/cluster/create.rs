//! Create.

use super::admission::{Operation, Review};
use super::update::Fields;
use super::{Cluster, WriteOptions, Written, collection, convert, decode, identity, key, prepare};
use crate::object::{self, Gvr, Object};
use crate::registry::ResourceInfo;
use crate::status::Status;
use serde_json::Value;
use std::sync::Arc;

impl Cluster {
    /// Creates an object. `namespace` is empty for cluster-scoped resources.
    pub fn create(
        &self,
        gvr: &Gvr,
        namespace: &str,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        let info = self.resource(gvr)?;
        self.create_of(&info, namespace, object, options)
    }

    /// Creates an object of a resource that is at hand.
    pub fn create_of(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        mut object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        if !info.allows("create") {
            return Err(Status::method_not_allowed());
        }
        let mut warnings = Vec::new();
        decode::body(info, &mut object, options, &mut warnings)?;
        prepare::namespace(info, namespace, &mut object)?;
        name(&mut object);
        let object = self.stored_form(info, convert::to_storage(object, info));
        self.namespace_takes(info, namespace, &object)?;
        self.create_prepared(info, namespace, object, options, Fields::Update, warnings)
    }

    /// A custom object sent in another version than the stored one gets that one's defaults, and loses what it does not know.
    pub(super) fn stored_form(&self, info: &ResourceInfo, mut object: Value) -> Value {
        if info.custom.is_none() || info.version == info.stored_as.version {
            return object;
        }
        let stored = Gvr::new(&info.group, &info.stored_as.version, &info.plural);
        if let Ok(stored) = self.resource(&stored) {
            crate::schema::unknown::prune(&mut object, &prepare::node(&stored));
            prepare::defaults(&stored, &mut object);
        }
        object
    }

    pub(super) fn create_prepared(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        mut object: Value,
        options: &WriteOptions,
        fields: Fields,
        mut warnings: Vec<String>,
    ) -> Result<Written, Status> {
        prepare::for_create(info, &mut object)?;
        prepare::defaults(info, &mut object);
        prepare::managed_fields(info, None, &mut object, options, fields);
        // Admission comes after: nobody owns what it adds.
        for step in self.admission() {
            step.admit(&mut Review {
                cluster: self,
                resource: info,
                operation: Operation::Create,
                object: &mut object,
                old: None,
                options,
                warnings: &mut warnings,
            })?;
        }
        prepare::after_create(info, &mut object);
        prepare::validate_create(info, &object)?;
        let written = self.insert(info, namespace, object, options.dry_run)?;
        if !options.dry_run {
            self.after_write(info, &written);
        }
        Ok(Written {
            object: convert::to(written, info),
            created: true,
            warnings,
        })
    }

    fn insert(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        mut object: Value,
        dry_run: bool,
    ) -> Result<Object, Status> {
        let generated = object
            .pointer("/metadata/generateName")
            .and_then(Value::as_str);
        let generated = generated.map(str::to_owned);
        for attempt in 0..8 {
            let name = object::name(&object).to_owned();
            let taken = Status::already_exists(&info.group, &info.plural, &name);
            let key = key(info, namespace, &name);
            if dry_run {
                let free = self.store().get(&collection(info), &key).is_none();
                return if free {
                    Ok(Arc::new(object))
                } else {
                    Err(taken)
                };
            }
            let copy = object.clone();
            match (
                self.store()
                    .commit(&collection(info), &key, None, Some(copy)),
                &generated,
            ) {
                (Ok(stored), _) => return Ok(stored),
                (Err(_), Some(prefix)) if attempt < 7 && name.starts_with(prefix.as_str()) => {
                    let name = format!("{prefix}{}", identity::name_suffix());
                    object::metadata_mut(&mut object).insert("name".into(), name.into());
                }
                (Err(_), _) => return Err(taken),
            }
        }
        Err(Status::internal("no free name was found"))
    }

    /// Refuses new objects in a namespace that does not exist or is going away.
    pub(super) fn namespace_takes(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        object: &Value,
    ) -> Result<(), Status> {
        if !info.namespaced {
            return Ok(());
        }
        let found = self.get(&Gvr::new("", "v1", "namespaces"), "", namespace)?;
        if object::deletion_timestamp(&found).is_none() {
            return Ok(());
        }
        let name = object::name(object);
        Err(Status::namespace_terminating(
            &info.group,
            &info.plural,
            name,
            namespace,
        ))
    }
}

fn name(object: &mut Value) {
    let prefix = object
        .pointer("/metadata/generateName")
        .and_then(Value::as_str);
    let (true, Some(prefix)) = (object::name(object).is_empty(), prefix) else {
        return;
    };
    if prefix.is_empty() {
        return;
    }
    // Names end up in labels: the prefix is cut so that the whole has at most 63 characters.
    let prefix: String = prefix.chars().take(58).collect();
    let name = format!("{prefix}{}", identity::name_suffix());
    object::metadata_mut(object).insert("name".into(), name.into());
}
