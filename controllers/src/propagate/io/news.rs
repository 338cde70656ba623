//! What a write of the federated object changed, told as events under KubeAdmiral's reasons.

use k8s_openapi::api::core::v1::ObjectReference;
use navarch_crds::keys::annotation;
use serde_json::Value;

use crate::host::context::Context;
use crate::propagate::{auto_migration, told};
use crate::runtime::compact::annotation as annotation_of;
use crate::runtime::events::reference;

/// The reason of events about where an object goes.
const SCHEDULED: &str = "ScheduleFederatedObject";

/// Tells what is other in the federated object that was `written` than in the `last` one.
pub(super) fn tell(ctx: &Context, about: &ObjectReference, last: Option<&Value>, written: &Value) {
    tell_of_room(ctx, about, last, written);
    tell_of_placement(ctx, about, last, written);
}

/// What auto migration found out.
fn tell_of_room(ctx: &Context, about: &ObjectReference, last: Option<&Value>, written: &Value) {
    let said =
        |object: &Value| annotation_of(object, annotation::AUTO_MIGRATION_INFO).map(str::to_owned);
    let before = last.and_then(said);
    let after = said(written);
    if let Some(note) = auto_migration::told(before.as_deref(), after.as_deref()) {
        ctx.events.tell(about, "AutoMigrationInfoUpdated", &note);
    }
}

/// Where the scheduler has put it. Once it has been placed, its federated object is told as well, as KubeAdmiral does;
/// the first time the one that the user applied has to do, so that no creation costs more than one event.
fn tell_of_placement(
    ctx: &Context,
    about: &ObjectReference,
    last: Option<&Value>,
    written: &Value,
) {
    let before = last.and_then(told::placement);
    let after = told::placement(written);
    let Some(note) = told::change(before.as_ref(), after.as_ref()) else {
        return;
    };
    ctx.events.mention(about, SCHEDULED, &note);
    let federated = reference(written);
    if before.is_some() && federated.uid != about.uid {
        ctx.events.mention(&federated, SCHEDULED, &note);
    }
}
