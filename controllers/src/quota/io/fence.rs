//! Fencing: after it no earlier write to an object can be carried out. Every such write names the resource version that it
//! is for; the object gets a newer one, or has it already.

use navarch_crds::keys::navarch::FENCE;
use navarch_crds::quota::OpenObject;
use serde_json::{Value, json};

use super::super::error::{FenceError, Fenced};
use super::super::record::{kind_of, namespace_of};
use crate::fleet::request::{Part, RequestError, Requests};
use crate::runtime::compact::text;

/// Fences an object that was written to before this is called. `mark` must never have been used before: a write that
/// changes nothing does not change the version either.
pub(super) async fn fence(
    requests: &Requests,
    object: &OpenObject,
    mark: &str,
) -> Result<Fenced, FenceError> {
    let present = match look(requests, object).await? {
        Look::Present(present) => present,
        Look::Fenced(fenced) => return Ok(fenced),
    };
    let version = text(&present, "/metadata/resourceVersion").unwrap_or_default();
    let patch = json!({ "metadata": {
        "resourceVersion": version, "annotations": { FENCE: mark },
    } });
    let patched = requests
        .merge(
            &kind_of(object),
            namespace_of(object),
            &object.name,
            Part::Whole,
            &patch,
        )
        .await;
    match patched {
        Ok(written) if text(&written, "/metadata/resourceVersion") == Some(version) => {
            Err(FenceError::Unchanged)
        }
        Ok(written) => Ok(Fenced::Written(written)),
        Err(error) if error.is_absence(&object.name) => Ok(Fenced::Gone),
        Err(error) if error.is_conflict() => match look(requests, object).await? {
            Look::Fenced(fenced) => Ok(fenced),
            Look::Present(newer) if text(&newer, "/metadata/resourceVersion") != Some(version) => {
                Ok(Fenced::Newer(newer))
            }
            // Something else was in the way.
            Look::Present(_) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

enum Look {
    Present(Value),
    Fenced(Fenced),
}

async fn look(requests: &Requests, object: &OpenObject) -> Result<Look, RequestError> {
    if object.name.is_empty() {
        // Nothing is called that.
        return Ok(Look::Fenced(Fenced::Gone));
    }
    let kind = kind_of(object);
    let present = requests
        .get(&kind, namespace_of(object), &object.name)
        .await?;
    Ok(match present {
        None => Look::Fenced(Fenced::Gone),
        Some(other) if text(&other, "/metadata/uid") != Some(object.uid.as_str()) => {
            Look::Fenced(Fenced::Replaced(other))
        }
        Some(present) => Look::Present(present),
    })
}
