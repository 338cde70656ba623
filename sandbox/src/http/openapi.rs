//! How the OpenAPI documents are sent: with hashes, dates and caching headers that clients rely on.

use super::documents::set;
use super::exchange::{Exchange, Reply, full, json, reply};
use crate::openapi::{
    Document, V2_PROTOBUF_ACCEPT, V2_PROTOBUF_CONTENT_TYPE, v2_json, v2_protobuf, v3_document,
    v3_index,
};
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, VARY,
};
use jiff::{Timestamp, ToSpan};
use std::sync::LazyLock;

/// When the documents came to be.
static MADE: LazyLock<Timestamp> = LazyLock::new(Timestamp::now);

fn date(time: Timestamp, zone: &str) -> String {
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    format!("{} {zone}", time.strftime("%a, %d %b %Y %H:%M:%S"))
}

/// `/openapi/v3`. It changes at any time, so its date is now; clients that ask twice in a second are told so.
pub(super) fn index(exchange: &Exchange) -> Reply {
    let resources = exchange.shared.cluster.registry().resources();
    let now = date(Timestamp::now(), "GMT");
    let mut answer = if exchange.header(&IF_MODIFIED_SINCE) == Some(now.as_str()) {
        reply(304, full(Vec::new()))
    } else {
        exchange.bytes(
            200,
            json(&v3_index(&resources)),
            "text/plain; charset=utf-8",
            &[],
        )
    };
    set(&mut answer, &LAST_MODIFIED, &now);
    answer
}

/// `/openapi/v3/PATH`. Who names the right hash may keep the document for ever, who names a wrong one is sent to the right
/// one.
pub(super) fn v3(exchange: &Exchange, path: &str) -> Reply {
    let resources = exchange.shared.cluster.registry().resources();
    let Some(document) = v3_document(path, &resources) else {
        return reply(404, full(Vec::new()));
    };
    let asked = exchange.query.get("hash");
    if asked.is_some_and(|hash| hash != document.hash) {
        let mut answer = reply(301, full(Vec::new()));
        set(
            &mut answer,
            &LOCATION,
            &format!("/openapi/v3/{path}?hash={}", document.hash),
        );
        return answer;
    }
    let mut answer = if known(exchange, &document) {
        reply(304, full(Vec::new()))
    } else {
        let mut answer = reply(200, full(document.body.to_vec()));
        answer
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        set(&mut answer, &LAST_MODIFIED, &date(*MADE, "GMT"));
        answer
    };
    if asked.is_some() {
        answer
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
        let expires = Timestamp::now()
            .checked_add((365 * 24).hours())
            .unwrap_or(*MADE);
        set(&mut answer, &EXPIRES, &date(expires, "UTC"));
    }
    set(&mut answer, &ETAG, &document.etag());
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept"));
    answer
}

/// `/openapi/v2`, in JSON or in protobuf.
pub(super) fn v2(exchange: &Exchange) -> Reply {
    let resources = exchange.shared.cluster.registry().resources();
    let protobuf = exchange
        .accept()
        .is_some_and(|a| a.contains(V2_PROTOBUF_ACCEPT) || a.contains(V2_PROTOBUF_CONTENT_TYPE));
    let (document, content_type) = if protobuf {
        (v2_protobuf(&resources), V2_PROTOBUF_CONTENT_TYPE)
    } else {
        (v2_json(&resources), "application/json")
    };
    let mut answer = if known(exchange, &document) {
        reply(304, full(Vec::new()))
    } else {
        let mut answer = exchange.bytes(200, document.body.to_vec(), content_type, &[]);
        set(&mut answer, &LAST_MODIFIED, &date(*MADE, "GMT"));
        answer
    };
    set(&mut answer, &ETAG, &document.etag());
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.append(VARY, HeaderValue::from_static("Accept"));
    answer
}

fn known(exchange: &Exchange, document: &Document) -> bool {
    let header = exchange.header(&IF_NONE_MATCH).unwrap_or_default();
    header
        .split(',')
        .any(|tag| tag.trim().trim_start_matches("W/") == document.etag())
}
