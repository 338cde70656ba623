//! The messages whose JSON is not an object of their fields: times, quantities, raw JSON and the like. Pure.

use super::ProtoError;
use super::descriptors::Descriptors;
use super::{from_json, to_json};
use jiff::{SignedDuration, Timestamp};
use prost_reflect::prost::bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage, Value as Proto};
use serde_json::Value;

const META: &str = "k8s.io.apimachinery.pkg.apis.meta.v1.";
const CRD: &str = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.";

/// The JSON of a message with a form of its own; nothing for all others.
pub(super) fn to_json(
    descriptors: &Descriptors,
    name: &str,
    message: &DynamicMessage,
) -> Option<Result<Value, ProtoError>> {
    let field = |name: &str| message.get_field_by_name(name);
    let integer = |name: &str| {
        field(name)
            .and_then(|v| v.as_i64().or_else(|| v.as_i32().map(i64::from)))
            .unwrap_or(0)
    };
    let text = |name: &str| field(name).and_then(|v| v.as_str().map(str::to_owned));
    if let Some(local) = name.strip_prefix(META) {
        return match local {
            "Time" | "MicroTime" => Some(Ok(time(
                message,
                local == "MicroTime",
                integer("seconds"),
                integer("nanos"),
            ))),
            "Duration" => Some(Ok(Value::String(go_duration(integer("duration"))))),
            "FieldsV1" => Some(raw(name, message, "Raw")),
            _ => None,
        };
    }
    if let Some(local) = name.strip_prefix(CRD) {
        return match local {
            "JSON" => Some(raw(name, message, "raw")),
            "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray" => {
                Some(either(descriptors, message))
            }
            _ => to_json::wrapped_list(message)
                .map(|f| to_json::any(descriptors, &message.get_field(&f))),
        };
    }
    match name {
        "k8s.io.apimachinery.pkg.api.resource.Quantity" => Some(Ok(Value::String(
            text("string")
                .filter(|t| !t.is_empty())
                .unwrap_or_else(|| "0".to_owned()),
        ))),
        "k8s.io.apimachinery.pkg.util.intstr.IntOrString" => Some(Ok(if integer("type") == 1 {
            Value::String(text("strVal").unwrap_or_default())
        } else {
            Value::from(integer("intVal"))
        })),
        "k8s.io.apimachinery.pkg.runtime.RawExtension" => Some(raw(name, message, "raw")),
        _ => to_json::wrapped_list(message)
            .map(|f| to_json::any(descriptors, &message.get_field(&f))),
    }
}

/// A message without fields on the wire is the zero time, which is `null`.
fn time(message: &DynamicMessage, micro: bool, seconds: i64, nanos: i64) -> Value {
    if message.fields().next().is_none() {
        return Value::Null;
    }
    let nanos = i32::try_from(nanos).unwrap_or(0);
    match Timestamp::new(seconds, nanos) {
        Ok(time) if micro => Value::String(format!("{time:.6}")),
        Ok(time) => Value::String(format!("{time:.0}")),
        Err(_) => Value::Null,
    }
}

fn raw(name: &str, message: &DynamicMessage, field: &str) -> Result<Value, ProtoError> {
    let value = message.get_field_by_name(field);
    let bytes = value
        .as_ref()
        .and_then(|v| v.as_bytes())
        .cloned()
        .unwrap_or_default();
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|source| ProtoError::RawNotJson {
        message: name.to_owned(),
        source,
    })
}

/// The unions of CRD schemas: a schema, or a boolean, or a list.
fn either(descriptors: &Descriptors, message: &DynamicMessage) -> Result<Value, ProtoError> {
    for field in message.descriptor().fields() {
        let value = message.get_field(&field);
        let chosen = match field.name() {
            "schema" => message.has_field(&field),
            "allows" => false,
            _ => value.as_list().is_some_and(|l| !l.is_empty()),
        };
        if chosen {
            return to_json::any(descriptors, &value);
        }
    }
    let allows = message
        .get_field_by_name("allows")
        .and_then(|v| v.as_bool());
    Ok(allows.map_or(Value::Null, Value::Bool))
}

