//! Kubeconfig files for one or several servers. Pure: names, addresses and PEM texts in, YAML out (JSON is YAML).

use super::authority::ClientCredentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// One context: a server and who speaks to it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Name of the context, the cluster and the user.
    pub name: &'a str,
    /// `https://…`
    pub url: &'a str,
    /// The server's authority, PEM.
    pub ca_pem: &'a str,
    /// The user's certificate.
    pub credentials: &'a ClientCredentials,
}

/// One kubeconfig with a context for each entry; the first is the current one.
pub fn text(entries: &[Entry<'_>]) -> String {
    let encoded = |text: &str| STANDARD.encode(text);
    let list = |make: &dyn Fn(&Entry<'_>) -> Value| entries.iter().map(make).collect::<Vec<_>>();
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": entries.first().map(|entry| entry.name).unwrap_or_default(),
        "clusters": list(&|entry| json!({"name": entry.name, "cluster": {
            "server": entry.url, "certificate-authority-data": encoded(entry.ca_pem)}})),
        "users": list(&|entry| json!({"name": entry.name, "user": {
            "client-certificate-data": encoded(&entry.credentials.certificate_pem),
            "client-key-data": encoded(&entry.credentials.key_pem)}})),
        "contexts": list(&|entry| json!({"name": entry.name, "context": {
            "cluster": entry.name, "user": entry.name}})),
    });
    // Values without floats or odd keys always have a YAML form; the JSON text is one, too.
    serde_saphyr::to_string(&config).unwrap_or_else(|_unwritable| config.to_string())
}
