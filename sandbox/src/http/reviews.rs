//! Kinds that are asked, not stored: access reviews, token reviews, and requests for tokens.

use super::exchange::Reply;
use super::resources::Call;
use crate::apply;
use crate::auth::reviews;
use crate::object::{self, Gvk};
use crate::registry::ResourceInfo;
use crate::schema::{Node, Schemas};
use crate::status::{Cause, Status};
use serde_json::{Value, json};
use std::sync::Arc;

/// Whether creating one only asks a question.
pub(super) fn is_review(info: &ResourceInfo) -> bool {
    matches!(
        info.group.as_str(),
        "authentication.k8s.io" | "authorization.k8s.io"
    )
}

pub(super) fn create(call: &Call<'_>) -> Result<Reply, Status> {
    let exchange = call.exchange;
    let (cluster, user) = (&exchange.shared.cluster, &exchange.user);
    let mut review = call.decode()?;
    let spec = review.get("spec").cloned().unwrap_or_default();
    let map = object::map_mut(&mut review);
    map.entry("apiVersion")
        .or_insert_with(|| call.info.api_version().into());
    map.entry("kind")
        .or_insert_with(|| call.info.kind.clone().into());
    if call.info.plural.ends_with("accessreviews") {
        check_access(&call.info.kind, &spec)?;
    }
    if call.info.kind != "SelfSubjectRulesReview" {
        own(call, &mut review, &call.info.gvk(), "");
    }
    let status = match call.info.kind.as_str() {
        "SelfSubjectReview" => {
            let metadata = object::metadata_mut(&mut review);
            metadata.insert("creationTimestamp".into(), object::now().into());
            reviews::self_subject(user)
        }
        "SelfSubjectRulesReview" => {
            let namespace = spec
                .get("namespace")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if namespace.is_empty() {
                return Err(Status::bad_request("no namespace on request"));
            }
            object::map_mut(&mut review).insert("spec".into(), json!({}));
            reviews::rules(cluster, user, namespace)
        }
        "TokenReview" => {
            let now = jiff::Timestamp::now().as_second();
            reviews::token(&exchange.shared.authentication, cluster, &spec, now)
        }
        _ => reviews::access(cluster, user, &spec),
    };
    finish(call, review, status)
}

/// Refuses a question that is none (k8s.io/kubernetes, pkg/apis/authorization/validation).
fn check_access(kind: &str, spec: &Value) -> Result<(), Status> {
    let refuse = |field: &str, message: String| {
        let cause = Cause {
            reason: "FieldValueInvalid".into(),
            message: format!("Invalid value: {message}"),
            field: format!("spec.{field}"),
        };
        Err(Status::invalid("authorization.k8s.io", "", "", &[cause]))
    };
    let path = &spec["nonResourceAttributes"];
    match (spec["resourceAttributes"].is_object(), path.is_object()) {
        (true, true) => {
            let text = |name: &str| path[name].as_str().unwrap_or_default().to_owned();
            let shown = json!({"Path": text("path"), "Verb": text("verb")});
            let why = "cannot be specified in combination with resourceAttributes";
            return refuse("nonResourceAttributes", format!("{shown}: {why}"));
        }
        (false, false) => {
            let why =
                "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            return refuse("resourceAttributes", format!("null: {why}"));
        }
        _ => {}
    }
    let user = spec["user"].as_str().unwrap_or_default();
    let groups = spec["groups"].as_array().map_or(0, Vec::len);
    if kind.starts_with("Self") || !user.is_empty() || groups > 0 {
        return Ok(());
    }
    let why = "at least one of user or group must be specified";
    refuse("user", format!("\"\": {why}"))
}

fn finish(call: &Call<'_>, mut review: Value, status: Value) -> Result<Reply, Status> {
    let map = object::map_mut(&mut review);
    map.insert("status".into(), status);
    map.entry("metadata").or_insert_with(|| json!({}));
    call.show(201, &Arc::new(review), &[])
}

/// Writes managed fields into what is sent, as a real server does even here.
fn own(call: &Call<'_>, review: &mut Value, kind: &Gvk, subresource: &str) {
    let node = Schemas::builtin().root(kind).unwrap_or_else(Node::anything);
    let write = apply::Write {
        manager: &call.exchange.manager(),
        api_version: &kind.api_version(),
        subresource,
        time: &object::now(),
        ignored: &["status"],
        node: &node,
    };
    apply::after_update(None, review, &write);
}

/// A token for a service account.
pub(super) fn token(call: &Call<'_>) -> Result<Reply, Status> {
    let exchange = call.exchange;
    let place = call.place;
    let mut request = call.decode()?;
    let kind = Gvk::new("authentication.k8s.io", "v1", "TokenRequest");
    let spec = request.get("spec").cloned().unwrap_or_default();
    let account = exchange
        .shared
        .cluster
        .get_of(&call.info, &place.namespace, &place.name)?;
    let (spec, status) = reviews::token_request(
        &exchange.shared.authentication,
        &exchange.shared.cluster,
        (&place.namespace, &place.name),
        &spec,
        jiff::Timestamp::now(),
        &crate::cluster::new_uid(),
    )?;
    let metadata = object::metadata_mut(&mut request);
    metadata.insert("name".into(), place.name.clone().into());
    metadata.insert("namespace".into(), place.namespace.clone().into());
    metadata.insert("uid".into(), object::uid(&account).into());
    metadata.insert("creationTimestamp".into(), object::now().into());
    let map = object::map_mut(&mut request);
    map.insert("apiVersion".into(), kind.api_version().into());
    map.insert("kind".into(), kind.kind.clone().into());
    // Owned is what was asked for and the default of the API; the audiences and their like are filled in later.
    let asked = object::field_mut(&mut request, "spec");
    asked.retain(|_, value| !value.is_null());
    asked
        .entry("expirationSeconds")
        .or_insert_with(|| json!(3600));
    own(call, &mut request, &kind, "token");
    object::map_mut(&mut request).insert("spec".into(), spec);
    finish(call, request, status)
}
