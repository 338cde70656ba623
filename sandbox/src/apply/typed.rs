//! Whether an applied configuration fits the schema: server-side apply takes nothing it cannot place.

use super::path::Step;
use super::{ApplyError, fields::spell};
use crate::schema::{Kind, Node};
use serde_json::Value;

/// Checks a configuration.
///
/// # Errors
/// With the server's words for what does not fit.
pub(super) fn check(applied: &Value, node: &Node) -> Result<(), ApplyError> {
    let mut found = Vec::new();
    walk(applied, node, &mut Vec::new(), &mut found);
    // what is deeper is named first
    found.sort_by_key(|(depth, _)| std::cmp::Reverse(*depth));
    let found: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
    let detail = match found.as_slice() {
        [] => return Ok(()),
        [only] => only.clone(),
        many => format!(
            "errors:\n{}",
            many.iter()
                .map(|e| format!("  {e}"))
                .collect::<Vec<_>>()
                .join("\n")
        ),
    };
    let text = |pointer: &str| {
        applied
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Err(ApplyError::Untyped(format!(
        "failed to create typed patch object ({}/{}; {}, Kind={}): {detail}",
        text("/metadata/namespace"),
        text("/metadata/name"),
        go_version(&text("/apiVersion")),
        text("/kind")
    )))
}

/// Group and version as Go prints a GroupVersionKind: the core group is empty, its slash stays.
fn go_version(api_version: &str) -> String {
    if api_version.contains('/') {
        api_version.to_owned()
    } else {
        format!("/{api_version}")
    }
}

fn walk(value: &Value, node: &Node, path: &mut Vec<Step>, found: &mut Vec<(usize, String)>) {
    if node.is_untyped() || value.is_null() {
        return;
    }
    let wrong = |expected: &str| (path.len(), format!("{}: expected {expected}", spell(path)));
    match (node.kind(), value) {
        (Kind::Object, Value::Object(fields)) => {
            let open = node.preserve_unknown() || (node.is_embedded() && !node.has_fields());
            for (key, field) in fields {
                path.push(Step::Field(key.clone()));
                match node.child(key) {
                    Some(child) => walk(field, &child, path, found),
                    None if open => {}
                    None => found.push((
                        path.len(),
                        format!("{}: field not declared in schema", spell(path)),
                    )),
                }
                path.pop();
            }
        }
        (Kind::Array, Value::Array(items)) => list(items, node, path, found),
        (Kind::Object, other) => found.push(wrong(&format!("map, got &{{{}}}", go(other)))),
        (Kind::Array, other) => found.push(wrong(&format!("list, got &{{{}}}", go(other)))),
        (Kind::String, other) if !other.is_string() && !node.int_or_string() => {
            found.push(wrong(&format!(
                "string, got &value.valueUnstructured{{Value:{}}}",
                crate::patch::go_syntax(other)
            )));
        }
        (Kind::Integer | Kind::Number, other) if !other.is_number() && !node.int_or_string() => {
            found.push(wrong(&format!(
                "numeric (int or float), got {}",
                go_type(other)
            )));
        }
        (Kind::Boolean, other) if !other.is_boolean() => {
            found.push(wrong(&format!("boolean, got &{{{}}}", go(other))));
        }
        _ => {}
    }
}

fn list(items: &[Value], node: &Node, path: &mut Vec<Step>, found: &mut Vec<(usize, String)>) {
    let Some(below) = node.items() else { return };
    let atomic = node.list_type() == crate::schema::ListType::Atomic;
    let mut seen = std::collections::BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let step = if atomic {
            Ok(Step::Index(i64::try_from(index).unwrap_or(i64::MAX)))
        } else {
            Step::of_item(node, item)
        };
        match step {
            Ok(step) => {
                if !seen.insert(step.clone()) {
                    found.push((
                        path.len(),
                        format!("{}: duplicate entries for key {step}", spell(path)),
                    ));
                }
                path.push(step);
                walk(item, &below, path, found);
                path.pop();
            }
            Err(detail) => found.push((
                path.len(),
                format!("{}: element {index}: {detail}", spell(path)),
            )),
        }
    }
}

fn go(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => crate::patch::go_value(other),
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        Value::Number(_) | Value::Null => "<nil>",
    }
}
