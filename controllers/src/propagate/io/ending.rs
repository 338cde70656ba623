//! When is a copy surely gone, when may a federated object go, and when its source?

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ObjectReference;
use navarch_crds::keys::finalizer;
use navarch_crds::names::ClusterName;
use serde_json::Value;

use super::watch::remove_federated;
use super::{PropagateError, read_anew, refresh, write_finalizers};
use crate::host::context::Context;
use crate::host::stores::{FederatedEntry, TypeConfig};
use crate::host::take::{asks, federated_kind, put_federated};
use crate::runtime::compact::{finalizers, has_finalizer, text};
use crate::runtime::events::reference;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

fn is_terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

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

/// What became of a federated object that is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The API server has said that it is gone, so no copy of it is left either.
    Gone,
    /// Copies are left, or somebody else's finalizer, or nothing is known yet.
    Waits,
}

/// The federated object is being deleted: its finalizer goes when no cluster can hold a copy.
pub(super) async fn finish(
    ctx: &Context,
    key: &Key,
    entry: &FederatedEntry,
    value: &Value,
    about: &ObjectReference,
) -> Result<Ending, PropagateError> {
    if !has_finalizer(value, finalizer::SYNC) {
        return Ok(Ending::Waits);
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
            // With its last finalizer an object that is being deleted goes in the same request.
            Ok(written) if left.is_empty() && is_terminating(&written) => {
                remove_federated(ctx, key, &entry.object.uid);
                Ok(Ending::Gone)
            }
            Ok(_) => Ok(Ending::Waits),
            Err(error) if error.is_not_found() => Ok(Ending::Waits),
            Err(error) if error.is_conflict() => {
                read_anew(ctx, key).await?;
                Ok(Ending::Waits)
            }
            Err(error) => Err(error.into()),
        };
    }
    waits_for.retain(|cluster| !cluster.is_empty());
    if !waits_for.is_empty() {
        let note = format!("deletion waits for copies in {}", waits_for.join(", "));
        ctx.events.warn(about, "DeletionBlocked", "", &note);
    }
    Ok(Ending::Waits)
}

/// Whether a federated object was made for this source.
pub(super) fn belongs(federated: &Value, source: &Value) -> bool {
    let owners = federated
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    owners
        .into_iter()
        .flatten()
        .filter(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
        .all(|owner| {
            owner.get("kind") == source.get("kind")
                && owner.get("name") == source.pointer("/metadata/name")
        })
}

/// The source goes or is no longer to be propagated: its federated object goes first, and our finalizer
/// when that is surely gone.
pub(super) async fn withdraw(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    source: &Value,
    federated: Option<&FederatedEntry>,
) -> Result<(), PropagateError> {
    let about = reference(source);
    match federated {
        Some(entry) if entry.object.terminating => {
            match finish(ctx, key, entry, &entry.object.value(), &about).await? {
                Ending::Gone => give_back(ctx, key, config, source).await,
                Ending::Waits => Ok(()),
            }
        }
        Some(entry) => {
            let kind = federated_kind(key);
            let uid = &entry.object.uid;
            ctx.host
                .delete(&kind, key.namespace(), &key.name, Some(uid), None)
                .await?;
            Ok(())
        }
        None => release_source(ctx, key, config, source).await,
    }
}

pub(super) async fn release_source(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    source: &Value,
) -> Result<(), PropagateError> {
    if !has_finalizer(source, finalizer::FEDERATE) {
        return give_back(ctx, key, config, source).await;
    }
    // A store may be behind; only a read proves that nothing is left.
    let kind = federated_kind(key);
    if let Some(present) = ctx.host.get(&kind, key.namespace(), &key.name).await?
        && belongs(&present, source)
    {
        put_federated(ctx, present, Priority::Live);
        return Ok(());
    }
    give_back(ctx, key, config, source).await
}

/// Takes our finalizer from a source. Its federated object must be known to be gone.
async fn give_back(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    source: &Value,
) -> Result<(), PropagateError> {
    let name = text(source, "/metadata/name").unwrap_or_default();
    let uid = text(source, "/metadata/uid").unwrap_or_default();
    if !has_finalizer(source, finalizer::FEDERATE) {
        ctx.sources.remove(key, uid);
        return Ok(());
    }
    let mut left = finalizers(source);
    left.retain(|finalizer| finalizer != finalizer::FEDERATE);
    match write_finalizers(ctx, &config.kind, key.namespace(), name, source, &left).await {
        Ok(written) => {
            if is_terminating(&written) || !asks(&written) {
                ctx.sources.remove(key, uid);
            }
            Ok(())
        }
        Err(error) if error.is_not_found() => {
            ctx.sources.remove(key, uid);
            Ok(())
        }
        Err(error) => refresh(ctx, key, config, name, error).await,
    }
}
