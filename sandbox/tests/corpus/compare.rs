//! Whether two answers say the same, but for what must differ: uids, times, versions, generated names, addresses, tokens,
//! the order of managed fields. What has another name here keeps that name in all answers of an area.

use crate::run::Answered;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Names that one server gave, and those of the other.
pub(crate) struct Comparison {
    names: BTreeMap<String, String>,
    taken: BTreeMap<String, String>,
    differences: Vec<String>,
    time: Regex,
    uid: Regex,
    address: Regex,
}

/// Fields whose text is the server's own affair.
const OPAQUE: [&str; 14] = [
    "continue",
    "token",
    "creationTimestamp",
    "serverRelativeURL",
    "gitVersion",
    "gitCommit",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
    "clusterIP",
    "ca.crt",
    "serverAddress",
    "kubernetes.io/hostname",
];

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

impl Comparison {
    pub(crate) fn new() -> Self {
        Self {
            names: BTreeMap::new(),
            taken: BTreeMap::new(),
            differences: Vec::new(),
            time: pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
            uid: pattern(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
            address: pattern(
                r"127\.0\.0\.1:\d+|10\.\d+\.\d+\.\d+|current: \d+|too old resource version: \d+ \(\d+\)|\(\d+\) does not match|in record \(\d+\)|Key: /[^/]+|^\d+[smhd]$|\.[0-9a-f]{16}$",
            ),
        }
    }

    /// The places that differ, within `only` if that names any.
    pub(crate) fn answers(
        &mut self,
        recorded: &Answered,
        ours: &Answered,
        only: &[String],
    ) -> Vec<String> {
        self.differences.clear();
        if recorded.status != ours.status {
            let told = |answered: &Answered| {
                let message = answered.body["message"].as_str().unwrap_or_default();
                format!("{} {message}", answered.status).into()
            };
            self.differ("status", &told(recorded), &told(ours));
            return std::mem::take(&mut self.differences);
        }
        let headers: BTreeSet<&String> =
            recorded.headers.keys().chain(ours.headers.keys()).collect();
        for name in headers {
            let of = |answered: &Answered| answered.headers.get(name).cloned().unwrap_or_default();
            let (a, b) = (self.masked(&of(recorded)), self.masked(&of(ours)));
            if a != b {
                self.differ(&format!("header {name}"), &a.into(), &b.into());
            }
        }
        if only.is_empty() {
            self.values("", &recorded.body, &ours.body);
        }
        for pointer in only {
            let of = |answered: &Answered| answered.at(pointer).cloned();
            let (a, b) = (
                of(recorded).unwrap_or_default(),
                of(ours).unwrap_or_default(),
            );
            match (&a, &b) {
                // Their order follows the second in which each was written.
                (Value::Array(a), Value::Array(b)) if pointer.ends_with("/managedFields") => {
                    self.lists(pointer, &sorted(a), &sorted(b));
                }
                _ => self.values(pointer, &a, &b),
            }
        }
        std::mem::take(&mut self.differences)
    }

    fn differ(&mut self, place: &str, recorded: &Value, ours: &Value) {
        let short = |value: &Value| value.to_string().chars().take(400).collect::<String>();
        let text = format!(
            "{place}: recorded {}, ours {}",
            short(recorded),
            short(ours)
        );
        self.differences.push(text);
    }

    fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (theirs, ours) in self.names.iter().filter(|(theirs, _)| theirs.len() > 4) {
            text = text.replace(theirs, ours);
        }
        let text = self.time.replace_all(&text, "TIME");
        self.address.replace_all(&text, "ADDRESS").into_owned()
    }

    /// Whether these can be names of one thing.
    fn same_thing(&mut self, kind: &str, recorded: &str, ours: &str) -> bool {
        let (a, b) = (format!("{kind}{recorded}"), format!("{kind}{ours}"));
        let known = self.names.entry(a.clone()).or_insert_with(|| b.clone()) == &b;
        let alone = self.taken.entry(b).or_insert_with(|| a.clone()) == &a;
        known && alone
    }

    fn values(&mut self, place: &str, recorded: &Value, ours: &Value) {
        match (recorded, ours) {
            (Value::Object(a), Value::Object(b)) => self.objects(place, a, b),
            (Value::Array(a), Value::Array(b)) => self.lists(place, a, b),
            (Value::String(a), Value::String(b)) => {
                if !self.texts(place, a, b) {
                    self.differ(place, recorded, ours);
                }
            }
            (Value::Number(_), Value::Number(_)) if place.ends_with("/nodePort") => {}
            (a, b) if a == b => {}
            _ => self.differ(place, recorded, ours),
        }
    }

