//! The forms of names and the words for what is none (k8s.io/apimachinery, util/validation).

use regex::Regex;
use std::sync::OnceLock;

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        fn $name(text: &str) -> bool {
            static PATTERN: OnceLock<Option<Regex>> = OnceLock::new();
            PATTERN
                .get_or_init(|| Regex::new($text).ok())
                .as_ref()
                .is_some_and(|p| p.is_match(text))
        }
    };
}

pattern!(matches_label, r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\z");
pattern!(matches_1035, r"\A[a-z]([-a-z0-9]*[a-z0-9])?\z");
pattern!(
    matches_subdomain,
    r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z"
);
pattern!(
    matches_qualified,
    r"\A([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\z"
);
pattern!(
    matches_label_value,
    r"\A(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\z"
);
pattern!(matches_key, r"\A[-._a-zA-Z0-9]+\z");
pattern!(matches_env, r"\A[ -<>-~]+\z");

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const ENV: &str = "a valid environment variable name must consist only of printable ASCII characters other than '='";

/// The form of a kind's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Label,
    Label1035,
    Subdomain,
    PathSegment,
}

fn gather(text: &str, most: usize, matches: bool, words: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > most {
        out.push(format!("must be no more than {most} characters"));
    }
    if !matches {
        out.push(words.to_owned());
    }
    out
}

impl Form {
    /// What is wrong with a name.
    pub(super) fn check(self, name: &str) -> Vec<String> {
        match self {
            Self::Label if matches_subdomain(name) && name.contains('.') => {
                vec!["must not contain dots".to_owned()]
            }
            Self::Label => gather(name, 63, matches_label(name), LABEL),
            Self::Label1035 => gather(name, 63, matches_1035(name), DNS_1035),
            Self::Subdomain => gather(name, 253, matches_subdomain(name), SUBDOMAIN),
            Self::PathSegment => {
                if name == "." || name == ".." {
                    return vec![format!("may not be '{name}'")];
                }
                ["/", "%"]
                    .iter()
                    .filter(|c| name.contains(*c))
                    .map(|c| format!("may not contain '{c}'"))
                    .collect()
            }
        }
    }

    /// The form of the names of a kind.
    pub(super) fn of(group: &str, kind: &str) -> Self {
        match (group, kind) {
            ("", "Namespace") => Self::Label,
            ("", "Service") => Self::Label1035,
            ("rbac.authorization.k8s.io", _) => Self::PathSegment,
            _ => Self::Subdomain,
        }
    }
}

/// What is wrong with the key of a label or annotation.
pub(super) fn qualified(key: &str) -> Vec<String> {
    let parts: Vec<&str> = key.split('/').collect();
    let (name, mut out) = match parts.as_slice() {
        [name] => (*name, Vec::new()),
        [prefix, name] => {
            let wrong = if prefix.is_empty() {
                vec!["must be non-empty".to_owned()]
            } else {
                Form::Subdomain.check(prefix)
            };
            (
                *name,
                wrong
                    .into_iter()
                    .map(|w| format!("prefix part {w}"))
                    .collect(),
            )
        }
        _ => {
            return vec![format!(
                "a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        out.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        out.push("name part must be no more than 63 characters".to_owned());
    }
    if !matches_qualified(name) {
        out.push(format!("name part {QUALIFIED}"));
    }
    out
}

/// What is wrong with a host that has a wildcard.
pub(super) fn wildcard(host: &str) -> Vec<String> {
    let matches = host.strip_prefix("*.").is_some_and(matches_subdomain);
    gather(host, 253, matches, WILDCARD)
}

/// What is wrong with the value of a label.
pub(super) fn label_value(value: &str) -> Vec<String> {
    gather(value, 63, matches_label_value(value), LABEL_VALUE)
}

/// What is wrong with a key of a `ConfigMap` or Secret.
pub(super) fn data_key(key: &str) -> Vec<String> {
    match key {
        "." | ".." => vec![format!("must not be '{key}'")],
        _ => gather(key, 253, matches_key(key), KEY),
    }
}

/// What is wrong with the name of an environment variable.
pub(super) fn variable(name: &str) -> Vec<String> {
    gather(name, usize::MAX, matches_env(name), ENV)
}

/// What is wrong with the name of a port.
pub(super) fn port(name: &str) -> Vec<String> {
    let mut out = Vec::new();
    if name.len() > 15 {
        out.push("must be no more than 15 characters");
    }
    if !name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        out.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !name.bytes().any(|b| b.is_ascii_lowercase()) {
        out.push("must contain at least one letter (a-z)");
    }
    if name.contains("--") {
        out.push("must not contain consecutive hyphens");
    }
    if name.starts_with('-') || name.ends_with('-') {
        out.push("must not begin or end with a hyphen");
    }
    out.into_iter().map(str::to_owned).collect()
}
