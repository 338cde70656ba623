//! Kubeconfig files for running servers.

use crate::auth::kubeconfig::{Entry, text};
use crate::server::ApiServer;

/// One kubeconfig with a context for each server, named after it; the first is the current one.
pub fn merge(servers: &[&ApiServer]) -> String {
    let urls: Vec<String> = servers.iter().map(|s| s.url()).collect();
    let entries: Vec<Entry<'_>> = servers
        .iter()
        .zip(&urls)
        .map(|(server, url)| Entry {
            name: server.name(),
            url,
            ca_pem: server.ca_pem(),
            credentials: server.admin(),
        })
        .collect();
    text(&entries)
}
