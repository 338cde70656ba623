//! The documents of custom resources, with the paths and descriptions that the real server gives them
//! (`apiextensions-apiserver/pkg/controller/openapi/builder`). Shared parameters and schemas are taken from a recorded
//! document.

use super::{Document, documents, upgrade::references};
use crate::registry::ResourceInfo;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const CONVENTIONS: &str =
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";

/// The v3 document of one version of a group, given its resources.
pub(super) fn v3_document(members: &[Arc<ResourceInfo>]) -> Document {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for info in members {
        add_paths(&mut paths, info);
        let name = schema_name(info, &info.kind);
        schemas.insert(name, object_schema(info, "#/components/schemas/", true));
        schemas.insert(
            schema_name(info, &info.list_kind),
            list_schema(info, "#/components/schemas/", true),
        );
    }
    let mut document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"},
        "paths": paths,
    });
    add_shared(&document, &mut schemas);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("components".to_owned(), json!({"schemas": schemas}));
    }
    Document::of(&document)
}

/// Schemas of Kubernetes' own that paths and schemas refer to.
fn add_shared(document: &Value, schemas: &mut Map<String, Value>) {
    let mut names = BTreeSet::new();
    references(document, &mut names);
    references(&Value::Object(schemas.clone()), &mut names);
    let shared = documents::pattern().pointer("/components/schemas");
    let mut open: Vec<String> = names.into_iter().collect();
    while let Some(name) = open.pop() {
        if schemas.contains_key(&name) {
            continue;
        }
        let Some(mut schema) = shared.and_then(|s| s.get(&name)).cloned() else {
            continue;
        };
        let mut found = BTreeSet::new();
        references(&schema, &mut found);
        open.extend(found);
        drop_foreign_kinds(&mut schema);
        schemas.insert(name, schema);
    }
}

/// Kinds of every group (`DeleteOptions`) name all groups; the server of custom resources does not know these.
fn drop_foreign_kinds(schema: &mut Value) {
    let foreign = [
        "admission.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "imagepolicy.k8s.io",
    ];
    let kinds = schema
        .get_mut("x-kubernetes-group-version-kind")
        .and_then(Value::as_array_mut);
    if let Some(kinds) = kinds {
        kinds.retain(|k| {
            k.get("group")
                .and_then(Value::as_str)
                .is_none_or(|g| !foreign.contains(&g))
        });
    }
}

/// `example.shop.v1.Widget` for the kind `Widget` of `shop.example/v1`.
pub(super) fn schema_name(info: &ResourceInfo, kind: &str) -> String {
    let mut parts: Vec<&str> = info.group.split('.').rev().collect();
    parts.extend([info.version.as_str(), kind]);
    parts.join(".")
}

/// A reference with a description beside it: in `allOf` in v3, bare in v2.
fn described(description: &str, prefix: &str, name: &str, v3: bool) -> Value {
    let target = format!("{prefix}{META}.{name}");
    if v3 {
        json!({"description": description, "allOf": [{"$ref": target}]})
    } else {
        json!({"description": description, "$ref": target})
    }
}

