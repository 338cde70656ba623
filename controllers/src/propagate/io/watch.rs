//! What is watched on the host: type configs, and for each its sources; federated objects; policies.
//! Kinds come and go while the manager runs. Every event becomes a call on a store and, if something
//! changed, a key in a queue.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{quotas, webhooks};
use crate::fleet::listing::Listing;
use crate::fleet::request::Kind;
use crate::fleet::watch::{Seen, follow, follow_when_served};
use crate::host::charges::note_charge;
use crate::host::context::Context;
use crate::host::followings::{tell_all_followers, tell_followers};
use crate::host::objects::{ObjectKey, Objects};
use crate::host::stores::{References, TypeConfig};
use crate::host::take::{core_kind, federated_kind, put_federated, put_source};
use crate::quota::open_name;
use crate::runtime::compact::text;
use crate::runtime::key::Key;
use crate::runtime::locked;
use crate::runtime::queue::Priority;
use crate::runtime::ready::Waiting;

/// A kind of policy: where it is kept and which label names it.
struct PolicyKind {
    kind: Kind,
    store: fn(&Context) -> &Objects,
    /// Index into [`label::FEDERATED`]; `None`: scheduling profiles, which policies name.
    label: Option<usize>,
}

fn policy_kinds() -> [PolicyKind; 5] {
    [
        PolicyKind {
            kind: core_kind("PropagationPolicy", "propagationpolicies", true),
            store: |ctx| &ctx.policies,
            label: Some(0),
        },
        PolicyKind {
            kind: core_kind(
                "ClusterPropagationPolicy",
                "clusterpropagationpolicies",
                false,
            ),
            store: |ctx| &ctx.cluster_policies,
            label: Some(1),
        },
        PolicyKind {
            kind: core_kind("OverridePolicy", "overridepolicies", true),
            store: |ctx| &ctx.overrides,
            label: Some(2),
        },
        PolicyKind {
            kind: core_kind("ClusterOverridePolicy", "clusteroverridepolicies", false),
            store: |ctx| &ctx.cluster_overrides,
            label: Some(3),
        },
        PolicyKind {
            kind: core_kind("SchedulingProfile", "schedulingprofiles", false),
            store: |ctx| &ctx.profiles,
            label: None,
        },
    ]
}

/// Starts every watch of the host.
pub(crate) fn start(ctx: &Arc<Context>) {
    for policy in policy_kinds() {
        let listed = ctx.readiness.wait_for(&*policy.kind.plural);
        let ctx_of_task = Arc::clone(ctx);
        ctx.tasks
            .spawn(follow_policies(ctx_of_task, policy, listed));
    }
    let listed = ctx.readiness.wait_for("federatedtypeconfigs");
    ctx.tasks
        .spawn(follow_type_configs(Arc::clone(ctx), listed));
    for key in [Key::new(Some("any"), "any"), Key::new(None, "any")] {
        let kind = federated_kind(&key);
        let listed = ctx.readiness.wait_for(&*kind.plural);
        ctx.tasks
            .spawn(follow_federated(Arc::clone(ctx), kind, listed));
    }
    for (kind, plural, namespaced) in [
        ("PropagatedVersion", "propagatedversions", true),
        (
            "ClusterPropagatedVersion",
            "clusterpropagatedversions",
            false,
        ),
    ] {
        let listed = ctx.readiness.wait_for(plural);
        let kind = core_kind(kind, plural, namespaced);
        ctx.tasks
            .spawn(inherit_versions(Arc::clone(ctx), kind, listed));
    }
    ctx.tasks.spawn(follow_definitions(Arc::clone(ctx)));
    webhooks::start(ctx);
    quotas::start(ctx);
}

