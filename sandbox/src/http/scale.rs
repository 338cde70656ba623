//! The scale subresource: `autoscaling/v1 Scale` made from, and written back to, the object it belongs to.

use super::exchange::Reply;
use super::media::{BodyType, Form, PLAIN_JSON, body_type, negotiate};
use super::resources::Call;
use crate::cluster::{Patch, check_name};
use crate::object::Gvk;
use crate::status::Status;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn handle(call: &Call<'_>) -> Result<Reply, Status> {
    let cluster = &call.exchange.shared.cluster;
    let (namespace, name) = (&call.place.namespace, &call.place.name);
    let scale = match call.exchange.entry.verb.as_str() {
        "get" => cluster.scale(&call.info, namespace, name)?,
        "update" => {
            let body = call.decode()?;
            check_kind(&body)?;
            check_name(&body, name)?;
            let options = call.write_options("scale")?;
            cluster.set_scale(&call.info, namespace, name, &options, |_| Ok(body.clone()))?
        }
        _ => {
            let options = call.write_options("scale")?;
            let strategic =
                body_type(call.exchange.header(&CONTENT_TYPE)) == BodyType::StrategicPatch;
            let patch = if strategic {
                // A Scale has no lists to merge: both patches mean the same.
                let body = serde_json::from_slice(&call.exchange.body);
                Patch::Merge(body.map_err(|e| Status::bad_request(e.to_string()))?)
            } else {
                call.read_patch()?
            };
            cluster.set_scale(&call.info, namespace, name, &options, |now| {
                patch.apply_to_scale(now)
            })?
        }
    };
    let media = negotiate(call.exchange.accept(), &[Form::Table], true).unwrap_or(PLAIN_JSON);
    let scale = Arc::new(scale);
    let scale = call.shaping(media.form)?.object(&scale, media.form);
    Ok(call.exchange.value(200, &scale, media, &[]))
}

/// Refuses what is no Scale, in the words of a failed conversion between Go types.
fn check_kind(body: &Value) -> Result<(), Status> {
    let Gvk { version, kind, .. } = Gvk::of(body);
    if kind.is_empty() || kind == "Scale" {
        return Ok(());
    }
    Err(Status::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a Scale: converting ({version}.{kind}) to (autoscaling.Scale): unknown conversion"
    )))
}
