//! CustomResourceDefinitions: what writing and deleting one does to the resources the server has. A real server does
//! this in controllers some milliseconds later; here it happens right after the write.

use super::{Cluster, DeleteOptions, ListOptions, WriteOptions};
use crate::object::{self, Gvr, Object};
use crate::registry::ResourceInfo;
use serde_json::{Value, json};

const MANAGER: &str = "kube-apiserver";
/// Keeps a definition until its objects are gone.
pub(super) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

fn definitions() -> Gvr {
    Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions")
}

pub(super) fn is_definition(info: &ResourceInfo) -> bool {
    info.group == "apiextensions.k8s.io" && info.kind == "CustomResourceDefinition"
}

impl Cluster {
    /// Called after an object was stored.
    pub(super) fn after_write(&self, info: &ResourceInfo, object: &Object) {
        if !is_definition(info) {
            return;
        }
        if object::deletion_timestamp(object).is_some() {
            self.refresh_resources();
            self.clean_up(object);
        } else {
            self.accept(object);
            self.refresh_resources();
        }
    }

    /// Called after an object was removed.
    pub(super) fn after_delete(&self, info: &ResourceInfo, _object: &Object) {
        if is_definition(info) {
            self.refresh_resources();
        } else if let Some(custom) = &info.custom
            && let Ok(definition) = self.get(&definitions(), "", &custom.definition)
            && object::deletion_timestamp(&definition).is_some()
        {
            self.clean_up(&definition);
        }
    }

    fn refresh_resources(&self) {
        let Ok(listed) = self.list(&definitions(), "", &ListOptions::default()) else {
            return;
        };
        let established: Vec<Object> = listed
            .items
            .into_iter()
            .filter(|d| condition(d, "Established") == "True")
            .collect();
        self.registry().set_custom(&established);
    }

    /// Accepts the names and establishes the definition.
    fn accept(&self, definition: &Object) {
        let name = object::name(definition).to_owned();
        let conflict = self.name_conflict(definition);
        let options = WriteOptions::by(MANAGER).to("status");
        let written = self.mutate(&definitions(), "", &name, &options, |definition| {
            let names = definition
                .pointer("/spec/names")
                .cloned()
                .unwrap_or_default();
            let stored = stored_versions(definition);
            match &conflict {
                Some((reason, message)) => {
                    set_condition(definition, "NamesAccepted", "False", reason, message);
                    let accepted = object::field_mut(definition, "status")
                        .entry("acceptedNames")
                        .or_insert_with(|| json!({}));
                    if let Some(plural) = names.get("plural") {
                        object::map_mut(accepted).insert("plural".into(), plural.clone());
                    }
                    if condition(definition, "Established") != "True" {
                        let why = "not all names are accepted";
                        set_condition(definition, "Established", "False", "NotAccepted", why);
                    }
                }
                None => {
                    let why = "no conflicts found";
                    set_condition(definition, "NamesAccepted", "True", "NoConflicts", why);
                    if condition(definition, "Established") != "True" {
                        let why = "the initial names have been accepted";
                        let reason = "InitialNamesAccepted";
                        set_condition(definition, "Established", "True", reason, why);
                    }
                    object::field_mut(definition, "status").insert("acceptedNames".into(), names);
                }
            }
            object::field_mut(definition, "status").insert("storedVersions".into(), stored);
            Ok(())
        });
        if let Err(status) = written {
            tracing::warn!(%status, name, "a custom resource definition could not be established");
        }
    }

