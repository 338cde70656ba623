//! What a federated object says of where copies may be, kept true where no pass does it: clusters that
//! surely hold none go off the list, clusters that somebody dropped without word come onto it. And what is said when
//! nothing can be done about an object at all.

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::keys::navarch;
use navarch_crds::names::ClusterName;
use serde_json::{Value, json};

use super::ending::confirmed_absent;
use super::{PropagateError, read_anew};
use crate::fleet::request::Part;
use crate::host::context::Context;
use crate::host::scheduled::{self, Word};
use crate::host::stores::{FederatedEntry, withdrawing};
use crate::host::take::{federated_kind, put_federated};
use crate::runtime::compact::text;
use crate::runtime::events::reference;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// Takes clusters that hold no copy any more off the list of a federated object without a source.
pub(super) async fn forget_absent(
    ctx: &Context,
    key: &Key,
    federated: &FederatedEntry,
    value: &Value,
) -> Result<(), PropagateError> {
    let absent = confirmed_absent(ctx, key, federated);
    let before = withdrawing(value);
    let after: BTreeSet<&ClusterName> = before.difference(&absent).collect();
    if after.len() == before.len() {
        return Ok(());
    }
    let list = after.into_iter().map(ClusterName::as_str).collect();
    write_withdrawing(ctx, key, value, list).await
}

/// Somebody took clusters out of the placement without leaving word that copies may be there. What is
/// known of it here must outlive this process and the object.
pub(super) async fn remember_lost(
    ctx: &Context,
    key: &Key,
    entry: &FederatedEntry,
) -> Result<(), PropagateError> {
    let value = entry.object.value();
    let recorded = withdrawing(&value);
    let list = recorded
        .union(&entry.lost)
        .map(ClusterName::as_str)
        .collect();
    write_withdrawing(ctx, key, &value, list).await
}

async fn write_withdrawing(
    ctx: &Context,
    key: &Key,
    value: &Value,
    list: Vec<&str>,
) -> Result<(), PropagateError> {
    let patch = json!({ "metadata": {
        "annotations": { navarch::WITHDRAWING: json!(list).to_string() },
        "resourceVersion": value.pointer("/metadata/resourceVersion"),
    } });
    let kind = federated_kind(key);
    let written = ctx
        .host
        .merge(&kind, key.namespace(), &key.name, Part::Whole, &patch)
        .await;
    match written {
        Ok(object) => put_federated(ctx, object, Priority::Live),
        Err(error) if error.is_conflict() || error.is_not_found() => {
            read_anew(ctx, key).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What a pass has to say about scheduling and about quotas goes into the status of the federated object.
pub(super) fn say(
    ctx: &Context,
    key: &Key,
    problems: &BTreeMap<&'static str, String>,
    asked: bool,
    last: Option<&Value>,
) {
    // Quotas are asked in every pass.
    for (words, asked) in [(&ctx.scheduled, asked), (&ctx.reserved, true)] {
        let topic = words.topic();
        let stored = scheduled::stored(topic, last);
        if words.put(key, Word::of(topic, problems), asked, stored.as_ref()) {
            ctx.report_soon(key);
        }
    }
}

/// The reason of events about objects whose type config does not exist.
pub(super) const TYPE_MISSING: &str = "TypeConfigMissing";

/// Without its type config nothing is done about an object: its copies are not even seen.
pub(super) fn warn_of_missing_type(ctx: &Context, object: &Value, name: Option<&str>) {
    let template = object.pointer("/spec/template").unwrap_or(object);
    let kind = text(template, "/kind").unwrap_or("this kind");
    let name = name.map_or_else(|| format!("for {kind}"), str::to_owned);
    let note = format!(
        "there is no FederatedTypeConfig {name}: copies of this {kind} are neither kept nor removed, and its deletion \
         waits. Create it again (`navarch install` makes the default ones)"
    );
    ctx.events.warn(&reference(object), TYPE_MISSING, "", &note);
}
