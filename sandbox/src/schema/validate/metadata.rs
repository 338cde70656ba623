//! Validation of metadata, of new and of changed objects.

use super::errors::{Errors, child};
use super::names::{self, Form};
use serde_json::{Value, json};

const ANNOTATIONS_AT_MOST: usize = 256 * 1024;

/// Metadata of a new object.
pub(super) fn create(object: &Value, form: Form, longest: usize, errors: &mut Errors) {
    let name = object
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let stem = object
        .pointer("/metadata/generateName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // A dash at its end is followed by the generated part.
    let begun = stem.strip_suffix('-').map(|s| format!("{s}a"));
    let begun = begun.as_deref().unwrap_or(stem);
    if !begun.is_empty() {
        for wrong in form.check(begun) {
            errors.invalid("metadata.generateName", &json!(stem), &wrong);
        }
    }
    if name.is_empty() {
        errors.required("metadata.name", "name or generateName is required");
    } else {
        for wrong in form.check(name) {
            errors.invalid("metadata.name", &json!(name), &wrong);
        }
        if name.len() > longest {
            errors.invalid(
                "metadata.name",
                &json!(name),
                &format!("must be no more than {longest} characters"),
            );
        }
    }
    common(object, "metadata", errors);
}

/// What new and changed objects have in common.
pub(super) fn common(object: &Value, path: &str, errors: &mut Errors) {
    let meta = object.get("metadata").unwrap_or(&Value::Null);
    labels(meta.get("labels"), &child(path, "labels"), errors);
    annotations(meta.get("annotations"), &child(path, "annotations"), errors);
    owners(meta, &child(path, "ownerReferences"), errors);
    for (index, finalizer) in list(meta, "finalizers").iter().enumerate() {
        let text = finalizer.as_str().unwrap_or_default();
        let place = format!("{path}.finalizers[{index}]");
        for wrong in names::qualified(text) {
            errors.invalid(&child(path, "finalizers"), finalizer, &wrong);
        }
        if !text.contains('/') && !STANDARD_FINALIZERS.contains(&text) {
            errors.invalid(
                &place,
                finalizer,
                "name is neither a standard finalizer name nor is it fully qualified",
            );
        }
    }
}

const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// An owner reference with its fields in the order in which Go writes them.
fn owner_text(owner: &Value) -> String {
    let fields = [
        "apiVersion",
        "kind",
        "name",
        "uid",
        "controller",
        "blockOwnerDeletion",
    ];
    let written = fields
        .iter()
        .filter_map(|field| Some(format!("\"{field}\":{}", owner.get(field)?)));
    format!("{{{}}}", written.collect::<Vec<_>>().join(","))
}

/// Owner references; the server names their fields without their place in the list.
fn owners(meta: &Value, path: &str, errors: &mut Errors) {
    let owners = list(meta, "ownerReferences");
    let text = |owner: &Value, name: &str| {
        owner
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut controllers: Vec<String> = Vec::new();
    for owner in owners {
        let version = text(owner, "apiVersion");
        if version.is_empty() || version.matches('/').count() > 1 {
            errors.invalid(
                &child(path, "apiVersion"),
                &json!(version),
                "version must not be empty",
            );
        }
        for field in ["kind", "name", "uid"] {
            if text(owner, field).is_empty() {
                errors.invalid(&child(path, field), &json!(""), "must not be empty");
            }
        }
        if version == "v1" && text(owner, "kind") == "Event" {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            errors.invalid_text(path, &owner_text(owner), why);
        }
        if owner.get("controller") == Some(&json!(true)) {
            controllers.push(format!("{}/{}", text(owner, "kind"), text(owner, "name")));
        }
    }
    if let [first, second, ..] = controllers.as_slice() {
        let all: Vec<String> = owners.iter().map(owner_text).collect();
        let why = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        errors.invalid_text(path, &format!("[{}]", all.join(",")), &why);
    }
}

/// Labels, of an object or a template.
pub(super) fn labels(labels: Option<&Value>, path: &str, errors: &mut Errors) {
    for (key, value) in labels.and_then(Value::as_object).into_iter().flatten() {
        for wrong in names::qualified(key) {
            errors.invalid(path, &json!(key), &wrong);
        }
        for wrong in names::label_value(value.as_str().unwrap_or_default()) {
            errors.invalid(path, value, &wrong);
        }
    }
}

fn annotations(annotations: Option<&Value>, path: &str, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in annotations.and_then(Value::as_object).into_iter().flatten() {
        for wrong in names::qualified(&key.to_lowercase()) {
            errors.invalid(path, &json!(key), &wrong);
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS_AT_MOST {
        errors.too_long(path, 262_144);
    }
}

/// Metadata of a changed object. The server looks at it twice, and says everything twice.
pub(super) fn update(live: &Value, new: &Value, errors: &mut Errors) {
    for _ in 0..2 {
        common(new, "metadata", errors);
        if live.pointer("/metadata/deletionTimestamp").is_some() {
            no_new_finalizers(live, new, errors);
        }
        for field in ["name", "namespace", "uid", "creationTimestamp"] {
            let (old, now) = (
                live.pointer(&format!("/metadata/{field}")),
                new.pointer(&format!("/metadata/{field}")),
            );
            if let Some(now) = now
                && old.is_some()
                && old != Some(now)
            {
                errors.invalid(&format!("metadata.{field}"), now, "field is immutable");
            }
        }
    }
}

/// What is being deleted may only lose finalizers.
fn no_new_finalizers(live: &Value, new: &Value, errors: &mut Errors) {
    let of = |object: &Value| list(&object["metadata"], "finalizers").to_vec();
    let old = of(live);
    let added: Vec<String> = of(new)
        .iter()
        .filter(|f| !old.contains(f))
        .map(Value::to_string)
        .collect();
    if !added.is_empty() {
        let added = added.join(", ");
        errors.forbidden(
            "metadata.finalizers",
            &format!("no new finalizers can be added if the object is being deleted, found new finalizers []string{{{added}}}"),
        );
    }
}
