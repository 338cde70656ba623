//! Query strings: decoding, and the options Kubernetes reads from them, with its error texts.

use crate::cluster::{
    DeleteOptions, FieldSelector, FieldValidation, LabelSelector, ListOptions, Propagation,
    VersionMatch, WatchOptions,
};
use crate::status::{Cause, Status};
use serde_json::Value;
use std::time::Duration;

/// The decoded parameters, in the order sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

/// `%41` and `+` decoded; what is not UTF-8 is replaced.
pub(super) fn decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                let mut ahead = rest.clone();
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        rest = ahead;
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                    }
                    _ => bytes.push(b'%'),
                }
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pair = |part: &str| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(key, true), decode(value, true))
        };
        Self {
            pairs: text
                .split('&')
                .filter(|p| !p.is_empty())
                .map(pair)
                .collect(),
        }
    }

    /// The first value, if it is there and not empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
            .filter(|v| !v.is_empty())
    }

    /// Whether the parameter is there at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.pairs.iter().any(|(k, _)| k == key)
    }

    /// All values of a parameter.
    pub(super) fn all(&self, key: &str) -> Vec<&str> {
        self.pairs
            .iter()
            .filter(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
            .collect()
    }

    /// As Kubernetes reads booleans from queries: anything but false, 0 and absence is true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.has(key) && !matches!(self.get(key), Some("false" | "0"))
    }

    pub(super) fn is_watch(&self) -> bool {
        self.flag("watch")
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.get("timeoutSeconds")?
            .parse()
            .ok()
            .map(Duration::from_secs)
            .filter(|d| !d.is_zero())
    }

    pub(super) fn dry_run(&self) -> Result<bool, Status> {
        match self.all("dryRun").as_slice() {
            [] | [""] => Ok(false),
            ["All"] => Ok(true),
            values => {
                let message = format!("Unsupported value: {values:?}: supported values: \"All\"");
                Err(refused(
                    "CreateOptions",
                    "FieldValueNotSupported",
                    "dryRun",
                    &message,
                ))
            }
        }
    }

    /// Refuses a field manager that cannot be printed.
    pub(super) fn check_manager(&self) -> Result<(), Status> {
        let manager = self.get("fieldManager").unwrap_or_default();
        let printable = |c: &char| !c.is_control();
        let Some((at, wrong)) = manager.chars().enumerate().find(|(_, c)| !printable(c)) else {
            return Ok(());
        };
        let quoted = crate::patch::syntax::quote(manager);
        let code = u32::from(wrong);
        let message =
            format!("Invalid value: {quoted}: invalid character U+{code:04X} (at position {at})");
        Err(refused(
            "CreateOptions",
            "FieldValueInvalid",
            "fieldManager",
            &message,
        ))
    }

    pub(super) fn field_validation(&self) -> Result<FieldValidation, Status> {
        match self.get("fieldValidation") {
            None | Some("Warn") => Ok(FieldValidation::Warn),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some(other) => Err(unsupported(
                "fieldValidation",
                other,
                "\"\", \"Ignore\", \"Strict\", \"Warn\"",
            )),
        }
    }

    /// The version of a list.
    fn version(&self) -> Result<Option<u64>, Status> {
        self.plain_version().map_err(|status| {
            Status::bad_request(format!("invalid resource version: {}", status.message))
        })
    }

    /// The version of a get or a watch, whose refusal is no bad request but a failure.
    pub(super) fn plain_version(&self) -> Result<Option<u64>, Status> {
        let Some(text) = self.get("resourceVersion") else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_not_a_number: std::num::ParseIntError| {
            Status::unknown(format!(
                "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
            ))
        })
    }

    fn selectors(&self) -> Result<(LabelSelector, FieldSelector), Status> {
        let labels = LabelSelector::parse(self.get("labelSelector").unwrap_or_default())?;
        let fields = FieldSelector::parse(self.get("fieldSelector").unwrap_or_default())?;
        Ok((labels, fields))
    }

    /// Refuses options that do not go together (k8s.io/apimachinery, `internalversion/validation`).
    fn check_list(&self) -> Result<(), Status> {
        let mut causes = Vec::new();
        let mut add = |field: &str, reason: &str, message: String| {
            causes.push(Cause {
                reason: reason.to_owned(),
                message,
                field: field.to_owned(),
            });
        };
        let mut forbid =
            |field: &str, why: &str| add(field, "FieldValueForbidden", format!("Forbidden: {why}"));
        let how = self.get("resourceVersionMatch");
        if self.is_watch() {
            match (how, self.has("sendInitialEvents")) {
                (Some(_), false) => forbid(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                ),
                (None, true) => forbid(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ),
                _ => {}
            }
            if let Some(other) = how.filter(|h| *h != "NotOlderThan") {
                let known = "supported values: \"NotOlderThan\"";
                let message = format!("Unsupported value: \"{other}\": {known}");
                add("resourceVersionMatch", "FieldValueNotSupported", message);
            }
        } else {
            if how.is_some() && self.get("resourceVersion").is_none() {
                let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
                forbid("resourceVersionMatch", why);
            }
            if self.has("sendInitialEvents") {
                forbid(
                    "sendInitialEvents",
                    "sendInitialEvents is forbidden for list",
                );
            }
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(Status::invalid("meta.k8s.io", "ListOptions", "", &causes))
    }

    pub(super) fn list_options(&self) -> Result<ListOptions, Status> {
        self.check_list()?;
        let (labels, fields) = self.selectors()?;
        let version_match = match self.get("resourceVersionMatch") {
            None => None,
            Some("Exact") => Some(VersionMatch::Exact),
            Some("NotOlderThan") => Some(VersionMatch::NotOlderThan),
            Some(other) => {
                let known = "\"Exact\", \"NotOlderThan\", \"\"";
                return Err(unsupported("resourceVersionMatch", other, known));
            }
        };
        if version_match == Some(VersionMatch::Exact) && self.get("resourceVersion") == Some("0") {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            return Err(forbidden("resourceVersionMatch", why));
        }
        let limit = self.get("limit").map(|text| {
            let wrong = |_not_a_number: std::num::ParseIntError| {
                Status::bad_request(format!(
                    "strconv.ParseInt: parsing \"{text}\": invalid syntax"
                ))
            };
            text.parse::<i64>().map_err(wrong)
        });
        Ok(ListOptions {
            labels,
            fields,
            limit: usize::try_from(limit.transpose()?.unwrap_or(0)).unwrap_or(0),
            continue_token: self.get("continue").map(str::to_owned),
            resource_version: self.version()?,
            version_match,
        })
    }

    pub(super) fn watch_options(&self) -> Result<WatchOptions, Status> {
        self.check_list()?;
        let (labels, fields) = self.selectors()?;
        Ok(WatchOptions {
            labels,
            fields,
            resource_version: self.plain_version()?,
            bookmarks: self.flag("allowWatchBookmarks"),
            initial_events: self
                .has("sendInitialEvents")
                .then(|| self.flag("sendInitialEvents")),
        })
    }

    /// From the query and the body, which wins.
    pub(super) fn delete_options(&self, body: Option<&Value>) -> Result<DeleteOptions, Status> {
        let field = |name: &str| body.and_then(|b| b.get(name)).filter(|v| !v.is_null());
        let text = |name: &str| {
            field(name)
                .and_then(Value::as_str)
                .or_else(|| self.get(name))
                .map(str::to_owned)
        };
        let grace = field("gracePeriodSeconds").and_then(Value::as_i64);
        let in_query = || self.get("gracePeriodSeconds").and_then(|g| g.parse().ok());
        let kind = field("kind").and_then(Value::as_str).unwrap_or_default();
        if !kind.is_empty() && kind != "DeleteOptions" {
            let version = text("apiVersion").unwrap_or_default();
            return Err(Status::unknown(format!(
                "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:110\""
            )));
        }
        let orphan = field("orphanDependents").and_then(Value::as_bool);
        let policy = text("propagationPolicy");
        if let (Some(policy), Some(_)) = (&policy, orphan) {
            let message = format!(
                "Invalid value: \"{policy}\": orphanDependents and deletionPropagation cannot be both set"
            );
            let kind = "DeleteOptions";
            return Err(refused(
                kind,
                "FieldValueInvalid",
                "propagationPolicy",
                &message,
            ));
        }
        let propagation = match policy.as_deref() {
            Some("Orphan") => Some(Propagation::Orphan),
            Some("Background") => Some(Propagation::Background),
            Some("Foreground") => Some(Propagation::Foreground),
            Some(other) => {
                let known = "\"Foreground\", \"Background\", \"Orphan\", \"nil\"";
                return Err(refused(
                    "DeleteOptions",
                    "FieldValueNotSupported",
                    "propagationPolicy",
                    &format!("Unsupported value: \"{other}\": supported values: {known}"),
                ));
            }
            None => orphan.map(|o| {
                if o {
                    Propagation::Orphan
                } else {
                    Propagation::Background
                }
            }),
        };
        let precondition = |name: &str| {
            field("preconditions")?
                .get(name)?
                .as_str()
                .filter(|v| !v.is_empty())
                .map(str::to_owned)
        };
        let dry = field("dryRun")
            .and_then(Value::as_array)
            .is_some_and(|d| !d.is_empty());
        Ok(DeleteOptions {
            grace_period: grace.or_else(in_query),
            propagation,
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
            dry_run: dry || self.dry_run()?,
        })
    }
}

