//! The Table answers (`as=Table;v=v1;g=meta.k8s.io`) and PartialObjectMetadata. Pure: objects and the time in, values out.
//! Column definitions come from a recording of a 1.34 server, cells from one function a kind (`cells`), custom resources
//! from their `additionalPrinterColumns` (`custom`).

mod access;
mod cells;
mod cluster;
mod config;
mod custom;
mod jsonpath;
mod network;
mod partial;
mod pods;
mod policy;
mod storage;
mod text;
mod workloads;

#[cfg(test)]
mod tests;

pub use partial::{partial_object_metadata, partial_object_metadata_list};

use crate::object::Gvr;
use crate::registry::ResourceInfo;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, LazyLock};

static DATA: &[u8] = include_bytes!("../../data/table-columns.json.gz");

static COLUMNS: LazyLock<BTreeMap<String, Vec<Value>>> = LazyLock::new(load);

#[expect(
    clippy::expect_used,
    reason = "the data is compiled in and read by the tests"
)]
fn load() -> BTreeMap<String, Vec<Value>> {
    let mut text = Vec::new();
    GzDecoder::new(DATA)
        .read_to_end(&mut text)
        .expect("column data unpacks");
    serde_json::from_slice(&text).expect("column data is JSON")
}

/// The query parameter `includeObject` of Table requests: what a row carries of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata, as PartialObjectMetadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// From the parameter's value; absent means `Metadata`, an unknown one is nothing.
    pub fn parse(value: Option<&str>) -> Option<Self> {
        match value.unwrap_or_default() {
            "" | "Metadata" => Some(Self::Metadata),
            "None" => Some(Self::None),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

/// How the rows of one kind are printed.
#[derive(Debug, Clone)]
pub struct Printer {
    columns: Vec<Value>,
    cells: Cells,
    /// Flow schemas are shown in the order in which they match.
    by_precedence: bool,
}

#[derive(Debug, Clone)]
enum Cells {
    BuiltIn(fn(&Value, Timestamp) -> Vec<Value>),
    Custom(Vec<custom::Column>),
    /// Name and creation time, as kinds without a printer have them.
    Plain,
}

impl Printer {
    fn new(columns: Vec<Value>, cells: Cells) -> Self {
        Self {
            columns,
            cells,
            by_precedence: false,
        }
    }

    /// The printer of a resource.
    pub fn of(info: &ResourceInfo) -> Self {
        match &info.custom {
            Some(custom) => Self::custom(&custom.printer_columns),
            None => Self::built_in(&info.gvr()),
        }
    }

    /// The printer of a subresource. All but `scale` show the object of their resource.
    pub fn of_subresource(info: &ResourceInfo, subresource: &str) -> Self {
        if subresource == "scale" {
            return Self::new(recorded("scale"), Cells::BuiltIn(text::scale));
        }
        Self::of(info)
    }

    /// The printer of a built-in resource; unknown ones get name and creation time.
    pub fn built_in(gvr: &Gvr) -> Self {
        let columns = recorded(&format!("{}/{}", gvr.api_version(), gvr.resource));
        match cells::of(&gvr.group, &gvr.resource) {
            Some(cells) if !columns.is_empty() => Self {
                by_precedence: gvr.resource == "flowschemas",
                ..Self::new(columns, Cells::BuiltIn(cells))
            },
            _ => Self::new(recorded("v1/limitranges"), Cells::Plain),
        }
    }

    /// The printer of a custom resource, from `additionalPrinterColumns`.
    pub fn custom(printer_columns: &[Value]) -> Self {
        let columns = custom::columns(printer_columns);
        let mut definitions: Vec<Value> = recorded("v1/pods").into_iter().take(1).collect();
        definitions.extend(columns.iter().map(custom::Column::definition));
        Self::new(definitions, Cells::Custom(columns))
    }

    /// A Table of objects. `metadata` is the list's (`resourceVersion`, `continue`, …). Column definitions are left out of
    /// all but the first event of a watch (`with_columns`), where they are `null`.
    pub fn render(
        &self,
        objects: &[Arc<Value>],
        metadata: &Value,
        include: IncludeObject,
        now: Timestamp,
        with_columns: bool,
    ) -> Value {
        let mut objects: Vec<&Arc<Value>> = objects.iter().collect();
        if self.by_precedence {
            objects.sort_by_key(|o| text::number(o, "/spec/matchingPrecedence"));
        }
        let rows: Vec<Value> = objects.iter().map(|o| self.row(o, include, now)).collect();
        // Kinds without a printer of their own answer `null` when there is nothing.
        let nothing = rows.is_empty() && matches!(self.cells, Cells::Plain);
        let rows = if nothing {
            Value::Null
        } else {
            Value::Array(rows)
        };
        let columns = with_columns.then(|| self.columns.clone());
        json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": columns,
            "rows": rows,
        })
    }

    /// The Table of one object, whose metadata holds the object's resourceVersion.
    pub fn render_one(
        &self,
        object: &Arc<Value>,
        include: IncludeObject,
        now: Timestamp,
        with_columns: bool,
    ) -> Value {
        let version = object.pointer("/metadata/resourceVersion").cloned();
        let metadata = version.map_or_else(|| json!({}), |v| json!({"resourceVersion": v}));
        self.render(
            std::slice::from_ref(object),
            &metadata,
            include,
            now,
            with_columns,
        )
    }

    fn row(&self, object: &Value, include: IncludeObject, now: Timestamp) -> Value {
        let cells = match &self.cells {
            Cells::BuiltIn(cells) => cells(object, now),
            Cells::Custom(columns) => custom::cells(columns, object, now),
            Cells::Plain => text::plain(object, now),
        };
        let mut row = Map::new();
        row.insert("cells".to_owned(), Value::Array(cells));
        if let Some(conditions) = pods::row_conditions(object) {
            row.insert("conditions".to_owned(), conditions);
        }
        let shown = match include {
            IncludeObject::None => Value::Null,
            IncludeObject::Metadata => partial_object_metadata(object),
            IncludeObject::Object => object.clone(),
        };
        row.insert("object".to_owned(), shown);
        Value::Object(row)
    }
}

/// Recorded column definitions.
fn recorded(key: &str) -> Vec<Value> {
    COLUMNS.get(key).cloned().unwrap_or_default()
}
