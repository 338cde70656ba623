//! Every recorded protobuf body against the JSON recorded beside it.

use super::{decode, encode, encode_watch_event};
use crate::recorded;
use base64::Engine;
use serde_json::Value;

/// Recorded protobuf bodies with the JSON beside them.
fn bodies() -> Vec<(String, Vec<u8>, Value)> {
    let mut found = Vec::new();
    for command in recorded::commands() {
        for (index, request) in command["requests"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            for field in ["requestBody", "body"] {
                let name = format!("command {} request {index} {field}", command["n"]);
                let bytes = if let Some(text) = request[format!("{field}Protobuf")].as_str() {
                    base64::engine::general_purpose::STANDARD
                        .decode(text)
                        .unwrap()
                } else if let Some(file) = request[format!("{field}ProtobufFile")]["file"].as_str()
                    && !request["path"].as_str().unwrap().starts_with("/openapi")
                {
                    recorded::file(file)
                } else {
                    continue;
                };
                if field == "body" && request["events"].is_array() {
                    continue;
                }
                let json = request.get(field).cloned().unwrap_or_else(|| {
                    let file = request[format!("{field}File")]["file"].as_str().unwrap();
                    serde_json::from_slice(&recorded::file(file)).unwrap()
                });
                found.push((name, bytes, json));
            }
        }
    }
    found
}

/// `null` times are left out of the JSON by newer servers.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, v| !v.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_recorded_body_decodes_to_the_json_beside_it_and_survives_encoding() {
    let bodies = bodies();
    assert!(bodies.len() >= 340, "{}", bodies.len());
    let mut same_bytes = 0;
    for (name, bytes, mut expected) in bodies {
        let mut decoded = decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let encoded = encode(&decoded).unwrap_or_else(|e| panic!("{name}: {e}"));
        let again = decode(&encoded).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(again, decoded, "{name}: encoded again");
        same_bytes += usize::from(encoded == bytes);
        without_nulls(&mut decoded);
        without_nulls(&mut expected);
        let (decoded, expected) = (recorded::lines(&decoded), recorded::lines(&expected));
        let difference = expected.iter().zip(&decoded).find(|(a, b)| a != b);
        assert!(decoded == expected, "{name}: {difference:?}");
    }
    assert!(same_bytes > 0);
}

#[test]
fn watch_events_are_framed_by_length() {
    let object =
        serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}});
    let frame = encode_watch_event("ADDED", &object).unwrap();
    let (length, event) = frame.split_at(4);
    assert_eq!(
        u32::from_be_bytes(length.try_into().unwrap()) as usize,
        event.len()
    );
    assert!(event.windows(4).any(|w| w == b"k8s\0"));
}

#[test]
fn custom_resources_have_no_message() {
    let error = encode(&serde_json::json!({"apiVersion": "shop.example/v1", "kind": "Widget"}));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("shop.example/v1, Kind=Widget")
    );
}
