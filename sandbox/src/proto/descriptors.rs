//! The descriptors of all built-in messages and the rules they do not hold; read once.

use flate2::read::GzDecoder;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::LazyLock;

static DESCRIPTORS: &[u8] = include_bytes!("../../data/protobuf-descriptors.binpb.gz");
static RULES: &[u8] = include_bytes!("../../data/protobuf-json.json.gz");

static LOADED: LazyLock<Descriptors> = LazyLock::new(Descriptors::load);

const META: &str = "k8s.io.apimachinery.pkg.apis.meta.v1";

/// What the descriptors do not say about the way to JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rules {
    /// Message to the fields whose content belongs into the message itself.
    inline: BTreeMap<String, BTreeSet<String>>,
    /// Message to the scalar fields that keep a zero value.
    keep_zero: BTreeMap<String, BTreeSet<String>>,
}

/// Messages and rules.
#[derive(Debug)]
pub(super) struct Descriptors {
    pool: DescriptorPool,
    unknown: MessageDescriptor,
    rules: Rules,
}

fn unpack(data: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    GzDecoder::new(data).read_to_end(&mut out)?;
    Ok(out)
}

impl Descriptors {
    pub(super) fn get() -> &'static Self {
        &LOADED
    }

    #[expect(
        clippy::expect_used,
        reason = "the data is compiled in and read by the tests"
    )]
    fn load() -> Self {
        let set = unpack(DESCRIPTORS).expect("descriptors unpack");
        let pool = DescriptorPool::decode(set.as_slice()).expect("descriptors are well formed");
        let unknown = pool
            .get_message_by_name("k8s.io.apimachinery.pkg.runtime.Unknown")
            .expect("the envelope is among them");
        let rules = unpack(RULES).expect("rules unpack");
        let rules = serde_json::from_slice(&rules).expect("rules are JSON");
        Self {
            pool,
            unknown,
            rules,
        }
    }

    /// The envelope's message.
    pub(super) fn unknown(&self) -> MessageDescriptor {
        self.unknown.clone()
    }

    /// The message of a kind: the package follows from the group, and kinds of every group (`Status`, `DeleteOptions`)
    /// are those of meta/v1.
    pub(super) fn message_of(&self, api_version: &str, kind: &str) -> Option<MessageDescriptor> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let package = match group {
            "" => "k8s.io.api.core".to_owned(),
            "apiextensions.k8s.io" => {
                "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions".to_owned()
            }
            "apiregistration.k8s.io" => {
                "k8s.io.kube_aggregator.pkg.apis.apiregistration".to_owned()
            }
            "meta.k8s.io" => "k8s.io.apimachinery.pkg.apis.meta".to_owned(),
            group => format!("k8s.io.api.{}", group.split('.').next().unwrap_or(group)),
        };
        let own = self
            .pool
            .get_message_by_name(&format!("{package}.{version}.{kind}"));
        own.or_else(|| match kind {
            "Status" | "DeleteOptions" | "ListOptions" | "CreateOptions" | "UpdateOptions"
            | "PatchOptions" | "GetOptions" | "APIVersions" | "APIGroupList" | "APIGroup"
            | "APIResourceList" => self.pool.get_message_by_name(&format!("{META}.{kind}")),
            _ => None,
        })
    }

    /// Whether the content of this field belongs into the message itself.
    pub(super) fn is_inline(&self, message: &str, field: &str) -> bool {
        self.rules
            .inline
            .get(message)
            .is_some_and(|fields| fields.contains(field))
    }

    /// Whether this scalar field is written though it is zero.
    pub(super) fn keeps_zero(&self, message: &str, field: &str) -> bool {
        self.rules
            .keep_zero
            .get(message)
            .is_some_and(|fields| fields.contains(field))
    }
}

/// The JSON name of a field: its own, but for the few of JSON schemas that are no identifiers.
pub(super) fn json_name(message: &str, field: &str) -> String {
    if let Some(rest) = field.strip_prefix("xKubernetes") {
        let mut name = "x-kubernetes".to_owned();
        for letter in rest.chars() {
            if letter.is_ascii_uppercase() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        return name;
    }
    match field {
        "ref" | "schema" if message.ends_with(".JSONSchemaProps") => format!("${field}"),
        _ => field.to_owned(),
    }
}
