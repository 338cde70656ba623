//! Whether values have the types of the schema, with the words of the server's two decoders: that of bodies (`json:
//! cannot unmarshal …`) and that of strategic merge patches (`unrecognized type: …`). For built-in kinds; the types of
//! custom resources are validated, not decoded.

use super::{Kind, Node, quantity};
use crate::patch::go_kind;
use serde_json::Value;

/// A value that does not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// In a body.
    #[error("{0}")]
    Body(String),
    /// In an object made by a strategic merge patch.
    #[error("{0}")]
    Patched(String),
}

/// Checks the types of a body.
///
/// # Errors
/// The first value that does not decode.
pub fn check(value: &Value, node: &Node) -> Result<(), DecodeError> {
    if node.is_structural() {
        return Ok(());
    }
    let place = Place {
        holder: String::new(),
        path: String::new(),
    };
    walk(value, node, &place, false)
}

/// Checks the types of an object that a strategic merge patch made.
///
/// # Errors
/// The first value that does not decode.
pub fn check_patched(value: &Value, node: &Node) -> Result<(), DecodeError> {
    if node.is_structural() {
        return Ok(());
    }
    let place = Place {
        holder: String::new(),
        path: String::new(),
    };
    walk(value, node, &place, true)
}

/// Where a value is: the Go struct that has the field, and the path of fields to it.
struct Place {
    holder: String,
    path: String,
}

impl Place {
    fn field(&self, node: &Node, name: &str) -> Self {
        let path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        };
        Self {
            holder: node.type_name().unwrap_or_default().to_owned(),
            path,
        }
    }
}

fn walk(value: &Value, node: &Node, place: &Place, patched: bool) -> Result<(), DecodeError> {
    if value.is_null() || node.is_untyped() {
        return Ok(());
    }
    if let Some(text) = special(value, node) {
        return Err(if patched {
            DecodeError::Patched(format!("error decoding from json: {text}"))
        } else {
            DecodeError::Body(text)
        });
    }
    if !fits(value, node) {
        return Err(refuse(value, node, place, patched));
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(child) = node.field(name) {
                    walk(field, &child, &place.field(node, name), patched)?;
                } else if let Some(child) = node.additional() {
                    walk(field, &child, place, patched)?;
                }
            }
        }
        Value::Array(items) => {
            if let Some(child) = node.items() {
                items
                    .iter()
                    .try_for_each(|item| walk(item, &child, place, patched))?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Types that decode themselves.
fn special(value: &Value, node: &Node) -> Option<String> {
    if node.is_quantity() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        return quantity::nanos(&text)
            .is_none()
            .then(|| quantity::EXPECTED.to_owned());
    }
    if node.format() == Some("date-time") {
        let text = value.as_str()?;
        let layout = if node.component().is_some_and(|c| c.ends_with(".MicroTime")) {
            "2006-01-02T15:04:05.000000Z07:00"
        } else {
            "2006-01-02T15:04:05Z07:00"
        };
        return text.parse::<jiff::Timestamp>().is_err().then(|| {
            format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\"")
        });
    }
    if node.format() == Some("byte") {
        use base64::Engine;
        let error = base64::engine::general_purpose::STANDARD
            .decode(value.as_str()?)
            .err()?;
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(length) => length,
            base64::DecodeError::InvalidPadding => {
                value.as_str().map_or(0, |t| t.trim_end_matches('=').len())
            }
        };
        return Some(format!("illegal base64 data at input byte {at}"));
    }
    if node.int_or_string() && !(value.is_string() || value.is_i64() || value.is_u64()) {
        return Some(format!(
            "json: cannot unmarshal {} into Go value of type {}",
            described(value),
            if value.is_number() { "int32" } else { "string" }
        ));
    }
    None
}

fn fits(value: &Value, node: &Node) -> bool {
    if node.int_or_string() || node.is_quantity() {
        return true;
    }
    match node.kind() {
        Kind::Object => value.is_object(),
        Kind::Array => value.is_array(),
        Kind::String => value.is_string(),
        Kind::Boolean => value.is_boolean(),
        Kind::Number => value.is_number(),
        Kind::Integer => match value.as_i64() {
            Some(number) => node.format() != Some("int32") || i32::try_from(number).is_ok(),
            None => false,
        },
        Kind::Any => true,
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Number(number) if number.as_i64().is_none() || !number.is_i64() => {
            format!("number {number}")
        }
        other => go_kind(other).to_owned(),
    }
}

fn refuse(value: &Value, node: &Node, place: &Place, patched: bool) -> DecodeError {
    if patched {
        return DecodeError::Patched(match node.kind() {
            Kind::Object if node.has_fields() => {
                format!("cannot restore struct from: {}", reflected(value))
            }
            Kind::Object => format!("cannot restore map from {}", reflected(value)),
            Kind::Array => format!("cannot restore slice from {}", reflected(value)),
            _ => format!("unrecognized type: {}", go_type(node)),
        });
    }
    let what = match value {
        Value::Number(number) if node.kind() == Kind::Integer => format!("number {number}"),
        other => go_kind(other).to_owned(),
    };
    let into = if place.path.is_empty() {
        "value".to_owned()
    } else {
        format!("struct field {}.{}", place.holder, place.path)
    };
    DecodeError::Body(format!(
        "json: cannot unmarshal {what} into Go {into} of type {}",
        go_type(node)
    ))
}

/// What Go's reflection calls a decoded value.
fn reflected(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

/// The Go type of a place.
fn go_type(node: &Node) -> String {
    match node.kind() {
        Kind::String if node.format() == Some("byte") => "[]uint8".to_owned(),
        Kind::String => "string".to_owned(),
        Kind::Boolean => "bool".to_owned(),
        Kind::Integer => node.format().unwrap_or("int64").to_owned(),
        Kind::Number => "float64".to_owned(),
        Kind::Array => format!(
            "[]{}",
            node.items()
                .map_or_else(|| "interface {}".to_owned(), |n| go_type(&n))
        ),
        Kind::Object if !node.has_fields() => format!(
            "map[string]{}",
            node.additional()
                .map_or_else(|| "interface {}".to_owned(), |n| go_type(&n))
        ),
        Kind::Object | Kind::Any => match node.component() {
            Some(component) => component
                .rsplit('.')
                .take(2)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
                .join("."),
            None => "interface {}".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Gvk;
    use crate::schema::Schemas;
    use serde_json::json;

    #[test]
    fn words_of_both_decoders() {
        let deployment = Schemas::builtin()
            .root(&Gvk::new("apps", "v1", "Deployment"))
            .unwrap();
        let map = Schemas::builtin()
            .root(&Gvk::new("", "v1", "ConfigMap"))
            .unwrap();
        let cases = [
            (
                &deployment,
                json!({"spec": {"replicas": "three"}}),
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                &map,
                json!({"data": {"a": "x", "n": 5}}),
                "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
            ),
            (
                &deployment,
                json!({"spec": {"template": {"spec": {"containers": [{"resources": {"limits": {"cpu": "lots"}}}]}}}}),
                quantity::EXPECTED,
            ),
            (
                &deployment,
                json!({"spec": {"template": {"spec": {"containers": {}}}}}),
                "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
            ),
        ];
        for (node, value, message) in cases {
            assert_eq!(check(&value, node).unwrap_err().to_string(), message);
        }
        let wrong =
            check_patched(&json!({"spec": {"replicas": "three"}}), &deployment).unwrap_err();
        assert_eq!(wrong.to_string(), "unrecognized type: int32");
        assert_eq!(
            check(
                &json!({"spec": {"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}}}),
                &deployment
            ),
            Ok(())
        );
    }
}
