//! Rows of custom resources: `additionalPrinterColumns` of their definition (k8s.io/apiextensions-apiserver,
//! `pkg/registry/customresource/tableconvertor`).

use super::jsonpath::JsonPath;
use super::text::{name, since};
use jiff::Timestamp;
use serde_json::{Value, json};

/// One printer column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    definition: Value,
    kind: String,
    path: JsonPath,
}

impl Column {
    /// As it stands in a Table.
    pub(super) fn definition(&self) -> Value {
        self.definition.clone()
    }
}

/// The columns of a definition; without any, the age is shown.
pub(super) fn columns(printer_columns: &[Value]) -> Vec<Column> {
    if printer_columns.is_empty() {
        let mut age = super::recorded("v1/limitranges").pop().unwrap_or_default();
        if let Some(fields) = age.as_object_mut() {
            fields.insert("name".to_owned(), Value::from("Age"));
        }
        let path = JsonPath::parse(".metadata.creationTimestamp");
        return vec![Column {
            definition: age,
            kind: "date".to_owned(),
            path,
        }];
    }
    printer_columns.iter().map(column).collect()
}

fn column(given: &Value) -> Column {
    let text = |field: &str| given.get(field).and_then(Value::as_str).unwrap_or_default();
    let (kind, path) = (text("type"), text("jsonPath"));
    let description = match text("description") {
        "" => format!("Custom resource definition column (in JSONPath format): {path}"),
        own => own.to_owned(),
    };
    let definition = json!({
        "name": text("name"),
        "type": kind,
        "format": text("format"),
        "description": description,
        "priority": given.get("priority").and_then(Value::as_i64).unwrap_or(0),
    });
    Column {
        definition,
        kind: kind.to_owned(),
        path: JsonPath::parse(path),
    }
}

/// Name and one cell a column.
pub(super) fn cells(columns: &[Column], object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![name(object)];
    cells.extend(columns.iter().map(|column| {
        let found = column.path.find(object);
        found
            .first()
            .map_or(Value::Null, |value| cell(&column.kind, value, now))
    }));
    cells
}

#[expect(clippy::cast_possible_truncation, reason = "Go converts the same way")]
fn cell(kind: &str, value: &Value, now: Timestamp) -> Value {
    match (kind, value) {
        (_, Value::Null) => Value::Null,
        ("string", Value::String(_)) => value.clone(),
        ("string", other) => Value::from(other.to_string()),
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => number
                .as_f64()
                .map_or(Value::Null, |v| Value::from(v as i64)),
        },
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) => match text.parse::<Timestamp>() {
            Ok(_) => Value::from(since(text, now)),
            Err(_) => Value::from("<invalid>"),
        },
        _ => Value::Null,
    }
}
