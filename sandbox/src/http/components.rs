//! ComponentStatuses: made up on the spot, always healthy, as the old kind is.

use super::exchange::Reply;
use super::media::Form;
use super::resources::Call;
use crate::cluster::Listed;
use crate::object::{self, Object};
use crate::status::Status;
use serde_json::{Value, json};
use std::sync::Arc;

const COMPONENTS: [(&str, &str); 3] = [
    ("etcd-0", "ok"),
    ("controller-manager", "ok"),
    ("scheduler", "ok"),
];

fn component((name, message): (&str, &str)) -> Object {
    Arc::new(json!({
        "kind": "ComponentStatus", "apiVersion": "v1", "metadata": {"name": name},
        "conditions": [{"type": "Healthy", "status": "True", "message": message}],
    }))
}

/// Get and list.
pub(super) fn answer(call: &Call<'_>) -> Result<Reply, Status> {
    let items: Vec<Object> = COMPONENTS.map(component).to_vec();
    let name = &call.place.name;
    if !name.is_empty() {
        let found = items.iter().find(|c| object::name(c) == name);
        let missing = || Status::not_found("", "componentstatuses", name);
        return call.show(200, found.ok_or_else(missing)?, &[]);
    }
    let media = call.media(&[Form::Table, Form::Metadata])?;
    let listed = Listed {
        items,
        resource_version: 0,
        continue_token: None,
        remaining: None,
    };
    let mut shaped = call.shaping(media.form)?.list(&listed, media.form);
    // There is no collection behind it, hence no version of one.
    if let Some(metadata) = shaped.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    Ok(call
        .exchange
        .value(200, &shaped, media, &call.deprecations()))
}
