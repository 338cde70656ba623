//! What is called otherwise here than it was in the recording: uids, versions, generated names, addresses, tokens. Learnt from
//! answers, put into later requests.

use crate::compare::is_time;
use std::collections::HashMap;

/// Letters of generated names and hashes (`k8s.io/apimachinery/pkg/util/rand`).
const GENERATED: &str = "bcdfghjklmnpqrstvwxz2456789";
const UID: &str = "00000000-0000-4000-8000-";

/// Recorded to ours.
#[derive(Default, Clone)]
pub(crate) struct Mapping {
    tokens: HashMap<String, String>,
    versions: HashMap<String, String>,
    object_versions: HashMap<(String, String), String>,
    headers: HashMap<String, String>,
}

/// Whether a word may have been made up by a server.
fn generated(word: &str) -> bool {
    (5..=10).contains(&word.len()) && word.chars().all(|c| GENERATED.contains(c))
}

fn node_port(word: &str) -> bool {
    word.parse::<u32>()
        .is_ok_and(|port| (30_000..=32_767).contains(&port))
}

fn hexadecimal(word: &str) -> bool {
    word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit())
}

pub(crate) fn is_uid(text: &str) -> bool {
    text.len() == 36 && text.bytes().filter(|b| *b == b'-').count() == 4
}

pub(crate) fn is_address(text: &str) -> bool {
    text.split('.').count() == 4 && text.split('.').all(|p| p.parse::<u8>().is_ok())
}

/// Text in words (letters, digits, and dots and dashes where they belong to addresses and uids) and what lies between.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let special = [36, 15, 14, 13, 12, 11, 10, 9, 8, 7]
            .into_iter()
            .find(|length| {
                rest.get(..*length).is_some_and(|head| {
                    let after = rest.get(*length..).unwrap_or_default();
                    let ended = !after.starts_with(|c: char| {
                        c.is_ascii_alphanumeric() || (*length < 36 && c == '.')
                    });
                    ended
                        && if *length == 36 {
                            is_uid(head)
                        } else {
                            is_address(head)
                        }
                })
            });
        let length = special.unwrap_or_else(|| {
            let word = rest
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(rest.len());
            if word > 0 {
                word
            } else {
                rest.chars().next().unwrap().len_utf8()
            }
        });
        let (word, after) = rest.split_at(length);
        found.push(word);
        rest = after;
    }
    found
}

impl Mapping {
    /// Whether two texts say the same, given and learning what is called otherwise.
    pub(crate) fn same_text(&mut self, recorded: &str, ours: &str) -> bool {
        if recorded == ours {
            return true;
        }
        let recorded = recorded
            .replace("simlet", "kubelet")
            .replace("sandbox", "kubelet");
        let ours = ours
            .replace("simlet", "kubelet")
            .replace("sandbox", "kubelet");
        if ["TOKEN-", "CERTIFICATE-", "KEY"]
            .iter()
            .any(|p| recorded.starts_with(p))
            && !ours.is_empty()
        {
            self.tokens.insert(recorded, ours);
            return true;
        }
        let (theirs, ours) = (words(&recorded), words(&ours));
        theirs.len() == ours.len() && theirs.iter().zip(&ours).all(|(a, b)| self.same_word(a, b))
    }

    fn same_word(&mut self, recorded: &str, ours: &str) -> bool {
        // All pods of the recording have the same address.
        if recorded == "10.1.2.3" && is_address(ours) {
            return true;
        }
        if let Some(known) = self.tokens.get(recorded) {
            return known == ours || (recorded == ours && !generated(recorded));
        }
        let alike = recorded == ours
            || (generated(recorded) && generated(ours))
            || (is_uid(recorded) && is_uid(ours))
            || (is_address(recorded) && is_address(ours))
            || (node_port(recorded) && node_port(ours));
        if alike && recorded != ours {
            self.tokens.insert(recorded.to_owned(), ours.to_owned());
        }
        alike || (hexadecimal(recorded) && hexadecimal(ours))
    }

