//! Watches the global quotas and the labels of namespaces, and wakes the objects that a change of them concerns.

use std::sync::Arc;
use std::time::Duration;

use navarch_crds::quota::GlobalQuotaSpec;
use serde_json::Value;

use crate::fleet::listing::Listing;
use crate::fleet::request::{Kind, RequestError};
use crate::fleet::watch::{Seen, follow, follow_when_served};
use crate::host::charges::note_charge;
use crate::host::context::Context;
use crate::host::quotas::{Definition, PriorityClass};
use crate::host::take::{federated_kind, put_federated, quota_kind};
use crate::runtime::compact::text;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;
use crate::runtime::ready::Waiting;

/// Between attempts to read all federated objects.
const AGAIN: Duration = Duration::from_secs(5);
/// Objects in one answer.
const PAGE: u32 = 500;

/// Starts the watches.
pub(super) fn start(ctx: &Arc<Context>) {
    let listed = ctx.readiness.wait_for("globalquotas");
    ctx.tasks.spawn(follow_quotas(Arc::clone(ctx), listed));
    let listed = ctx.readiness.wait_for("namespaces");
    ctx.tasks.spawn(follow_namespaces(Arc::clone(ctx), listed));
    ctx.tasks.spawn(follow_priority_classes(Arc::clone(ctx)));
}

/// Whether the host has any global quota. One that cannot say so is asked again by the watch.
pub(crate) async fn exist(ctx: &Context) -> bool {
    let kind = quota_kind();
    let path = format!("/apis/{}/{}?limit=1", kind.api_version(), kind.plural);
    let some = |list: &Value| {
        let items = list.get("items").and_then(Value::as_array);
        items.is_some_and(|items| !items.is_empty())
    };
    ctx.host.json(&path).await.as_ref().is_ok_and(some)
}

/// Lets quotas admit growth, once nothing of an earlier leader can be on its way any more and all charges are known.
/// `first`: that was so before anything was listed. Otherwise the federated objects are read once more, as soon as there
/// is a quota.
pub(crate) async fn open(ctx: &Context, first: bool) {
    let shutdown = ctx.tasks.shutdown().clone();
    if !first {
        while !ctx.quotas.in_use() {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = ctx.quota_made.notified() => {}
            }
        }
        if ctx.ledger.take_over().await.is_err() {
            return;
        }
        while let Err(error) = read_all(ctx).await {
            tracing::warn!(%error, "the federated objects could not be read; until then nothing grows under a global quota");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }
    if !ctx.readiness.ready(&shutdown).await {
        return;
    }
    // Some may have been listed before their type, and so without their charge.
    let concerned = note_all(ctx);
    ctx.quotas.open();
    for key in concerned {
        ctx.propagate.push(key, Priority::Backlog);
    }
}

/// Notes what every object is charged; those that a pass has something to do for.
fn note_all(ctx: &Context) -> Vec<Key> {
    if !ctx.quotas.in_use() {
        return Vec::new();
    }
    ctx.quotas.put_clusters(ctx.clusters.labels());
    let mut keys = ctx.federated.keys(|_| true);
    keys.retain(|key| {
        note_charge(ctx, key);
        ctx.quotas.is_concerned(key)
    });
    keys
}

