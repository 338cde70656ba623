//! Whether two answers say the same, but for what must differ: names made up by the server, times, ages, versions,
//! addresses, the order of managed fields.

use crate::mapping::Mapping;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Differences found, each with its place.
pub(crate) struct Comparison<'a> {
    pub(crate) mapping: &'a mut Mapping,
    pub(crate) differences: Vec<String>,
}

/// So many items with names made up by the server are tried out against each other.
const FEW: usize = 20;

/// Fields that say which build answered.
const BUILD: [&str; 6] = [
    "gitCommit",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
    "serverAddress",
];

pub(crate) fn is_time(text: &str) -> bool {
    text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[4] == b'-' && text.contains('T')
}

/// Ages as Tables have them: `3s`, `2m6s`, `4d`.
fn is_age(text: &str) -> bool {
    text == "<invalid>"
        || (text.ends_with(['s', 'm', 'h', 'd', 'y'])
            && text.starts_with(|c: char| c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || "smhdy".contains(c)))
}

/// Without what says where the server is and which revision it has come to.
fn without_server(text: &str) -> String {
    let mut out = text.replace("HOST:PORT", "127.0.0.1:0");
    for (mark, put) in [
        ("127.0.0.1:", "0"),
        (", current: ", "0"),
        ("X509SHA256=", "0"),
    ] {
        if let Some((before, after)) = out.clone().split_once(mark) {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
            out = format!("{before}{mark}{put}{rest}");
        }
    }
    out
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(160).collect()
}

