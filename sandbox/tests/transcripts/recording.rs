//! The recording, as values.

use base64::Engine;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One recorded command.
pub(crate) struct Command {
    pub(crate) number: u64,
    pub(crate) user: String,
    pub(crate) text: String,
    pub(crate) requests: Vec<Request>,
}

/// One recorded request with its answer.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) value: Value,
    /// When it was sent, since the recording began.
    pub(crate) at: Duration,
    /// When the next one was sent, or the command ended.
    pub(crate) until: Duration,
}

/// What was sent along.
pub(crate) enum Body {
    Nothing,
    Json(Value),
    Text(String),
    Protobuf { bytes: Vec<u8>, json: Value },
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

pub(crate) fn unpack(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut out = Vec::new();
    GzDecoder::new(packed.as_slice())
        .read_to_end(&mut out)
        .unwrap();
    out
}

/// Recorded times were shifted so that the first is this.
const BEGINNING: &str = "2025-01-01T00:00:00Z";

fn since_beginning(time: &str) -> Duration {
    let beginning: jiff::Timestamp = BEGINNING.parse().unwrap();
    let time: jiff::Timestamp = time.parse().unwrap();
    time.duration_since(beginning).try_into().unwrap()
}

/// All commands, in order.
pub(crate) fn commands() -> Vec<Command> {
    let text = String::from_utf8(unpack(&folder().join("transcripts.jsonl.gz"))).unwrap();
    text.lines()
        .map(|line| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            let requests = value["requests"].take();
            let requests = requests.as_array().unwrap();
            // This group was recorded on a second server, afterwards: here it takes no time.
            let begun = match value["group"].as_str() {
                Some("no credentials") => Duration::ZERO,
                _ => since_beginning(value["at"].as_str().unwrap()),
            };
            let after =
                |seconds: &Value| begun + Duration::from_secs_f64(seconds.as_f64().unwrap());
            let end = after(&value["seconds"]);
            let requests = requests.iter().enumerate().map(|(index, r)| Request {
                method: r["method"].as_str().unwrap().to_owned(),
                path: r["path"].as_str().unwrap().to_owned(),
                value: r.clone(),
                at: after(&r["t"]),
                until: requests
                    .get(index + 1)
                    .map_or(end, |next| after(&next["t"])),
            });
            Command {
                number: value["n"].as_u64().unwrap(),
                user: value["user"].as_str().unwrap().to_owned(),
                text: value["command"].as_str().unwrap_or_default().to_owned(),
                requests: requests.collect(),
            }
        })
        .collect()
}

impl Request {
    pub(crate) fn status(&self) -> u16 {
        u16::try_from(self.value["status"].as_u64().unwrap()).unwrap()
    }

    /// A recorded header of the request; the first if there are several.
    pub(crate) fn sent(&self, name: &str) -> Option<&str> {
        let value = &self.value["requestHeaders"][name];
        value.as_str().or_else(|| value[0].as_str())
    }

    pub(crate) fn sent_headers(&self) -> impl Iterator<Item = (&String, Vec<&str>)> {
        self.value["requestHeaders"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                let values = match value {
                    Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
                    other => other.as_str().into_iter().collect(),
                };
                (name, values)
            })
    }

    /// A recorded header of the answer, all its values.
    pub(crate) fn answered(&self, name: &str) -> Vec<String> {
        match &self.value["responseHeaders"][name] {
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            other => other.as_str().map(str::to_owned).into_iter().collect(),
        }
    }

    pub(crate) fn events(&self) -> Option<&Vec<Value>> {
        self.value["events"].as_array()
    }

    pub(crate) fn is_upgrade(&self) -> bool {
        self.sent("Upgrade").is_some()
    }

    pub(crate) fn body(&self) -> Body {
        let json = &self.value["requestBody"];
        if let Some(text) = self.value["requestBodyProtobuf"].as_str() {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(text)
                .unwrap();
            return Body::Protobuf {
                bytes,
                json: json.clone(),
            };
        }
        match json {
            Value::Null => Body::Nothing,
            Value::String(text) => Body::Text(text.clone()),
            other => Body::Json(other.clone()),
        }
    }

    /// The recorded answer; nothing for OpenAPI documents, which are compared by hash.
    pub(crate) fn answer(&self) -> Option<Value> {
        if self.value["bodyProtobufFile"].is_object() && !self.value["bodyFile"].is_object() {
            return None;
        }
        let Some(file) = self.value["bodyFile"]["file"].as_str() else {
            return Some(self.value["body"].clone());
        };
        let path = folder().join(file);
        path.exists()
            .then(|| serde_json::from_slice(&unpack(&path)).unwrap())
    }
}
