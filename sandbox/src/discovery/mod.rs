//! The discovery documents: the aggregated ones (`apidiscovery.k8s.io/v2`) and the older lists. Pure: built-in groups come
//! as recorded from a 1.34 server, custom resources from what the registry read out of their definitions.

mod aggregated;
mod listed;

#[cfg(test)]
mod tests;

pub use aggregated::{Part, aggregated};
pub use listed::{api_versions, group, group_list, resource_list};

use crate::registry::ResourceInfo;
use flate2::read::GzDecoder;
use ring::digest;
use serde_json::Value;
use std::fmt::Write;
use std::io::Read;
use std::sync::{Arc, LazyLock};

/// The content type of aggregated discovery; clients compare it letter by letter.
pub const AGGREGATED_CONTENT_TYPE: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

static DATA: &[u8] = include_bytes!("../../data/discovery.json.gz");

/// `{"api": …, "apis": …}` as recorded, without custom resources.
static RECORDED: LazyLock<Value> = LazyLock::new(load);

#[expect(
    clippy::expect_used,
    reason = "the data is compiled in and read by the tests"
)]
fn load() -> Value {
    let mut text = Vec::new();
    GzDecoder::new(DATA)
        .read_to_end(&mut text)
        .expect("discovery data unpacks");
    serde_json::from_slice(&text).expect("discovery data is JSON")
}

/// The value of an ETag header for a body: SHA-512 in upper-case hexadecimal digits, quoted.
pub fn etag(body: &[u8]) -> String {
    format!("\"{}\"", digest_text(body))
}

/// SHA-512 in upper-case hexadecimal digits.
pub(crate) fn digest_text(body: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA512, body);
    digest
        .as_ref()
        .iter()
        .fold(String::with_capacity(128), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        })
}

/// Custom resources, grouped by group name in the order of their appearance, each group's versions in the registry's
/// order.
pub(crate) fn custom_groups(resources: &[Arc<ResourceInfo>]) -> Vec<CustomGroup> {
    let mut groups: Vec<CustomGroup> = Vec::new();
    for resource in resources.iter().filter(|r| r.custom.is_some()) {
        let position = groups.iter().position(|g| g.name == resource.group);
        let index = position.unwrap_or_else(|| {
            groups.push(CustomGroup {
                name: resource.group.clone(),
                versions: Vec::new(),
            });
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(index) else {
            continue;
        };
        match group
            .versions
            .iter_mut()
            .find(|(version, _)| *version == resource.version)
        {
            Some((_, members)) => members.push(resource.clone()),
            None => group
                .versions
                .push((resource.version.clone(), vec![resource.clone()])),
        }
    }
    for group in &mut groups {
        group.versions.sort_by(|a, b| compare_versions(&a.0, &b.0));
    }
    groups
}

/// A group that holds custom resources only.
#[derive(Debug)]
pub(crate) struct CustomGroup {
    /// Its name.
    pub(crate) name: String,
    /// Versions, the preferred first, with their resources.
    pub(crate) versions: Vec<(String, Vec<Arc<ResourceInfo>>)>,
}

/// Kubernetes' order of versions: `v2` before `v1` before `v1beta2` before `v1alpha1` before all other names.
pub(crate) fn compare_versions(a: &str, b: &str) -> std::cmp::Ordering {
    rank(b).cmp(&rank(a)).then_with(|| a.cmp(b))
}

/// (is a version, stability, major, minor); greater is preferred.
fn rank(version: &str) -> (bool, u8, u64, u64) {
    let parsed = version.strip_prefix('v').and_then(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (major, tail) = rest.split_at(end);
        let major = major.parse().ok()?;
        if tail.is_empty() {
            return Some((true, 2, major, 0));
        }
        let (stability, minor) = if let Some(minor) = tail.strip_prefix("beta") {
            (1, minor)
        } else {
            (0, tail.strip_prefix("alpha")?)
        };
        Some((true, stability, major, minor.parse().ok()?))
    });
    parsed.unwrap_or((false, 0, 0, 0))
}
