//! Conditions as they are kept of a copy and written to a source.

use crate::pointer;
use serde_json::{Map, Value};

/// A condition of a copy, the message left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its status: `True`, `False` or `Unknown`.
    pub status: Truth,
    /// Its reason.
    pub reason: String,
    /// When the status last changed, as written (RFC 3339 in UTC sorts as text).
    pub transition: String,
    /// When the condition was last written, where the kind says so.
    pub update: String,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It is not known.
    #[default]
    Unknown,
}

impl Truth {
    fn read(text: &str) -> Self {
        match text {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// Longest reason that is kept: a record of a copy has a bounded size.
const LONGEST_REASON: usize = 64;

/// Reads a condition of an object.
#[must_use]
pub fn read(object: &Value, condition_type: &str) -> Option<Condition> {
    pointer::list(object, &["status", "conditions"])
        .iter()
        .find(|condition| pointer::text(condition, &["type"]) == condition_type)
        .map(from)
}

/// Reads a condition.
#[must_use]
pub fn from(condition: &Value) -> Condition {
    let text = |field: &str| pointer::text(condition, &[field]).to_owned();
    Condition {
        status: Truth::read(&text("status")),
        reason: text("reason").chars().take(LONGEST_REASON).collect(),
        transition: text("lastTransitionTime"),
        update: text("lastUpdateTime"),
    }
}

/// A condition to write.
#[derive(Clone, Debug)]
pub struct Written<'a> {
    /// Its type.
    pub condition_type: &'a str,
    /// Its status.
    pub status: Truth,
    /// Its reason.
    pub reason: &'a str,
    /// Its message.
    pub message: String,
    /// The latest change among the copies; the condition's own time when its status changes.
    pub time: &'a str,
    /// Further times that the kind has beside `lastTransitionTime`.
    pub other_time: Option<&'a str>,
}

impl Written<'_> {
    fn says_the_same_as(&self, old: &Value) -> bool {
        let is = |field: &str, text: &str| pointer::text(old, &[field]) == text;
        is("status", self.status.as_str())
            && is("reason", self.reason)
            && is("message", &self.message)
            // Times that could not be told at first are still to come.
            && (self.time.is_empty() || !is("lastTransitionTime", ""))
    }
}

/// Puts a condition in its place among the old ones: the time of the last transition stays while
/// the status does, and the whole condition while it says the same. That a member has written its own once more is not
/// news, and would be a write for each object.
pub fn put(status: &mut Map<String, Value>, written: &Written<'_>) {
    let mut list: Vec<Value> = status
        .get("conditions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let place = list
        .iter()
        .position(|old| pointer::text(old, &["type"]) == written.condition_type);
    let old = place.and_then(|place| list.get(place));
    if old.is_some_and(|old| written.says_the_same_as(old)) {
        return;
    }
    let old_time = old
        .filter(|old| pointer::text(old, &["status"]) == written.status.as_str())
        .map(|old| pointer::text(old, &["lastTransitionTime"]))
        .filter(|time| !time.is_empty());
    let time = old_time.unwrap_or(written.time).to_owned();
    let mut condition = Map::new();
    for (field, text) in [
        ("type", written.condition_type),
        ("status", written.status.as_str()),
        ("reason", written.reason),
        ("message", &written.message),
        ("lastTransitionTime", &time),
    ] {
        if !text.is_empty() {
            condition.insert(field.to_owned(), text.into());
        }
    }
    if let Some(field) = written.other_time.filter(|_| !time.is_empty()) {
        let latest = if written.time.is_empty() {
            &time
        } else {
            written.time
        };
        condition.insert(field.to_owned(), latest.into());
    }
    match place.and_then(|place| list.get_mut(place)) {
        Some(slot) => *slot = condition.into(),
        None => list.push(condition.into()),
    }
    status.insert("conditions".to_owned(), list.into());
}

/// Takes a condition away.
pub fn remove(status: &mut Map<String, Value>, condition_type: &str) {
    if let Some(Value::Array(list)) = status.get_mut("conditions") {
        list.retain(|condition| pointer::text(condition, &["type"]) != condition_type);
        if list.is_empty() {
            status.remove("conditions");
        }
    }
}

/// The latest of some times.
#[must_use]
pub fn latest<'a>(times: impl IntoIterator<Item = &'a str>) -> &'a str {
    times.into_iter().max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_times_move_with_what_is_said() {
        let mut status = Map::new();
        let mut written = Written {
            condition_type: "Ready",
            status: Truth::True,
            reason: "R",
            message: String::new(),
            time: "2026-01-01T00:00:00Z",
            other_time: None,
        };
        put(&mut status, &written);
        written.time = "2026-01-02T00:00:00Z";
        put(&mut status, &written);
        assert_eq!(
            status["conditions"][0]["lastTransitionTime"],
            "2026-01-01T00:00:00Z"
        );
        written.other_time = Some("lastUpdateTime");
        put(&mut status, &written);
        assert_eq!(status["conditions"][0].get("lastUpdateTime"), None);
        written.message = "m".to_owned();
        put(&mut status, &written);
        assert_eq!(
            status["conditions"][0],
            json!({"type": "Ready", "status": "True", "reason": "R", "message": "m",
                "lastTransitionTime": "2026-01-01T00:00:00Z", "lastUpdateTime": "2026-01-02T00:00:00Z"})
        );
        written.message.clear();
        written.other_time = None;
        written.status = Truth::False;
        put(&mut status, &written);
        assert_eq!(
            Value::from(status.clone()),
            json!({"conditions": [{"type": "Ready", "status": "False", "reason": "R", "lastTransitionTime": "2026-01-02T00:00:00Z"}]})
        );
        remove(&mut status, "Ready");
        assert!(status.is_empty());
    }
}
