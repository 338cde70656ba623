//! JSON to messages. Pure. Fields the message does not have are left out: the object was checked before it came here.

use super::ProtoError;
use super::descriptors::{Descriptors, json_name};
use super::special;
use base64::Engine;
use prost_reflect::Value as Proto;
use prost_reflect::prost::bytes::Bytes;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor};
use serde_json::Value;
use std::collections::HashMap;

/// A JSON object as a message.
pub(super) fn message(
    descriptors: &Descriptors,
    descriptor: &MessageDescriptor,
    value: &Value,
) -> Result<DynamicMessage, ProtoError> {
    if let Some(message) = special::from_json(descriptors, descriptor, value) {
        return message;
    }
    let name = descriptor.full_name().to_owned();
    let mut message = DynamicMessage::new(descriptor.clone());
    let Some(object) = value.as_object() else {
        return Err(ProtoError::WrongType {
            message: name,
            field: String::new(),
        });
    };
    for field in descriptor.fields() {
        if descriptors.is_inline(&name, field.name()) {
            if let Kind::Message(inner) = field.kind() {
                let inner = self::message(descriptors, &inner, value)?;
                message.set_field(&field, Proto::Message(inner));
            }
            continue;
        }
        let given = object.get(&json_name(&name, field.name()));
        if let Some(given) = given.filter(|v| !v.is_null() || is_raw_json(&field)) {
            let inner = self::field(descriptors, &field, given)?;
            message.set_field(&field, inner);
        }
    }
    Ok(message)
}

/// `null` is a value in raw JSON, and the zero time elsewhere.
fn is_raw_json(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(m) if ["JSON", "Time", "MicroTime"].contains(&m.name()))
        && !field.is_list()
        && !field.is_map()
}

/// The value of one field, which may be a list or a map.
pub(super) fn field(
    descriptors: &Descriptors,
    field: &FieldDescriptor,
    value: &Value,
) -> Result<Proto, ProtoError> {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else {
            return Err(wrong(field));
        };
        let inner = entry.map_entry_value_field();
        let entries = value.as_object().ok_or_else(|| wrong(field))?;
        let entries = entries.iter().map(|(key, item)| {
            Ok((
                MapKey::String(key.clone()),
                single(descriptors, &inner, item)?,
            ))
        });
        return Ok(Proto::Map(
            entries.collect::<Result<HashMap<_, _>, ProtoError>>()?,
        ));
    }
    if field.is_list() {
        let items = value.as_array().ok_or_else(|| wrong(field))?;
        let items = items.iter().map(|item| single(descriptors, field, item));
        return Ok(Proto::List(items.collect::<Result<_, _>>()?));
    }
    single(descriptors, field, value)
}

fn wrong(field: &FieldDescriptor) -> ProtoError {
    ProtoError::WrongType {
        message: field.parent_message().full_name().to_owned(),
        field: field.name().to_owned(),
    }
}

fn single(
    descriptors: &Descriptors,
    field: &FieldDescriptor,
    value: &Value,
) -> Result<Proto, ProtoError> {
    let converted = match field.kind() {
        Kind::Message(inner) => Some(Proto::Message(message(descriptors, &inner, value)?)),
        Kind::Bool => value.as_bool().map(Proto::Bool),
        Kind::String => value.as_str().map(|v| Proto::String(v.to_owned())),
        Kind::Bytes => {
            let text = if value.is_null() {
                Some("")
            } else {
                value.as_str()
            };
            text.and_then(|v| base64::engine::general_purpose::STANDARD.decode(v).ok())
                .map(|v| Proto::Bytes(Bytes::from(v)))
        }
        Kind::Double => value.as_f64().map(Proto::F64),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => whole(value).map(Proto::I64),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => whole(value)
            .and_then(|v| i32::try_from(v).ok())
            .map(Proto::I32),
        Kind::Uint64 | Kind::Fixed64 => value.as_u64().map(Proto::U64),
        Kind::Uint32 | Kind::Fixed32 => value
            .as_u64()
            .and_then(|v| u32::try_from(v).ok())
            .map(Proto::U32),
        Kind::Float | Kind::Enum(_) => None,
    };
    converted.ok_or_else(|| wrong(field))
}

/// Whole numbers may come as `1.0`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole; out of range saturates"
)]
fn whole(value: &Value) -> Option<i64> {
    let float = || {
        value
            .as_f64()
            .filter(|v| v.fract() == 0.0)
            .map(|v| v as i64)
    };
    value.as_i64().or_else(float)
}
