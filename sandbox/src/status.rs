//! The `Status` a Kubernetes API answers instead of an object: one constructor a reason, with the exact texts.
//! Texts follow what a 1.34 server was recorded to answer, and k8s.io/apimachinery's `api/errors` where nothing was.

use serde_json::{Map, Value, json};
use std::fmt;

/// Why a request failed, in the shape clients parse.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason; empty for "unknown".
    pub reason: &'static str,
    /// Text for people.
    pub message: String,
    /// `details`, when the answer has any.
    pub details: Option<Value>,
    /// Send the message as plain text instead of a `Status` (unknown groups and paths).
    pub plain_text: bool,
}

/// One entry of `details.causes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Reason, for example `FieldValueInvalid`.
    pub reason: String,
    /// Text.
    pub message: String,
    /// The field's path, for example `spec.replicas`.
    pub field: String,
}

impl std::error::Error for Status {}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// `deployments.apps`, or `pods` for the core group.
fn qualified(resource: &str, group: &str) -> String {
    if group.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource}.{group}")
    }
}

fn details(group: &str, kind: &str, name: &str) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            map.insert(key.into(), value.into());
        }
    }
    map
}

impl Status {
    /// A failure with these parts and no details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            plain_text: false,
        }
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        self.details = Some(Value::Object(details(group, kind, name)));
        self
    }

    /// The named object does not exist.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", qualified(resource, group));
        Self::new(404, "NotFound", message).about(group, resource, name)
    }

    /// An unknown resource or version of a known group.
    pub fn no_such_resource() -> Self {
        let mut status = Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        );
        status.details = Some(json!({}));
        status
    }

    /// Groups to impersonate, and no user: a failure in plain text. The path it also names is put in where it is known.
    pub fn impersonates_nobody(groups: &[&str]) -> Self {
        let groups: Vec<String> = groups
            .iter()
            .map(|g| format!("{{Group  {g}    }}"))
            .collect();
        let why = format!(
            "requested [{}] without impersonating a user\n",
            groups.join(" ")
        );
        let mut status = Self::new(500, "", why);
        status.plain_text = true;
        status
    }

    /// An unknown group or path: plain text, no `Status`.
    pub fn page_not_found() -> Self {
        let mut status = Self::new(404, "", "404 page not found\n");
        status.plain_text = true;
        status
    }

    /// Create of a name that is taken.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", qualified(resource, group));
        Self::new(409, "AlreadyExists", message).about(group, resource, name)
    }

    /// A write that does not fit the stored object.
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            qualified(resource, group)
        );
        Self::new(409, "Conflict", message).about(group, resource, name)
    }

    /// A write with a resourceVersion that is no longer the newest.
    pub fn stale(group: &str, resource: &str, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(group, resource, name, why)
    }

    /// Server-side apply ran into fields of other managers.
    pub fn apply_conflict(message: impl Into<String>, causes: &[Cause]) -> Self {
        let mut status = Self::new(409, "Conflict", message);
        status.details = Some(json!({ "causes": causes_value(causes) }));
        status
    }

    /// The object does not pass validation. `kind` is the kind, not the resource.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for cause in causes {
            let text = match cause.field.as_str() {
                "" => cause.message.clone(),
                field => format!("{field}: {}", cause.message),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let list = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{} \"{name}\" is invalid: {list}", qualified(kind, group));
        let mut map = details(group, kind, name);
        map.insert("causes".into(), causes_value(causes));
        let mut status = Self::new(422, "Invalid", message);
        status.details = Some(Value::Object(map));
        status
    }

    /// A JSON patch that does not apply.
    pub fn patch_does_not_apply() -> Self {
        let message = "the server rejected our request due to an error in our request";
        let mut status = Self::new(422, "Invalid", message);
        status.details = Some(json!({}));
        status
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// No valid credentials.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// Refused by authorization or admission.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let resource_name = qualified(resource, group);
        let message = match (resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{resource_name} is forbidden: {why}"),
            (false, false) => format!("{resource_name} \"{name}\" is forbidden: {why}"),
        };
        Self::new(403, "Forbidden", message).about(group, resource, name)
    }

    /// A new object in a namespace that is going away.
    pub fn namespace_terminating(group: &str, resource: &str, name: &str, namespace: &str) -> Self {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let mut status = Self::forbidden(group, resource, name, &why);
        status.add_causes(&[Cause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".into(),
        }]);
        status
    }

    /// The resource exists but has not this verb.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut status = Self::new(405, "MethodNotAllowed", message);
        status.details = Some(json!({}));
        status
    }

    /// None of the accepted media types can be produced.
    pub fn not_acceptable(accepted: &[&str]) -> Self {
        let message = format!(
            "only the following media types are accepted: {}",
            accepted.join(", ")
        );
        Self::new(406, "NotAcceptable", message)
    }

    /// The body's media type cannot be read here.
    pub fn unsupported_media_type(supported: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            supported.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// A patch of a media type that no route takes: the router answers, not the handler.
    pub fn media_type_not_routed() -> Self {
        let mut status = Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
        status.details = Some(json!({}));
        status
    }

    /// No route produces what is accepted: the router answers, not the handler.
    pub fn nothing_acceptable(produced: &[&str]) -> Self {
        let message = format!(
            "406: Not Acceptable\n\nAvailable representations: {}",
            produced.join(", ")
        );
        let mut status = Self::new(406, "NotAcceptable", message);
        status.details = Some(json!({}));
        status
    }

    /// The resourceVersion or continue token is older than the history.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A watch from a version older than the history.
    pub fn too_old_resource_version(asked: u64, oldest: u64) -> Self {
        Self::expired(format!("too old resource version: {asked} ({oldest})"))
    }

    /// A read at a version that does not exist yet.
    pub fn too_large_resource_version(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut status = Self::new(504, "Timeout", message);
        status.details = Some(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }));
        status
    }

    /// Try again later.
    pub fn too_many_requests(message: impl Into<String>) -> Self {
        Self::new(429, "TooManyRequests", message)
    }

    /// Something broke in here.
    pub fn internal(message: impl fmt::Display) -> Self {
        let mut status = Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {message}"),
        );
        status.details = Some(json!({"causes": [{"message": message.to_string()}]}));
        status
    }

    /// An error that Kubernetes has no reason for: 500 and the bare text.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// Appends causes to the details.
    pub fn add_causes(&mut self, causes: &[Cause]) {
        let details = self.details.get_or_insert_with(|| json!({}));
        crate::object::map_mut(details).insert("causes".into(), causes_value(causes));
    }

    /// Seconds after which a client should try again, if the details say so.
    pub fn retry_after(&self) -> Option<u64> {
        self.details.as_ref()?.get("retryAfterSeconds")?.as_u64()
    }

    /// The JSON body.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("kind".into(), "Status".into());
        map.insert("apiVersion".into(), "v1".into());
        map.insert("metadata".into(), json!({}));
        map.insert("status".into(), "Failure".into());
        map.insert("message".into(), self.message.clone().into());
        if !self.reason.is_empty() {
            map.insert("reason".into(), self.reason.into());
        }
        if let Some(details) = &self.details {
            map.insert("details".into(), details.clone());
        }
        map.insert("code".into(), self.code.into());
        Value::Object(map)
    }
}

fn causes_value(causes: &[Cause]) -> Value {
    let one = |cause: &Cause| {
        let mut map = Map::new();
        let parts = [
            ("reason", &cause.reason),
            ("message", &cause.message),
            ("field", &cause.field),
        ];
        for (key, value) in parts {
            if !value.is_empty() {
                map.insert(key.into(), value.clone().into());
            }
        }
        Value::Object(map)
    };
    Value::Array(causes.iter().map(one).collect())
}

/// The `Success` answer of a delete that removed the object at once.
pub fn deleted(group: &str, resource: &str, name: &str, uid: &str) -> Value {
    let mut map = details(group, resource, name);
    map.insert("uid".into(), uid.into());
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": map})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_those_of_a_real_server() {
        let cases = [
            (
                Status::not_found("apps", "deployments", "web"),
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "deployments.apps \"web\" not found", "reason": "NotFound",
                    "details": {"name": "web", "group": "apps", "kind": "deployments"}, "code": 404}),
            ),
            (
                Status::unknown("broken"),
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "broken", "code": 500}),
            ),
        ];
        for (status, expected) in cases {
            assert_eq!(status.to_value(), expected);
        }
    }
}
