//! The three patch types an API server takes besides apply: JSON patch, merge patch, strategic merge patch; and the way
//! Go prints values, which the server's messages about patches quote. Pure functions over JSON values.

pub mod json;
pub mod merge;
pub mod strategic;
mod strategic_list;
pub mod syntax;
#[cfg(test)]
mod tests;

use serde_json::Value;

/// Why a patch was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch itself is malformed: 400 with this message.
    #[error("{0}")]
    BadRequest(String),
    /// A strategic merge patch cannot be merged (no merge key, an unknown directive): 500 with this message.
    #[error("{0}")]
    Unmergeable(String),
    /// A JSON patch does not fit the object (failed test, missing path): 422, reason Invalid, `details: {}`.
    #[error("the server rejected our request due to an error in our request")]
    Rejected,
    /// More operations than the server takes: 413.
    #[error("The allowed maximum operations in a JSON patch is {max}, got {0}", max = json::OPERATIONS_AT_MOST)]
    TooManyOperations(usize),
}

/// A value as Go's `%v` prints it: `map[a:1 b:[x y]]`.
pub fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(go_value).collect::<Vec<_>>().join(" ")
        ),
        Value::Object(fields) => format!(
            "map[{}]",
            fields
                .iter()
                .map(|(k, v)| format!("{k}:{}", go_value(v)))
                .collect::<Vec<_>>()
                .join(" ")
        ),
    }
}

/// A value as Go's `%#v` prints it: `map[string]interface {}{"a":1}`.
pub fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => syntax::quote(text),
        Value::Array(items) => format!(
            "[]interface {{}}{{{}}}",
            items.iter().map(go_syntax).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(fields) => format!(
            "map[string]interface {{}}{{{}}}",
            fields
                .iter()
                .map(|(k, v)| format!("{}:{}", syntax::quote(k), go_syntax(v)))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        other => other.to_string(),
    }
}

/// What Go's decoder calls a JSON value: `object`, `array`, `string`, `number`, `bool`.
pub fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
