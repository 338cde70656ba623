//! `SchedulingProfile`: which plugins the scheduler uses.

use super::GROUP;
use crate::lenient::{is_default, is_zero, null_is_default};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

kind! {
    /// Which plugins the scheduler uses.
    SchedulingProfile {
        group: GROUP, plural: "schedulingprofiles", singular: "schedulingprofile",
        short: ["sp"], scope: ClusterResourceScope, status: false,
        columns: [],
        parts: { required spec ("spec", in schema true): SchedulingProfileSpec }
    }
}

/// Which plugins the scheduler uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulingProfileSpec {
    /// Plugins switched on and off, beside the default ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugins: Option<Plugins>,
    /// Arguments of plugins. KubeAdmiral never reads them.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub plugin_config: Vec<PluginConfig>,
}

/// Plugins by extension point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plugins {
    /// Plugins that say which clusters fit.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub filter: PluginSet,
    /// Plugins that say how well they fit.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub score: PluginSet,
    /// Plugins that select among those that fit.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_default"
    )]
    pub select: PluginSet,
}

/// Plugins switched on and off at one extension point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginSet {
    /// On, after the default ones, in this order.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub enabled: Vec<Plugin>,
    /// Default ones that are off.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub disabled: Vec<Plugin>,
}

open_enum! {
    /// The type of a plugin; empty for built-in ones.
    PluginType, schema closed {
        /// A `SchedulerPluginWebhookConfiguration`.
        Webhook = "Webhook",
    }
}

/// A plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plugin {
    /// Its type. KubeAdmiral never reads it.
    #[serde(
        rename = "type",
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "PluginType::is_empty"
    )]
    pub plugin_type: PluginType,
    /// Its name.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub name: String,
    /// Its weight, whose JSON name is a misspelling that became API. KubeAdmiral never reads it.
    #[serde(
        rename = "wait",
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_zero"
    )]
    #[schemars(range(min = 0))]
    pub weight: i64,
}

/// Arguments of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginConfig {
    /// Name of the plugin.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub name: String,
    /// The arguments, of any shape.
    #[serde(default)]
    #[schemars(schema_with = "super::kubernetes::any")]
    pub args: Value,
}
