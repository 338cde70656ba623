//! Requests on objects as JSON values: every one has a time-out, every write needs a current term.
//!
//! Bodies are written here and not by kube, because an API server reads the body of an apply as YAML
//! even when it is JSON: some characters that JSON allows raw must be escaped to arrive unchanged.

use std::fmt::Write as _;
use std::time::Duration;

use http::Method;
use kube::core::response::Status;
use kube::{Client, Error};
use serde_json::{Value, json};

pub(crate) use super::kind::Kind;
use crate::runtime::lease::Term;

/// The field manager of everything we apply.
pub(crate) const FIELD_MANAGER: &str = "navarch";

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The server refused.
    #[error("{verb} {target}: {}", .status.message)]
    Refused {
        verb: &'static str,
        target: String,
        status: Box<Status>,
    },
    /// No answer in time.
    #[error("{verb} {target}: no answer within {limit:?}")]
    TimedOut {
        verb: &'static str,
        target: String,
        limit: Duration,
    },
    /// The request did not get through or the answer was no answer.
    #[error("{verb} {target}: the server could not be reached")]
    Failed {
        verb: &'static str,
        target: String,
        source: Box<Error>,
    },
    /// Another process leads now.
    #[error("{verb} {target}: this process does not lead any more")]
    NotLeading { verb: &'static str, target: String },
}

impl RequestError {
    fn code(&self) -> u16 {
        match self {
            Self::Refused { status, .. } => status.code,
            Self::TimedOut { .. } | Self::Failed { .. } | Self::NotLeading { .. } => 0,
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.code() == 404
    }

    /// The server does not know who asks.
    pub(crate) fn is_credentials(&self) -> bool {
        self.code() == 401
    }

    /// Nothing came back: no connection, no answer in time, or none that ends.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Failed { .. })
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.code() == 409
    }

    /// The server said that the object does not exist. A 404 that does not name it (a kind that is not
    /// served, a proxy) proves nothing.
    pub(crate) fn is_absence(&self, name: &str) -> bool {
        matches!(self, Self::Refused { status, .. }
            if status.code == 404
                && status.details.as_ref().is_some_and(|details| details.name == name))
    }

    /// An apply that named a uid met an object with another one, or none. Real servers answer the
    /// first with 422 (`metadata.uid` cannot be changed), the second with 409.
    pub(crate) fn is_other_object(&self) -> bool {
        self.is_conflict()
            || matches!(self, Self::Refused { status, .. }
                if status.code == 422 && status.message.contains("metadata.uid"))
    }

    /// The server said that the request itself is wrong: trying again soon is of no use.
    pub(crate) fn is_rejection(&self) -> bool {
        matches!(self.code(), 400 | 403 | 405 | 413 | 415 | 422)
    }

    /// The 404 of a create whose namespace does not exist.
    pub(crate) fn is_missing_namespace(&self) -> bool {
        matches!(self, Self::Refused { status, .. }
            if status.code == 404
                && status.details.as_ref().is_some_and(|details| details.kind == "namespaces"))
            || matches!(self, Self::Refused { status, .. }
                if status.code == 404 && status.message.starts_with("namespaces \""))
    }

    /// A write that ended like this was not and will never be carried out. A server that fails (5xx) or runs out of time
    /// may have handed it on.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.code(), 400..=407 | 409..=499)
    }

    /// The server's own words, or ours.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Refused { status, .. } if !status.message.is_empty() => status.message.clone(),
            Self::Failed { source, .. } => format!("{self}: {}", root_cause(source.as_ref())),
            Self::Refused { .. } | Self::TimedOut { .. } | Self::NotLeading { .. } => {
                self.to_string()
            }
        }
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// How an apply is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Force {
    /// Take over fields that others own: the object is ours.
    Yes,
    /// Fail when others own them.
    No,
}

/// The part of a patch that a request addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The object.
    Whole,
    /// Its status subresource.
    Status,
}

