//! Decoded messages to JSON, as Kubernetes' own types would print them. Pure.

use super::ProtoError;
use super::descriptors::{Descriptors, json_name};
use super::special;
use base64::Engine;
use prost_reflect::{DynamicMessage, FieldDescriptor, MapKey, ReflectMessage, Value as Proto};
use serde_json::{Map, Number, Value};

/// A message as JSON.
pub(super) fn message(
    descriptors: &Descriptors,
    message: &DynamicMessage,
) -> Result<Value, ProtoError> {
    let descriptor = message.descriptor();
    let name = descriptor.full_name();
    if let Some(value) = special::to_json(descriptors, name, message) {
        return value;
    }
    let mut object = Map::new();
    for field in descriptor.fields() {
        if !message.has_field(&field) {
            continue;
        }
        let value = message.get_field(&field);
        if descriptors.is_inline(name, field.name()) {
            if let Proto::Message(inner) = value.as_ref()
                && let Value::Object(inner) = self::message(descriptors, inner)?
            {
                object.extend(inner);
            }
            continue;
        }
        if is_zero(&value) && !descriptors.keeps_zero(name, field.name()) {
            continue;
        }
        object.insert(json_name(name, field.name()), any(descriptors, &value)?);
    }
    Ok(Value::Object(object))
}

/// Whether a scalar is zero; messages, lists and maps that are present never are.
fn is_zero(value: &Proto) -> bool {
    match value {
        Proto::Bool(v) => !v,
        Proto::I32(v) => *v == 0,
        Proto::I64(v) => *v == 0,
        Proto::U32(v) => *v == 0,
        Proto::U64(v) => *v == 0,
        Proto::F32(v) => *v == 0.0,
        Proto::F64(v) => *v == 0.0,
        Proto::String(v) => v.is_empty(),
        Proto::Bytes(v) => v.is_empty(),
        Proto::EnumNumber(_) | Proto::Message(_) | Proto::List(_) | Proto::Map(_) => false,
    }
}

/// Any value as JSON.
pub(super) fn any(descriptors: &Descriptors, value: &Proto) -> Result<Value, ProtoError> {
    Ok(match value {
        Proto::Bool(v) => Value::Bool(*v),
        Proto::I32(v) | Proto::EnumNumber(v) => Value::from(*v),
        Proto::I64(v) => Value::from(*v),
        Proto::U32(v) => Value::from(*v),
        Proto::U64(v) => Value::from(*v),
        Proto::F32(v) => float(f64::from(*v)),
        Proto::F64(v) => float(*v),
        Proto::String(v) => Value::String(v.clone()),
        Proto::Bytes(v) => Value::String(base64::engine::general_purpose::STANDARD.encode(v)),
        Proto::Message(v) => message(descriptors, v)?,
        Proto::List(v) => Value::Array(
            v.iter()
                .map(|item| any(descriptors, item))
                .collect::<Result<_, _>>()?,
        ),
        Proto::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, item)| Ok((key_text(key), any(descriptors, item)?)));
            Value::Object(entries.collect::<Result<_, ProtoError>>()?)
        }
    })
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(v) => v.to_string(),
        MapKey::I32(v) => v.to_string(),
        MapKey::I64(v) => v.to_string(),
        MapKey::U32(v) => v.to_string(),
        MapKey::U64(v) => v.to_string(),
        MapKey::String(v) => v.clone(),
    }
}

/// The only field of the messages that stand for a list. That they do is in Go's types alone; a message like
/// `DownwardAPIProjection`, which looks the same, does not.
pub(super) fn wrapped_list(message: &DynamicMessage) -> Option<FieldDescriptor> {
    let descriptor = message.descriptor();
    if !matches!(descriptor.name(), "ExtraValue" | "Verbs") {
        return None;
    }
    descriptor.get_field_by_name("items")
}
