//! The HTTP side: what a request is about, who may do it, and how the answer is written. It decides nothing about
//! objects: that is the cluster's.

mod access;
mod components;
mod documents;
mod exchange;
mod go_yaml;
mod health;
mod media;
mod openapi;
mod query;
mod resources;
mod reviews;
mod route;
mod scale;
mod shape;
mod streaming;
mod subresources;
pub(crate) mod transport;

use crate::faults::{Fault, Reading};
use crate::request_log::Entry;
use crate::server::Shared;
use crate::status::Status;
use bytes::Bytes;
use exchange::{Exchange, Reply};
use http::header::USER_AGENT;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use query::Query;
use route::{Place, Route, route};
use std::sync::Arc;
use transport::Peer;

/// Bodies above this are refused, as a real server does.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// Answers one request. An error cuts the connection.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
) -> Result<Reply, std::io::Error> {
    let (parts, incoming) = request.into_parts();
    let body = Limited::new(incoming, BODY_LIMIT).collect().await;
    let path = parts.uri.path().to_owned();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let route = route(&path);
    let mut exchange = Exchange {
        entry: describe(&route, &parts.method, &query, &path),
        shared,
        method: parts.method,
        path,
        query,
        headers: parts.headers,
        body: Bytes::new(),
        user: crate::auth::User::default(),
    };
    exchange.entry.user_agent = exchange.header(&USER_AGENT).unwrap_or_default().to_owned();
    exchange.entry.field_manager = if exchange.entry.is_write() {
        exchange.manager()
    } else {
        String::new()
    };
    exchange.entry.dry_run = exchange.query.has("dryRun");
    let too_large = || {
        let why = format!("Request entity too large: limit is {BODY_LIMIT}");
        Status::new(413, "RequestEntityTooLarge", why)
    };
    match body {
        Ok(body) => exchange.body = body.to_bytes(),
        Err(_) => return Ok(exchange.refuse(&too_large())),
    }
    if exchange.entry.verb == "patch"
        && media::body_type(exchange.header(&http::header::CONTENT_TYPE)) == media::BodyType::Apply
    {
        exchange.entry.verb = "apply".into();
    }
    let faults = exchange.shared.faults.strike(&exchange.entry);
    let answered = answer(&mut exchange, &peer, &route, &faults).await;
    let mut entry = exchange.entry.clone();
    entry.status = answered.as_ref().map_or(0, |reply| reply.status().as_u16());
    exchange.shared.log.record(entry);
    answered
}

async fn answer(
    exchange: &mut Exchange,
    peer: &Peer,
    route: &Route,
    faults: &[Fault],
) -> Result<Reply, std::io::Error> {
    let mut lose_answer = false;
    let mut reading = Reading::default();
    for fault in faults {
        match fault {
            Fault::Delay(time) => tokio::time::sleep(*time).await,
            Fault::Reset => return Err(cut()),
            Fault::LoseAnswer => lose_answer = true,
            Fault::CutWatch(events) => reading.cut_after = Some(*events),
            Fault::StaleList(revision) => reading.stale = Some(*revision),
            Fault::Status(code) => {
                let reason = match code {
                    429 => "TooManyRequests",
                    503 => "ServiceUnavailable",
                    504 => "Timeout",
                    500 => "InternalError",
                    _ => "",
                };
                let status = Status::new(*code, reason, "injected fault");
                return Ok(exchange.refuse(&status));
            }
        }
    }
    let reply = match admit(exchange, peer, route) {
        Ok(()) => dispatch(exchange, route, reading).await,
        Err(status) => Err(status),
    };
    if lose_answer {
        return Err(cut());
    }
    Ok(reply.unwrap_or_else(|status| exchange.refuse(&status)))
}

fn cut() -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::ConnectionReset,
        "cut by an injected fault",
    )
}

/// Authentication and authorization.
fn admit(exchange: &mut Exchange, peer: &Peer, route: &Route) -> Result<(), Status> {
    exchange.user = access::user(exchange, peer)?;
    access::authorize(exchange, route)
}

async fn dispatch(exchange: &Exchange, route: &Route, reading: Reading) -> Result<Reply, Status> {
    match route {
        Route::Objects(place) => resources::handle(exchange, place, reading).await,
        Route::Health { check } => Ok(health::health(exchange, check.as_deref())),
        other => documents::document(exchange, other),
    }
}

/// What the request is, in the words of the request log.
fn describe(route: &Route, method: &Method, query: &Query, path: &str) -> Entry {
    let Route::Objects(place) = route else {
        let verb = method.as_str().to_lowercase();
        return Entry {
            verb,
            path: path.to_owned(),
            ..Entry::default()
        };
    };
    Entry {
        verb: verb(method, place, query).to_owned(),
        group: place.group.clone(),
        version: place.version.clone(),
        resource: place.resource.clone(),
        subresource: place.subresource.clone(),
        namespace: place.namespace.clone(),
        name: place.name.clone(),
        path: path.to_owned(),
        ..Entry::default()
    }
}

fn verb(method: &Method, place: &Place, query: &Query) -> &'static str {
    let collection = place.name.is_empty();
    match *method {
        Method::GET | Method::HEAD if place.watch || (collection && query.is_watch()) => "watch",
        Method::GET | Method::HEAD if collection => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if collection => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}