/// Requests to one API server.
#[derive(Clone)]
pub(crate) struct Requests {
    client: Client,
    term: Term,
    limit: Duration,
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Requests")
    }
}

struct Call<'a> {
    verb: &'static str,
    method: Method,
    path: String,
    content_type: &'static str,
    body: Option<&'a Value>,
    write: bool,
    accept: &'static str,
}

const JSON: &str = "application/json";
/// The newest form of aggregated discovery, the one before it (Kubernetes 1.27 to 1.29), and the list of
/// older servers.
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

impl Requests {
    pub(crate) fn new(client: Client, term: Term, limit: Duration) -> Self {
        Self {
            client,
            term,
            limit,
        }
    }

    /// The same with another time-out.
    pub(crate) fn within(&self, limit: Duration) -> Self {
        Self {
            limit,
            ..self.clone()
        }
    }

    async fn send(&self, call: Call<'_>) -> Result<Value, RequestError> {
        let Call {
            verb,
            method,
            path,
            content_type,
            body,
            write,
            accept,
        } = call;
        let target = path.split('?').next().unwrap_or_default().to_owned();
        if write && !self.term.is_current() {
            return Err(RequestError::NotLeading { verb, target });
        }
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::ACCEPT, accept)
            .header(http::header::CONTENT_TYPE, content_type)
            .body(body.map(to_body).unwrap_or_default())
            .map_err(|error| RequestError::Failed {
                verb,
                target: target.clone(),
                source: Box::new(Error::HttpError(error)),
            })?;
        // A write that is still under way when the term ends is given up: the next leader must not meet it.
        let limit = if write {
            self.limit.min(self.term.left())
        } else {
            self.limit
        };
        match tokio::time::timeout(limit, self.client.request::<Value>(request)).await {
            Err(_) if write && !self.term.is_current() => {
                Err(RequestError::NotLeading { verb, target })
            }
            Err(_) => Err(RequestError::TimedOut {
                verb,
                target,
                limit,
            }),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Error::Api(status))) => Err(RequestError::Refused {
                verb,
                target,
                status,
            }),
            Ok(Err(error)) => Err(RequestError::Failed {
                verb,
                target,
                source: Box::new(error),
            }),
        }
    }

    /// Reads an object as the server has it now; `None`: the server said 404 for the object.
    pub(crate) async fn get(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, RequestError> {
        let call = Call {
            verb: "reading",
            method: Method::GET,
            path: kind.path(namespace, Some(name), None),
            content_type: "application/json",
            body: None,
            write: false,
            accept: JSON,
        };
        match self.send(call).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_absence(name) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Server-side apply.
    pub(crate) async fn apply(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        object: &Value,
        force: Force,
    ) -> Result<Value, RequestError> {
        let path = kind.path(namespace, Some(name), None);
        // Said in either case: only an apply may say it, so an audit log tells an apply from a patch by it.
        let force = force == Force::Yes;
        self.send(Call {
            verb: "applying",
            method: Method::PATCH,
            path: format!("{path}?fieldManager={FIELD_MANAGER}&force={force}"),
            content_type: "application/apply-patch+yaml",
            body: Some(object),
            write: true,
            accept: JSON,
        })
        .await
    }

    /// Creates an object.
    pub(crate) async fn create(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        object: &Value,
    ) -> Result<Value, RequestError> {
        let path = kind.path(namespace, None, None);
        self.send(Call {
            verb: "creating",
            method: Method::POST,
            path: format!("{path}?fieldManager={FIELD_MANAGER}"),
            content_type: "application/json",
            body: Some(object),
            write: true,
            accept: JSON,
        })
        .await
    }

    /// Replaces an object; its `metadata.resourceVersion` is the precondition.
    pub(crate) async fn replace(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        object: &Value,
    ) -> Result<Value, RequestError> {
        let path = kind.path(namespace, Some(name), None);
        self.send(Call {
            verb: "writing",
            method: Method::PUT,
            path: format!("{path}?fieldManager={FIELD_MANAGER}"),
            content_type: "application/json",
            body: Some(object),
            write: true,
            accept: JSON,
        })
        .await
    }

    /// A JSON merge patch.
    pub(crate) async fn merge(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        part: Part,
        patch: &Value,
    ) -> Result<Value, RequestError> {
        let subresource = (part == Part::Status).then_some("status");
        let path = kind.path(namespace, Some(name), subresource);
        self.send(Call {
            verb: "patching",
            method: Method::PATCH,
            path: format!("{path}?fieldManager={FIELD_MANAGER}"),
            content_type: "application/merge-patch+json",
            body: Some(patch),
            write: true,
            accept: JSON,
        })
        .await
    }

    /// Deletes the object that has `uid`, in the background. `Ok(false)`: it is gone already.
    pub(crate) async fn delete(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        uid: Option<&str>,
        version: Option<u64>,
    ) -> Result<bool, RequestError> {
        let mut options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        });
        if let Some(uid) = uid {
            options["preconditions"] = json!({ "uid": uid });
        }
        if let Some(version) = version {
            options["preconditions"]["resourceVersion"] = json!(version.to_string());
        }
        let answer = self
            .send(Call {
                verb: "deleting",
                method: Method::DELETE,
                path: kind.path(namespace, Some(name), None),
                content_type: "application/json",
                body: Some(&options),
                write: true,
                accept: JSON,
            })
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if error.is_absence(name) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads a path as text, for probes.
    pub(crate) async fn text(&self, path: &str) -> Result<String, RequestError> {
        let target = path.to_owned();
        let request =
            http::Request::get(path)
                .body(Vec::new())
                .map_err(|error| RequestError::Failed {
                    verb: "reading",
                    target: target.clone(),
                    source: Box::new(Error::HttpError(error)),
                })?;
        match tokio::time::timeout(self.limit, self.client.request_text(request)).await {
            Err(_) => Err(RequestError::TimedOut {
                verb: "reading",
                target,
                limit: self.limit,
            }),
            Ok(Ok(text)) => Ok(text),
            Ok(Err(Error::Api(status))) => Err(RequestError::Refused {
                verb: "reading",
                target,
                status,
            }),
            Ok(Err(error)) => Err(RequestError::Failed {
                verb: "reading",
                target,
                source: Box::new(error),
            }),
        }
    }

    /// Reads a path as JSON, for discovery.
    pub(crate) async fn json(&self, path: &str) -> Result<Value, RequestError> {
        self.read(path, JSON).await
    }

    /// Reads a path of discovery: aggregated if the server knows that, else its list.
    pub(crate) async fn discovery(&self, path: &str) -> Result<Value, RequestError> {
        self.read(path, DISCOVERY).await
    }

    async fn read(&self, path: &str, accept: &'static str) -> Result<Value, RequestError> {
        self.send(Call {
            verb: "reading",
            method: Method::GET,
            path: path.to_owned(),
            content_type: "application/json",
            body: None,
            write: false,
            accept,
        })
        .await
    }
}

/// JSON that survives being read as YAML 1.1: DEL to U+009F and the line separators are escaped,
/// everything else stays raw (surrogate-pair escapes would be refused).
fn to_body(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let awkward = |character: char| {
        matches!(
            character,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}'
        )
    };
    if !text.contains(awkward) {
        return text.into_bytes();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if awkward(character) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_yaml_changes_are_escaped_and_read_back_equal() {
        let value = json!({ "text": "a\u{85}b\u{2028}c\u{7f}d😀\u{1}e" });
        let body = to_body(&value);
        let text = String::from_utf8(body.clone()).unwrap();
        assert!(text.contains("\\u0085") && text.contains("\\u2028") && text.contains('😀'));
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), value);
    }
}
