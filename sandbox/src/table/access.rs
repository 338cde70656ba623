//! Rows of role bindings and certificate signing requests.

use super::text::{age, condition, human, list, name, text};
use jiff::Timestamp;
use serde_json::Value;

/// Name, role, age, users, groups, service accounts.
pub(super) fn role_binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let role = format!(
        "{}/{}",
        text(object, "/roleRef/kind"),
        text(object, "/roleRef/name")
    );
    let subjects = |kind: &str| {
        let found: Vec<String> = list(object, "/subjects")
            .iter()
            .filter(|s| text(s, "/kind") == kind)
            .map(|s| match (kind, text(s, "/name")) {
                ("ServiceAccount", name) => format!("{}/{name}", text(s, "/namespace")),
                (_, name) => name.to_owned(),
            })
            .collect();
        Value::from(found.join(", "))
    };
    vec![
        name(object),
        Value::from(role),
        age(object, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

/// Name, age, signer, requestor, requested duration, condition.
pub(super) fn signing_request(object: &Value, now: Timestamp) -> Vec<Value> {
    let duration = object
        .pointer("/spec/expirationSeconds")
        .and_then(Value::as_i64);
    let duration = duration.map_or_else(|| "<none>".to_owned(), human);
    let mut state = if condition(object, "Denied").is_some() {
        "Denied"
    } else if condition(object, "Approved").is_some() {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if condition(object, "Failed").is_some() {
        state.push_str(",Failed");
    }
    if !text(object, "/status/certificate").is_empty() {
        state.push_str(",Issued");
    }
    vec![
        name(object),
        age(object, now),
        Value::from(text(object, "/spec/signerName")),
        Value::from(text(object, "/spec/username")),
        Value::from(duration),
        Value::from(state),
    ]
}
