//! A v3 document for a group version that was not recorded in v3, from the v2 document: paths and the definitions they
//! lead to (`kube-openapi/pkg/openapiconv`).

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Parameters that belong into a schema of their own.
const SCHEMA_FIELDS: [&str; 4] = ["type", "format", "uniqueItems", "items"];

/// The document of one entry of the index.
pub(super) fn document(v2: &Value, path: &str) -> Value {
    let prefix = format!("/{path}");
    let versioned = path.matches('/').count() + usize::from(path.starts_with("api/")) >= 2;
    let mut paths = Map::new();
    for (name, item) in v2
        .get("paths")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let own = if versioned {
            name.starts_with(&format!("{prefix}/"))
        } else {
            name.trim_end_matches('/') == prefix
        };
        if own {
            paths.insert(name.clone(), path_item(v2, item));
        }
    }
    let paths = Value::Object(paths);
    let mut names = BTreeSet::new();
    references(&paths, &mut names);
    let mut schemas = Map::new();
    let mut open: Vec<String> = names.into_iter().collect();
    while let Some(name) = open.pop() {
        let Some(definition) = v2.get("definitions").and_then(|d| d.get(&name)) else {
            continue;
        };
        let schema = schema(definition);
        let mut found = BTreeSet::new();
        references(&schema, &mut found);
        schemas.insert(name, schema);
        open.extend(found.into_iter().filter(|n| !schemas.contains_key(n)));
    }
    let security = v2.get("securityDefinitions").cloned().unwrap_or_default();
    json!({
        "openapi": "3.0.0",
        "info": v2.get("info"),
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": security},
    })
}

const REFERENCE: &str = "#/components/schemas/";

/// Names of all schemas a value refers to.
pub(super) fn references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                match inner.as_str().and_then(|t| t.strip_prefix(REFERENCE)) {
                    Some(name) if key == "$ref" => {
                        names.insert(name.to_owned());
                    }
                    _ => references(inner, names),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A v2 schema as v3 has it: a reference that has neighbours stands in `allOf`.
fn schema(given: &Value) -> Value {
    match given {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                if key == "$ref" {
                    let name = value.as_str().unwrap_or_default();
                    let name = name.trim_start_matches("#/definitions/");
                    let reference = json!({"$ref": format!("{REFERENCE}{name}")});
                    if fields.len() == 1 {
                        return reference;
                    }
                    out.insert("allOf".to_owned(), json!([reference]));
                } else {
                    out.insert(key.clone(), schema(value));
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(items.iter().map(schema).collect()),
        other => other.clone(),
    }
}

fn path_item(v2: &Value, item: &Value) -> Value {
    let mut out = Map::new();
    for (verb, value) in item.as_object().into_iter().flatten() {
        if verb == "parameters" {
            let (parameters, _) = parameters(v2, Some(value));
            out.insert(verb.clone(), Value::Array(parameters));
        } else {
            out.insert(verb.clone(), operation(v2, value));
        }
    }
    Value::Object(out)
}

fn operation(v2: &Value, given: &Value) -> Value {
    let mut out = Map::new();
    for (key, value) in given.as_object().into_iter().flatten() {
        if !matches!(
            key.as_str(),
            "consumes" | "produces" | "schemes" | "parameters" | "responses"
        ) {
            out.insert(key.clone(), value.clone());
        }
    }
    let media = |list: &str| -> Vec<String> {
        let listed = given
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        listed
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let (consumes, produces) = (media("consumes"), media("produces"));
    let (parameters, body) = parameters(v2, given.get("parameters"));
    if !parameters.is_empty() {
        out.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if let Some(body) = body {
        let mut request = Map::new();
        let schema = schema(body.get("schema").unwrap_or(&Value::Null));
        request.insert("content".to_owned(), content(&consumes, &schema));
        if let Some(required) = body.get("required") {
            request.insert("required".to_owned(), required.clone());
        }
        out.insert("requestBody".to_owned(), Value::Object(request));
    }
    let mut responses = Map::new();
    for (code, response) in given
        .get("responses")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let mut answer = Map::new();
        answer.insert(
            "description".to_owned(),
            response.get("description").cloned().unwrap_or_default(),
        );
        if let Some(given) = response.get("schema") {
            answer.insert("content".to_owned(), content(&produces, &schema(given)));
        }
        responses.insert(code.clone(), Value::Object(answer));
    }
    out.insert("responses".to_owned(), Value::Object(responses));
    Value::Object(out)
}

fn content(types: &[String], schema: &Value) -> Value {
    let types = types.iter().map(|t| (t.clone(), json!({"schema": schema})));
    Value::Object(types.collect())
}

/// Parameters with their schema apart, and the body's parameter.
fn parameters<'a>(v2: &'a Value, given: Option<&'a Value>) -> (Vec<Value>, Option<&'a Value>) {
    let mut body = None;
    let mut out = Vec::new();
    for parameter in given.and_then(Value::as_array).into_iter().flatten() {
        let shared = parameter.get("$ref").and_then(Value::as_str);
        let shared =
            shared.and_then(|r| v2.get("parameters")?.get(r.strip_prefix("#/parameters/")?));
        let parameter = shared.unwrap_or(parameter);
        if parameter.get("in").and_then(Value::as_str) == Some("body") {
            body = Some(parameter);
            continue;
        }
        let (mut outer, mut inner) = (Map::new(), Map::new());
        for (key, value) in parameter.as_object().into_iter().flatten() {
            let target = if SCHEMA_FIELDS.contains(&key.as_str()) {
                &mut inner
            } else {
                &mut outer
            };
            target.insert(key.clone(), value.clone());
        }
        outer.insert("schema".to_owned(), Value::Object(inner));
        out.push(Value::Object(outer));
    }
    (out, body)
}