async fn follow_policies(ctx: Arc<Context>, policy: PolicyKind, listed: Waiting) {
    let mut listed = Some(listed);
    let store = (policy.store)(&ctx);
    let shutdown = ctx.tasks.shutdown().clone();
    let client = ctx.host_clients.watches.clone();
    let mut listing = Listing::default();
    let gone = |key: &ObjectKey| {
        store.remove(key);
        wake_users(&ctx, policy.label, key);
    };
    follow(client, &policy.kind, None, &shutdown, |seen| match seen {
        Seen::Start => listing.start(),
        Seen::Present(mut object) | Seen::Changed(mut object) => {
            let key = Objects::key(&object);
            drop_managed_fields(&mut object);
            if store.put(object) && listed.is_none() {
                wake_users(&ctx, policy.label, &key);
            }
            listing.show(key);
        }
        Seen::Deleted(object) => gone(&Objects::key(&object)),
        Seen::Listed => {
            ctx.troubles.watch_works(&policy.kind.plural);
            listing.gone(store.names(|_| true)).iter().for_each(gone);
            drop(listed.take());
        }
        Seen::Failed {
            message, silent, ..
        } => ctx
            .troubles
            .watch_failed(&policy.kind.plural, &message, silent),
    })
    .await;
}

fn drop_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Asks for a look at every object that names the policy.
fn wake_users(ctx: &Context, index: Option<usize>, (namespace, name): &ObjectKey) {
    match index {
        None => webhooks::wake_users_of_profiles(ctx, |profile| profile == name),
        Some(index) => wake_those(ctx, |key, named| {
            named.get(index).and_then(Option::as_deref) == Some(name.as_str())
                && (namespace.is_empty() || key.namespace() == Some(namespace.as_str()))
        }),
    }
}

/// Asks for a look at every object for whose key and policies `concerns` holds.
pub(super) fn wake_those(ctx: &Context, concerns: impl Fn(&Key, &References) -> bool) {
    let mut keys: HashSet<Key> = ctx
        .sources
        .keys(|key, source| concerns(key, &source.policies))
        .into_iter()
        .collect();
    let with_key = ctx
        .federated
        .keys_by(|key, entry| concerns(key, &entry.policies));
    keys.extend(with_key);
    let mut keys: Vec<Key> = keys.into_iter().collect();
    keys.sort();
    for key in keys {
        ctx.propagate.push(key, Priority::Live);
    }
}

/// Definitions of types on the host: a kind that was not served may be served now.
async fn follow_definitions(ctx: Arc<Context>) {
    let kind = Kind::new(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    );
    let shutdown = ctx.tasks.shutdown().clone();
    follow(
        ctx.host_clients.watches.clone(),
        &kind,
        None,
        &shutdown,
        |seen| match seen {
            // What changed before a listing was complete, nothing else tells.
            Seen::Listed => {
                ctx.troubles.watch_works(&kind.plural);
                ctx.host_types.send_modify(|version| *version += 1);
            }
            Seen::Changed(_) | Seen::Deleted(_) => {
                ctx.host_types.send_modify(|version| *version += 1);
            }
            Seen::Start | Seen::Present(_) => {}
            Seen::Failed {
                message, silent, ..
            } => ctx.troubles.watch_failed(&kind.plural, &message, silent),
        },
    )
    .await;
}

