//! Reading fields of objects by path, and the few computed values workload kinds share.

use serde_json::{Value, json};

/// A text; empty when absent.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A whole number.
pub(crate) fn number(value: &Value, path: &str) -> Option<i64> {
    value.pointer(path).and_then(Value::as_i64)
}

/// A whole number; 0 when absent.
pub(crate) fn count(value: &Value, path: &str) -> i64 {
    number(value, path).unwrap_or(0)
}

/// Whether a field is true.
pub(crate) fn flag(value: &Value, path: &str) -> bool {
    value.pointer(path).and_then(Value::as_bool) == Some(true)
}

/// A list; empty when absent.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value
        .pointer(path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A time.
pub(crate) fn time(value: &Value, path: &str) -> Option<jiff::Timestamp> {
    text(value, path).parse().ok()
}

/// A number or a percentage of the total, as `maxSurge` and its like are written.
pub(crate) fn share(value: Option<&Value>, total: i64, round_up: bool) -> i64 {
    let Some(value) = value else { return 0 };
    if let Some(number) = value.as_i64() {
        return number;
    }
    let percent = value.as_str().and_then(|t| t.strip_suffix('%'));
    let percent: i64 = percent.and_then(|t| t.parse().ok()).unwrap_or(0);
    let hundredfold = percent * total;
    hundredfold.div_euclid(100) + i64::from(round_up && hundredfold.rem_euclid(100) > 0)
}

/// The condition of a type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == kind)
}

/// Whether the condition of a type is true.
pub(crate) fn condition_is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|c| text(c, "/status") == "True")
}

/// An owner reference to an object that controls another.
pub(crate) fn owner_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": text(owner, "/apiVersion"),
        "kind": text(owner, "/kind"),
        "name": text(owner, "/metadata/name"),
        "uid": text(owner, "/metadata/uid"),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// Puts a counter into a status; 0 is left out, as fields with `omitempty` are.
pub(crate) fn put_count(status: &mut Value, name: &str, number: i64) {
    let status = crate::object::map_mut(status);
    if number == 0 {
        status.remove(name);
    } else {
        status.insert(name.to_owned(), json!(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_as_asked() {
        for (name, value, total, up, wanted) in [
            ("a number", json!(3), 10, true, 3),
            ("a quarter rounded up", json!("25%"), 10, true, 3),
            ("a quarter rounded down", json!("25%"), 10, false, 2),
            ("everything", json!("100%"), 7, false, 7),
            ("nonsense", json!("x"), 7, false, 0),
        ] {
            assert_eq!(share(Some(&value), total, up), wanted, "{name}");
        }
    }
}
