//! The v2 document in protobuf: the messages of the gnostic project (`OpenAPIv2/OpenAPIv2.proto`), written field by field.
//! Values of any kind stand as YAML text in them.

use crate::proto::{put_bytes, put_varint};
use serde_json::Value;

/// A message under construction. Numbers are those of the `.proto` file.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn text(&mut self, field: u32, value: Option<&Value>) {
        if let Some(text) = value.and_then(Value::as_str) {
            put_bytes(&mut self.0, field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u32, value: Option<&Value>) {
        for item in value.and_then(Value::as_array).into_iter().flatten() {
            self.text(field, Some(item));
        }
    }

    fn flag(&mut self, field: u32, value: Option<&Value>) {
        if value.and_then(Value::as_bool) == Some(true) {
            put_varint(&mut self.0, u64::from(field << 3));
            put_varint(&mut self.0, 1);
        }
    }

    fn whole(&mut self, field: u32, value: Option<&Value>) {
        if let Some(number) = value.and_then(Value::as_u64).filter(|n| *n != 0) {
            put_varint(&mut self.0, u64::from(field << 3));
            put_varint(&mut self.0, number);
        }
    }

    fn double(&mut self, field: u32, value: Option<&Value>) {
        if let Some(number) = value.and_then(Value::as_f64).filter(|n| *n != 0.0) {
            put_varint(&mut self.0, u64::from(field << 3 | 1));
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn message(&mut self, field: u32, inner: &Self) {
        put_bytes(&mut self.0, field, &inner.0);
    }

    fn with(field: u32, inner: &Self) -> Self {
        let mut outer = Self::default();
        outer.message(field, inner);
        outer
    }

    /// Pairs of a name and a message.
    fn named(&mut self, field: u32, entries: Option<&Value>, write: fn(&Value) -> Self) {
        for (name, value) in entries.and_then(Value::as_object).into_iter().flatten() {
            let mut pair = Self::default();
            put_bytes(&mut pair.0, 1, name.as_bytes());
            pair.message(2, &write(value));
            self.message(field, &pair);
        }
    }

    /// Extensions: fields whose names start with `x-`.
    fn extensions(&mut self, field: u32, object: &Value) {
        for (name, value) in object.as_object().into_iter().flatten() {
            if name.starts_with("x-") {
                let mut pair = Self::default();
                put_bytes(&mut pair.0, 1, name.as_bytes());
                pair.message(2, &any(value));
                self.message(field, &pair);
            }
        }
    }
}

/// A document, or the part of one that holds paths and definitions alone.
pub(super) fn document(value: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, value.get("swagger"));
    if let Some(info) = value.get("info") {
        let mut message = Message::default();
        message.text(1, info.get("title"));
        message.text(2, info.get("version"));
        out.message(2, &message);
    }
    let mut paths = Message::default();
    paths.named(2, value.get("paths"), path_item);
    out.message(8, &paths);
    let mut definitions = Message::default();
    definitions.named(1, value.get("definitions"), schema);
    out.message(9, &definitions);
    if value.get("parameters").is_some() {
        let mut shared = Message::default();
        shared.named(1, value.get("parameters"), parameter);
        out.message(10, &shared);
    }
    for requirement in value
        .get("security")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let mut message = Message::default();
        message.named(1, Some(requirement), |scopes| {
            let mut list = Message::default();
            list.texts(1, Some(scopes));
            list
        });
        out.message(12, &message);
    }
    if value.get("securityDefinitions").is_some() {
        let mut message = Message::default();
        message.named(1, value.get("securityDefinitions"), |definition| {
            let mut key = Message::default();
            key.text(1, definition.get("type"));
            key.text(2, definition.get("name"));
            key.text(3, definition.get("in"));
            key.text(4, definition.get("description"));
            Message::with(2, &key)
        });
        out.message(13, &message);
    }
    out.0
}

fn path_item(value: &Value) -> Message {
    let mut out = Message::default();
    let verbs = [
        (2, "get"),
        (3, "put"),
        (4, "post"),
        (5, "delete"),
        (6, "options"),
        (7, "head"),
        (8, "patch"),
    ];
    for (field, verb) in verbs {
        if let Some(given) = value.get(verb) {
            out.message(field, &operation(given));
        }
    }
    parameters(&mut out, 9, value);
    out.extensions(10, value);
    out
}

fn parameters(out: &mut Message, field: u32, value: &Value) {
    for given in value
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let item = if given.get("$ref").is_some() {
            let mut reference = Message::default();
            reference.text(1, given.get("$ref"));
            Message::with(2, &reference)
        } else {
            Message::with(1, &parameter(given))
        };
        out.message(field, &item);
    }
}

