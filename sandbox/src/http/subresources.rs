//! Subresources: status and its like, scale, eviction, binding, tokens, and those that need a kubelet.

use super::exchange::Reply;
use super::media::PLAIN_JSON;
use super::resources::Call;
use super::{reviews, scale};
use crate::status::Status;
use serde_json::{Value, json};

pub(super) fn handle(call: &Call<'_>) -> Result<Reply, Status> {
    let place = call.place;
    let sub = call
        .info
        .subresource(&place.subresource)
        .ok_or_else(Status::no_such_resource)?;
    let verb = match call.exchange.entry.verb.as_str() {
        "apply" => "patch",
        verb => verb,
    };
    if !sub.verbs.iter().any(|v| v == verb) {
        return Err(Status::method_not_allowed());
    }
    match (place.subresource.as_str(), verb) {
        ("scale", _) => scale::handle(call),
        ("eviction", _) => evict(call),
        ("binding", _) => bind(call),
        ("token", _) => reviews::token(call),
        ("log" | "exec" | "attach" | "portforward" | "proxy", _) => Err(no_kubelet(call)),
        (_, "get") => call.get(),
        (_, "update") => call.update(),
        (_, "patch") => call.patch(),
        _ => Err(Status::method_not_allowed()),
    }
}

/// Nothing runs in the pods of a sandbox: what a real server says of a node whose kubelet has no address.
fn no_kubelet(call: &Call<'_>) -> Status {
    let place = call.place;
    let cluster = &call.exchange.shared.cluster;
    match cluster.get_of(&call.info, &place.namespace, &place.name) {
        Err(missing) => missing,
        Ok(_) => Status::unknown("no preferred addresses found; known addresses: []"),
    }
}

fn success(call: &Call<'_>, code: u16) -> Reply {
    let value = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code,
    });
    call.exchange.value(code, &value, PLAIN_JSON, &[])
}

/// Refuses a body that is about another object than the path.
fn check_name(call: &Call<'_>, body: &Value, kind: &str) -> Result<(), Status> {
    if crate::object::name(body) == call.place.name {
        return Ok(());
    }
    let why = format!("name in URL does not match name in {kind} object");
    Err(Status::bad_request(why))
}

fn evict(call: &Call<'_>) -> Result<Reply, Status> {
    let body = call.decode()?;
    check_name(call, &body, "Eviction")?;
    let options = call
        .exchange
        .query
        .delete_options(body.get("deleteOptions"))?;
    let cluster = &call.exchange.shared.cluster;
    cluster.evict(&call.place.namespace, &call.place.name, &options)?;
    Ok(success(call, 201))
}

pub(super) fn bind(call: &Call<'_>) -> Result<Reply, Status> {
    let body = call.decode()?;
    let own = crate::object::name(&body);
    if !call.place.name.is_empty() {
        check_name(call, &body, "Binding")?;
    }
    let name = if call.place.name.is_empty() {
        own
    } else {
        &call.place.name
    };
    let node = body
        .pointer("/target/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if node.is_empty() {
        return Err(Status::unknown("target.name: Required value"));
    }
    let cluster = &call.exchange.shared.cluster;
    let options = call.write_options("binding")?;
    cluster.bind(&call.place.namespace, name, node, &options)?;
    Ok(success(call, 201))
}