fn type_fields() -> [(&'static str, Value); 2] {
    let kind = format!(
        "Kind is a string value representing the REST resource this object represents. Servers may infer this from the \
         endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: {CONVENTIONS}#types-kinds"
    );
    let version = format!(
        "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized \
         schemas to the latest internal value, and may reject unrecognized values. More info: {CONVENTIONS}#resources"
    );
    [
        (
            "apiVersion",
            json!({"description": version, "type": "string"}),
        ),
        ("kind", json!({"description": kind, "type": "string"})),
    ]
}

fn own_extensions(schema: &mut Map<String, Value>, info: &ResourceInfo, kind: &str) {
    let gvk = json!([{"group": info.group, "kind": kind, "version": info.version}]);
    schema.insert("x-kubernetes-group-version-kind".to_owned(), gvk);
    let selectable = info
        .custom
        .as_ref()
        .map(|c| c.selectable_fields.as_slice())
        .unwrap_or_default();
    if !selectable.is_empty() {
        let fields = selectable
            .iter()
            .map(|p| json!({"fieldPath": p.trim_start_matches('.')}));
        schema.insert(
            "x-kubernetes-selectable-fields".to_owned(),
            fields.collect(),
        );
    }
}

/// The schema of the kind: what the definition says, and the fields every object has.
pub(super) fn object_schema(info: &ResourceInfo, prefix: &str, v3: bool) -> Value {
    let source = info
        .custom
        .as_ref()
        .map(|c| c.schema_source.clone())
        .unwrap_or_default();
    let mut schema = source.as_object().cloned().unwrap_or_default();
    if schema.get("x-kubernetes-preserve-unknown-fields") != Some(&Value::Bool(true)) || v3 {
        let properties = schema.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.extend(type_fields().map(|(name, value)| (name.to_owned(), value)));
            let description =
                format!("Standard object's metadata. More info: {CONVENTIONS}#metadata");
            properties.insert(
                "metadata".to_owned(),
                described(&description, prefix, "ObjectMeta", v3),
            );
        }
    }
    own_extensions(&mut schema, info, &info.kind);
    let mut schema = Value::Object(schema);
    if v3 {
        spell_out(&mut schema);
    } else {
        super::v2::restrict(&mut schema);
    }
    schema
}

/// What may be a number or a string says so in v3.
fn spell_out(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    if fields.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        fields.remove("type");
        fields.insert(
            "anyOf".to_owned(),
            json!([{"type": "integer"}, {"type": "string"}]),
        );
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(spell_out);
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(name) {
            spell_out(inner);
        }
    }
}

/// The schema of the list.
pub(super) fn list_schema(info: &ResourceInfo, prefix: &str, v3: bool) -> Value {
    let mut properties: Map<String, Value> = type_fields()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let items = json!({
        "description": format!("List of {}. More info: {CONVENTIONS}", info.plural),
        "type": "array",
        "items": {"$ref": format!("{prefix}{}", schema_name(info, &info.kind))},
    });
    properties.insert("items".to_owned(), items);
    let metadata = format!("Standard list metadata. More info: {CONVENTIONS}#types-kinds");
    properties.insert(
        "metadata".to_owned(),
        described(&metadata, prefix, "ListMeta", v3),
    );
    let mut schema = Map::new();
    schema.insert(
        "description".to_owned(),
        json!(format!("{} is a list of {}", info.list_kind, info.kind)),
    );
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("required".to_owned(), json!(["items"]));
    schema.insert("properties".to_owned(), Value::Object(properties));
    own_extensions(&mut schema, info, &info.list_kind);
    Value::Object(schema)
}

/// A parameter as the recorded document has it: by the operation that has it, and its name.
fn parameter(verb: &str, name: &str) -> Value {
    let collection = "/apis/apps/v1/namespaces/{namespace}/deployments";
    let path = match verb {
        "patch" | "put" => format!("{collection}/{{name}}"),
        _ => collection.to_owned(),
    };
    let found = documents::pattern()
        .get("paths")
        .and_then(|p| p.get(path))
        .and_then(|p| p.get(verb)?.get("parameters")?.as_array())
        .and_then(|list| {
            list.iter()
                .find(|p| p.get("name").and_then(Value::as_str) == Some(name))
        });
    found
        .cloned()
        .unwrap_or_else(|| json!({"name": name, "in": "query"}))
}

fn parameters(verb: &str, names: &[&str]) -> Value {
    names.iter().map(|name| parameter(verb, name)).collect()
}

const LIST: [&str; 10] = [
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];
const WRITE: [&str; 3] = ["dryRun", "fieldManager", "fieldValidation"];
const PATCH: [&str; 4] = ["dryRun", "fieldManager", "fieldValidation", "force"];
const DELETE: [&str; 5] = [
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
];

/// One kind's operations: what they are called, and what they take and give.
struct Operations<'a> {
    info: &'a ResourceInfo,
    /// `ShopExampleV1`.
    group: String,
    /// `Namespaced` or nothing.
    scope: &'static str,
}

