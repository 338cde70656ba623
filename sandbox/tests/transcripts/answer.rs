//! Answers as values, whatever they were written in.

use crate::client::Answer;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let values = self.headers.get_all(name).iter();
        values
            .filter_map(|v| v.to_str().ok())
            .map(str::to_owned)
            .collect()
    }

    fn plain(&self) -> Vec<u8> {
        if self.header("content-encoding") != ["gzip"] {
            return self.body.clone();
        }
        let mut out = Vec::new();
        let _ = GzDecoder::new(self.body.as_slice()).read_to_end(&mut out);
        out
    }

    /// The body as JSON, if it is one in any encoding; text otherwise.
    pub(crate) fn value(&self) -> Value {
        let body = self.plain();
        if body.starts_with(b"k8s\0") {
            return navarch_sandbox::proto::decode(&body)
                .unwrap_or_else(|e| Value::from(format!("protobuf that cannot be read: {e}")));
        }
        let text = self
            .header("content-type")
            .concat()
            .starts_with("text/plain; charset");
        match serde_json::from_slice(&body) {
            Ok(value) if !(text && body.first() != Some(&b'{')) => value,
            _ if body.is_empty() => Value::Null,
            _ => Value::from(String::from_utf8_lossy(&body).into_owned()),
        }
    }

    /// The events of a watch.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.body)
    }
}

/// Complete events in what has been read of a watch: lines of JSON, or frames of protobuf.
pub(crate) fn events(body: &[u8]) -> Vec<Value> {
    if body.first() == Some(&0) {
        return frames(body);
    }
    let lines = body
        .split_inclusive(|b| *b == b'\n')
        .filter(|l| l.ends_with(b"\n"));
    lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

fn frames(mut body: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    while let Some((length, rest)) = body.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(frame) = rest.get(..length) else {
            break;
        };
        body = &rest[length..];
        // Field 1 is the type, field 2 holds the object's own body.
        let kind_length = usize::from(frame[1]);
        let kind = String::from_utf8_lossy(&frame[2..2 + kind_length]).into_owned();
        let start = frame
            .windows(4)
            .position(|w| w == b"k8s\0")
            .unwrap_or(frame.len());
        let object = navarch_sandbox::proto::decode(&frame[start..]).unwrap_or(Value::Null);
        found.push(serde_json::json!({"type": kind, "object": object}));
    }
    found
}
