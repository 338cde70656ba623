//! Delete: at once, after a grace period, or when the finalizers are done.

use super::admission::{Operation, Review};
use super::{
    Cluster, DeleteOptions, Deleted, ListOptions, Listed, Propagation, WriteOptions, collection,
    convert, definitions, key,
};
use crate::object::{self, Gvr, Object, metadata_mut};
use crate::registry::ResourceInfo;
use crate::status::Status;
use serde_json::{Value, json};
use std::sync::Arc;

/// What remains to be done with an object that is to be deleted.
enum Step {
    Remove,
    Mark(Value),
    Nothing,
}

impl Cluster {
    /// Deletes an object. `namespace` is empty for cluster-scoped resources.
    pub fn delete(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        let info = self.resource(gvr)?;
        self.delete_of(&info, namespace, name, options)
    }

    pub(super) fn delete_of(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        let key = key(info, namespace, name);
        loop {
            let missing = || Status::not_found(&info.group, &info.plural, name);
            let live = self.live(info, namespace, name).ok_or_else(missing)?;
            check(info, &live, options)?;
            self.admit_delete(info, &live)?;
            let expected = Some(object::revision(&live));
            let step = self.step(info, &live, options);
            if options.dry_run {
                return Ok(match step {
                    Step::Remove => Deleted::Gone(convert::to(live, info)),
                    Step::Mark(new) => Deleted::Pending(convert::to(Arc::new(new), info)),
                    Step::Nothing => Deleted::Pending(convert::to(live, info)),
                });
            }
            match step {
                Step::Nothing => return Ok(Deleted::Pending(convert::to(live, info))),
                Step::Remove => {
                    let removed = self.store().commit(&collection(info), &key, expected, None);
                    if let Ok(removed) = removed {
                        self.after_delete(info, &removed);
                        return Ok(Deleted::Gone(convert::to(removed, info)));
                    }
                }
                Step::Mark(new) => {
                    let marked = self
                        .store()
                        .commit(&collection(info), &key, expected, Some(new));
                    if let Ok(marked) = marked {
                        self.after_write(info, &marked);
                        return Ok(Deleted::Pending(convert::to(marked, info)));
                    }
                }
            }
        }
    }

    /// Deletes what matches; answers what was deleted.
    pub fn delete_collection(
        &self,
        gvr: &Gvr,
        namespace: &str,
        selection: &ListOptions,
        options: &DeleteOptions,
    ) -> Result<Listed, Status> {
        let info = self.resource(gvr)?;
        let listed = self.list(gvr, namespace, selection)?;
        for item in &listed.items {
            let own = object::namespace(item).unwrap_or_default();
            match self.delete_of(&info, own, object::name(item), options) {
                Ok(_) => {}
                Err(status) if status.code == 404 => {}
                Err(status) => return Err(status),
            }
        }
        Ok(listed)
    }

    fn admit_delete(&self, info: &ResourceInfo, live: &Object) -> Result<(), Status> {
        let steps = self.admission();
        if steps.is_empty() {
            return Ok(());
        }
        let options = WriteOptions::default();
        let (mut object, mut warnings) = (Value::clone(live), Vec::new());
        for step in steps {
            step.admit(&mut Review {
                cluster: self,
                resource: info,
                operation: Operation::Delete,
                object: &mut object,
                old: Some(live),
                options: &options,
                warnings: &mut warnings,
            })?;
        }
        Ok(())
    }

