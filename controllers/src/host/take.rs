//! States of the host's objects are taken over here, and what changed is put into the queues.

use navarch_crds::keys::{annotation, finalizer, label};
use navarch_crds::names::ClusterName;
use navarch_crds::quota;
use serde_json::Value;

use super::charges::note_charge;
use super::context::Context;
use super::followings::{is_led, tell_followers};
use super::stores::{Changed, FederatedEntry, TypeConfig};
use crate::fleet::request::Kind;
use crate::runtime::compact::{annotation as annotation_of, has_finalizer, label as label_of};
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// A kind of the federation's own API.
pub(crate) fn core_kind(kind: &str, plural: &str, namespaced: bool) -> Kind {
    Kind::new("core.kubeadmiral.io", "v1alpha1", kind, plural, namespaced)
}

/// The kind of global quotas.
pub(crate) fn quota_kind() -> Kind {
    Kind::new(
        quota::GROUP,
        quota::VERSION,
        "GlobalQuota",
        "globalquotas",
        false,
    )
}

/// The kind of a federated object with this key.
pub(crate) fn federated_kind(key: &Key) -> Kind {
    if key.namespace.is_some() {
        core_kind("FederatedObject", "federatedobjects", true)
    } else {
        core_kind("ClusterFederatedObject", "clusterfederatedobjects", false)
    }
}

/// Whether a source is to be left as it is (KubeAdmiral `federate/controller.go`): nothing is made for
/// it, and what there is stays.
pub(crate) fn is_left_alone(object: &Value) -> bool {
    annotation_of(object, annotation::NO_FEDERATED_RESOURCE).is_some_and(|text| !text.is_empty())
}

/// Whether the labels of a source ask for propagation.
pub(crate) fn asks(object: &Value) -> bool {
    let named = |key| label_of(object, key).is_some_and(|name| !name.is_empty());
    !is_left_alone(object)
        && (named(label::PROPAGATION_POLICY) || named(label::CLUSTER_PROPAGATION_POLICY))
}

/// Takes over the answer to our own write of a source's status. If it says what was written, there is nothing to tell once
/// more.
pub(crate) fn take_source(ctx: &Context, config: &TypeConfig, object: Value, status: &Value) {
    let told = object.get("status") == Some(status);
    let Some(key) = Key::of_source(&object, &config.name) else {
        return;
    };
    let changed = ctx.sources.put(key.clone(), &config.name, object);
    if changed != Changed::Status || !told {
        source_changed(ctx, &key, changed, Priority::Live);
    }
}

/// The same for a federated object.
pub(crate) fn take_federated(ctx: &Context, object: Value, status: &Value) {
    let told = object.get("status") == Some(status);
    let Some(key) = Key::of_object(&object) else {
        return;
    };
    let changed = store_federated(ctx, &key, object);
    if changed != Changed::Status || !told {
        federated_changed(ctx, &key, changed, Priority::Live);
    }
}

/// Stores a source if anything asks for it; returns its key if it is stored.
pub(crate) fn put_source(
    ctx: &Context,
    config: &TypeConfig,
    object: Value,
    priority: Priority,
) -> Option<Key> {
    let key = Key::of_source(&object, &config.name)?;
    let wanted = asks(&object)
        || has_finalizer(&object, finalizer::FEDERATE)
        || ctx.sources.get(&key).is_some()
        || ctx.federated.get(&key).is_some_and(|entry| !entry.direct)
        || is_led(ctx, &key, &object) && !is_left_alone(&object);
    if !wanted {
        return None;
    }
    let changed = ctx.sources.put(key.clone(), &config.name, object);
    source_changed(ctx, &key, changed, priority);
    Some(key)
}

fn source_changed(ctx: &Context, key: &Key, changed: Changed, priority: Priority) {
    match changed {
        Changed::Content => ctx.propagate.push(key.clone(), priority),
        Changed::Status => ctx.report_soon(key),
        Changed::Nothing => {}
    }
}

/// Takes a state of a federated object over, from the watch or from an answer to our own write.
pub(crate) fn put_federated(ctx: &Context, object: Value, priority: Priority) {
    let Some(key) = Key::of_object(&object) else {
        return;
    };
    let changed = store_federated(ctx, &key, object);
    federated_changed(ctx, &key, changed, priority);
}

fn store_federated(ctx: &Context, key: &Key, object: Value) -> Changed {
    let clear = |known: &FederatedEntry, cluster: &ClusterName| ctx.is_clear(key, known, cluster);
    let changed = ctx
        .federated
        .put(key.clone(), object, &ctx.type_configs, clear);
    // A charge is content: a status changes nothing of it.
    if changed == Changed::Content {
        note_charge(ctx, key);
    }
    changed
}

fn federated_changed(ctx: &Context, key: &Key, changed: Changed, priority: Priority) {
    if changed != Changed::Nothing {
        tell_followers(ctx, key, priority);
    }
    match changed {
        Changed::Content => {
            ctx.keep_promises(key);
            ctx.dispatch(key, priority);
            ctx.propagate.push(key.clone(), priority);
            ctx.report_soon(key);
        }
        Changed::Status => ctx.report_soon(key),
        Changed::Nothing => {}
    }
}
