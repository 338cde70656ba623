//! The Kubernetes types that KubeAdmiral's API embeds, with fields in the order of Kubernetes'
//! Go structs (`k8s.io/api/core/v1`): k8s-openapi writes them in alphabetical order, and hashes
//! of tolerations and taints are taken over the text. Also the schema of free-form values.

use crate::lenient::null_is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The schema of a value that may be anything.
pub(crate) fn any(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

/// The schema of a quantity, as Kubernetes' generators write it.
pub(crate) fn quantity() -> Value {
    serde_json::json!({
        "anyOf": [{ "type": "integer" }, { "type": "string" }],
        "pattern": "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$",
        "x-kubernetes-int-or-string": true,
    })
}

/// The schema of a map of quantities.
pub(crate) fn quantities(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "additionalProperties": quantity() })
}

fn one_quantity(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    quantity().try_into().unwrap_or_default()
}

/// Reads a quantity that was written as a number or as text.
pub(crate) fn quantity_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// A taint of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// The key of the taint.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub key: String,
    /// The value of the taint.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub value: String,
    /// What happens to what does not tolerate it: `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub effect: String,
    /// When the taint was added, in RFC 3339; kept as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub time_added: Option<String>,
}

/// Which taints a policy tolerates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// The taint key; empty (with `Exists`) means every key.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub key: String,
    /// `Exists` or `Equal`; empty means `Equal`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub operator: String,
    /// The taint value, for `Equal`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub value: String,
    /// The taint effect; empty means every effect.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub effect: String,
    /// How long a `NoExecute` taint is tolerated; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// An environment variable of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// The name of the variable.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub name: String,
    /// Its value.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub value: String,
    /// Where its value comes from, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

/// Where the value of an environment variable comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVarSource {
    /// A field of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<ObjectFieldSelector>,
    /// A resource of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_field_ref: Option<ResourceFieldSelector>,
    /// A key of a `ConfigMap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeySelector>,
    /// A key of a `Secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeySelector>,
}

/// A field of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct ObjectFieldSelector {
    /// Version of the schema that the path is written in.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub api_version: String,
    /// The path of the field.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub field_path: String,
}

/// A resource of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct ResourceFieldSelector {
    /// The container; needed for volumes only.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub container_name: String,
    /// Which resource, for example `limits.cpu`.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub resource: String,
    /// The unit of the value, a quantity.
    #[serde(
        default,
        deserialize_with = "quantity_text",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(schema_with = "one_quantity")]
    pub divisor: String,
}

/// A key of a `ConfigMap`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct ConfigMapKeySelector {
    /// Name of the `ConfigMap`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("x-navarch-default" = ""))]
    pub name: String,
    /// The key.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub key: String,
    /// Whether it may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A key of a `Secret`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct SecretKeySelector {
    /// Name of the `Secret`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("x-navarch-default" = ""))]
    pub name: String,
    /// The key.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub key: String,
    /// Whether it may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}
