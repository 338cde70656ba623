//! The custom resource definitions, made from the types. schemars describes the Rust side; here
//! that is turned into what an API server takes (a structural schema: no references, no unions but
//! int-or-string) and into what KubeAdmiral ships (no `nullable`, defaults only where it has them).

use crate::keys::annotation::NO_FEDERATED_RESOURCE;
use crate::kind::KindFacts;
use crate::{multicluster, quota, v1alpha1};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Kinds that are named in label values, which hold 63 characters
/// (KubeAdmiral `config/crds/patches/generic_propagationpolicies.src.sh`).
const NAMED_IN_LABELS: [&str; 2] = ["PropagationPolicy", "ClusterPropagationPolicy"];

/// A new kind is one more line.
const KINDS: [KindFacts; 18] = [
    v1alpha1::FederatedTypeConfig::FACTS,
    v1alpha1::FederatedCluster::FACTS,
    v1alpha1::FederatedObject::FACTS,
    v1alpha1::ClusterFederatedObject::FACTS,
    v1alpha1::PropagationPolicy::FACTS,
    v1alpha1::ClusterPropagationPolicy::FACTS,
    v1alpha1::OverridePolicy::FACTS,
    v1alpha1::ClusterOverridePolicy::FACTS,
    v1alpha1::SchedulingProfile::FACTS,
    v1alpha1::SchedulerPluginWebhookConfiguration::FACTS,
    v1alpha1::PropagatedVersion::FACTS,
    v1alpha1::ClusterPropagatedVersion::FACTS,
    v1alpha1::CollectedStatus::FACTS,
    v1alpha1::ClusterCollectedStatus::FACTS,
    multicluster::ServiceExport::FACTS,
    multicluster::ServiceImport::FACTS,
    quota::GlobalQuota::FACTS,
    quota::QuotaLedger::FACTS,
];

/// All definitions, in the order in which they are installed.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    documents().into_iter().map(typed).collect()
}

/// The same as JSON documents.
#[must_use]
pub fn documents() -> Vec<Value> {
    KINDS.iter().map(document).collect()
}

#[expect(
    clippy::expect_used,
    reason = "made from constants; a test reads every definition"
)]
fn typed(document: Value) -> CustomResourceDefinition {
    serde_json::from_value(document).expect("a generated definition is a definition")
}

fn document(kind: &KindFacts) -> Value {
    let mut version = json!({
        "name": "v1alpha1",
        "served": true,
        "storage": true,
        "schema": { "openAPIV3Schema": root_schema(kind) },
    });
    if kind.status_subresource {
        set(&mut version, "subresources", json!({ "status": {} }));
    }
    if !kind.columns.is_empty() {
        let columns = kind
            .columns
            .iter()
            .map(|(name, column_type, path, description)| {
                let mut column = json!({ "name": name, "type": column_type, "jsonPath": path });
                if !description.is_empty() {
                    set(&mut column, "description", json!(description));
                }
                column
            });
        set(&mut version, "additionalPrinterColumns", columns.collect());
    }
    let mut names = json!({
        "kind": kind.kind,
        "listKind": format!("{}List", kind.kind),
        "plural": kind.plural,
        "singular": kind.singular,
    });
    if !kind.short.is_empty() {
        set(&mut names, "shortNames", json!(kind.short));
    }
    let mut metadata = json!({ "name": format!("{}.{}", kind.plural, kind.group) });
    if kind.group != multicluster::GROUP {
        // Definitions are a federated type: without this the host would federate its own.
        set(
            &mut metadata,
            "annotations",
            json!({ NO_FEDERATED_RESOURCE: "true" }),
        );
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
            "versions": [version],
        },
    })
}

fn root_schema(kind: &KindFacts) -> Value {
    let mut generator = SchemaGenerator::new(SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    }));
    let metadata = if NAMED_IN_LABELS.contains(&kind.kind) {
        json!({ "type": "object", "properties": { "name": { "type": "string", "maxLength": 63 } } })
    } else {
        json!({ "type": "object" })
    };
    let mut properties = Map::from_iter([
        (
            "apiVersion".to_owned(),
            json!({ "type": "string", "description": "Group and version of the object." }),
        ),
        (
            "kind".to_owned(),
            json!({ "type": "string", "description": "Kind of the object." }),
        ),
        ("metadata".to_owned(), metadata),
    ]);
    let mut required = Vec::new();
    for (name, demanded, make) in kind.parts {
        let mut schema = make(&mut generator).to_value();
        make_structural(&mut schema);
        properties.insert((*name).to_owned(), schema);
        if *demanded {
            required.push(*name);
        }
    }
    let mut root = json!({
        "type": "object",
        "description": one_line(&kind.doc.join("\n")),
        "properties": properties,
    });
    if !required.is_empty() {
        required.sort_unstable();
        set(&mut root, "required", json!(required));
    }
    root
}

/// Comments are wrapped where the source is; readers of a definition wrap by themselves.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(object) = object {
        object.insert(key.to_owned(), value);
    }
}

/// Turns a schema of schemars into a structural one, in place.
fn make_structural(schema: &mut Value) {
    let Value::Object(schema) = schema else {
        return;
    };
    for key in ["$schema", "title", "default", "nullable"] {
        schema.remove(key);
    }
    drop_null(schema);
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = one_line(description);
    }
    if let Some(default) = schema.remove("x-navarch-default") {
        schema.insert("default".to_owned(), default);
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(make_structural);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key) {
            make_structural(inner);
        }
    }
}

/// `Option` says "or null" in one of three ways; a definition does not say it at all.
fn drop_null(schema: &mut Map<String, Value>) {
    let is_null = |value: &Value| *value == json!("null") || value.is_null();
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| !is_null(name));
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !is_null(value));
    }
    if schema.contains_key("x-kubernetes-int-or-string") {
        return;
    }
    if let Some(Value::Array(branches)) = schema.remove("anyOf") {
        let branch = branches
            .into_iter()
            .find(|branch| branch.get("type") != Some(&json!("null")));
        if let Some(Value::Object(branch)) = branch {
            for (key, value) in branch {
                schema.entry(key).or_insert(value);
            }
        }
        // The branch may bring a null of its own.
        drop_null(schema);
    }
}
