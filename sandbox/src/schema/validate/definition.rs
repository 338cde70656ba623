//! Validation of custom resource definitions: names, versions, and that the schemas are structural.

use super::errors::{Errors, child};
use super::names::Form;
use super::text;
use serde_json::{Value, json};

/// A definition; `new`: one that is created. Later its name is only held by its group and plural, which do not change.
pub(super) fn check(object: &Value, new: bool, errors: &mut Errors) {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let (group, plural) = (
        text(spec, "group"),
        spec.pointer("/names/plural")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    );
    let name = object
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if new && name != format!("{plural}.{group}") {
        errors.invalid(
            "metadata.name",
            &json!(name),
            "must be spec.names.plural+\".\"+spec.group",
        );
    }
    if group.is_empty() {
        errors.required("spec.group", "");
    } else {
        Form::Subdomain
            .check(group)
            .iter()
            .for_each(|wrong| errors.invalid("spec.group", &json!(group), wrong));
        if !group.contains('.') {
            errors.invalid(
                "spec.group",
                &json!(group),
                "should be a domain with at least one dot",
            );
        }
    }
    match spec.get("scope").and_then(Value::as_str) {
        None | Some("") => errors.required("spec.scope", ""),
        Some("Cluster" | "Namespaced") => {}
        Some(other) => errors.unsupported("spec.scope", &json!(other), &["Cluster", "Namespaced"]),
    }
    for field in ["plural", "kind"] {
        let value = spec
            .pointer(&format!("/names/{field}"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let place = format!("spec.names.{field}");
        if value.is_empty() {
            errors.required(&place, "");
        } else {
            Form::Label1035
                .check(&value.to_lowercase())
                .iter()
                .for_each(|wrong| errors.invalid(&place, &json!(value), wrong));
        }
    }
    versions(spec, errors);
}

fn versions(spec: &Value, errors: &mut Errors) {
    let versions = spec
        .get("versions")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let stored = versions
        .iter()
        .filter(|v| v.get("storage") == Some(&json!(true)))
        .count();
    if versions.is_empty() || stored != 1 {
        errors.invalid(
            "spec.versions",
            &json!(versions),
            "must have exactly one version marked as storage version",
        );
    }
    for (index, version) in versions.iter().enumerate() {
        let at = format!("spec.versions[{index}]");
        let name = text(version, "name");
        Form::Label1035
            .check(name)
            .iter()
            .for_each(|wrong| errors.invalid(&child(&at, "name"), &json!(name), wrong));
        // the server speaks of a definition with one version as it did when schemas were not per version
        let place = if versions.len() == 1 {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("{at}.schema.openAPIV3Schema")
        };
        match version.pointer("/schema/openAPIV3Schema") {
            Some(schema) if schema.is_object() => structural(schema, &place, true, errors),
            _ => errors.required(&format!("{at}.schema.openAPIV3Schema"), ""),
        }
    }
}

fn structural(schema: &Value, path: &str, root: bool, errors: &mut Errors) {
    let kind = text(schema, "type");
    if kind == "array" && schema.get("items").is_none_or(Value::is_null) {
        errors.required(&child(path, "items"), "must be specified");
    }
    if let Some(items) = schema.get("items").filter(|i| i.is_object()) {
        structural(items, &child(path, "items"), false, errors);
    }
    for (name, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        // metadata may be said to be an object and no more
        if !(root && name == "metadata") {
            structural(
                property,
                &format!("{path}.properties[{name}]"),
                false,
                errors,
            );
        }
    }
    if let Some(values) = schema.get("additionalProperties").filter(|v| v.is_object()) {
        structural(values, &child(path, "additionalProperties"), false, errors);
    }
    own_type(schema, path, root, errors);
}

/// What is wrong with the type itself; the server speaks of what lies below it first.
fn own_type(schema: &Value, path: &str, root: bool, errors: &mut Errors) {
    let flag = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
    let kind = text(schema, "type");
    if kind.is_empty()
        && !flag("x-kubernetes-int-or-string")
        && !flag("x-kubernetes-preserve-unknown-fields")
    {
        errors.required(
            &child(path, "type"),
            if root {
                "must not be empty at the root"
            } else {
                "must not be empty for specified object fields"
            },
        );
    }
    if root && !kind.is_empty() && kind != "object" {
        errors.invalid(
            &child(path, "type"),
            &json!(kind),
            "must be object at the root",
        );
    }
}
