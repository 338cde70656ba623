//! Validation of a custom resource against its schema, with the server's words. Rules in the expression language
//! (`x-kubernetes-validations`) are checked when nothing else is wrong.

use super::errors::{Errors, child};
use crate::apply::path::same;
use crate::schema::{Kind, ListType, Node, rules};
use regex::Regex;
use serde_json::{Value, json};

const UNCHECKED: &str = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

/// Errors of the object, its metadata excepted.
pub(super) fn check(object: &Value, old: Option<&Value>, node: &Node, errors: &mut Errors) {
    let before = errors.0.len();
    walk(object, node, "", errors);
    if !node.has_rules() {
        return;
    }
    if errors.0.len() > before {
        errors.invalid("<nil>", &Value::Null, UNCHECKED);
    } else {
        errors.0.extend(rules::check(object, old, node));
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn expected(node: &Node) -> &'static str {
    match node.kind() {
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::String => "string",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::Any => "any",
    }
}

fn has_type(value: &Value, node: &Node) -> bool {
    if value.is_null() {
        return node.nullable() || node.kind() == Kind::Any;
    }
    if node.int_or_string() {
        return value.is_string() || value.is_i64() || value.is_u64();
    }
    match node.kind() {
        Kind::Object => value.is_object(),
        Kind::Array => value.is_array(),
        Kind::String => value.is_string(),
        Kind::Integer => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
        Kind::Any => true,
    }
}

fn walk(value: &Value, node: &Node, path: &str, errors: &mut Errors) {
    if !has_type(value, node) {
        let actual = name_of(value);
        let expected = if node.int_or_string() {
            "integer,string"
        } else {
            expected(node)
        };
        errors.wrong_type(
            path,
            &json!(actual),
            &format!("{path} in body must be of type {expected}: {actual:?}"),
        );
        return;
    }
    if value.is_null() {
        return;
    }
    if let Some(supported) = node.keyword("enum").and_then(Value::as_array)
        && !supported.iter().any(|s| same(s, value))
    {
        let words: Vec<String> = supported
            .iter()
            .map(|s| s.as_str().map_or_else(|| s.to_string(), str::to_owned))
            .collect();
        errors.unsupported(
            path,
            value,
            &words.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
    match value {
        Value::Number(_) => number(value, node, path, errors),
        Value::String(text) => string(text, node, path, errors),
        Value::Array(items) => list(items, node, path, errors),
        Value::Object(_) => object(value, node, path, errors),
        _ => {}
    }
    combined(value, node, path, errors);
}

fn limit(node: &Node, key: &str) -> Option<u64> {
    node.keyword(key).and_then(Value::as_u64)
}

fn number(value: &Value, node: &Node, path: &str, errors: &mut Errors) {
    let Some(actual) = value.as_f64() else { return };
    let flag = |key: &str| node.keyword(key).and_then(Value::as_bool).unwrap_or(false);
    if let Some(most) = node.keyword("maximum")
        && let Some(bound) = most.as_f64()
    {
        if flag("exclusiveMaximum") && actual >= bound {
            errors.invalid(
                path,
                value,
                &format!("{path} in body should be less than {most}"),
            );
        } else if actual > bound {
            errors.invalid(
                path,
                value,
                &format!("{path} in body should be less than or equal to {most}"),
            );
        }
    }
    if let Some(least) = node.keyword("minimum")
        && let Some(bound) = least.as_f64()
    {
        if flag("exclusiveMinimum") && actual <= bound {
            errors.invalid(
                path,
                value,
                &format!("{path} in body should be greater than {least}"),
            );
        } else if actual < bound {
            errors.invalid(
                path,
                value,
                &format!("{path} in body should be greater than or equal to {least}"),
            );
        }
    }
    if let Some(factor) = node.keyword("multipleOf")
        && let Some(step) = factor.as_f64()
        && step != 0.0
        && (actual / step).fract() != 0.0
    {
        errors.invalid(
            path,
            value,
            &format!("{path} in body should be a multiple of {factor}"),
        );
    }
}

fn string(text: &str, node: &Node, path: &str, errors: &mut Errors) {
    let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    if let Some(most) = limit(node, "maxLength").filter(|most| length > *most) {
        errors.too_long(path, most);
    }
    if let Some(least) = limit(node, "minLength").filter(|least| length < *least) {
        errors.invalid(
            path,
            &json!(text),
            &format!("{path} in body should be at least {least} chars long"),
        );
    }
    if let Some(pattern) = node.keyword("pattern").and_then(Value::as_str)
        && Regex::new(pattern).is_ok_and(|p| !p.is_match(text))
    {
        errors.invalid(
            path,
            &json!(text),
            &format!("{path} in body should match '{pattern}'"),
        );
    }
    let fits = match node.format() {
        Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
        Some("date") => text.parse::<jiff::civil::Date>().is_ok(),
        Some("byte") => {
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).is_ok()
        }
        Some("ipv4") => text.parse::<std::net::Ipv4Addr>().is_ok(),
        Some("ipv6") => text.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => true,
    };
    if let (false, Some(format)) = (fits, node.format()) {
        errors.invalid(
            path,
            &json!(text),
            &format!("{path} in body must be of type {format}: {text:?}"),
        );
    }
}

fn list(items: &[Value], node: &Node, path: &str, errors: &mut Errors) {
    let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
    if let Some(most) = limit(node, "maxItems").filter(|most| count > *most) {
        errors.too_many(path, items.len(), most);
    }
    if let Some(least) = limit(node, "minItems").filter(|least| count < *least) {
        errors.invalid(
            path,
            &json!(count),
            &format!("{path} in body should have at least {least} items"),
        );
    }
    if node.list_type() != ListType::Atomic {
        duplicates(items, node, path, errors);
    }
    let Some(below) = node.items() else { return };
    for (index, item) in items.iter().enumerate() {
        walk(item, &below, &format!("{path}[{index}]"), errors);
    }
}

fn duplicates(items: &[Value], node: &Node, path: &str, errors: &mut Errors) {
    let key = |item: &Value| match node.list_type() {
        ListType::Map => Value::Object(
            node.map_keys()
                .iter()
                .filter_map(|k| Some(((*k).to_owned(), item.get(*k)?.clone())))
                .collect(),
        ),
        ListType::Set | ListType::Atomic => item.clone(),
    };
    let keys: Vec<Value> = items.iter().map(key).collect();
    for (index, key) in keys.iter().enumerate() {
        if keys.iter().take(index).any(|earlier| same(earlier, key)) {
            errors.duplicate(&format!("{path}[{index}]"), key);
        }
    }
}

fn object(value: &Value, node: &Node, path: &str, errors: &mut Errors) {
    let Some(fields) = value.as_object() else {
        return;
    };
    let count = u64::try_from(fields.len()).unwrap_or(u64::MAX);
    if let Some(most) = limit(node, "maxProperties").filter(|most| count > *most) {
        errors.too_many(path, fields.len(), most);
    }
    if let Some(least) = limit(node, "minProperties").filter(|least| count < *least) {
        errors.invalid(
            path,
            &json!(count),
            &format!("{path} in body should have at least {least} properties"),
        );
    }
    for name in node.required() {
        if !fields.contains_key(name) {
            errors.required(&child(path, name), "");
        }
    }
    for (name, field) in fields {
        // metadata is validated as that of any object
        let is_meta = name == "metadata"
            && node
                .field(name)
                .is_some_and(|n| n.type_name() == Some("ObjectMeta"));
        if let (Some(below), false) = (node.child(name), is_meta) {
            walk(field, &below, &child(path, name), errors);
        }
    }
}

fn passes(value: &Value, schema: &Value, path: &str) -> bool {
    let mut errors = Errors::default();
    walk(value, &Node::fragment(schema), path, &mut errors);
    errors.0.is_empty()
}

fn combined(value: &Value, node: &Node, path: &str, errors: &mut Errors) {
    let parts = |key: &str| {
        node.keyword(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let quoted = format!("{path:?}");
    for part in parts("allOf") {
        walk(value, &Node::fragment(&part), path, errors);
    }
    let any = parts("anyOf");
    if !any.is_empty() && !node.int_or_string() && !any.iter().any(|p| passes(value, p, path)) {
        errors.invalid(
            path,
            &json!(""),
            &format!("{quoted} must validate at least one schema (anyOf)"),
        );
    }
    let one = parts("oneOf");
    if !one.is_empty() {
        match one.iter().filter(|p| passes(value, p, path)).count() {
            1 => {}
            0 => errors.invalid(path, &json!(""), &format!("{quoted} must validate one and only one schema (oneOf). Found none valid")),
            n => errors.invalid(path, &json!(""), &format!("{quoted} must validate one and only one schema (oneOf). Found {n} valid alternatives")),
        }
    }
    if let Some(not) = node.keyword("not")
        && passes(value, not, path)
    {
        errors.invalid(
            path,
            &json!(""),
            &format!("{quoted} must not validate the schema (not)"),
        );
    }
}
