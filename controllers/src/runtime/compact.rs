//! An object of the host as it is kept between two looks at it: its text without managed fields.
//! A parsed value would be several times larger, and it is only needed while its key is worked on.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::Value;

/// A stored object.
#[derive(Clone, Debug)]
pub(crate) struct Compact {
    text: Arc<str>,
    pub(crate) uid: Arc<str>,
    /// 0 when the server's versions are not numbers; then the newest to arrive wins.
    pub(crate) version: u64,
    /// Of everything but the status and what changes with every write.
    pub(crate) digest: u64,
    /// Of the status.
    pub(crate) status_digest: u64,
    pub(crate) generation: i64,
    pub(crate) terminating: bool,
}

impl Compact {
    pub(crate) fn new(mut object: Value) -> Self {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let uid = text(&object, "/metadata/uid").unwrap_or_default().into();
        let version = text(&object, "/metadata/resourceVersion")
            .and_then(|version| version.parse().ok())
            .unwrap_or(0);
        let generation = object
            .pointer("/metadata/generation")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        let terminating = object.pointer("/metadata/deletionTimestamp").is_some();
        let stored: Arc<str> = object.to_string().into();
        let status_digest = digest(object.get("status").unwrap_or(&Value::Null));
        if let Some(map) = object.as_object_mut() {
            map.remove("status");
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        let digest = digest(&object);
        Self {
            text: stored,
            uid,
            version,
            digest,
            status_digest,
            generation,
            terminating,
        }
    }

    /// The object.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Whether `other` is an older state of the same object than `self`.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        self.uid == other.uid && self.version > other.version && other.version > 0
    }
}

fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A string at a JSON pointer.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// A label of an object.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// An annotation of an object.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(key)?
        .as_str()
}

/// Whether an object carries a finalizer.
pub(crate) fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    finalizers(object)
        .iter()
        .any(|present| present == finalizer)
}

/// The finalizers of an object, in order.
pub(crate) fn finalizers(object: &Value) -> Vec<String> {
    object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .map(|list| {
            list.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_content_counts_for_the_digest() {
        let object = |version: &str, status: i64, image: &str| {
            Compact::new(json!({
                "metadata": { "uid": "u", "resourceVersion": version, "managedFields": [version] },
                "spec": { "image": image }, "status": { "replicas": status },
            }))
        };
        let first = object("5", 1, "a");
        let second = object("6", 2, "a");
        let third = object("7", 2, "b");
        assert_eq!(first.digest, second.digest);
        assert_ne!(first.status_digest, second.status_digest);
        assert_ne!(second.digest, third.digest);
        assert!(third.is_newer_than(&first) && !first.is_newer_than(&third));
        assert_eq!(third.value().pointer("/metadata/managedFields"), None);
    }
}