impl Operations<'_> {
    fn content(types: &[&str], schema: &str) -> Value {
        let reference = json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}});
        Value::Object(
            types
                .iter()
                .map(|t| ((*t).to_owned(), reference.clone()))
                .collect(),
        )
    }

    fn answers(codes: &[(&str, &str)], schema: &str) -> Value {
        let content = Self::content(&["application/json", "application/yaml"], schema);
        let mut answers = Map::new();
        for (code, description) in codes {
            let answer = json!({"description": description, "content": content});
            answers.insert((*code).to_owned(), answer);
        }
        answers.insert("401".to_owned(), json!({"description": "Unauthorized"}));
        Value::Object(answers)
    }

    /// What all operations have.
    fn operation(
        &self,
        action: &str,
        description: String,
        id: String,
        answers: Value,
    ) -> Map<String, Value> {
        let mut tag = self.group.clone();
        let version = self.info.version.as_str();
        tag.truncate(tag.len().saturating_sub(version.len()));
        let mut tag: String = tag
            .chars()
            .enumerate()
            .map(|(i, c)| if i == 0 { c.to_ascii_lowercase() } else { c })
            .collect();
        tag.push('_');
        tag.push_str(version);
        let gvk = json!({"group": self.info.group, "version": version, "kind": self.info.kind});
        Map::from_iter([
            ("tags".to_owned(), json!([tag])),
            ("description".to_owned(), Value::from(description)),
            ("operationId".to_owned(), Value::from(id)),
            ("responses".to_owned(), answers),
            ("x-kubernetes-action".to_owned(), Value::from(action)),
            ("x-kubernetes-group-version-kind".to_owned(), gvk),
        ])
    }

    fn collection(&self, all_namespaces: bool) -> Value {
        let kind = &self.info.kind;
        let list = schema_name(self.info, &self.info.list_kind);
        let own = schema_name(self.info, kind);
        let id = |verb: &str, suffix: &str, scope: &str| {
            format!("{verb}{}{scope}{kind}{suffix}", self.group)
        };
        let ok = [("200", "OK")];
        let suffix = if all_namespaces {
            "ForAllNamespaces"
        } else {
            ""
        };
        let scope = if all_namespaces { "" } else { self.scope };
        let get_id = id("list", suffix, scope);
        let mut get = self.operation(
            "list",
            format!("list objects of kind {kind}"),
            get_id,
            Self::answers(&ok, &list),
        );
        if all_namespaces {
            let mut shared: Vec<Value> = LIST.iter().map(|name| parameter("get", name)).collect();
            shared.insert(5, pretty());
            return json!({"get": get, "parameters": shared});
        }
        get.insert("parameters".to_owned(), parameters("get", &LIST));
        let codes = [("200", "OK"), ("201", "Created"), ("202", "Accepted")];
        let mut post = self.operation(
            "post",
            format!("create a {kind}"),
            id("create", "", scope),
            Self::answers(&codes, &own),
        );
        post.insert("parameters".to_owned(), parameters("post", &WRITE));
        post.insert("requestBody".to_owned(), Self::body(&own));
        let status = format!("{META}.Status");
        let delete_id = format!("delete{}Collection{scope}{kind}", self.group);
        let mut delete = self.operation(
            "deletecollection",
            format!("delete collection of {kind}"),
            delete_id,
            Self::answers(&ok, &status),
        );
        delete.insert("parameters".to_owned(), parameters("get", &LIST));
        json!({"get": get, "post": post, "delete": delete, "parameters": self.path_parameters(false)})
    }

    fn body(schema: &str) -> Value {
        json!({"content": Self::content(&["application/json", "application/yaml"], schema), "required": true})
    }

    /// An object or one of its subresources, whose name starts with a capital here.
    fn object(&self, subresource: &str) -> Value {
        let kind = &self.info.kind;
        let own = match subresource {
            "Scale" => "io.k8s.api.autoscaling.v1.Scale".to_owned(),
            _ => schema_name(self.info, kind),
        };
        let of = if subresource.is_empty() {
            String::new()
        } else {
            format!("{} of ", subresource.to_lowercase())
        };
        let id = |verb: &str| format!("{verb}{}{}{kind}{subresource}", self.group, self.scope);
        let ok = [("200", "OK")];
        let mut get = self.operation(
            "get",
            format!("read {of}the specified {kind}"),
            id("read"),
            Self::answers(&ok, &own),
        );
        get.insert(
            "parameters".to_owned(),
            parameters("get", &["resourceVersion"]),
        );
        let codes = [("200", "OK"), ("201", "Created")];
        let mut put = self.operation(
            "put",
            format!("replace {of}the specified {kind}"),
            id("replace"),
            Self::answers(&codes, &own),
        );
        put.insert("parameters".to_owned(), parameters("put", &WRITE));
        put.insert("requestBody".to_owned(), Self::body(&own));
        let mut patch = self.operation(
            "patch",
            format!("partially update {of}the specified {kind}"),
            id("patch"),
            Self::answers(&ok, &own),
        );
        patch.insert("parameters".to_owned(), parameters("patch", &PATCH));
        let types = [
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
        ];
        let body =
            json!({"content": Self::content(&types, &format!("{META}.Patch")), "required": true});
        patch.insert("requestBody".to_owned(), body);
        let mut item = json!({"get": get, "put": put, "patch": patch, "parameters": self.path_parameters(true)});
        if let (true, Some(item)) = (subresource.is_empty(), item.as_object_mut()) {
            let codes = [("200", "OK"), ("202", "Accepted")];
            let status = Self::answers(&codes, &format!("{META}.Status"));
            let mut delete =
                self.operation("delete", format!("delete a {kind}"), id("delete"), status);
            delete.insert("parameters".to_owned(), parameters("delete", &DELETE));
            let options = format!("{META}.DeleteOptions");
            let types = ["application/json", "application/yaml"];
            delete.insert(
                "requestBody".to_owned(),
                json!({"content": Self::content(&types, &options)}),
            );
            item.insert("delete".to_owned(), Value::Object(delete));
        }
        item
    }

    fn path_parameters(&self, named: bool) -> Value {
        let mut list = Vec::new();
        let text = json!({"type": "string", "uniqueItems": true});
        if named {
            let description = format!("name of the {}", self.info.kind);
            list.push(json!({"name": "name", "in": "path", "description": description, "required": true, "schema": text}));
        }
        if self.info.namespaced {
            let description = "object name and auth scope, such as for teams and projects";
            list.push(json!({"name": "namespace", "in": "path", "description": description, "required": true, "schema": text}));
        }
        list.push(pretty());
        Value::Array(list)
    }
}

fn pretty() -> Value {
    let description = "If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a \
                       browser or command-line HTTP tool (curl and wget).";
    json!({"name": "pretty", "in": "query", "description": description,
           "schema": {"type": "string", "uniqueItems": true}})
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// All paths of a resource.
pub(super) fn add_paths(paths: &mut Map<String, Value>, info: &ResourceInfo) {
    let group: String = info.group.split(['.', '-']).map(capitalized).collect();
    let operations = Operations {
        info,
        group: format!("{group}{}", capitalized(&info.version)),
        scope: if info.namespaced { "Namespaced" } else { "" },
    };
    let root = format!("/apis/{}/{}", info.group, info.version);
    let collection = if info.namespaced {
        paths.insert(
            format!("{root}/{}", info.plural),
            operations.collection(true),
        );
        format!("{root}/namespaces/{{namespace}}/{}", info.plural)
    } else {
        format!("{root}/{}", info.plural)
    };
    paths.insert(format!("{collection}/{{name}}"), operations.object(""));
    for subresource in &info.subresources {
        let path = format!("{collection}/{{name}}/{}", subresource.name);
        paths.insert(path, operations.object(&capitalized(&subresource.name)));
    }
    paths.insert(collection, operations.collection(false));
}