fn operation(value: &Value) -> Message {
    let mut out = Message::default();
    out.texts(1, value.get("tags"));
    out.text(2, value.get("summary"));
    out.text(3, value.get("description"));
    out.text(5, value.get("operationId"));
    out.texts(6, value.get("produces"));
    out.texts(7, value.get("consumes"));
    parameters(&mut out, 8, value);
    let mut responses = Message::default();
    responses.named(1, value.get("responses"), |given| {
        let mut response = Message::default();
        response.text(1, given.get("description"));
        if let Some(given) = given.get("schema") {
            response.message(2, &Message::with(1, &schema(given)));
        }
        Message::with(1, &response)
    });
    out.message(9, &responses);
    out.texts(10, value.get("schemes"));
    out.flag(11, value.get("deprecated"));
    out.extensions(13, value);
    out
}

fn parameter(value: &Value) -> Message {
    let place = value.get("in").and_then(Value::as_str).unwrap_or_default();
    let mut out = Message::default();
    if place == "body" {
        out.text(1, value.get("description"));
        out.text(2, value.get("name"));
        out.text(3, value.get("in"));
        out.flag(4, value.get("required"));
        if let Some(given) = value.get("schema") {
            out.message(5, &schema(given));
        }
        return Message::with(1, &out);
    }
    out.flag(1, value.get("required"));
    out.text(2, value.get("in"));
    out.text(3, value.get("description"));
    out.text(4, value.get("name"));
    // The query's message has one field (allowEmptyValue) more than the path's, so that all later numbers differ.
    let (choice, shift) = if place == "path" { (4, 0) } else { (3, 1) };
    out.text(5 + shift, value.get("type"));
    out.text(6 + shift, value.get("format"));
    out.flag(19 + shift, value.get("uniqueItems"));
    Message::with(2, &Message::with(choice, &out))
}

fn schema(value: &Value) -> Message {
    let mut out = Message::default();
    let get = |name: &str| value.get(name);
    out.text(1, get("$ref"));
    out.text(2, get("format"));
    out.text(3, get("title"));
    out.text(4, get("description"));
    if let Some(default) = get("default") {
        out.message(5, &any(default));
    }
    out.double(6, get("multipleOf"));
    out.double(7, get("maximum"));
    out.flag(8, get("exclusiveMaximum"));
    out.double(9, get("minimum"));
    out.flag(10, get("exclusiveMinimum"));
    out.whole(11, get("maxLength"));
    out.whole(12, get("minLength"));
    out.text(13, get("pattern"));
    out.whole(14, get("maxItems"));
    out.whole(15, get("minItems"));
    out.flag(16, get("uniqueItems"));
    out.whole(17, get("maxProperties"));
    out.whole(18, get("minProperties"));
    out.texts(19, get("required"));
    for allowed in get("enum").and_then(Value::as_array).into_iter().flatten() {
        out.message(20, &any(allowed));
    }
    match get("additionalProperties") {
        Some(Value::Bool(allowed)) => {
            let mut item = Message::default();
            item.flag(2, Some(&Value::Bool(*allowed)));
            out.message(21, &item);
        }
        Some(given) => out.message(21, &Message::with(1, &schema(given))),
        None => {}
    }
    if get("type").is_some() {
        let mut item = Message::default();
        item.text(1, get("type"));
        out.message(22, &item);
    }
    if let Some(given) = get("items") {
        out.message(23, &Message::with(1, &schema(given)));
    }
    for part in get("allOf").and_then(Value::as_array).into_iter().flatten() {
        out.message(24, &schema(part));
    }
    if get("properties").is_some() {
        let mut properties = Message::default();
        properties.named(1, get("properties"), schema);
        out.message(25, &properties);
    }
    out.extensions(31, value);
    out
}

fn any(value: &Value) -> Message {
    let mut text = String::new();
    yaml(&mut text, value, 0, false);
    let mut out = Message::default();
    put_bytes(&mut out.0, 2, text.as_bytes());
    out
}

/// Block YAML, as gnostic writes it. `inline`: the first line follows a dash or a key.
fn yaml(out: &mut String, value: &Value, indent: usize, inline: bool) {
    let pad = |out: &mut String, first: bool| {
        if !(first && inline) {
            out.push_str(&" ".repeat(indent));
        }
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (position, (key, inner)) in fields.iter().enumerate() {
                pad(out, position == 0);
                out.push_str(&plain(key));
                out.push(':');
                let nested = matches!(inner, Value::Object(f) if !f.is_empty())
                    || matches!(inner, Value::Array(i) if !i.is_empty());
                out.push(if nested { '\n' } else { ' ' });
                let deeper = if inner.is_object() {
                    indent + 2
                } else {
                    indent
                };
                yaml(out, inner, if nested { deeper } else { 0 }, !nested);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                pad(out, position == 0);
                out.push_str("- ");
                yaml(out, item, indent + 2, true);
            }
        }
        Value::String(text) => {
            pad(out, true);
            out.push_str(&plain(text));
            out.push('\n');
        }
        other => {
            pad(out, true);
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

/// A text as YAML: bare if that cannot be misread, else quoted.
fn plain(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " -_./=<>|()+,".contains(c))
        && !text.ends_with(' ')
        && !matches!(
            text,
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if bare {
        text.to_owned()
    } else if text.is_empty() {
        "\"\"".to_owned()
    } else if text.chars().any(char::is_control) {
        Value::from(text).to_string()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}