/// Reads all federated objects as they are now.
async fn read_all(ctx: &Context) -> Result<(), RequestError> {
    for key in [Key::new(Some("any"), "any"), Key::new(None, "any")] {
        let kind = federated_kind(&key);
        let mut next = String::new();
        loop {
            let path = format!(
                "/apis/{}/{}?limit={PAGE}&continue={next}",
                kind.api_version(),
                kind.plural
            );
            let mut page = ctx.host.json(&path).await?;
            let items = page.get_mut("items").and_then(Value::as_array_mut);
            for object in items.into_iter().flatten() {
                let mut object = object.take();
                object["apiVersion"] = kind.api_version().into();
                object["kind"] = (&*kind.kind).into();
                put_federated(ctx, object, Priority::Backlog);
            }
            next = text(&page, "/metadata/continue")
                .unwrap_or_default()
                .to_owned();
            if next.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

async fn follow_quotas(ctx: Arc<Context>, listed: Waiting) {
    let mut listed = Some(listed);
    let kind = quota_kind();
    let mut listing = Listing::default();
    let shutdown = ctx.tasks.shutdown().clone();
    let client = ctx.host_clients.watches.clone();
    let types = ctx.host_types.subscribe();
    follow_when_served(client, &kind, None, types, &shutdown, |seen| match seen {
        Seen::Start => listing.start(),
        Seen::Present(object) | Seen::Changed(object) => {
            let Some(name) = text(&object, "/metadata/name").map(str::to_owned) else {
                return;
            };
            listing.show(name.clone());
            if let Some(definition) = define(&object)
                && ctx.quotas.put(name, definition)
            {
                ctx.quota_made.notify_one();
                if listed.is_none() {
                    wake_those_concerned(&ctx);
                }
            }
        }
        Seen::Deleted(object) => {
            ctx.quotas
                .remove(text(&object, "/metadata/name").unwrap_or_default());
            wake_those_concerned(&ctx);
        }
        Seen::Listed => {
            ctx.troubles.watch_works(&kind.plural);
            let gone = listing.gone(ctx.quotas.names());
            gone.iter().for_each(|name| ctx.quotas.remove(name));
            wake_those_concerned(&ctx);
            drop(listed.take());
        }
        Seen::Failed {
            message,
            not_served,
            silent,
        } => {
            if not_served {
                // A host of before global quotas: nobody can have made one.
                drop(listed.take());
            } else {
                ctx.troubles.watch_failed(&kind.plural, &message, silent);
            }
        }
    })
    .await;
}

/// A quota as it is written. `None`: it cannot be read; what was known of it before holds.
fn define(object: &Value) -> Option<Definition> {
    let spec = object.get("spec").cloned().unwrap_or_default();
    let spec: GlobalQuotaSpec = match serde_json::from_value(spec) {
        Ok(spec) => spec,
        Err(error) => {
            let name = text(object, "/metadata/name").unwrap_or_default();
            tracing::error!(quota = name, %error, "the global quota cannot be read; what was known of it holds");
            return None;
        }
    };
    let number = |pointer| object.pointer(pointer).and_then(Value::as_i64);
    Some(Definition {
        uid: text(object, "/metadata/uid").unwrap_or_default().into(),
        generation: number("/metadata/generation").unwrap_or_default(),
        spec,
        status: object.get("status").cloned().unwrap_or_default(),
    })
}

async fn follow_namespaces(ctx: Arc<Context>, listed: Waiting) {
    let mut listed = Some(listed);
    let kind = Kind::new("", "v1", "Namespace", "namespaces", false);
    let mut listing = Listing::default();
    let shutdown = ctx.tasks.shutdown().clone();
    let client = ctx.host_clients.watches.clone();
    follow(client, &kind, None, &shutdown, |seen| match seen {
        Seen::Start => listing.start(),
        Seen::Present(object) | Seen::Changed(object) => {
            let Some(name) = text(&object, "/metadata/name").map(str::to_owned) else {
                return;
            };
            listing.show(name.clone());
            let labels = object.pointer("/metadata/labels").cloned();
            let labels = labels.and_then(|labels| serde_json::from_value(labels).ok());
            if ctx.quotas.put_namespace(name, labels.unwrap_or_default()) && listed.is_none() {
                wake_those_concerned(&ctx);
            }
        }
        Seen::Deleted(object) => {
            ctx.quotas
                .remove_namespace(text(&object, "/metadata/name").unwrap_or_default());
        }
        Seen::Listed => {
            ctx.troubles.watch_works(&kind.plural);
            let gone = listing.gone(ctx.quotas.namespaces());
            gone.iter()
                .for_each(|name| ctx.quotas.remove_namespace(name));
            wake_those_concerned(&ctx);
            drop(listed.take());
        }
        Seen::Failed {
            message, silent, ..
        } => ctx.troubles.watch_failed(&kind.plural, &message, silent),
    })
    .await;
}

/// They say in which order those who wait come in, and no more: nothing waits until they are listed.
async fn follow_priority_classes(ctx: Arc<Context>) {
    let kind = Kind::new(
        "scheduling.k8s.io",
        "v1",
        "PriorityClass",
        "priorityclasses",
        false,
    );
    let mut listing = Listing::default();
    let shutdown = ctx.tasks.shutdown().clone();
    let client = ctx.host_clients.watches.clone();
    follow(client, &kind, None, &shutdown, |seen| match seen {
        Seen::Start => listing.start(),
        Seen::Present(object) => {
            put_priority_class(&ctx, &object);
            listing.show(name_of(&object));
        }
        Seen::Changed(object) => {
            put_priority_class(&ctx, &object);
            wake_those_concerned(&ctx);
        }
        Seen::Deleted(object) => {
            ctx.quotas.remove_priority_class(&name_of(&object));
            wake_those_concerned(&ctx);
        }
        Seen::Listed => {
            ctx.troubles.watch_works(&kind.plural);
            let gone = listing.gone(ctx.quotas.priority_classes());
            gone.iter()
                .for_each(|name| ctx.quotas.remove_priority_class(name));
            wake_those_concerned(&ctx);
        }
        Seen::Failed {
            message, silent, ..
        } => ctx.troubles.watch_failed(&kind.plural, &message, silent),
    })
    .await;
}

fn put_priority_class(ctx: &Context, object: &Value) {
    let value = object.get("value").and_then(Value::as_i64);
    let is_default = object.get("globalDefault").and_then(Value::as_bool);
    let class = PriorityClass {
        value: value
            .and_then(|value| i32::try_from(value).ok())
            .unwrap_or_default(),
        is_default: is_default.unwrap_or_default(),
    };
    ctx.quotas.put_priority_class(name_of(object), class);
}

fn name_of(object: &Value) -> String {
    text(object, "/metadata/name")
        .unwrap_or_default()
        .to_owned()
}

/// Asks for a look at every object: who is charged for it may have changed, and it may fit now.
fn wake_those_concerned(ctx: &Context) {
    if !ctx.quotas.in_use() || !ctx.quotas.take_news() {
        return;
    }
    for key in note_all(ctx) {
        ctx.propagate.push(key, Priority::Backlog);
    }
    ctx.wake_line();
}