    fn texts(&mut self, place: &str, recorded: &str, ours: &str) -> bool {
        let field = place.rsplit('/').next().unwrap_or_default();
        if field == "continue" || OPAQUE.contains(&field) {
            return recorded.is_empty() == ours.is_empty();
        }
        let volume = |text: &str| {
            text.strip_prefix("kube-api-access-")
                .is_some_and(|t| t.len() == 5)
        };
        if (self.uid.is_match(recorded) && self.uid.is_match(ours))
            || (volume(recorded) && volume(ours))
        {
            return self.same_thing("", recorded, ours);
        }
        recorded == ours || self.masked(recorded) == self.masked(ours)
    }

    fn objects(&mut self, place: &str, recorded: &Map<String, Value>, ours: &Map<String, Value>) {
        self.generated_name(recorded, ours);
        let (recorded, ours) = (&causes_sorted(recorded), &causes_sorted(ours));
        let renamed: Map<String, Value> = recorded
            .iter()
            .map(|(name, value)| (self.masked(name), value.clone()))
            .collect();
        let masked: Map<String, Value> = ours
            .iter()
            .map(|(name, value)| (self.masked(name), value.clone()))
            .collect();
        let names: BTreeSet<&String> = renamed.keys().chain(masked.keys()).collect();
        for name in names {
            let below = format!("{place}/{name}");
            let (a, b) = (renamed.get(name), masked.get(name));
            match (a, b) {
                (Some(Value::String(a)), Some(Value::String(b))) if name == "resourceVersion" => {
                    let object = recorded.contains_key("name") || recorded.contains_key("uid");
                    if a.is_empty() != b.is_empty()
                        || (object && !self.same_thing("version ", a, b))
                    {
                        self.differences
                            .push(format!("{below}: another version than before"));
                    }
                }
                (Some(Value::Array(a)), Some(Value::Array(b))) if name == "managedFields" => {
                    self.lists(&below, &sorted(a), &sorted(b));
                }
                (Some(a), Some(b)) => self.values(&below, a, b),
                (a, b) => {
                    let absent = Value::from("(absent)");
                    self.differ(&below, a.unwrap_or(&absent), b.unwrap_or(&absent));
                }
            }
        }
    }

    fn generated_name(&mut self, recorded: &Map<String, Value>, ours: &Map<String, Value>) {
        let stem = recorded.get("generateName").and_then(Value::as_str);
        let names = |object: &Map<String, Value>| {
            object
                .get("name")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let (Some(stem), Some(a), Some(b)) = (stem, names(recorded), names(ours)) else {
            return;
        };
        // The server cuts what would make a name too long.
        let stem: String = stem.chars().take(58).collect();
        if a != b && a.starts_with(&stem) && b.starts_with(&stem) && a.len() == b.len() {
            self.same_thing("", &a, &b);
        }
    }

    fn lists(&mut self, place: &str, recorded: &[Value], ours: &[Value]) {
        if recorded.len() != ours.len() {
            let all = |list: &[Value]| Value::from(list.to_vec());
            self.differ(
                &format!("{place}: {} entries, ours {}", recorded.len(), ours.len()),
                &all(recorded),
                &all(ours),
            );
        }
        for (index, (a, b)) in recorded.iter().zip(ours).enumerate() {
            self.values(&format!("{place}/{index}"), a, b);
        }
    }
}

/// A `Status` with its causes, and the message's list of them, in the order of their text. A real server walks Go maps
/// (labels, data, limits, the properties of a schema, the managers of a conflict) and tells what it finds in an order that is
/// another one each time.
fn causes_sorted(object: &Map<String, Value>) -> Map<String, Value> {
    let mut object = object.clone();
    let causes = object.get("details").and_then(|d| d.get("causes"));
    let Some(causes) = causes.and_then(Value::as_array).cloned() else {
        return object;
    };
    let told = |causes: &[Value]| {
        let text = |cause: &Value, name: &str| cause[name].as_str().unwrap_or_default().to_owned();
        let texts = causes
            .iter()
            .map(|cause| format!("{}: {}", text(cause, "field"), text(cause, "message")));
        format!("[{}]", texts.collect::<Vec<_>>().join(", "))
    };
    let in_order = sorted(&causes);
    if let Some(Value::String(message)) = object.get_mut("message") {
        *message = message.replace(&told(&causes), &told(&in_order));
    }
    object["details"]["causes"] = in_order.into();
    object
}

fn sorted(entries: &[Value]) -> Vec<Value> {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|entry| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let parts = [
            "manager",
            "operation",
            "subresource",
            "apiVersion",
            "field",
            "message",
        ];
        parts.map(text)
    });
    entries
}
