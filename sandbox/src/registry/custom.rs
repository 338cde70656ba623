//! Custom resources, read from a CustomResourceDefinition object.

use super::{ResourceInfo, SubresourceInfo};
use crate::object::{Gvk, Gvr};
use crate::schema::Node;
use serde_json::Value;
use std::sync::Arc;

/// What a definition says about one served version, beyond its names.
#[derive(Debug, Clone)]
pub struct CustomResource {
    /// The definition's name, `<plural>.<group>`.
    pub definition: String,
    /// The version's structural schema.
    pub schema: Node,
    /// The version's `openAPIV3Schema` as it was written, for the OpenAPI documents and validation.
    pub schema_source: Value,
    /// `additionalPrinterColumns` as they were written.
    pub printer_columns: Vec<Value>,
    /// `subresources.scale`.
    pub scale: Option<ScalePaths>,
    /// `selectableFields`, each a JSON path.
    pub selectable_fields: Vec<String>,
    /// `deprecated`: the warning to send with each answer.
    pub deprecation_warning: Option<String>,
    /// `preserveUnknownFields`, which a v1 definition may only hold as false.
    pub preserve_unknown_fields: bool,
}

/// Where a custom resource keeps what its scale subresource shows; JSON paths like `.spec.replicas`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePaths {
    /// `specReplicasPath`.
    pub spec_replicas: String,
    /// `statusReplicasPath`.
    pub status_replicas: String,
    /// `labelSelectorPath`.
    pub label_selector: Option<String>,
}

const VERBS: [&str; 8] = [
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The served resources of a definition, by version priority, with the names its status accepted.
pub fn resources_of(definition: &Value) -> Vec<ResourceInfo> {
    let versions = definition
        .pointer("/spec/versions")
        .and_then(Value::as_array);
    let mut versions: Vec<&Value> = versions.into_iter().flatten().collect();
    versions.sort_by(|a, b| compare_versions(&text(a, "/name"), &text(b, "/name")));
    let flag = |v: &Value, name: &str| v.get(name).and_then(Value::as_bool) == Some(true);
    let storage = versions
        .iter()
        .find(|v| flag(v, "storage"))
        .map(|v| text(v, "/name"));
    let served = versions.iter().filter(|v| flag(v, "served"));
    served
        .map(|v| resource(definition, v, storage.as_deref().unwrap_or_default()))
        .collect()
}

fn resource(definition: &Value, version: &Value, storage: &str) -> ResourceInfo {
    let names = ["/status/acceptedNames", "/spec/names"]
        .iter()
        .filter_map(|p| definition.pointer(p))
        .find(|n| !text(n, "/plural").is_empty())
        .unwrap_or(&Value::Null);
    let group = text(definition, "/spec/group");
    let kind = text(names, "/kind");
    let name = text(version, "/name");
    let plural = text(names, "/plural");
    let or = |given: String, default: String| if given.is_empty() { default } else { given };
    ResourceInfo {
        singular: or(text(names, "/singular"), kind.to_lowercase()),
        list_kind: or(text(names, "/listKind"), format!("{kind}List")),
        namespaced: text(definition, "/spec/scope") == "Namespaced",
        verbs: VERBS.iter().map(|&v| v.to_owned()).collect(),
        short_names: texts(names, "/shortNames"),
        categories: texts(names, "/categories"),
        subresources: subresources(version, &group, &name, &kind),
        stored_as: Gvr::new(&group, storage, &plural),
        custom: Some(Arc::new(details(definition, version, &group, &kind))),
        group,
        version: name,
        plural,
        kind,
    }
}

fn subresources(version: &Value, group: &str, name: &str, kind: &str) -> Vec<SubresourceInfo> {
    let verbs = || vec!["get".to_owned(), "patch".to_owned(), "update".to_owned()];
    let mut list = Vec::new();
    if version.pointer("/subresources/status").is_some() {
        let kind = Gvk::new(group, name, kind);
        list.push(SubresourceInfo {
            name: "status".into(),
            kind,
            verbs: verbs(),
        });
    }
    if version.pointer("/subresources/scale").is_some() {
        let kind = Gvk::new("autoscaling", "v1", "Scale");
        list.push(SubresourceInfo {
            name: "scale".into(),
            kind,
            verbs: verbs(),
        });
    }
    list
}

fn details(definition: &Value, version: &Value, group: &str, kind: &str) -> CustomResource {
    let schema_source = version
        .pointer("/schema/openAPIV3Schema")
        .cloned()
        .unwrap_or_default();
    let scale = version
        .pointer("/subresources/scale")
        .map(|scale| ScalePaths {
            spec_replicas: text(scale, "/specReplicasPath"),
            status_replicas: text(scale, "/statusReplicasPath"),
            label_selector: Some(text(scale, "/labelSelectorPath")).filter(|p| !p.is_empty()),
        });
    let columns = version
        .get("additionalPrinterColumns")
        .and_then(Value::as_array)
        .cloned();
    let selectable = version.get("selectableFields").and_then(Value::as_array);
    let deprecated = version.get("deprecated").and_then(Value::as_bool) == Some(true);
    let warning = text(version, "/deprecationWarning");
    let default = format!("{group}/{} {kind} is deprecated", text(version, "/name"));
    CustomResource {
        definition: crate::object::name(definition).to_owned(),
        schema: Node::structural(&schema_source),
        schema_source,
        printer_columns: columns.unwrap_or_default(),
        scale,
        selectable_fields: selectable
            .into_iter()
            .flatten()
            .map(|f| text(f, "/jsonPath"))
            .collect(),
        deprecation_warning: deprecated.then_some(if warning.is_empty() {
            default
        } else {
            warning
        }),
        preserve_unknown_fields: definition
            .pointer("/spec/preserveUnknownFields")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    }
}

/// Kubernetes' order of versions: stable before beta before alpha, newer first, other names last.
fn compare_versions(a: &str, b: &str) -> std::cmp::Ordering {
    match (rank(a), rank(b)) {
        (Some(left), Some(right)) => right.cmp(&left),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

fn rank(version: &str) -> Option<(u8, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    for (level, word) in [(1, "beta"), (0, "alpha")] {
        if let Some((major, minor)) = rest.split_once(word) {
            return Some((level, major.parse().ok()?, minor.parse().ok()?));
        }
    }
    Some((2, rest.parse().ok()?, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_kubernetes_sorts_them() {
        let mut versions = ["v1alpha1", "foo", "v2", "v1", "v10beta1", "v1beta2", "v11"];
        versions.sort_by(|a, b| compare_versions(a, b));
        assert_eq!(
            versions,
            ["v11", "v2", "v1", "v10beta1", "v1beta2", "v1alpha1", "foo"]
        );
    }
}