impl Comparison<'_> {
    fn differ(&mut self, path: &str, recorded: &Value, ours: &Value) {
        self.differences.push(format!(
            "{path}: recorded {}, ours {}",
            short(recorded),
            short(ours)
        ));
    }

    pub(crate) fn compare(&mut self, path: &str, recorded: &Value, ours: &Value) {
        match (recorded, ours) {
            (Value::Object(a), Value::Object(b)) => self.objects(path, a, b),
            (Value::Array(a), Value::Array(b)) => self.lists(path, a, b),
            (Value::String(a), Value::String(b)) if self.texts(path, a, b) => {}
            (Value::Number(a), Value::Number(b)) if self.numbers(path, a.as_i64(), b.as_i64()) => {}
            (a, b) if a == b => {}
            _ => self.differ(path, recorded, ours),
        }
    }

    fn numbers(&mut self, path: &str, recorded: Option<i64>, ours: Option<i64>) -> bool {
        let (Some(recorded), Some(ours)) = (recorded, ours) else {
            return false;
        };
        recorded == ours
            || (path.ends_with("/nodePort")
                && self
                    .mapping
                    .same_text(&recorded.to_string(), &ours.to_string()))
    }

    fn texts(&mut self, path: &str, recorded: &str, ours: &str) -> bool {
        if recorded == ours
            || (is_time(recorded) && is_time(ours))
            || (is_age(recorded) && is_age(ours))
        {
            return true;
        }
        if recorded.contains("CERTIFICATE-") && ours.contains("-BEGIN CERTIFICATE-") {
            return true;
        }
        let (recorded, ours) = (&without_server(recorded), &without_server(ours));
        if recorded == ours {
            return true;
        }
        let field = path.rsplit('/').next().unwrap_or_default();
        // Where a pod is put is up to the scheduler.
        let node = |text: &str| text.strip_prefix("node-").is_some_and(|n| n.len() == 1);
        let of_pod =
            field == "nodeName" || path.contains("/cells") || path.contains("/matchFields");
        if of_pod && node(recorded) && node(ours) {
            return true;
        }
        if BUILD.contains(&field) {
            return true;
        }
        if field == "continue" {
            self.mapping.learn_opaque(recorded, ours);
            return !recorded.is_empty() && !ours.is_empty();
        }
        if field == "serverRelativeURL" {
            let hash = |url: &str| url.split_once("hash=").map(|(_, h)| h.to_owned());
            if let (Some(a), Some(b)) = (hash(recorded), hash(ours)) {
                self.mapping.learn_opaque(&a, &b);
                return recorded.split('?').next() == ours.split('?').next();
            }
        }
        if field == "lastAppliedConfiguration" || path.ends_with("last-applied-configuration") {
            let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
            if let (Some(a), Some(b)) = (parse(recorded), parse(ours)) {
                return a == b;
            }
        }
        self.mapping.same_text(recorded, ours)
    }

    fn objects(&mut self, path: &str, recorded: &Map<String, Value>, ours: &Map<String, Value>) {
        // Keys of managed fields may hold uids and names made up by the server.
        let renamed: Map<String, Value>;
        let recorded = if recorded
            .keys()
            .any(|k| k.starts_with("k:") && !ours.contains_key(k))
        {
            let fields = recorded
                .iter()
                .map(|(k, v)| (self.mapping.translate(k), v.clone()));
            renamed = fields.collect();
            &renamed
        } else {
            recorded
        };
        let names: BTreeSet<&String> = recorded.keys().chain(ours.keys()).collect();
        for name in names {
            let place = format!("{path}/{name}");
            match (recorded.get(name), ours.get(name)) {
                (Some(Value::String(a)), Some(Value::String(b))) if name == "resourceVersion" => {
                    let uid = recorded.get("uid").and_then(Value::as_str);
                    if !self.mapping.same_version(uid, a, b) {
                        self.differences.push(format!(
                            "{place}: another version than before for recorded {a}"
                        ));
                    }
                }
                // The recording's pretended kubelet does not write these; a real one does, and so does ours.
                (None, Some(Value::Bool(_)))
                    if name == "started" && path.contains("/containerStatuses") => {}
                (None, Some(Value::String(reason)))
                    if reason == "PodCompleted" && path.contains("/status/conditions") => {}
                // One recorded node has an address, the others have none.
                _ if place.ends_with("/status/hostIP") || place.ends_with("/status/hostIPs") => {}
                (Some(a), Some(b)) if name == "managedFields" => self.managed_fields(&place, a, b),
                (Some(a), Some(b)) => self.compare(&place, a, b),
                // A zero time is written as null by some encoders and left out by others.
                (Some(Value::Null), None) | (None, Some(Value::Null)) => {}
                (a, b) => self.differ(&place, a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null)),
            }
        }
    }

    fn managed_fields(&mut self, path: &str, recorded: &Value, ours: &Value) {
        let sorted = |value: &Value| {
            let mut entries: Vec<Value> = value.as_array().cloned().unwrap_or_default();
            for entry in &mut entries {
                if let Some(fields) = entry.as_object_mut() {
                    fields.remove("time");
                    if fields.get("manager").is_some_and(|m| m == "simlet") {
                        fields.insert("manager".to_owned(), Value::from("kubelet"));
                    }
                }
            }
            entries.sort_by_key(|e| {
                let text = |field: &str| e[field].as_str().unwrap_or_default().to_owned();
                (
                    text("manager"),
                    text("operation"),
                    text("subresource"),
                    text("apiVersion"),
                )
            });
            entries
        };
        let (recorded, ours) = (sorted(recorded), sorted(ours));
        let names = |entries: &[Value]| {
            entries
                .iter()
                .map(|e| e["manager"].to_string())
                .collect::<Vec<_>>()
                .join(",")
        };
        if recorded.len() != ours.len() {
            self.differences.push(format!(
                "{path}: recorded {}, ours {}",
                names(&recorded),
                names(&ours)
            ));
            return;
        }
        for (a, b) in recorded.iter().zip(&ours) {
            // What the recording's pretended kubelet writes is not what a real one writes.
            let (mut a, mut b) = (a.clone(), b.clone());
            if a["manager"] == "kubelet" && b["manager"] == "kubelet" {
                for entry in [&mut a, &mut b] {
                    entry["fieldsV1"] = Value::Null;
                }
            }
            self.compare(path, &a, &b);
        }
    }

    fn lists(&mut self, path: &str, recorded: &[Value], ours: &[Value]) {
        // The rules of a user come in no order.
        if path.ends_with("Rules") {
            let sorted = |items: &[Value]| {
                let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
                texts.sort();
                texts
            };
            if sorted(recorded) == sorted(ours) {
                return;
            }
        }
        // The recording's pretended kubelet does not write this condition; a real one does, and so does ours.
        let extra = |v: &Value| v["type"] == "PodReadyToStartContainers";
        let fewer: Vec<Value>;
        let ours = if path.ends_with("/conditions") && !recorded.iter().any(extra) {
            fewer = ours.iter().filter(|v| !extra(v)).cloned().collect();
            fewer.as_slice()
        } else {
            ours
        };
        let pairs = self.pairs(recorded, ours);
        if recorded.len() != ours.len() || pairs.len() != recorded.len() {
            let names = |items: &[Value]| items.iter().map(name_of).collect::<Vec<_>>().join(",");
            self.differences.push(format!(
                "{path}: recorded {} items [{}], ours {} [{}]",
                recorded.len(),
                names(recorded),
                ours.len(),
                names(ours)
            ));
            if path == "/items" || path == "/rows" {
                for (a, b) in pairs {
                    self.compare(
                        &format!("{path}[{}]", name_of(&recorded[a])),
                        &recorded[a],
                        &ours[b],
                    );
                }
            }
            return;
        }
        for (a, b) in pairs {
            self.compare(
                &format!("{path}[{}]", name_of(&recorded[a])),
                &recorded[a],
                &ours[b],
            );
        }
    }

    /// Which item is which: conditions by type, objects by name and then by what their name begins with, all others by place.
    fn pairs(&mut self, recorded: &[Value], ours: &[Value]) -> Vec<(usize, usize)> {
        let named = recorded.iter().all(|r| !name_of(r).is_empty()) && !recorded.is_empty();
        if !named {
            return (0..recorded.len().min(ours.len()))
                .map(|i| (i, i))
                .collect();
        }
        let mut free: Vec<usize> = (0..ours.len()).collect();
        let mut pairs = Vec::new();
        let mut open = Vec::new();
        for (index, item) in recorded.iter().enumerate() {
            let name = self.mapping.translate(&name_of(item));
            match free.iter().position(|i| name_of(&ours[*i]) == name) {
                Some(found) => pairs.push((index, free.remove(found))),
                None => open.push(index),
            }
        }
        // Of those with names made up by the server, the ones that are most alike belong together.
        // Of those that are equally so, the ones that changed in the same order.
        let (theirs, own) = (by_change(recorded), by_change(ours));
        let apart = |index: usize, other: usize| theirs[index].abs_diff(own[other]);
        let mut candidates = Vec::new();
        // Many of them are paired in order.
        let few = open.len() <= FEW;
        for index in &open {
            let stem = stem_of(&recorded[*index]);
            for other in free.iter().filter(|i| stem_of(&ours[**i]) == stem) {
                if !few {
                    candidates.push((0, apart(*index, *other), *index, *other));
                    continue;
                }
                let mut mapping = self.mapping.clone();
                let mut trial = Comparison {
                    mapping: &mut mapping,
                    differences: Vec::new(),
                };
                trial.compare("/trial", &recorded[*index], &ours[*other]);
                let apart = apart(*index, *other);
                candidates.push((trial.differences.len(), apart, *index, *other));
            }
        }
        candidates.sort_unstable();
        for (_, _, index, other) in candidates {
            if open.contains(&index) && free.contains(&other) {
                open.retain(|i| *i != index);
                free.retain(|i| *i != other);
                pairs.push((index, other));
            }
        }
        pairs.sort_unstable();
        pairs
    }
}

