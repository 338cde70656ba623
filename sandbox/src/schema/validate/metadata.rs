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
    for (index, owner) in meta
        .get("ownerReferences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner
                .get(field)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                let owner_path = format!("{path}.ownerReferences[{index}].{field}");
                let detail = if field == "apiVersion" {
                    "version must not be empty"
                } else {
                    "must not be empty"
                };
                errors.invalid(&owner_path, &json!(""), detail);
            }
        }
    }
    for finalizer in meta
        .get("finalizers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = finalizer.as_str().unwrap_or_default();
        let place = child(path, "finalizers");
        for wrong in names::qualified(text) {
            errors.invalid(&place, finalizer, &wrong);
        }
        if !text.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&text) {
            errors.invalid(
                &place,
                finalizer,
                "name is neither a standard finalizer name nor is it fully qualified",
            );
        }
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
