//! The forms an object or a list can be shown in: as it is, as a Table, as metadata alone.

use super::media::Form;
use crate::cluster::{Listed, WatchEvent};
use crate::object::Object;
use crate::registry::ResourceInfo;
use crate::status::Status;
use crate::table::{self, IncludeObject, Printer};
use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How objects of one resource are shaped.
#[derive(Debug, Clone)]
pub(super) struct Shaping {
    info: Arc<ResourceInfo>,
    printer: Option<Printer>,
    include: IncludeObject,
}

impl Shaping {
    /// `include` is the query's `includeObject`.
    pub(super) fn new(
        info: Arc<ResourceInfo>,
        subresource: &str,
        form: Form,
        include: Option<&str>,
    ) -> Result<Self, Status> {
        let known = IncludeObject::parse(include);
        let include = known.ok_or_else(|| {
            let value = include.unwrap_or_default();
            Status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: \"{value}\": must be 'Metadata', 'Object', 'None', or empty"
            ))
        })?;
        let printer = (form == Form::Table).then(|| Printer::of_subresource(&info, subresource));
        Ok(Self {
            info,
            printer,
            include,
        })
    }

    /// One object in a form.
    pub(super) fn object(&self, object: &Object, form: Form) -> Value {
        match (&self.printer, form) {
            (Some(printer), Form::Table) => {
                printer.render_one(object, self.include, Timestamp::now(), true)
            }
            (_, Form::Metadata) => table::partial_object_metadata(object),
            _ => Value::clone(object),
        }
    }

    /// A list in a form.
    pub(super) fn list(&self, listed: &Listed, form: Form) -> Value {
        let metadata = list_metadata(listed);
        match (&self.printer, form) {
            (Some(printer), Form::Table) => printer.render(
                &listed.items,
                &metadata,
                self.include,
                Timestamp::now(),
                true,
            ),
            (_, Form::Metadata) => table::partial_object_metadata_list(&listed.items, &metadata),
            _ => {
                let plain = PlainList {
                    info: &self.info,
                    listed,
                };
                serde_json::to_value(&plain).unwrap_or_default()
            }
        }
    }

    /// The object of a watch event in a form.
    pub(super) fn event_object(&self, event: &WatchEvent, form: Form, first: bool) -> Value {
        match (&self.printer, form) {
            (Some(printer), Form::Table) => {
                printer.render_one(&event.object, self.include, Timestamp::now(), first)
            }
            _ => self.object(&event.object, form),
        }
    }
}

pub(super) fn list_metadata(listed: &Listed) -> Value {
    let mut map = Map::new();
    map.insert(
        "resourceVersion".into(),
        listed.resource_version.to_string().into(),
    );
    if let Some(token) = &listed.continue_token {
        map.insert("continue".into(), token.clone().into());
    }
    if let Some(remaining) = listed.remaining {
        map.insert("remainingItemCount".into(), json!(remaining));
    }
    Value::Object(map)
}

/// A list as it is written without copying its items. Items of built-in kinds come without `kind` and `apiVersion`, those
/// of custom ones with them.
pub(super) struct PlainList<'a> {
    pub(super) info: &'a ResourceInfo,
    pub(super) listed: &'a Listed,
}

struct Items<'a>(&'a [Object], bool);

struct Bare<'a>(&'a Value);

impl Serialize for PlainList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("kind", &self.info.list_kind)?;
        map.serialize_entry("apiVersion", &self.info.api_version())?;
        let mut metadata = list_metadata(self.listed);
        // Lists of custom resources say that there is nothing more, others leave it out.
        if let (true, Some(fields)) = (self.info.custom.is_some(), metadata.as_object_mut()) {
            fields.entry("continue").or_insert_with(|| Value::from(""));
        }
        map.serialize_entry("metadata", &metadata)?;
        map.serialize_entry(
            "items",
            &Items(&self.listed.items, self.info.custom.is_some()),
        )?;
        map.end()
    }
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            if self.1 {
                list.serialize_element(&**item)?;
            } else {
                list.serialize_element(&Bare(item))?;
            }
        }
        list.end()
    }
}

impl Serialize for Bare<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.0.as_object() else {
            return self.0.serialize(serializer);
        };
        let kept = fields
            .iter()
            .filter(|(k, _)| *k != "kind" && *k != "apiVersion");
        serializer.collect_map(kept)
    }
}
