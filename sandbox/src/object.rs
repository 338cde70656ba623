//! Names of kinds and resources, and accessors of the metadata every object has. Objects are plain JSON values here;
//! nothing in this file knows a kind's fields.

use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// An object as it is stored and handed out: shared, never changed in place.
pub type Object = Arc<Value>;

/// Group, version and kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvk {
    /// API group, empty for the core group.
    pub group: String,
    /// Version, for example `v1`.
    pub version: String,
    /// Kind, for example `Deployment`.
    pub kind: String,
}

impl Gvk {
    /// From its parts.
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        }
    }

    /// From an object's `apiVersion` and `kind`; absent fields are empty.
    pub fn of(object: &Value) -> Self {
        let (group, version) = split_api_version(text(object, "apiVersion").unwrap_or_default());
        Self::new(group, version, text(object, "kind").unwrap_or_default())
    }

    /// `group/version`, or `version` alone for the core group.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

/// Group, version and resource (the plural).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvr {
    /// API group, empty for the core group.
    pub group: String,
    /// Version, for example `v1`.
    pub version: String,
    /// Plural resource name, for example `deployments`.
    pub resource: String,
}

impl Gvr {
    /// From its parts.
    pub fn new(group: &str, version: &str, resource: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            resource: resource.to_owned(),
        }
    }

    /// `group/version`, or `version` alone for the core group.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

impl fmt::Display for Gvr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Resource={}", self.api_version(), self.resource)
    }
}

/// `group/version`, or `version` alone for the core group.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// Group and version of an `apiVersion`.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

fn meta_text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object
        .get("metadata")
        .and_then(|m| text(m, field))
        .filter(|s| !s.is_empty())
}

/// `metadata.name`, empty when absent.
pub fn name(object: &Value) -> &str {
    meta_text(object, "name").unwrap_or_default()
}

/// `metadata.namespace`.
pub fn namespace(object: &Value) -> Option<&str> {
    meta_text(object, "namespace")
}

/// `metadata.uid`, empty when absent.
pub fn uid(object: &Value) -> &str {
    meta_text(object, "uid").unwrap_or_default()
}

/// `metadata.resourceVersion` as text.
pub fn resource_version(object: &Value) -> Option<&str> {
    meta_text(object, "resourceVersion")
}

/// `metadata.resourceVersion` as the number it is here; 0 when absent.
pub fn revision(object: &Value) -> u64 {
    resource_version(object)
        .and_then(|v| v.parse().ok())
        .unwrap_or(0)
}

/// `metadata.generation`, 0 when absent.
pub fn generation(object: &Value) -> i64 {
    object
        .pointer("/metadata/generation")
        .and_then(Value::as_i64)
        .unwrap_or(0)
}

/// `metadata.deletionTimestamp`.
pub fn deletion_timestamp(object: &Value) -> Option<&str> {
    meta_text(object, "deletionTimestamp")
}

/// `metadata.finalizers`.
pub fn finalizers(object: &Value) -> Vec<&str> {
    let list = object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array);
    list.map(|l| l.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// One label's value.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// All labels.
pub fn labels(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata")?.get("labels")?.as_object()
}

/// One annotation's value.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(key)?
        .as_str()
}

/// `metadata.ownerReferences`.
pub fn owner_references(object: &Value) -> &[Value] {
    object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The owner reference with `controller: true`.
pub fn controller_of(object: &Value) -> Option<&Value> {
    owner_references(object)
        .iter()
        .find(|r| r.get("controller").and_then(Value::as_bool) == Some(true))
}

/// The `metadata` map for changing; made when it is absent.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    field_mut(object, "metadata")
}

/// A field that holds a map, for changing; made when it is absent or something else.
pub fn field_mut<'a>(object: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    map_mut(map_mut(object).entry(field).or_insert(Value::Null))
}

/// The value as a map; it becomes an empty one when it is something else.
pub fn map_mut(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("set to a map above"),
    }
}

/// The time now as Kubernetes writes it: RFC 3339, whole seconds, UTC.
pub fn now() -> String {
    timestamp(jiff::Timestamp::now())
}

/// A time as Kubernetes writes it: RFC 3339, whole seconds, UTC.
pub fn timestamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn api_versions_split_and_join() {
        assert_eq!(
            Gvk::of(&json!({"apiVersion": "apps/v1", "kind": "X"})),
            Gvk::new("apps", "v1", "X")
        );
        assert_eq!(
            Gvk::of(&json!({"apiVersion": "v1", "kind": "Pod"})).api_version(),
            "v1"
        );
    }

    #[test]
    fn metadata_is_made_when_absent() {
        let mut object = json!({});
        metadata_mut(&mut object).insert("name".into(), json!("x"));
        assert_eq!(name(&object), "x");
    }
}
