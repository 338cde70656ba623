//! Rows of configuration: config maps, secrets, service accounts, admission.

use super::text::{age, entries, list, name, text};
use jiff::Timestamp;
use serde_json::Value;

/// Name, number of keys, age.
pub(super) fn config_map(object: &Value, now: Timestamp) -> Vec<Value> {
    let keys = entries(object, "/data") + entries(object, "/binaryData");
    vec![name(object), Value::from(keys), age(object, now)]
}

/// Name, type, number of keys, age.
pub(super) fn secret(object: &Value, now: Timestamp) -> Vec<Value> {
    let keys = Value::from(entries(object, "/data"));
    vec![
        name(object),
        Value::from(text(object, "/type")),
        keys,
        age(object, now),
    ]
}

/// Name, number of secrets, age.
pub(super) fn service_account(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(list(object, "/secrets").len()),
        age(object, now),
    ]
}

/// Name, number of webhooks, age.
pub(super) fn webhooks(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(list(object, "/webhooks").len()),
        age(object, now),
    ]
}

/// Name, number of validations, kind of the parameter, age.
pub(super) fn admission_policy(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = object.pointer("/spec/paramKind").map_or_else(
        || "<unset>".to_owned(),
        |k| format!("{}/{}", text(k, "/apiVersion"), text(k, "/kind")),
    );
    let validations = Value::from(list(object, "/spec/validations").len());
    vec![
        name(object),
        validations,
        Value::from(kind),
        age(object, now),
    ]
}

/// Name, policy, parameter, age.
pub(super) fn admission_policy_binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let parameter = object.pointer("/spec/paramRef").map_or_else(
        || "<unset>".to_owned(),
        |p| match (text(p, "/namespace"), text(p, "/name")) {
            ("", name) => name.to_owned(),
            (namespace, "") => format!("{namespace}/*"),
            (namespace, name) => format!("{namespace}/{name}"),
        },
    );
    let policy = Value::from(text(object, "/spec/policyName"));
    vec![
        name(object),
        policy,
        Value::from(parameter),
        age(object, now),
    ]
}
