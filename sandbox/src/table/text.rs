//! What the cells of many kinds share: ages, counts, selectors, lists of names. The forms are those of kubectl's printers
//! (k8s.io/apimachinery `duration.HumanDuration`, `metav1.FormatLabelSelector`).

use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// The text at a pointer, empty if there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The text at a pointer, or something else if it is empty.
pub(super) fn text_or<'a>(object: &'a Value, pointer: &str, default: &'a str) -> &'a str {
    Some(text(object, pointer))
        .filter(|t| !t.is_empty())
        .unwrap_or(default)
}

/// The number at a pointer, zero if there is none.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// Whether there is a true boolean at a pointer.
pub(super) fn flag(object: &Value, pointer: &str) -> bool {
    object
        .pointer(pointer)
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// The list at a pointer, empty if there is none.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The number of entries of the map at a pointer.
pub(super) fn entries(object: &Value, pointer: &str) -> usize {
    object
        .pointer(pointer)
        .and_then(Value::as_object)
        .map_or(0, serde_json::Map::len)
}

/// The object's name.
pub(super) fn name(object: &Value) -> Value {
    Value::from(text(object, "/metadata/name"))
}

/// The object's age.
pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    Value::from(since(text(object, "/metadata/creationTimestamp"), now))
}

/// How long ago a time was; `<unknown>` for the zero time.
pub(super) fn since(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => human(seconds_between(time, now)),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// Whole seconds from one time to another; rounded towards zero.
pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}

/// `duration.HumanDuration`.
pub(super) fn human(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let two = |big: i64, big_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big}{big_unit}")
        } else {
            format!("{big}{big_unit}{small}{small_unit}")
        }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        ..0 => "0s".to_owned(),
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 24 * 8 => two(hours / 24, "d", hours % 24, "h"),
        _ if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        _ if hours < 24 * 365 * 8 => two(hours / 24 / 365, "y", hours / 24 % 365, "d"),
        _ => format!("{}y", hours / 24 / 365),
    }
}

/// `a=1,b=2`, or `<none>`.
pub(super) fn labels(map: Option<&Value>) -> String {
    let map = map.and_then(Value::as_object);
    let parts: Vec<String> = map
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if parts.is_empty() {
        "<none>".to_owned()
    } else {
        parts.join(",")
    }
}

/// A label selector as text: requirements by key, or `<none>`.
pub(super) fn selector(selector: Option<&Value>) -> String {
    let Some(selector) = selector else {
        return "<none>".to_owned();
    };
    let mut parts: Vec<(String, String)> = Vec::new();
    if let Some(labels) = selector.get("matchLabels").and_then(Value::as_object) {
        for (key, value) in labels {
            parts.push((
                key.clone(),
                format!("{key}={}", value.as_str().unwrap_or_default()),
            ));
        }
    }
    for expression in list(selector, "/matchExpressions") {
        let key = text(expression, "/key");
        let mut values: Vec<&str> = list(expression, "/values")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        values.sort_unstable();
        let values = values.join(",");
        let text = match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        };
        parts.push((key.to_owned(), text));
    }
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    if parts.is_empty() {
        return "<none>".to_owned();
    }
    parts
        .into_iter()
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .join(",")
}

/// Names and images of the containers of a pod template.
pub(super) fn containers(object: &Value, pod_spec: &str) -> (Value, Value) {
    let all = |field: &str| {
        let containers = list(object, &format!("{pod_spec}/containers"));
        let parts: Vec<&str> = containers
            .iter()
            .map(|c| text(c, &format!("/{field}")))
            .collect();
        Value::from(parts.join(","))
    };
    (all("name"), all("image"))
}

/// `a,b,c + 2 more...`; something else if there is nothing.
pub(super) fn at_most(max: usize, parts: &[String], separator: &str, nothing: &str) -> String {
    let shown = parts
        .get(..max.min(parts.len()))
        .unwrap_or_default()
        .join(separator);
    if parts.len() > max {
        return format!("{shown} + {} more...", parts.len() - max);
    }
    if shown.is_empty() {
        nothing.to_owned()
    } else {
        shown
    }
}

/// The status of a condition, if it is there.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == kind)
}

/// Whether a condition is `True`.
pub(super) fn condition_holds(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|c| text(c, "/status") == "True")
}

/// Short forms of access modes, each once, in Kubernetes' order.
pub(super) fn access_modes(modes: &[Value]) -> String {
    let known = BTreeMap::from([
        ("ReadWriteOnce", (0, "RWO")),
        ("ReadOnlyMany", (1, "ROX")),
        ("ReadWriteMany", (2, "RWX")),
        ("ReadWriteOncePod", (3, "RWOP")),
    ]);
    let mut shown: Vec<_> = modes
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|m| known.get(m))
        .collect();
    shown.sort_unstable();
    shown.dedup();
    shown
        .iter()
        .map(|(_, short)| *short)
        .collect::<Vec<_>>()
        .join(",")
}

/// Name and creation time, for kinds without a printer.
pub(super) fn plain(object: &Value, _: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(text(object, "/metadata/creationTimestamp")),
    ]
}

/// Name and age.
pub(super) fn name_and_age(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), age(object, now)]
}

/// A Scale.
pub(super) fn scale(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        Value::from(number(object, "/spec/replicas")),
        Value::from(number(object, "/status/replicas")),
        age(object, now),
    ]
}
