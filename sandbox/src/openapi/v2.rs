//! The v2 document with custom resources, as JSON and as protobuf.

use super::{Document, custom, documents, gnostic};
use crate::discovery::digest_text;
use crate::registry::ResourceInfo;
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};

const PREFIX: &str = "#/definitions/";

/// The document as JSON.
pub fn v2_json(resources: &[Arc<ResourceInfo>]) -> Document {
    let Some(additions) = additions(resources) else {
        return documents::v2().clone();
    };
    let mut document = documents::v2_value().clone();
    for part in ["paths", "definitions"] {
        let target = document.get_mut(part).and_then(Value::as_object_mut);
        let added = additions.get(part).and_then(Value::as_object);
        if let (Some(target), Some(added)) = (target, added) {
            target.extend(added.clone());
        }
    }
    Document {
        hash: hash(&additions),
        ..Document::of(&document)
    }
}

/// The document as protobuf (the messages of the gnostic project). Its ETag is that of the JSON.
pub fn v2_protobuf(resources: &[Arc<ResourceInfo>]) -> Document {
    static BUILT_IN: LazyLock<Arc<[u8]>> =
        LazyLock::new(|| gnostic::document(documents::v2_value()).into());
    match additions(resources) {
        None => Document {
            body: BUILT_IN.clone(),
            hash: documents::v2().hash.clone(),
        },
        // Messages that follow each other in protobuf are merged by whoever reads them.
        Some(additions) => {
            let mut body = BUILT_IN.to_vec();
            body.extend(gnostic::document(&additions));
            Document {
                body: body.into(),
                hash: hash(&additions),
            }
        }
    }
}

fn hash(additions: &Value) -> String {
    digest_text(format!("{}{additions}", documents::v2().hash).as_bytes())
}

/// Paths and definitions of custom resources.
fn additions(resources: &[Arc<ResourceInfo>]) -> Option<Value> {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for info in resources.iter().filter(|r| r.custom.is_some()) {
        let mut own = Map::new();
        custom::add_paths(&mut own, info);
        paths.extend(own.into_iter().map(|(path, item)| (path, path_item(&item))));
        let name = custom::schema_name(info, &info.kind);
        definitions.insert(name, custom::object_schema(info, PREFIX, false));
        let name = custom::schema_name(info, &info.list_kind);
        definitions.insert(name, custom::list_schema(info, PREFIX, false));
    }
    (!definitions.is_empty()).then(|| json!({"paths": paths, "definitions": definitions}))
}

fn path_item(item: &Value) -> Value {
    let mut out = Map::new();
    for (verb, value) in item.as_object().into_iter().flatten() {
        let value = match verb.as_str() {
            "parameters" => Value::Array(parameters(value)),
            _ => operation(value),
        };
        out.insert(verb.clone(), value);
    }
    Value::Object(out)
}

fn parameters(list: &Value) -> Vec<Value> {
    let flatten = |parameter: &Value| {
        let mut flat = parameter.as_object().cloned().unwrap_or_default();
        if let Some(Value::Object(schema)) = flat.remove("schema") {
            flat.extend(schema);
        }
        Value::Object(flat)
    };
    list.as_array().into_iter().flatten().map(flatten).collect()
}

/// A v3 operation as v2 has it.
fn operation(given: &Value) -> Value {
    let mut out = given.as_object().cloned().unwrap_or_default();
    let request = out.remove("requestBody");
    let content = request
        .as_ref()
        .and_then(|r| r.get("content"))
        .and_then(Value::as_object);
    let consumes: Vec<&String> = content.into_iter().flat_map(|c| c.keys()).collect();
    let patch = consumes.iter().any(|t| t.contains("patch"));
    let consumes = if patch {
        json!(consumes)
    } else {
        json!(["application/json", "application/yaml"])
    };
    let mut list = Vec::new();
    if let Some(content) = content.and_then(|c| c.values().next()) {
        let mut body = Map::new();
        body.insert("name".to_owned(), json!("body"));
        body.insert("in".to_owned(), json!("body"));
        if request.as_ref().and_then(|r| r.get("required")).is_some() {
            body.insert("required".to_owned(), json!(true));
        }
        body.insert("schema".to_owned(), renamed(content.get("schema")));
        list.push(Value::Object(body));
    }
    list.extend(parameters(out.get("parameters").unwrap_or(&Value::Null)));
    let mut responses = Map::new();
    for (code, answer) in given
        .get("responses")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let mut plain = Map::new();
        plain.insert(
            "description".to_owned(),
            answer.get("description").cloned().unwrap_or_default(),
        );
        let content = answer.get("content").and_then(Value::as_object);
        if let Some(content) = content.and_then(|c| c.values().next()) {
            plain.insert("schema".to_owned(), renamed(content.get("schema")));
        }
        responses.insert(code.clone(), Value::Object(plain));
    }
    out.insert("parameters".to_owned(), Value::Array(list));
    out.insert("responses".to_owned(), Value::Object(responses));
    out.insert("consumes".to_owned(), consumes);
    out.insert(
        "produces".to_owned(),
        json!(["application/json", "application/yaml"]),
    );
    out.insert("schemes".to_owned(), json!(["https"]));
    Value::Object(out)
}

fn renamed(reference: Option<&Value>) -> Value {
    let target = reference
        .and_then(|r| r.get("$ref"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    json!({"$ref": target.replace("#/components/schemas/", PREFIX)})
}

/// v2 knows less than v3 (`apiextensions-apiserver/pkg/controller/openapi/v2`): no defaults, no alternatives, no nullable;
/// what may have several types has none.
pub(super) fn restrict(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    let holds = |name: &str| fields.get(name) == Some(&Value::Bool(true));
    let several = holds("x-kubernetes-int-or-string") || holds("nullable");
    let unknown = holds("x-kubernetes-preserve-unknown-fields");
    for name in ["default", "allOf", "anyOf", "oneOf", "not", "nullable"] {
        fields.remove(name);
    }
    if several || unknown {
        for name in ["type", "items", "properties", "additionalProperties"] {
            fields.remove(name);
        }
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(restrict);
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(name) {
            restrict(inner);
        }
    }
}
