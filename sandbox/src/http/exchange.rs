//! One request as the handlers see it, and how answers are made: encodings, compression, headers.

use super::media::{self, Encoding, Media};
use super::query::Query;
use crate::cluster::WriteOptions;
use crate::proto;
use crate::request_log::Entry;
use crate::server::Shared;
use crate::status::Status;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName,
    HeaderValue, RETRY_AFTER, USER_AGENT, VARY, WARNING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde::Serialize;
use serde_json::Value;
use std::io::Write;
use std::sync::Arc;

/// The body of an answer; it ends with an error when the connection is to be cut.
pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// An answer.
pub(super) type Reply = Response<Body>;

/// Answers are compressed from this size on, as a real server does.
const COMPRESS_FROM: usize = 128 * 1024;

/// A request, its body read.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) user: crate::auth::User,
    pub(super) entry: Entry,
}

pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// JSON as Go writes it: compact, with `<`, `>`, `&` and the two line separators escaped.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    escape(serde_json::to_vec(value).unwrap_or_default())
}

fn escape(text: Vec<u8>) -> Vec<u8> {
    if !text.iter().any(|b| matches!(b, b'<' | b'>' | b'&' | 0xe2)) {
        return text;
    }
    let mut out = Vec::with_capacity(text.len() + 64);
    let mut rest = text.as_slice();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'<' => out.extend_from_slice(b"\\u003c"),
            b'>' => out.extend_from_slice(b"\\u003e"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            0xe2 if rest.starts_with(&[0x80, 0xa8]) || rest.starts_with(&[0x80, 0xa9]) => {
                out.extend_from_slice(if rest.get(1) == Some(&0xa8) {
                    b"\\u2028"
                } else {
                    b"\\u2029"
                });
                rest = rest.get(2..).unwrap_or_default();
            }
            byte => out.push(*byte),
        }
    }
    out
}

impl Exchange {
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    pub(super) fn accept(&self) -> Option<&str> {
        self.header(&ACCEPT)
    }

    pub(super) fn user_agent(&self) -> &str {
        self.header(&USER_AGENT).unwrap_or_default()
    }

    fn pretty(&self) -> bool {
        match self.query.get("pretty") {
            Some(value) => !matches!(value, "false" | "0"),
            None => ["curl", "Wget", "Mozilla/5.0"]
                .iter()
                .any(|a| self.user_agent().starts_with(a)),
        }
    }

    /// Field manager: as given, or the first part of the user agent.
    pub(super) fn manager(&self) -> String {
        crate::apply::managers::manager_name(self.query.get("fieldManager"), self.user_agent())
    }

    pub(super) fn write_options(&self, subresource: &str) -> Result<WriteOptions, Status> {
        self.query.check_manager()?;
        Ok(WriteOptions {
            manager: self.manager(),
            dry_run: self.query.dry_run()?,
            validation: self.query.field_validation()?,
            subresource: Some(subresource.to_owned()).filter(|s| !s.is_empty()),
            user: self.user.name.clone(),
            groups: self.user.groups.clone(),
            duplicates: Vec::new(),
        })
    }

    fn takes_gzip(&self) -> bool {
        let header = self.header(&ACCEPT_ENCODING).unwrap_or_default();
        header
            .split(',')
            .any(|e| e.split(';').next().unwrap_or_default().trim() == "gzip")
    }

    /// An answer with a value in it.
    pub(super) fn value(
        &self,
        code: u16,
        value: &Value,
        media: Media,
        warnings: &[String],
    ) -> Reply {
        match self.encode(value, media.encoding) {
            Ok((bytes, content_type)) => self.bytes(code, bytes, content_type, warnings),
            Err(status) => self.refuse(&status),
        }
    }

    fn encode(&self, value: &Value, encoding: Encoding) -> Result<(Vec<u8>, &'static str), Status> {
        match encoding {
            Encoding::Protobuf => {
                let bytes = proto::encode(value).map_err(Status::internal)?;
                Ok((bytes, "application/vnd.kubernetes.protobuf"))
            }
            Encoding::Yaml => {
                let text = serde_saphyr::to_string(value).map_err(Status::internal)?;
                Ok((text.into_bytes(), "application/yaml"))
            }
            Encoding::Json if self.pretty() => {
                let text = serde_json::to_vec_pretty(value).map_err(Status::internal)?;
                Ok((escape(text), "application/json"))
            }
            Encoding::Json => {
                let mut bytes = json(value);
                bytes.push(b'\n');
                Ok((bytes, "application/json"))
            }
        }
    }

    /// An answer of ready bytes, compressed when that is worth it.
    pub(super) fn bytes(
        &self,
        code: u16,
        bytes: Vec<u8>,
        content_type: &'static str,
        warnings: &[String],
    ) -> Reply {
        let compress = bytes.len() > COMPRESS_FROM && self.takes_gzip();
        let body = if compress { gzip(&bytes) } else { bytes };
        let mut reply = reply(code, full(body));
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if compress {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        add_warnings(headers, warnings);
        reply
    }

    /// Plain text.
    pub(super) fn text(&self, code: u16, text: &str) -> Reply {
        let mut reply = self.bytes(code, text.into(), "text/plain; charset=utf-8", &[]);
        reply
            .headers_mut()
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        reply
    }

    /// The answer to a request that failed.
    pub(super) fn refuse(&self, status: &Status) -> Reply {
        if status.plain_text {
            return self.text(status.code, &status.message);
        }
        let media = Media {
            encoding: media::of_error(self.accept()),
            ..media::PLAIN_JSON
        };
        let value = status.to_value();
        let (bytes, content_type) = match self.encode(&value, media.encoding) {
            Ok(encoded) => encoded,
            Err(_) => (json(&value), "application/json"),
        };
        let mut reply = self.bytes(status.code, bytes, content_type, &[]);
        if let Some(seconds) = status.retry_after() {
            reply
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Refused by authorization; admission's refusals go out like any answer.
        let unauthorized = ["forbidden: User \"", "cannot impersonate"];
        if status.code == 403 && unauthorized.iter().any(|u| status.message.contains(u)) {
            let nosniff = HeaderValue::from_static("nosniff");
            reply.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
        }
        reply
    }
}

/// An answer with the headers every answer has.
pub(super) fn reply(code: u16, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    reply
}

pub(super) fn add_warnings(headers: &mut HeaderMap, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            headers.append(WARNING, value);
        }
    }
}

/// Compressed at the fastest level, as a real server does.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    #[test]
    fn json_is_escaped_as_go_escapes_it() {
        let text = json(&value!({"a": "<&>\u{2028}é\u{2030}"}));
        let expected = "{\"a\":\"\\u003c\\u0026\\u003e\\u2028é\u{2030}\"}";
        assert_eq!(String::from_utf8(text).expect("text"), expected);
    }
}