    /// The version of an object or a list. The same version of the same object must be the same here.
    pub(crate) fn same_version(&mut self, uid: Option<&str>, recorded: &str, ours: &str) -> bool {
        self.versions.insert(recorded.to_owned(), ours.to_owned());
        let Some(uid) = uid else { return true };
        let key = (uid.to_owned(), recorded.to_owned());
        *self
            .object_versions
            .entry(key)
            .or_insert_with(|| ours.to_owned())
            == ours
    }

    /// Which version is which is not taken from an answer that is not alike: its objects may be others, or older.
    pub(crate) fn forget_versions(&mut self, before: Self) {
        self.object_versions = before.object_versions;
    }

    pub(crate) fn learn_header(&mut self, recorded: &[String], ours: &[String]) {
        if let ([recorded], [ours]) = (recorded, ours) {
            self.headers.insert(recorded.clone(), ours.clone());
        }
    }

    /// A recorded text with our words in it.
    pub(crate) fn translate(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for word in words(text) {
            out.push_str(self.tokens.get(word).map_or(word, String::as_str));
        }
        out
    }

    /// A recorded path with our words and versions in it.
    pub(crate) fn translate_path(&self, path: &str) -> String {
        let path = self.translate(path);
        let Some((path, query)) = path.split_once('?') else {
            return path;
        };
        let parts: Vec<String> = query
            .split('&')
            .map(|part| match part.split_once('=') {
                Some(("resourceVersion", value)) => {
                    let ours = self.versions.get(value).map_or(value, String::as_str);
                    format!("resourceVersion={ours}")
                }
                Some((name @ ("hash" | "continue"), value)) => {
                    let ours = self.headers.get(value).map_or(value, String::as_str);
                    format!("{name}={ours}")
                }
                _ => part.to_owned(),
            })
            .collect();
        format!("{path}?{}", parts.join("&"))
    }

    /// A recorded header with our value in it.
    pub(crate) fn translate_header(&self, value: &str) -> String {
        if let Some(ours) = self.headers.get(value) {
            return ours.clone();
        }
        match value.strip_prefix("Bearer ") {
            Some(token) => format!("Bearer {}", self.token(token)),
            None => value.to_owned(),
        }
    }

    /// The token that goes by a recorded one's name.
    pub(crate) fn token(&self, recorded: &str) -> String {
        self.tokens
            .get(recorded)
            .cloned()
            .unwrap_or_else(|| recorded.to_owned())
    }

    /// A recorded body with our words and versions in it.
    pub(crate) fn translate_value(&self, value: &mut serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::String(text) => {
                *text = if text.starts_with(UID) || text.len() < 4096 {
                    self.translate(text)
                } else {
                    text.clone()
                };
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.translate_value(item)),
            Value::Object(fields) => {
                let of_version =
                    fields.get("path").and_then(Value::as_str) == Some("/metadata/resourceVersion");
                for (name, inner) in fields {
                    let version = name == "resourceVersion" || (of_version && name == "value");
                    match inner.as_str().and_then(|v| self.versions.get(v)) {
                        Some(ours) if version => *inner = Value::from(ours.as_str()),
                        _ => self.translate_value(inner),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Continue tokens and hashes are learnt whole.
    pub(crate) fn learn_opaque(&mut self, recorded: &str, ours: &str) {
        self.headers.insert(recorded.to_owned(), ours.to_owned());
    }
}

/// The path of an object, whatever part of it is asked for.
pub(crate) fn object_of(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default();
    path.strip_suffix("/status").unwrap_or(path)
}

/// Times that are sent back as they were read are here those of the object as it is here.
pub(crate) fn put_times(sent: &mut serde_json::Value, live: &serde_json::Value) {
    use serde_json::Value;
    match (sent, live) {
        (Value::Object(sent), Value::Object(live)) => {
            for (name, inner) in sent {
                if let Some(live) = live.get(name) {
                    put_times(inner, live);
                }
            }
        }
        (Value::Array(sent), Value::Array(live)) => {
            for (inner, live) in sent.iter_mut().zip(live) {
                put_times(inner, live);
            }
        }
        (Value::String(sent), Value::String(live)) if is_time(sent) && is_time(live) => {
            sent.clone_from(live);
        }
        _ => {}
    }
}