    fn step(&self, info: &ResourceInfo, live: &Value, options: &DeleteOptions) -> Step {
        let mut new = live.clone();
        let grace = grace_period(info, live, options);
        let already = object::deletion_timestamp(live).is_some();
        set_propagation(&mut new, options.propagation);
        let own_way = own_way(info);
        if !already || (grace < remaining_grace(live) && !own_way) {
            let metadata = metadata_mut(&mut new);
            let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace);
            metadata.insert("deletionTimestamp".into(), object::timestamp(end).into());
            if !own_way {
                metadata.insert("deletionGracePeriodSeconds".into(), json!(grace));
            }
        }
        if !already && info.has_generation() && !own_way {
            let next = object::generation(live) + 1;
            metadata_mut(&mut new).insert("generation".into(), json!(next));
        }
        if definitions::is_definition(info) && !already {
            definitions::mark_terminating(&mut new);
        }
        if info.group.is_empty() && info.kind == "Namespace" && !already {
            object::field_mut(&mut new, "status").insert("phase".into(), "Terminating".into());
        }
        if self.may_go(info, &new) {
            return Step::Remove;
        }
        if new == *live {
            Step::Nothing
        } else {
            Step::Mark(new)
        }
    }

    /// Whether nothing holds an object that is being deleted any more.
    pub(super) fn may_go(&self, info: &ResourceInfo, object: &Value) -> bool {
        if !object::finalizers(object).is_empty() || remaining_grace(object) > 0 {
            return false;
        }
        let is_namespace = info.group.is_empty() && info.kind == "Namespace";
        let held = object.pointer("/spec/finalizers").and_then(Value::as_array);
        !(is_namespace && held.is_some_and(|f| !f.is_empty()))
    }
}

/// Namespaces and definitions are marked by rules of their own: no grace period, no new generation.
fn own_way(info: &ResourceInfo) -> bool {
    definitions::is_definition(info) || (info.group.is_empty() && info.kind == "Namespace")
}

fn remaining_grace(object: &Value) -> i64 {
    object
        .pointer("/metadata/deletionGracePeriodSeconds")
        .and_then(Value::as_i64)
        .unwrap_or(0)
}

/// Only pods go gracefully, and only those on a node that are still running.
fn grace_period(info: &ResourceInfo, live: &Value, options: &DeleteOptions) -> i64 {
    if !info.group.is_empty() || info.kind != "Pod" {
        return 0;
    }
    let text = |path| {
        live.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if text("/spec/nodeName").is_empty() || matches!(text("/status/phase"), "Succeeded" | "Failed")
    {
        return 0;
    }
    let own = live
        .pointer("/spec/terminationGracePeriodSeconds")
        .and_then(Value::as_i64);
    options
        .grace_period
        .unwrap_or_else(|| own.unwrap_or(30))
        .max(0)
}

fn set_propagation(object: &mut Value, propagation: Option<Propagation>) {
    let (add, remove) = match propagation {
        None => return,
        Some(Propagation::Orphan) => (Some("orphan"), "foregroundDeletion"),
        Some(Propagation::Foreground) => (Some("foregroundDeletion"), "orphan"),
        Some(Propagation::Background) => (None, ""),
    };
    let mut finalizers: Vec<String> = object::finalizers(object)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let clears = |f: &String| match add {
        Some(_) => f != remove,
        None => f != "orphan" && f != "foregroundDeletion",
    };
    finalizers.retain(clears);
    if let Some(add) = add
        && !finalizers.iter().any(|f| f == add)
    {
        finalizers.push(add.to_owned());
    }
    let metadata = metadata_mut(object);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".into(), finalizers.into());
    }
}

fn check(info: &ResourceInfo, live: &Value, options: &DeleteOptions) -> Result<(), Status> {
    let name = object::name(live);
    let refuse = |why: String| Err(Status::conflict(&info.group, &info.kind, name, &why));
    if let Some(uid) = options.uid.as_deref().filter(|u| *u != object::uid(live)) {
        let own = object::uid(live);
        return refuse(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({own}). The object might have been deleted and then recreated"
        ));
    }
    let version = options.resource_version.as_deref();
    if let Some(version) = version.filter(|v| Some(*v) != object::resource_version(live)) {
        let own = object::resource_version(live).unwrap_or_default();
        return refuse(format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({own}). The object might have been modified"
        ));
    }
    let protected = ["default", "kube-system", "kube-public"];
    if info.group.is_empty() && info.kind == "Namespace" && protected.contains(&name) {
        return Err(Status::forbidden(
            "",
            &info.plural,
            name,
            "this namespace may not be deleted",
        ));
    }
    Ok(())
}
