//! The recorded documents, unpacked when first asked for.

use super::{Document, upgrade};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{LazyLock, Mutex, PoisonError};

static INDEX: &[u8] = include_bytes!("../../data/openapi/v3_index.json.gz");
static V2: &[u8] = include_bytes!("../../data/openapi/v2.json.gz");

macro_rules! recorded {
    ($($path:literal => $file:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../data/openapi/", $file)).as_slice())),*]
    };
}

/// The v3 documents that were recorded.
static V3: &[(&str, &[u8])] = recorded! {
    "api/v1" => "v3_api_v1.json.gz",
    "apis/admissionregistration.k8s.io/v1" => "v3_apis_admissionregistration.k8s.io_v1.json.gz",
    "apis/apiextensions.k8s.io/v1" => "v3_apis_apiextensions.k8s.io_v1.json.gz",
    "apis/apps/v1" => "v3_apis_apps_v1.json.gz",
    "apis/autoscaling/v1" => "v3_apis_autoscaling_v1.json.gz",
    "apis/autoscaling/v2" => "v3_apis_autoscaling_v2.json.gz",
    "apis/batch/v1" => "v3_apis_batch_v1.json.gz",
    "apis/certificates.k8s.io/v1" => "v3_apis_certificates.k8s.io_v1.json.gz",
    "apis/networking.k8s.io/v1" => "v3_apis_networking.k8s.io_v1.json.gz",
    "apis/policy/v1" => "v3_apis_policy_v1.json.gz",
    "apis/rbac.authorization.k8s.io/v1" => "v3_apis_rbac.authorization.k8s.io_v1.json.gz",
    "apis/scheduling.k8s.io/v1" => "v3_apis_scheduling.k8s.io_v1.json.gz",
    "apis/storage.k8s.io/v1" => "v3_apis_storage.k8s.io_v1.json.gz",
};

static UNPACKED_V2: LazyLock<Document> = LazyLock::new(|| Document::of_bytes(unpack(V2)));
static PARSED_V2: LazyLock<Value> = LazyLock::new(|| parse(&UNPACKED_V2.body));
static PARSED_INDEX: LazyLock<Value> = LazyLock::new(|| parse(&unpack(INDEX)));
static UNPACKED_V3: Mutex<BTreeMap<String, Document>> = Mutex::new(BTreeMap::new());

#[expect(
    clippy::expect_used,
    reason = "the data is compiled in and read by the tests"
)]
fn unpack(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(data)
        .read_to_end(&mut out)
        .expect("OpenAPI data unpacks");
    out
}

#[expect(
    clippy::expect_used,
    reason = "the data is compiled in and read by the tests"
)]
fn parse(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("OpenAPI data is JSON")
}

/// The v3 index of the built-in groups.
pub(super) fn index() -> Value {
    PARSED_INDEX.clone()
}

/// The v2 document of the built-in groups.
pub(super) fn v2() -> &'static Document {
    &UNPACKED_V2
}

/// The same, parsed.
pub(super) fn v2_value() -> &'static Value {
    &PARSED_V2
}

/// A built-in v3 document.
pub(super) fn v3(path: &str) -> Option<Document> {
    let listed = PARSED_INDEX.get("paths")?.get(path)?;
    let mut unpacked = UNPACKED_V3.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(document) = unpacked.get(path) {
        return Some(document.clone());
    }
    let document = match V3.iter().find(|(known, _)| *known == path) {
        Some((_, data)) => Document::of_bytes(unpack(data)),
        // Not recorded: the text is ours, the hash stays that of the index, by which clients ask.
        None => Document {
            hash: hash_of(listed),
            body: upgrade::document(v2_value(), path)
                .to_string()
                .into_bytes()
                .into(),
        },
    };
    unpacked.insert(path.to_owned(), document.clone());
    Some(document)
}

fn hash_of(entry: &Value) -> String {
    let url = entry
        .get("serverRelativeURL")
        .and_then(Value::as_str)
        .unwrap_or_default();
    url.split_once("hash=")
        .map_or("", |(_, hash)| hash)
        .to_owned()
}

/// A recorded v3 document, parsed: the pattern for custom resources.
pub(super) fn pattern() -> &'static Value {
    static PATTERN: LazyLock<Value> = LazyLock::new(|| {
        let packed = V3.iter().find(|(known, _)| *known == "apis/apps/v1");
        packed.map_or(Value::Null, |(_, data)| parse(&unpack(data)))
    });
    &PATTERN
}
