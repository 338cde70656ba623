//! Protobuf bodies to JSON and back, by the descriptors of the published `.proto` files. Pure: bytes and values in, values
//! and bytes out; knows no kind by name beyond the few messages with a JSON form of their own.
//!
//! The envelope is described in Kubernetes' API concepts ("Kubernetes Protobuf encoding"): four magic bytes, then a
//! `runtime.Unknown` that names the kind and holds the message.

mod descriptors;
mod from_json;
mod special;
mod to_json;

#[cfg(test)]
mod tests;

use descriptors::Descriptors;
use prost_reflect::DynamicMessage;
use prost_reflect::prost::Message;
use serde_json::Value;

/// First bytes of every protobuf body.
const MAGIC: &[u8] = b"k8s\0";

/// Why a body could not be read or written as protobuf.
#[derive(Debug, thiserror::Error)]
pub enum ProtoError {
    /// The envelope is missing.
    #[error(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )]
    Prefix,
    /// There is no message for the kind: custom resources have none, their clients must use JSON.
    #[error(
        "object {api_version}, Kind={kind} has no protobuf message: send and accept application/json for it"
    )]
    UnknownKind {
        /// `apiVersion` of the object.
        api_version: String,
        /// `kind` of the object.
        kind: String,
    },
    /// The bytes do not fit the message.
    #[error("decoding protobuf message {message}: {source}")]
    Decode {
        /// Full name of the message.
        message: String,
        /// What the decoder said.
        source: prost_reflect::prost::DecodeError,
    },
    /// The JSON does not fit the message.
    #[error("encoding field {field} of protobuf message {message}: the value has another type")]
    WrongType {
        /// Full name of the message.
        message: String,
        /// Field whose value does not fit.
        field: String,
    },
    /// A raw field holds bytes that are not JSON.
    #[error("decoding protobuf message {message}: its raw field is not JSON: {source}")]
    RawNotJson {
        /// Full name of the message.
        message: String,
        /// What the JSON parser said.
        source: serde_json::Error,
    },
}

/// The object in a protobuf body, with its `kind` and `apiVersion`.
pub fn decode(body: &[u8]) -> Result<Value, ProtoError> {
    let unknown = body.strip_prefix(MAGIC).ok_or(ProtoError::Prefix)?;
    let descriptors = Descriptors::get();
    let unknown = decode_message(descriptors.unknown(), unknown)?;
    let type_meta = unknown.get_field_by_name("typeMeta");
    let type_meta = type_meta.as_ref().and_then(|v| v.as_message());
    let text = |name: &str| {
        let value = type_meta.and_then(|m| m.get_field_by_name(name));
        value
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let descriptor =
        descriptors
            .message_of(&api_version, &kind)
            .ok_or_else(|| ProtoError::UnknownKind {
                api_version: api_version.clone(),
                kind: kind.clone(),
            })?;
    let raw = unknown.get_field_by_name("raw");
    let raw = raw
        .as_ref()
        .and_then(|v| v.as_bytes())
        .cloned()
        .unwrap_or_default();
    let message = decode_message(descriptor, &raw)?;
    let mut object = to_json::message(descriptors, &message)?;
    if let Value::Object(fields) = &mut object {
        fields.insert("kind".to_owned(), Value::String(kind));
        fields.insert("apiVersion".to_owned(), Value::String(api_version));
    }
    Ok(object)
}

/// Whether objects of this kind can be written as protobuf; custom resources cannot.
pub fn has_message(api_version: &str, kind: &str) -> bool {
    Descriptors::get().message_of(api_version, kind).is_some()
}

/// An object as a protobuf body. The kind is taken from the object.
pub fn encode(object: &Value) -> Result<Vec<u8>, ProtoError> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let descriptors = Descriptors::get();
    let descriptor =
        descriptors
            .message_of(api_version, kind)
            .ok_or_else(|| ProtoError::UnknownKind {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
            })?;
    let message = from_json::message(descriptors, &descriptor, object)?;
    Ok(envelope(api_version, kind, &message.encode_to_vec()))
}

/// One frame of a protobuf watch: four bytes of length, then a WatchEvent that holds the whole body of the object.
pub fn encode_watch_event(event_type: &str, object: &Value) -> Result<Vec<u8>, ProtoError> {
    let body = encode(object)?;
    let mut raw_extension = Vec::with_capacity(body.len() + 8);
    put_bytes(&mut raw_extension, 1, &body);
    let mut event = Vec::with_capacity(raw_extension.len() + 32);
    put_bytes(&mut event, 1, event_type.as_bytes());
    put_bytes(&mut event, 2, &raw_extension);
    let length = u32::try_from(event.len()).unwrap_or(u32::MAX);
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(&event);
    Ok(frame)
}

fn decode_message(
    descriptor: prost_reflect::MessageDescriptor,
    bytes: &[u8],
) -> Result<DynamicMessage, ProtoError> {
    let name = descriptor.full_name().to_owned();
    DynamicMessage::decode(descriptor, bytes).map_err(|source| ProtoError::Decode {
        message: name,
        source,
    })
}

/// The envelope is so small that it is written by hand; Kubernetes always writes the two empty strings at its end.
fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut type_meta = Vec::with_capacity(64);
    put_bytes(&mut type_meta, 1, api_version.as_bytes());
    put_bytes(&mut type_meta, 2, kind.as_bytes());
    let mut body = Vec::with_capacity(raw.len() + 128);
    body.extend_from_slice(MAGIC);
    put_bytes(&mut body, 1, &type_meta);
    put_bytes(&mut body, 2, raw);
    put_bytes(&mut body, 3, &[]);
    put_bytes(&mut body, 4, &[]);
    body
}

/// A length-delimited field with its key.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_varint(out, u64::from(field << 3 | 2));
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A base-128 varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    prost_reflect::prost::encoding::encode_varint(value, out);
}