/// What a list item goes by.
fn name_of(item: &Value) -> String {
    let object = item
        .get("object")
        .filter(|o| o.get("metadata").is_some())
        .unwrap_or(item);
    let namespace = object
        .pointer("/metadata/namespace")
        .and_then(Value::as_str);
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    match (namespace, name) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) => name.to_owned(),
        (_, None) => {
            let kind = item.get("type").and_then(Value::as_str);
            let condition =
                kind.filter(|_| item.get("status").is_some() && item.get("name").is_none());
            condition.unwrap_or_default().to_owned()
        }
    }
}

/// The place of each item when they are put in the order of their last change.
fn by_change(items: &[Value]) -> Vec<usize> {
    let version = |item: &Value| -> u64 {
        let object = item.get("object").unwrap_or(item);
        let version = object.pointer("/metadata/resourceVersion");
        let version = version.and_then(Value::as_str);
        version.and_then(|v| v.parse().ok()).unwrap_or(0)
    };
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|index| version(&items[*index]));
    let mut places = vec![0; items.len()];
    for (place, index) in order.into_iter().enumerate() {
        places[index] = place;
    }
    places
}

fn stem_of(item: &Value) -> String {
    let name = name_of(item);
    let words: Vec<&str> = name.split(['-', '.']).collect();
    let fixed = words.iter().filter(|w| {
        !(w.len() >= 5 && w.chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c))
            || w.len() >= 14)
    });
    fixed.copied().collect::<Vec<_>>().join("-")
}
