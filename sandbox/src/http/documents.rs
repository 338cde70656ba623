//! Documents that are no objects: discovery, OpenAPI, version, metrics, the OpenID configuration.

use super::exchange::{Exchange, Reply, full, json, reply};
use super::media::{Form, PLAIN_JSON, negotiate};
use super::route::Route;
use super::{health, openapi};
use crate::discovery::{self, Part};
use crate::status::Status;
use http::Method;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, VARY,
};
use serde_json::{Value, json as value};

pub(super) fn document(exchange: &Exchange, route: &Route) -> Result<Reply, Status> {
    // A group is shown whatever the method is; of resources there is nothing but GET.
    let other = exchange.method != Method::GET && exchange.method != Method::HEAD;
    let head = exchange.method == Method::HEAD && matches!(route, Route::Resources { .. });
    if (other && !matches!(route, Route::Group(_))) || head {
        return Err(match route {
            Route::Unknown => Status::page_not_found(),
            _ => Status::method_not_allowed(),
        });
    }
    let resources = exchange.shared.cluster.registry().resources();
    let address = exchange.shared.address.to_string();
    match route {
        Route::Root => Ok(plain(exchange, &root(exchange))),
        Route::CoreVersions => either(exchange, Part::Core, || discovery::api_versions(&address)),
        Route::Groups => either(exchange, Part::Groups, || discovery::group_list(&resources)),
        Route::Group(name) => {
            let group = discovery::group(name, &resources).ok_or_else(Status::page_not_found)?;
            Ok(plain(exchange, &group))
        }
        Route::Resources { group, version } => {
            let list = discovery::resource_list(group, version, &resources);
            let known = exchange.shared.cluster.registry().has_group(group);
            let missing = if known {
                Status::no_such_resource()
            } else {
                Status::page_not_found()
            };
            Ok(plain(exchange, &list.ok_or(missing)?))
        }
        Route::Version => Ok(version(exchange)),
        Route::OpenApiV2 => Ok(openapi::v2(exchange)),
        Route::OpenApiV3Index => Ok(openapi::index(exchange)),
        Route::OpenApiV3(path) => Ok(openapi::v3(exchange, path)),
        Route::OpenIdConfiguration => Ok(open_id(exchange, &address)),
        Route::OpenIdKeys => {
            let keys = exchange.shared.authentication.tokens.key_set();
            Ok(public(exchange, &keys, "application/jwk-set+json"))
        }
        Route::Metrics => Ok(exchange.text(200, &metrics(exchange))),
        _ => Err(Status::page_not_found()),
    }
}

/// The aggregated document if it is asked for, the old one otherwise.
fn either(exchange: &Exchange, part: Part, old: impl FnOnce() -> Value) -> Result<Reply, Status> {
    let media = negotiate(exchange.accept(), &[Form::Discovery], false)?;
    if media.form != Form::Discovery {
        return Ok(plain(exchange, &old()));
    }
    let resources = exchange.shared.cluster.registry().resources();
    let mut bytes = json(&discovery::aggregated(part, &resources));
    bytes.push(b'\n');
    let etag = discovery::etag(&bytes);
    let mut answer = tagged(exchange, &etag, bytes, discovery::AGGREGATED_CONTENT_TYPE);
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("public"));
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept"));
    Ok(answer)
}

/// An answer with an Etag: nothing but headers when the client has it already.
pub(super) fn tagged(
    exchange: &Exchange,
    etag: &str,
    bytes: Vec<u8>,
    content_type: &'static str,
) -> Reply {
    let known = exchange.header(&IF_NONE_MATCH).unwrap_or_default();
    let unchanged = known
        .split(',')
        .any(|t| t.trim().trim_start_matches("W/") == etag);
    let mut answer = if unchanged {
        reply(304, full(Vec::new()))
    } else {
        exchange.bytes(200, bytes, content_type, &[])
    };
    set(&mut answer, &ETAG, etag);
    answer
}

pub(super) fn set(answer: &mut Reply, name: &HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        answer.headers_mut().insert(name, value);
    }
}

fn open_id(exchange: &Exchange, address: &str) -> Reply {
    let document = value!({
        "issuer": crate::auth::tokens::ISSUER,
        "jwks_uri": format!("https://{address}/openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    public(exchange, &document, "application/json")
}

fn public(exchange: &Exchange, document: &Value, content_type: &'static str) -> Reply {
    let mut answer = exchange.bytes(200, json(document), content_type, &[]);
    let cached = HeaderValue::from_static("public, max-age=3600");
    answer.headers_mut().insert(CACHE_CONTROL, cached);
    answer
}

fn root(exchange: &Exchange) -> Value {
    let mut paths: Vec<String> = [
        "/.well-known/openid-configuration",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
    ]
    .map(str::to_owned)
    .to_vec();
    for group in exchange.shared.cluster.registry().groups() {
        if group.name.is_empty() {
            continue;
        }
        paths.push(format!("/apis/{}", group.name));
        paths.extend(
            group
                .versions
                .iter()
                .map(|v| format!("/apis/{}/{v}", group.name)),
        );
    }
    let rest = [
        "/healthz",
        "/livez",
        "/metrics",
        "/metrics/slis",
        "/openapi/v2",
        "/openapi/v3",
        "/openapi/v3/",
        "/openid/v1/jwks",
        "/readyz",
        "/readyz/shutdown",
        "/version",
    ];
    paths.extend(rest.map(str::to_owned));
    for kind in ["healthz", "livez", "readyz"] {
        paths.extend(
            health::CHECKS
                .iter()
                .map(|check| format!("/{kind}/{check}")),
        );
    }
    paths.extend(
        health::READY_ONLY
            .iter()
            .map(|check| format!("/readyz/{check}")),
    );
    paths.sort();
    value!({ "paths": paths })
}

fn version(exchange: &Exchange) -> Reply {
    let value = value!({
        "major": "1", "minor": "34", "emulationMajor": "1", "emulationMinor": "34",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "33",
        "gitVersion": "v1.34.4", "gitCommit": "sandbox", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "rustc",
        "platform": "linux/amd64",
    });
    // A real server indents this document whoever asks.
    let text = serde_json::to_vec_pretty(&value).unwrap_or_default();
    let mut answer = exchange.bytes(200, text, "application/json", &[]);
    set(&mut answer, &CONTENT_TYPE, "application/json");
    answer
}

fn metrics(exchange: &Exchange) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for entry in exchange.shared.log.entries() {
        let key = (entry.verb, entry.group, entry.resource, entry.status);
        *counts.entry(key).or_insert(0_u64) += 1;
    }
    let mut text = String::from(
        "# HELP apiserver_request_total Counter of apiserver requests.\n# TYPE apiserver_request_total counter\n",
    );
    for ((verb, group, resource, status), count) in counts {
        let verb = verb.to_uppercase();
        text.push_str(&format!(
            "apiserver_request_total{{code=\"{status}\",group=\"{group}\",resource=\"{resource}\",verb=\"{verb}\"}} {count}\n"
        ));
    }
    text
}

/// A small document, as JSON.
pub(super) fn plain(exchange: &Exchange, value: &Value) -> Reply {
    exchange.value(200, value, PLAIN_JSON, &[])
}
