//! When is a copy surely gone, and when may a federated object go?

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ObjectReference;
use navarch_crds::keys::finalizer;
use navarch_crds::names::ClusterName;
use serde_json::Value;

use super::{PropagateError, read_anew, write_finalizers};
use crate::host::context::Context;
use crate::host::stores::FederatedEntry;
use crate::host::take::federated_kind;
use crate::runtime::compact::{finalizers, has_finalizer};
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// The clusters that no longer need to be remembered: it is certain that they hold no copy of ours.
pub(super) fn confirmed_absent(
    ctx: &Context,
    key: &Key,
    entry: &FederatedEntry,
) -> BTreeSet<ClusterName> {
    entry
        .leaving
        .iter()
        .filter(|cluster| ctx.is_clear(key, entry, cluster))
        .cloned()
        .collect()
}

/// The federated object is being deleted: its finalizer goes when no cluster can hold a copy.
pub(super) async fn finish(
    ctx: &Context,
    key: &Key,
    entry: &FederatedEntry,
    value: &Value,
    about: &ObjectReference,
) -> Result<(), PropagateError> {
    if !has_finalizer(value, finalizer::SYNC) {
        return Ok(());
    }
    let mut waits_for = Vec::new();
    for cluster in entry.placed.iter().chain(entry.leaving.iter()) {
        if ctx.is_clear(key, entry, cluster) {
            continue;
        }
        match ctx.fleet.get(cluster) {
            Some(member) if member.is_ready() => {
                member.queue.push(key.clone(), Priority::Live);
            }
            Some(member) => waits_for.push(format!("{cluster} ({})", member.trouble())),
            None => waits_for.push(format!("{cluster} (there is no connection to it)")),
        }
        if let Some(member) = ctx.fleet.get(cluster)
            && member.is_ready()
        {
            waits_for.push(String::new());
        }
    }
    if waits_for.is_empty() {
        let mut left = finalizers(value);
        left.retain(|finalizer| finalizer != finalizer::SYNC);
        let kind = federated_kind(key);
        let written = write_finalizers(ctx, &kind, key.namespace(), &key.name, value, &left).await;
        return match written {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) if error.is_conflict() => read_anew(ctx, key).await,
            Err(error) => Err(error.into()),
        };
    }
    waits_for.retain(|cluster| !cluster.is_empty());
    if !waits_for.is_empty() {
        let note = format!("deletion waits for copies in {}", waits_for.join(", "));
        ctx.events.warn(about, "DeletionBlocked", "", &note);
    }
    Ok(())
}
