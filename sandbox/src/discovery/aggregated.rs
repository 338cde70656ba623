//! The aggregated documents of `/api` and `/apis`.

use super::{RECORDED, custom_groups};
use crate::registry::{ResourceInfo, SubresourceInfo};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Which of the two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `/api`: the core group.
    Core,
    /// `/apis`: all others.
    Groups,
}

/// The `APIGroupDiscoveryList` of one part. Custom groups follow the built-in ones.
pub fn aggregated(part: Part, resources: &[Arc<ResourceInfo>]) -> Value {
    let name = if part == Part::Core { "api" } else { "apis" };
    let mut document = RECORDED.get(name).cloned().unwrap_or_default();
    let items = document.get_mut("items").and_then(Value::as_array_mut);
    if let (Part::Groups, Some(items)) = (part, items) {
        for group in custom_groups(resources) {
            let versions: Vec<Value> = group
                .versions
                .iter()
                .map(|(version, members)| {
                    let members: Vec<Value> = members.iter().map(|r| resource(r)).collect();
                    json!({"version": version, "freshness": "Current", "resources": members})
                })
                .collect();
            items.push(json!({"metadata": {"name": group.name}, "versions": versions}));
        }
    }
    document
}

fn resource(info: &ResourceInfo) -> Value {
    let mut entry = Map::new();
    let mut put = |name: &str, value: Value| entry.insert(name.to_owned(), value);
    put("resource", json!(info.plural));
    let kind = json!({"group": info.group, "version": info.version, "kind": info.kind});
    put("responseKind", kind);
    put(
        "scope",
        json!(if info.namespaced {
            "Namespaced"
        } else {
            "Cluster"
        }),
    );
    put("singularResource", json!(info.singular));
    put("verbs", json!(info.verbs));
    if !info.short_names.is_empty() {
        put("shortNames", json!(info.short_names));
    }
    if !info.categories.is_empty() {
        put("categories", json!(info.categories));
    }
    if !info.subresources.is_empty() {
        let list: Vec<Value> = info
            .subresources
            .iter()
            .map(|s| subresource(info, s))
            .collect();
        put("subresources", Value::Array(list));
    }
    Value::Object(entry)
}

fn subresource(info: &ResourceInfo, entry: &SubresourceInfo) -> Value {
    let own = &entry.kind;
    let kind = if own.version.is_empty() {
        json!({"group": info.group, "version": info.version, "kind": own.kind})
    } else {
        json!({"group": own.group, "version": own.version, "kind": own.kind})
    };
    json!({"subresource": entry.name, "responseKind": kind, "verbs": entry.verbs})
}
