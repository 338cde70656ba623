//! `SchedulerPluginWebhookConfiguration`: a scheduler plugin behind HTTP.

use super::GROUP;
use crate::lenient::null_is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Not;

kind! {
    /// A scheduler plugin behind HTTP, used in profiles by its name.
    SchedulerPluginWebhookConfiguration {
        group: GROUP, plural: "schedulerpluginwebhookconfigurations",
        singular: "schedulerpluginwebhookconfiguration",
        short: [], scope: ClusterResourceScope, status: false,
        columns: [],
        parts: { required spec ("spec", in schema true): SchedulerPluginWebhookConfigurationSpec }
    }
}

/// How the plugin is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulerPluginWebhookConfigurationSpec {
    /// Versions of the payload that it understands, preferred ones first.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default, length(min = 1))]
    pub payload_versions: Vec<String>,
    /// The URL that the paths are appended to.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub url_prefix: String,
    /// Path of the filter call; empty when there is none.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub filter_path: String,
    /// Path of the score call; empty when there is none.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub score_path: String,
    /// Path of the select call; empty when there is none.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub select_path: String,
    /// How the connection is secured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<WebhookTlsConfig>,
    /// How long a call may take, in Go's format, for example `1m30s`; empty means five seconds.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("format" = "duration", "x-navarch-default" = "5s"))]
    pub http_timeout: String,
}

/// How the connection to a webhook is secured. Keys and certificates are PEM in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookTlsConfig {
    /// Do not verify the server's certificate.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Not::not"
    )]
    pub insecure: bool,
    /// The name to ask for and to verify; empty means the host of the URL.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub server_name: String,
    /// The client certificate.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("format" = "byte"))]
    pub cert_data: String,
    /// The client key.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("format" = "byte"))]
    pub key_data: String,
    /// The authorities that may have signed the server's certificate.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(extend("format" = "byte"))]
    pub ca_data: String,
}