    /// A name that an established definition of the same group has already; of several the last, as a real server tells it.
    fn name_conflict(&self, definition: &Object) -> Option<(String, String)> {
        let listed = self
            .list(&definitions(), "", &ListOptions::default())
            .ok()?;
        let text = |d: &Value, path: &str| {
            d.pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let others = listed.items.iter().filter(|d| {
            object::name(d) != object::name(definition)
                && text(d, "/spec/group") == text(definition, "/spec/group")
                && condition(d, "Established") == "True"
        });
        let others: Vec<&Object> = others.collect();
        let mut conflict = None;
        for (field, reason) in [
            ("plural", "PluralConflict"),
            ("singular", "SingularConflict"),
            ("kind", "KindConflict"),
            ("listKind", "ListKindConflict"),
        ] {
            let wanted = text(definition, &format!("/spec/names/{field}"));
            let accepted = format!("/status/acceptedNames/{field}");
            if !wanted.is_empty() && others.iter().any(|other| text(other, &accepted) == wanted) {
                let message = format!("\"{wanted}\" is already in use");
                conflict = Some((reason.to_owned(), message));
            }
        }
        conflict
    }

    /// Deletes the objects of a definition that is going away, and lets it go when there are none left.
    fn clean_up(&self, definition: &Object) {
        if !object::finalizers(definition).contains(&CLEANUP) {
            return;
        }
        let resources = crate::registry::resources_of(definition);
        let left = resources.first().map_or(0, |info| {
            // The definition may be unknown to the registry by now: go by what it says itself.
            let listed = self.store().list(&super::collection(info), None, None, None);
            let objects = listed.map(|s| s.objects).unwrap_or_default();
            for item in &objects {
                let namespace = object::namespace(item).unwrap_or_default();
                let options = DeleteOptions::default();
                let deleted = self.delete_of(info, namespace, object::name(item), &options);
                if let Err(status) = deleted {
                    tracing::debug!(%status, "a custom object could not be deleted with its definition");
                }
            }
            let listed = self.store().list(&super::collection(info), None, None, None);
            listed.map(|s| s.objects.len()).unwrap_or_default()
        });
        if left > 0 {
            return;
        }
        let name = object::name(definition);
        let options = WriteOptions::by(MANAGER);
        let written = self.mutate(&definitions(), "", name, &options, |definition| {
            let mut kept = object::finalizers(definition);
            kept.retain(|f| *f != CLEANUP);
            let kept = json!(kept);
            object::metadata_mut(definition).insert("finalizers".into(), kept);
            Ok(())
        });
        if let Err(status) = written
            && status.code != 404
        {
            tracing::warn!(%status, name, "a custom resource definition could not be let go");
        }
    }
}

/// What a delete writes into a definition before its objects go.
pub(super) fn mark_terminating(definition: &mut Value) {
    let mut finalizers: Vec<String> = object::finalizers(definition)
        .into_iter()
        .map(str::to_owned)
        .collect();
    if !finalizers.iter().any(|f| f == CLEANUP) {
        finalizers.push(CLEANUP.to_owned());
    }
    object::metadata_mut(definition).insert("finalizers".into(), finalizers.into());
    let why =
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_condition(
        definition,
        "Terminating",
        "True",
        "InstanceDeletionPending",
        why,
    );
}

fn condition<'a>(definition: &'a Value, kind: &str) -> &'a str {
    let conditions = definition
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let text = |c: &'a Value, field: &str| c.get(field).and_then(Value::as_str).unwrap_or_default();
    conditions
        .into_iter()
        .flatten()
        .find(|c| text(c, "type") == kind)
        .map_or("", |c| text(c, "status"))
}

fn set_condition(definition: &mut Value, kind: &str, status: &str, reason: &str, message: &str) {
    let conditions = object::field_mut(definition, "status")
        .entry("conditions")
        .or_insert(Value::Null);
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(list) = conditions.as_array_mut() else {
        return;
    };
    let new = json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": object::now(),
    });
    let same = |c: &Value, field: &str| c.get(field) == new.get(field);
    match list.iter_mut().find(|c| same(c, "type")) {
        Some(old) if ["status", "reason", "message"].iter().all(|f| same(old, f)) => {}
        Some(old) => *old = new,
        None => list.push(new),
    }
}

/// Versions objects may be stored in: those that were, and the present one.
fn stored_versions(definition: &Value) -> Value {
    let known = definition
        .pointer("/status/storedVersions")
        .and_then(Value::as_array);
    let mut versions: Vec<Value> = known.cloned().unwrap_or_default();
    let all = definition
        .pointer("/spec/versions")
        .and_then(Value::as_array);
    for version in all.into_iter().flatten() {
        let name = version.get("name").cloned().unwrap_or_default();
        if version.get("storage") == Some(&json!(true)) && !versions.contains(&name) {
            versions.push(name);
        }
    }
    Value::Array(versions)
}
