//! The OpenAPI documents: the v3 index and documents, v2 as JSON and as protobuf. Pure. Built-in groups come as recorded from
//! a 1.34 server (those group versions that were not recorded in v3 are made from v2); custom resources are added from
//! their definitions, as the real server does. Bytes are kept as recorded, so that their hashes are those of a real server.

mod custom;
mod documents;
mod gnostic;
mod upgrade;
mod v2;

#[cfg(test)]
mod tests;

pub use v2::{v2_json, v2_protobuf};

use crate::discovery::{custom_groups, digest_text};
use crate::registry::ResourceInfo;
use serde_json::{Value, json};
use std::sync::Arc;

/// The Accept value by which clients ask for v2 in protobuf.
pub const V2_PROTOBUF_ACCEPT: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// The content type of the same, which the server writes with a dot where the request has an at sign.
pub const V2_PROTOBUF_CONTENT_TYPE: &str =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// One document as it is sent.
#[derive(Debug, Clone)]
pub struct Document {
    /// The body.
    pub body: Arc<[u8]>,
    /// SHA-512 of its JSON in upper-case hexadecimal digits: the `hash` of the index, and the ETag without its quotes.
    pub hash: String,
}

impl Document {
    fn of(value: &Value) -> Self {
        Self::of_bytes(value.to_string().into_bytes())
    }

    fn of_bytes(body: Vec<u8>) -> Self {
        Self {
            hash: digest_text(&body),
            body: body.into(),
        }
    }

    /// The value of the ETag header.
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.hash)
    }
}

/// `/openapi/v3`: where each document is. Its content type on the real server is `text/plain; charset=utf-8`.
pub fn v3_index(resources: &[Arc<ResourceInfo>]) -> Value {
    let mut index = documents::index();
    if let Some(paths) = index.get_mut("paths").and_then(Value::as_object_mut) {
        for group in custom_groups(resources) {
            for (version, members) in &group.versions {
                let path = format!("apis/{}/{version}", group.name);
                let hash = custom::v3_document(members).hash;
                let url = format!("/openapi/v3/{path}?hash={hash}");
                paths.insert(path, json!({"serverRelativeURL": url}));
            }
        }
    }
    index
}

/// `/openapi/v3/PATH`, for example `apis/apps/v1`; nothing if the index does not have it.
pub fn v3_document(path: &str, resources: &[Arc<ResourceInfo>]) -> Option<Document> {
    if let Some(document) = documents::v3(path) {
        return Some(document);
    }
    let (group, version) = path.strip_prefix("apis/")?.split_once('/')?;
    let groups = custom_groups(resources);
    let found = groups.iter().find(|g| g.name == group)?;
    let (_, members) = found.versions.iter().find(|(v, _)| v == version)?;
    Some(custom::v3_document(members))
}
