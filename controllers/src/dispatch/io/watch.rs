//! The managed objects of one member as they stream past: each becomes a record of a few hundred bytes,
//! and a key in the member's queue if it is not what it should be.

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::keys::{annotation, label, navarch};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::copies::drift;
use crate::copies::render::render_with;
use crate::fleet::member::{Gone, Member, Stale};
use crate::fleet::records::{Record, Verdict, own_fields};
use crate::fleet::watch::{Seen, follow_when_served};
use crate::host::context::Context;
use crate::host::stores::{FederatedEntry, TypeConfig};
use crate::runtime::compact::text;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// On namespaces that were created in a member only because something landed in them.
pub(crate) const CREATED_FOR_CONTENT: &str = "navarch.dev/created-for-content";

/// Watches every federated kind in the member, also kinds that come later, until the member goes.
pub(crate) async fn follow_kinds(ctx: Arc<Context>, member: Arc<Member>) {
    let shutdown = member.tasks.shutdown().clone();
    // What the host says comes first: a copy can only be judged by its federated object.
    if !ctx.readiness.ready(&shutdown).await {
        return;
    }
    let mut running: BTreeMap<Arc<str>, (Arc<TypeConfig>, CancellationToken)> = BTreeMap::new();
    let mut changes = ctx.federated_types.subscribe();
    loop {
        changes.mark_unchanged();
        let wanted: BTreeMap<Arc<str>, Arc<TypeConfig>> = ctx
            .type_configs
            .all()
            .into_iter()
            .map(|config| (Arc::clone(&config.name), config))
            .collect();
        running.retain(|name, (config, token)| {
            // The task looks at copies by its type config, so a change of any part starts it anew.
            let keep = wanted.get(name) == Some(config);
            if !keep {
                token.cancel();
                member.forget_kind(name);
            }
            keep
        });
        for (name, config) in wanted {
            running.entry(name).or_insert_with(|| {
                let token = shutdown.child_token();
                let task = follow_kind(
                    Arc::clone(&ctx),
                    Arc::clone(&member),
                    Arc::clone(&config),
                    token.clone(),
                );
                member.tasks.spawn(task);
                (config, token)
            });
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

async fn follow_kind(
    ctx: Arc<Context>,
    member: Arc<Member>,
    config: Arc<TypeConfig>,
    shutdown: CancellationToken,
) {
    let selector = format!("{}=true", label::MANAGED);
    let client = member.watches.clone();
    let types = member.types_changed.subscribe();
    follow_when_served(
        client,
        &config.kind,
        Some(&selector),
        types,
        &shutdown,
        |seen| match seen {
            Seen::Start => member.start_listing(&config.name),
            Seen::Present(object) => see(&ctx, &member, &config, &object, Priority::Backlog),
            Seen::Changed(object) => see(&ctx, &member, &config, &object, Priority::Live),
            Seen::Deleted(object) => gone(&ctx, &member, &config, &object),
            Seen::Listed => listed(&ctx, &member, &config),
            Seen::Failed {
                message,
                not_served,
                ..
            } => {
                let trouble = if not_served {
                    format!("{} does not serve {}", member.name, config.kind.kind)
                } else {
                    message
                };
                let first = member.listing(&config.name).trouble.is_none();
                member.listing_failed(&config.name, &trouble);
                if first && !member.is_listed(&config.name) {
                    wake_placed(&ctx, &member, &config);
                }
            }
        },
    )
    .await;
}

fn concerned(ctx: &Context, member: &Member, config: &TypeConfig) -> Vec<Key> {
    let (name, type_config) = (&member.name, &config.name);
    ctx.federated.keys(|entry| {
        entry.type_config.as_ref() == Some(type_config)
            && (entry.placed.contains(name) || entry.leaving.contains(name))
    })
}

fn wake_placed(ctx: &Context, member: &Member, config: &TypeConfig) {
    for key in concerned(ctx, member, config) {
        member.queue.push(key, Priority::Backlog);
    }
}

/// A listing is complete: every key that the host places here is compared with it, and copies that no
/// federated object explains are told of.
fn listed(ctx: &Context, member: &Member, config: &TypeConfig) {
    let vanished = member.finish_listing(&config.name);
    for key in vanished {
        member.queue.push(key, Priority::Backlog);
    }
    let mut unexplained = Vec::new();
    for key in member.keys_of(&config.name) {
        match ctx.federated.get(&key) {
            None => unexplained.push(key.to_string()),
            Some(entry)
                if !entry.placed.contains(&member.name)
                    && !entry.leaving.contains(&member.name) =>
            {
                // A copy of an object that we know, in a place that we do not: its own record on the
                // copy decides (`withdraw`).
                member.queue.push(key, Priority::Backlog);
            }
            Some(_) => {}
        }
    }
    if !unexplained.is_empty() {
        tracing::warn!(
            cluster = %member.name,
            kind = &*config.kind.kind,
            count = unexplained.len(),
            first = unexplained.first().map_or("", String::as_str),
            "managed objects whose federated object does not exist are left alone",
        );
    }
    wake_placed(ctx, member, config);
    ctx.migrations.member_changed(&member.name);
}

/// Takes a state of a copy over.
pub(super) fn see(
    ctx: &Context,
    member: &Member,
    config: &TypeConfig,
    object: &Value,
    priority: Priority,
) {
    let Some(key) = ctx.federated.key_of_copy(object, &config.name) else {
        return;
    };
    let entry = ctx.federated.get(&key);
    if entry.is_none() && (was_created_for_content(object) || !was_dispatched(object)) {
        return;
    }
    let record = Record::new(
        &config.name,
        config.spec(),
        object,
        member.epoch(&config.name),
    );
    let stored = member.put_record(&key, record, |before, record| {
        judge(
            ctx,
            member,
            config,
            (&key, entry.as_ref()),
            before,
            object,
            record,
        );
    });
    let Ok(before) = stored else { return };
    let Some(now) = member.record(&key) else {
        return;
    };
    let same_sync = before.as_ref().is_some_and(|before| {
        before.uid == now.uid
            && before.applied == now.applied
            && before.verdict == now.verdict
            && before.terminating == now.terminating
            && before.fields == now.fields
    });
    if !same_sync {
        member.queue.push(key.clone(), priority);
    }
    if before.is_none_or(|before| before.observed != now.observed) {
        ctx.pods_seen(member, &key);
        ctx.report_soon(&key);
        ctx.migrations.copy_changed(&key);
    }
    ctx.charge_may_shrink(&key);
}

/// Whether a manager of a federation wrote the object. A member's own controllers copy labels without it: EndpointSlices
/// take those of their Service.
fn was_dispatched(object: &Value) -> bool {
    let annotations = object.pointer("/metadata/annotations");
    [navarch::APPLIED, annotation::SOURCE_GENERATION]
        .iter()
        .any(|key| annotations.is_some_and(|all| all.get(key).is_some()))
}

/// Our own write was answered with this state. What of it we do not own now, somebody else (a
/// mutating webhook) insists on, and it is not fought over.
pub(crate) fn accept(
    member: &Member,
    config: &TypeConfig,
    key: &Key,
    hash: &str,
    object: &Value,
) -> Result<(), Stale> {
    let record = Record::new(
        &config.name,
        config.spec(),
        object,
        member.epoch(&config.name),
    );
    member.put_record(key, record, |_, record| {
        record.verdict = Some(Verdict {
            hash: hash.into(),
            intact: true,
        });
    })?;
    Ok(())
}

/// Whether our field set still covers everything that we want: only worked out when the field set or
/// what was applied changed.
fn judge(
    ctx: &Context,
    member: &Member,
    config: &TypeConfig,
    (key, entry): (&Key, Option<&FederatedEntry>),
    before: Option<&Record>,
    object: &Value,
    record: &mut Record,
) {
    if let Some(before) = before.filter(|before| before.applied.is_some())
        && before.uid == record.uid
        && before.fields == record.fields
        && before.applied == record.applied
    {
        record.verdict.clone_from(&before.verdict);
        return;
    }
    let Some(entry) = entry.filter(|entry| entry.placed.contains(&member.name)) else {
        return;
    };
    let versions = ctx.inherited.get(key);
    if record.applied.is_none() && versions.is_none() {
        return;
    }
    let Ok(read) = ctx.recent.read(&entry.object) else {
        return;
    };
    let federated = &read.federated;
    let rendered = render_with(federated, config.spec(), &member.name, record.replicas);
    let Ok(desired) = rendered else { return };
    let intact = match &record.applied {
        Some(applied) => {
            applied.hash == desired.hash
                && own_fields(object).is_some_and(|fields| drift::owns(&desired.object, fields))
        }
        None => versions.is_some_and(|versions| {
            versions.vouch_for(&federated.spec, &member.name, object, &desired.object)
        }),
    };
    record.verdict = Some(Verdict {
        hash: desired.hash.as_str().into(),
        intact,
    });
}

fn gone(ctx: &Context, member: &Member, config: &TypeConfig, object: &Value) {
    let Some(key) = ctx.federated.key_of_copy(object, &config.name) else {
        return;
    };
    let version = text(object, "/metadata/resourceVersion");
    let gone = Gone {
        uid: text(object, "/metadata/uid").unwrap_or_default().into(),
        version: version
            .and_then(|version| version.parse().ok())
            .unwrap_or(0),
    };
    // Losing the managed label ends a watch with a selector like a deletion does. Both are answered
    // alike: what is wanted is applied without force, what is not wanted has been taken over.
    if !member.remove_record(&key, gone) {
        return;
    }
    if ctx.federated.get(&key).is_some() {
        member.queue.push(key.clone(), Priority::Live);
        ctx.report_soon(&key);
        ctx.migrations.copy_changed(&key);
    } else {
        // Nobody will ask for it.
        member.take_absent(&key);
    }
}

fn was_created_for_content(object: &Value) -> bool {
    crate::runtime::compact::annotation(object, CREATED_FOR_CONTENT).is_some()
}