/// A duration as Go prints it (`time.Duration.String`): `1h2m3.5s`.
fn go_duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let whole = value / unit;
        let rest = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() {
            whole.to_string()
        } else {
            format!("{whole}.{rest}")
        }
    };
    if nanos < 1_000 {
        return format!("{sign}{nanos}ns");
    }
    if nanos < 1_000_000 {
        return format!("{sign}{}µs", fraction(nanos, 1_000));
    }
    if nanos < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(nanos, 1_000_000));
    }
    let minutes = nanos / 60_000_000_000;
    let seconds = fraction(nanos % 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// The reverse of [`go_duration`], for the units it writes.
fn parse_duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = text
        .strip_prefix('-')
        .map_or((1.0, text), |rest| (-1.0, rest));
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, after) = tail.split_at(end);
        let factor = match unit {
            "h" => 3_600e9,
            "m" => 60e9,
            "s" => 1e9,
            "ms" => 1e6,
            "us" | "µs" => 1e3,
            "ns" => 1.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    let nanos = SignedDuration::try_from_secs_f64(sign * total / 1e9)
        .ok()?
        .as_nanos();
    i64::try_from(nanos).ok()
}

/// The message for a JSON value whose form is its own; nothing for all others.
pub(super) fn from_json(
    descriptors: &Descriptors,
    descriptor: &MessageDescriptor,
    value: &Value,
) -> Option<Result<DynamicMessage, ProtoError>> {
    let name = descriptor.full_name();
    let mut message = DynamicMessage::new(descriptor.clone());
    let wrong = || ProtoError::WrongType {
        message: name.to_owned(),
        field: "".to_owned(),
    };
    let bytes = || Proto::Bytes(Bytes::from(value.to_string().into_bytes()));
    match name
        .strip_prefix(META)
        .or_else(|| name.strip_prefix(CRD))
        .unwrap_or(name)
    {
        "Time" | "MicroTime" => {
            if value.is_null() {
                return Some(Ok(message));
            }
            let Some(time) = value.as_str().and_then(|t| t.parse::<Timestamp>().ok()) else {
                return Some(Err(wrong()));
            };
            message.set_field_by_name("seconds", Proto::I64(time.as_second()));
            message.set_field_by_name("nanos", Proto::I32(time.subsec_nanosecond()));
        }
        "Duration" => {
            let Some(nanos) = value.as_str().and_then(parse_duration) else {
                return Some(Err(wrong()));
            };
            message.set_field_by_name("duration", Proto::I64(nanos));
        }
        "FieldsV1" => message.set_field_by_name("Raw", bytes()),
        "JSON" | "k8s.io.apimachinery.pkg.runtime.RawExtension" => {
            message.set_field_by_name("raw", bytes());
        }
        "k8s.io.apimachinery.pkg.api.resource.Quantity" => {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            message.set_field_by_name("string", Proto::String(text));
        }
        "k8s.io.apimachinery.pkg.util.intstr.IntOrString" => {
            let kind = i64::from(value.is_string());
            let number = value
                .as_i64()
                .and_then(|v| i32::try_from(v).ok())
                .unwrap_or(0);
            message.set_field_by_name("type", Proto::I64(kind));
            message.set_field_by_name("intVal", Proto::I32(number));
            let text = value.as_str().unwrap_or_default();
            message.set_field_by_name("strVal", Proto::String(text.to_owned()));
        }
        "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray" => {
            return Some(union(descriptors, message, value));
        }
        _ => {
            let field = to_json::wrapped_list(&message)?;
            return Some(from_json::field(descriptors, &field, value).map(|items| {
                message.set_field(&field, items);
                message
            }));
        }
    }
    Some(Ok(message))
}

fn union(
    descriptors: &Descriptors,
    mut message: DynamicMessage,
    value: &Value,
) -> Result<DynamicMessage, ProtoError> {
    for field in message.descriptor().fields() {
        let fits = match field.name() {
            "allows" => value.is_boolean() || value.is_object(),
            "schema" => value.is_object(),
            _ => value.is_array(),
        };
        if field.name() == "allows" && fits {
            let allows = value.as_bool().unwrap_or(true);
            message.set_field(&field, Proto::Bool(allows));
        } else if fits {
            let inner = from_json::field(descriptors, &field, value)?;
            message.set_field(&field, inner);
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::{go_duration, parse_duration};

    #[test]
    fn durations_are_written_and_read_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (20_000_000, "20ms"),
            (1_500, "1.5µs"),
        ] {
            assert_eq!(go_duration(nanos), text);
            assert_eq!(parse_duration(text), Some(nanos), "{text}");
        }
    }
}
