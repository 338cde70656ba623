//! Field selectors, and which fields each kind offers to them (k8s.io/kubernetes `pkg/apis/*/v1/conversion.go`).

use crate::registry::ResourceInfo;
use crate::status::Status;
use serde_json::Value;

/// A parsed field selector; the default selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: String,
    value: String,
    negated: bool,
}

impl FieldSelector {
    /// From text.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut terms = Vec::new();
        for part in split(text).into_iter().filter(|p| !p.is_empty()) {
            let (field, value, negated) = operator(&part).ok_or_else(|| {
                let why = format!("invalid selector: '{text}'; can't understand '{part}'");
                Status::bad_request(why)
            })?;
            terms.push(Term {
                field: field.to_owned(),
                value: unescape(value),
                negated,
            });
        }
        Ok(Self { terms })
    }

    /// One field that must have one value.
    pub fn equal(field: &str, value: &str) -> Self {
        let (field, value) = (field.to_owned(), value.to_owned());
        Self {
            terms: vec![Term {
                field,
                value,
                negated: false,
            }],
        }
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value `metadata.name` must have, if the selector says so.
    pub fn name(&self) -> Option<&str> {
        let mut terms = self.terms.iter();
        let term = terms.find(|t| t.field == "metadata.name" && !t.negated)?;
        Some(&term.value)
    }

    /// Refuses fields the resource does not offer.
    pub fn check(&self, info: &ResourceInfo) -> Result<(), Status> {
        for term in &self.terms {
            let field = term.field.as_str();
            let known = matches!(field, "metadata.name" | "metadata.namespace")
                || offered(info).contains(&field)
                || custom_offers(info, field);
            if !known {
                return Err(Status::bad_request(unsupported(info, field)));
            }
        }
        Ok(())
    }

    /// Whether the object's fields match.
    pub fn matches(&self, object: &Value) -> bool {
        self.terms
            .iter()
            .all(|t| (read(object, &t.field) == t.value) != t.negated)
    }
}

fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for character in text.chars() {
        if character == ',' && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = character == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(character);
        }
    }
    parts
}

fn operator(part: &str) -> Option<(&str, &str, bool)> {
    let at = part.find(['=', '!'])?;
    let (field, rest) = part.split_at(at);
    for (mark, negated) in [("!=", true), ("==", false), ("=", false)] {
        if let Some(value) = rest.strip_prefix(mark) {
            return Some((field, value, negated));
        }
    }
    None
}

fn unescape(value: &str) -> String {
    let mut out = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        out.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    out
}

const POD: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];

const EVENT: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

fn offered(info: &ResourceInfo) -> &'static [&'static str] {
    match (info.group.as_str(), info.kind.as_str()) {
        ("", "Pod") => POD,
        ("" | "events.k8s.io", "Event") => EVENT,
        ("", "Node") => &["spec.unschedulable"],
        ("", "Namespace") => &["status.phase"],
        ("", "Secret") => &["type"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("", "ReplicationController") | ("apps", "ReplicaSet") => &["status.replicas"],
        ("batch", "Job") => &["status.successful"],
        ("certificates.k8s.io", "CertificateSigningRequest") => &["spec.signerName"],
        _ => &[],
    }
}

fn custom_offers(info: &ResourceInfo, field: &str) -> bool {
    let offers = |c: &crate::registry::CustomResource| {
        c.selectable_fields
            .iter()
            .any(|p| p.trim_start_matches('.') == field)
    };
    info.custom.as_deref().is_some_and(offers)
}

fn unsupported(info: &ResourceInfo, field: &str) -> String {
    match (info.group.as_str(), info.kind.as_str()) {
        ("batch", "Job") => format!("field label \"{field}\" not supported for batchv1.Job"),
        ("apps", "ReplicaSet") => {
            format!("field label not supported for appsv1.ReplicaSet: {field}")
        }
        _ if info.custom.is_some() || !offered(info).is_empty() => {
            format!("field label not supported: {field}")
        }
        _ => format!(
            "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        ),
    }
}

fn read(object: &Value, field: &str) -> String {
    let at = |path: &str| path.split('.').try_fold(object, |v, part| v.get(part));
    let text = |path: &str| {
        at(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let either = |first: &str, second: &str| {
        let value = text(first);
        if value.is_empty() {
            text(second)
        } else {
            value
        }
    };
    match field {
        "source" => either("source.component", "reportingComponent"),
        "reportingComponent" => either("reportingComponent", "source.component"),
        "status.successful" => at("status.succeeded").map_or("0".into(), plain),
        "spec.unschedulable" | "spec.hostNetwork" => at(field).map_or("false".into(), plain),
        "status.replicas" => at(field).map_or("0".into(), plain),
        "status.podIPs" => text("status.podIP"),
        _ => at(field).map_or_else(String::new, plain),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Gvr;
    use crate::registry::Registry;
    use serde_json::json;

    #[test]
    fn fields_match() {
        let pod = json!({"metadata": {"name": "x"}, "spec": {}, "status": {"phase": "Running"}});
        let cases = [
            ("metadata.name=x", true),
            ("metadata.name!=x", false),
            ("status.phase!=Succeeded,status.phase!=Failed", true),
            ("spec.hostNetwork=false", true),
            ("spec.nodeName=", true),
        ];
        for (text, expected) in cases {
            assert_eq!(
                FieldSelector::parse(text).expect(text).matches(&pod),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn unknown_fields_are_refused_in_the_words_of_the_kind() {
        let registry = Registry::builtin();
        let cases = [
            (
                Gvr::new("", "v1", "pods"),
                "field label not supported: spec.foo",
            ),
            (
                Gvr::new("apps", "v1", "deployments"),
                "\"spec.foo\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
            ),
        ];
        for (gvr, expected) in cases {
            let info = registry.find(&gvr).expect("known");
            let refused = FieldSelector::parse("spec.foo=x")
                .expect("parses")
                .check(&info);
            assert_eq!(refused.expect_err("refused").message, expected);
        }
    }
}
