//! The older documents: `APIVersions`, `APIGroupList`, `APIGroup`, `APIResourceList`.

use super::aggregated::{Part, aggregated};
use crate::object::api_version;
use crate::registry::ResourceInfo;
use base64::Engine;
use ring::digest;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `/api`. `address` is the server's host and port.
pub fn api_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// `/apis`.
pub fn group_list(resources: &[Arc<ResourceInfo>]) -> Value {
    let document = aggregated(Part::Groups, resources);
    let groups: Vec<Value> = items(&document).iter().map(describe).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`; nothing if there is no such group.
pub fn group(name: &str, resources: &[Arc<ResourceInfo>]) -> Option<Value> {
    let document = aggregated(Part::Groups, resources);
    let found = items(&document)
        .iter()
        .find(|g| text(g, "/metadata/name") == name)?;
    let mut described = describe(found);
    if let Some(fields) = described.as_object_mut() {
        fields.insert("kind".to_owned(), Value::from("APIGroup"));
        fields.insert("apiVersion".to_owned(), Value::from("v1"));
    }
    Some(described)
}

/// `/api/v1` or `/apis/GROUP/VERSION`; nothing if there is no such version.
pub fn resource_list(group: &str, version: &str, resources: &[Arc<ResourceInfo>]) -> Option<Value> {
    let part = if group.is_empty() {
        Part::Core
    } else {
        Part::Groups
    };
    let document = aggregated(part, resources);
    let found = items(&document)
        .iter()
        .find(|g| text(g, "/metadata/name") == group)?;
    let versions = found.get("versions").and_then(Value::as_array)?;
    let found = versions.iter().find(|v| text(v, "/version") == version)?;
    let mut listed = Vec::new();
    for entry in found
        .get("resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        add_resource(group, version, entry, resources, &mut listed);
    }
    let mut list = json!({
        "kind": "APIResourceList",
        "groupVersion": api_version(group, version),
        "resources": listed,
    });
    // The core group's list is the oldest and has no apiVersion.
    if let (false, Some(fields)) = (group.is_empty(), list.as_object_mut()) {
        fields.insert("apiVersion".to_owned(), Value::from("v1"));
    }
    Some(list)
}

fn items(document: &Value) -> &[Value] {
    document
        .get("items")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn describe(group: &Value) -> Value {
    let name = text(group, "/metadata/name");
    let versions = group.get("versions").and_then(Value::as_array);
    let versions: Vec<Value> = versions
        .into_iter()
        .flatten()
        .map(|v| {
            let version = text(v, "/version");
            json!({"groupVersion": api_version(name, version), "version": version})
        })
        .collect();
    let preferred = versions.first().cloned().unwrap_or_default();
    json!({"name": name, "versions": versions, "preferredVersion": preferred})
}

/// The entry of a resource and those of its subresources.
fn add_resource(
    group: &str,
    version: &str,
    entry: &Value,
    resources: &[Arc<ResourceInfo>],
    listed: &mut Vec<Value>,
) {
    let plural = text(entry, "/resource");
    let namespaced = text(entry, "/scope") == "Namespaced";
    let kind = text(entry, "/responseKind/kind");
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(plural));
    fields.insert(
        "singularName".to_owned(),
        json!(text(entry, "/singularResource")),
    );
    fields.insert("namespaced".to_owned(), json!(namespaced));
    fields.insert("kind".to_owned(), json!(kind));
    for name in ["verbs", "shortNames", "categories"] {
        if let Some(value) = entry.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(hash) = storage_version_hash(group, version, plural, kind, resources) {
        fields.insert("storageVersionHash".to_owned(), Value::from(hash));
    }
    listed.push(Value::Object(fields));
    for sub in entry
        .get("subresources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let mut fields = Map::new();
        let name = format!("{plural}/{}", text(sub, "/subresource"));
        fields.insert("name".to_owned(), json!(name));
        fields.insert("singularName".to_owned(), json!(""));
        fields.insert("namespaced".to_owned(), json!(namespaced));
        let own = (
            text(sub, "/responseKind/group"),
            text(sub, "/responseKind/version"),
        );
        if !own.1.is_empty() && own != (group, version) {
            fields.insert("group".to_owned(), json!(own.0));
            fields.insert("version".to_owned(), json!(own.1));
        }
        fields.insert("kind".to_owned(), json!(text(sub, "/responseKind/kind")));
        fields.insert(
            "verbs".to_owned(),
            sub.get("verbs").cloned().unwrap_or_default(),
        );
        listed.push(Value::Object(fields));
    }
}

/// Of `group/version/kind` as stored, for resources that are stored (`StorageVersionHash` of k8s.io/apiserver).
fn storage_version_hash(
    group: &str,
    version: &str,
    plural: &str,
    kind: &str,
    resources: &[Arc<ResourceInfo>],
) -> Option<String> {
    let info = resources
        .iter()
        .find(|r| r.group == group && r.version == version && r.plural == plural)?;
    if !info.allows("create") || !info.allows("get") {
        return None;
    }
    let stored = &info.stored_as;
    // Definitions are still stored in a version that is served no more.
    let stored_version = match kind {
        "CustomResourceDefinition" if group == "apiextensions.k8s.io" => "v1beta1",
        _ => &stored.version,
    };
    let hash = digest::digest(
        &digest::SHA256,
        format!("{}/{stored_version}/{kind}", stored.group).as_bytes(),
    );
    Some(base64::engine::general_purpose::STANDARD.encode(hash.as_ref().get(..8)?))
}
