//! Entries of `metadata.managedFields`: read, written, ordered. What they mean for a write is in `managers`.

use super::fields::FieldSet;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// How a manager came to own its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By create, update or any other patch.
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// One manager's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub manager: String,
    /// Apply or Update.
    pub operation: Operation,
    /// The version its field paths are spelt in.
    pub api_version: String,
    /// The subresource it wrote to, empty for the object itself.
    pub subresource: String,
    /// When it last took a field, RFC 3339.
    pub time: Option<String>,
    /// Its fields.
    pub fields: FieldSet,
}

impl Entry {
    /// Whether both are the same manager to the server. The version counts for updates alone.
    pub(super) fn is_same_manager(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let operation = match value.get("operation").and_then(Value::as_str)? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        Some(Self {
            manager: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: Some(text("time")).filter(|t| !t.is_empty()),
            fields: FieldSet::from_v1(value.get("fieldsV1").unwrap_or(&Value::Null)),
        })
    }

    fn write(&self) -> Value {
        let mut out = Map::new();
        out.insert("manager".to_owned(), json!(self.manager));
        out.insert("operation".to_owned(), json!(self.operation.name()));
        out.insert("apiVersion".to_owned(), json!(self.api_version));
        if let Some(time) = &self.time {
            out.insert("time".to_owned(), json!(time));
        }
        out.insert("fieldsType".to_owned(), json!("FieldsV1"));
        out.insert("fieldsV1".to_owned(), self.fields.to_v1());
        if !self.subresource.is_empty() {
            out.insert("subresource".to_owned(), json!(self.subresource));
        }
        Value::Object(out)
    }

    /// How messages about conflicts name it.
    pub(super) fn spell(&self) -> String {
        let mut out = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            out.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            out.push_str(&format!(" using {}", self.api_version));
        }
        out
    }

    fn order(&self, other: &Self) -> Ordering {
        (
            self.operation,
            &self.time,
            &self.manager,
            &self.api_version,
            &self.subresource,
        )
            .cmp(&(
                other.operation,
                &other.time,
                &other.manager,
                &other.api_version,
                &other.subresource,
            ))
    }
}

/// The entries of an object; those that cannot be read are left out, and of several of one manager the last counts.
pub(super) fn read(object: &Value) -> Vec<Entry> {
    let list = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let mut out: Vec<Entry> = Vec::new();
    for entry in list.into_iter().flatten().filter_map(Entry::read) {
        out.retain(|earlier| !earlier.is_same_manager(&entry));
        out.push(entry);
    }
    out
}

/// Whether the object asks for its managed fields to be forgotten: a list with one empty entry.
pub(super) fn is_reset(object: &Value) -> bool {
    match object.pointer("/metadata/managedFields") {
        Some(Value::Array(entries)) => match entries.as_slice() {
            [] => true,
            [Value::Object(entry)] => entry.is_empty(),
            _ => false,
        },
        _ => false,
    }
}

/// Puts the entries into an object, in the server's order: appliers first, then by time and name.
pub(super) fn write(object: &mut Value, mut entries: Vec<Entry>) {
    entries.sort_by(Entry::order);
    let Some(object) = object.as_object_mut() else {
        return;
    };
    let meta = object.entry("metadata").or_insert_with(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        if entries.is_empty() {
            meta.remove("managedFields");
        } else {
            meta.insert(
                "managedFields".to_owned(),
                entries.iter().map(Entry::write).collect(),
            );
        }
    }
}
