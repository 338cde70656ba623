//! PartialObjectMetadata, for rows and for `as=PartialObjectMetadata` requests.

use serde_json::{Value, json};
use std::sync::Arc;

/// An object's metadata alone.
pub fn partial_object_metadata(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

/// The list of the same; `metadata` is the list's.
pub fn partial_object_metadata_list(objects: &[Arc<Value>], metadata: &Value) -> Value {
    let items: Vec<Value> = objects.iter().map(|o| partial_object_metadata(o)).collect();
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "items": items,
    })
}