async fn follow_type_configs(ctx: Arc<Context>, listed: Waiting) {
    let mut listed = Some(listed);
    let running: Mutex<BTreeMap<String, CancellationToken>> = Mutex::default();
    let shutdown = ctx.tasks.shutdown().clone();
    let kind = core_kind("FederatedTypeConfig", "federatedtypeconfigs", false);
    let mut listing = Listing::default();
    let stop = |name: &str| {
        if let Some(token) = locked(&running).remove(name) {
            token.cancel();
        }
        ctx.type_configs.remove(name);
        ctx.federated_types.send_modify(|version| *version += 1);
        // They are told of what that means for them.
        for key in ctx
            .federated
            .keys(|entry| entry.type_config.as_deref() == Some(name))
        {
            ctx.propagate.push(key, Priority::Backlog);
        }
    };
    follow(
        ctx.host_clients.watches.clone(),
        &kind,
        None,
        &shutdown,
        |seen| match seen {
            Seen::Start => listing.start(),
            Seen::Present(object) | Seen::Changed(object) => {
                let Some(name) = text(&object, "/metadata/name").map(str::to_owned) else {
                    return;
                };
                let first = listed.is_some();
                listing.show(name.clone());
                if let Some(config) = put_type_config(&ctx, &name, &object) {
                    let token = shutdown.child_token();
                    if let Some(old) = locked(&running).insert(name, token.clone()) {
                        old.cancel();
                    }
                    let waiting = first.then(|| {
                        ctx.readiness
                            .wait_for(format!("sources of {}", config.name))
                    });
                    ctx.tasks
                        .spawn(follow_sources(Arc::clone(&ctx), config, token, waiting));
                }
            }
            Seen::Deleted(object) => stop(text(&object, "/metadata/name").unwrap_or_default()),
            Seen::Listed => {
                ctx.troubles.watch_works(&kind.plural);
                let known = ctx.type_configs.all();
                let known = known.iter().map(|config| config.name.to_string());
                listing.gone(known).iter().for_each(|name| stop(name));
                drop(listed.take());
            }
            Seen::Failed {
                message, silent, ..
            } => ctx.troubles.watch_failed(&kind.plural, &message, silent),
        },
    )
    .await;
}

/// Takes a type config over; `Some`: it is new or changed.
fn put_type_config(ctx: &Context, name: &str, object: &Value) -> Option<Arc<TypeConfig>> {
    let annotations = object.pointer("/metadata/annotations").cloned();
    let annotations = annotations.and_then(|all| serde_json::from_value(all).ok());
    let spec = object.get("spec").cloned().unwrap_or_default();
    let spec: FederatedTypeConfigSpec = match serde_json::from_value(spec) {
        Ok(spec) => spec,
        Err(error) => {
            tracing::error!(type_config = name, %error, "the type config cannot be read; the last one stays");
            return None;
        }
    };
    if !ctx.type_configs.put(name, annotations.as_ref(), spec) {
        return None;
    }
    ctx.federated.settle_type_configs(&ctx.type_configs);
    tell_all_followers(ctx);
    ctx.federated_types.send_modify(|version| *version += 1);
    for key in ctx
        .federated
        .keys(|entry| entry.type_config.as_deref() == Some(name))
    {
        note_charge(ctx, &key);
        ctx.propagate.push(key, Priority::Backlog);
    }
    ctx.type_configs.get(name)
}

async fn follow_sources(
    ctx: Arc<Context>,
    config: Arc<TypeConfig>,
    shutdown: CancellationToken,
    listed: Option<Waiting>,
) {
    let mut listed = listed;
    let mut listing = Listing::default();
    let client = ctx.host_clients.watches.clone();
    let types = ctx.host_types.subscribe();
    follow_when_served(
        client,
        &config.kind,
        None,
        types,
        &shutdown,
        |seen| match seen {
            Seen::Start => listing.start(),
            Seen::Present(object) => {
                if let Some(key) = put_source(&ctx, &config, object, Priority::Backlog) {
                    listing.show(key);
                }
            }
            Seen::Changed(object) => {
                put_source(&ctx, &config, object, Priority::Live);
            }
            Seen::Deleted(object) => {
                let uid = text(&object, "/metadata/uid").unwrap_or_default();
                if let Some(key) = Key::of_source(&object, &config.name)
                    && ctx.sources.remove(&key, uid)
                {
                    ctx.propagate.push(key, Priority::Live);
                }
            }
            Seen::Listed => {
                let known = ctx
                    .sources
                    .keys(|_, source| source.type_config == config.name);
                for key in listing.gone(known) {
                    // Our finalizer was on it, so it cannot have gone without us; what is true is read
                    // when the key is worked on.
                    if let Some(source) = ctx.sources.get(&key) {
                        ctx.sources.remove(&key, &source.object.uid);
                    }
                    ctx.propagate.push(key, Priority::Live);
                }
                ctx.troubles.watch_works(&config.kind.plural);
                drop(listed.take());
            }
            Seen::Failed {
                message,
                not_served,
                silent,
            } => {
                if not_served {
                    tracing::info!(
                        kind = &*config.kind.kind,
                        "not served by the host; waiting until it is"
                    );
                    drop(listed.take());
                } else {
                    ctx.troubles
                        .watch_failed(&config.kind.plural, &message, silent);
                    // No decision rests on all sources being known: a federated object without a known
                    // source has it looked for. One kind in trouble must not hold up the others.
                    drop(listed.take());
                }
            }
        },
    )
    .await;
}