fn refused(kind: &str, reason: &str, field: &str, message: &str) -> Status {
    let (reason, message, field) = (reason.to_owned(), message.to_owned(), field.to_owned());
    Status::invalid(
        "meta.k8s.io",
        kind,
        "",
        &[Cause {
            reason,
            message,
            field,
        }],
    )
}

fn forbidden(field: &str, why: &str) -> Status {
    refused(
        "ListOptions",
        "FieldValueForbidden",
        field,
        &format!("Forbidden: {why}"),
    )
}

fn unsupported(field: &str, value: &str, known: &str) -> Status {
    let message = format!("Unsupported value: \"{value}\": supported values: {known}");
    let kind = if field == "resourceVersionMatch" {
        "ListOptions"
    } else {
        "CreateOptions"
    };
    refused(kind, "FieldValueNotSupported", field, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = Query::parse("labelSelector=a+in+%28b%29&watch=1&limit=500&x=%zz");
        assert_eq!(query.get("labelSelector"), Some("a in (b)"));
        assert!(query.is_watch());
        assert_eq!(query.list_options().expect("fine").limit, 500);
        assert_eq!(query.get("x"), Some("%zz"));
    }

    #[test]
    fn wrong_combinations_are_refused_in_the_words_of_a_real_server() {
        let cases = [
            (
                "sendInitialEvents=true",
                "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
            ),
            (
                "resourceVersionMatch=Exact",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            ),
            (
                "resourceVersion=abc",
                "invalid resource version: resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": invalid syntax",
            ),
        ];
        for (query, expected) in cases {
            let refused = Query::parse(query).list_options().expect_err(query);
            assert_eq!(refused.message, expected);
        }
    }
}