/// Reads once what KubeAdmiral noted of its copies. Nobody writes it any more.
async fn inherit_versions(ctx: Arc<Context>, kind: Kind, listed: Waiting) {
    let mut listed = Some(listed);
    let once = ctx.tasks.shutdown().child_token();
    let client = ctx.host_clients.watches.clone();
    follow(client, &kind, None, &once, |seen| match seen {
        Seen::Present(object) => ctx.inherited.put(&object),
        Seen::Listed => {
            drop(listed.take());
            once.cancel();
        }
        Seen::Failed {
            not_served: true, ..
        } => {
            drop(listed.take());
            once.cancel();
        }
        Seen::Failed { message, .. } => {
            tracing::warn!(
                kind = &*kind.kind,
                message,
                "what was noted of copies could not be read"
            );
        }
        Seen::Start | Seen::Changed(_) | Seen::Deleted(_) => {}
    })
    .await;
}

async fn follow_federated(ctx: Arc<Context>, kind: Kind, listed: Waiting) {
    let mut listed = Some(listed);
    let mut listing = Listing::default();
    let shutdown = ctx.tasks.shutdown().clone();
    let namespaced = kind.namespaced;
    follow(
        ctx.host_clients.watches.clone(),
        &kind,
        None,
        &shutdown,
        |seen| match seen {
            Seen::Start => listing.start(),
            Seen::Present(object) => {
                if let Some(key) = Key::of_object(&object) {
                    listing.show(key);
                }
                put_federated(&ctx, object, Priority::Backlog);
            }
            Seen::Changed(object) => {
                ctx.troubles.watch_works(&kind.plural);
                put_federated(&ctx, object, Priority::Live);
            }
            Seen::Deleted(object) => {
                let uid = text(&object, "/metadata/uid").unwrap_or_default();
                if let Some(key) = Key::of_object(&object) {
                    remove_federated(&ctx, &key, uid);
                }
            }
            Seen::Listed => {
                let known = ctx
                    .federated
                    .keys_by(|key, _| key.namespace.is_some() == namespaced);
                for key in listing.gone(known) {
                    if let Some(entry) = ctx.federated.get(&key) {
                        remove_federated(&ctx, &key, &entry.object.uid);
                    }
                }
                ctx.troubles.watch_works(&kind.plural);
                drop(listed.take());
            }
            Seen::Failed {
                message, silent, ..
            } => ctx.troubles.watch_failed(&kind.plural, &message, silent),
        },
    )
    .await;
}

/// It has gone, and with it all that is known of it.
pub(super) fn remove_federated(ctx: &Context, key: &Key, uid: &str) {
    let removed = ctx.federated.remove(key, uid);
    tell_followers(ctx, key, Priority::Live);
    if removed.is_none() {
        return;
    }
    ctx.promised.forget(key);
    note_charge(ctx, key);
    // Nothing that was sent to it can be carried out any more.
    ctx.ledger.settled(&open_name(key, uid));
    for member in ctx.fleet.all() {
        member.forget(key);
    }
    ctx.propagate.push(key.clone(), Priority::Live);
}
