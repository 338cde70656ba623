//! One key at a time: gather from the stores, decide, and make at most one write. The workers of the
//! room and everything about the life of a source and its federated object.

mod ending;
mod estimates;
mod follow;
mod hold;
mod news;
pub(crate) mod quotas;
mod record;
pub(crate) mod watch;
mod webhooks;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use navarch_crds::keys::{finalizer, label};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::consult::Waiting;
use super::decide::{self, Refusal, Write};
use crate::fleet::request::{Part, RequestError};
use crate::host;
use crate::host::context::Context;
use crate::host::io::{Setback, Words};
use crate::host::stores::{FederatedEntry, Source, TypeConfig};
use crate::host::take::{asks, federated_kind, is_left_alone, put_federated, put_source};
use crate::quota::{FenceError, LedgerError};
use crate::runtime::compact::{has_finalizer, label as label_of};
use crate::runtime::events::reference;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;
use ending::{belongs, confirmed_absent, finish, release_source, withdraw};
use follow::{read_follower, stays_led, was_led};
use record::{TYPE_MISSING, forget_absent, remember_lost, say, warn_of_missing_type};
use watch::remove_federated;

/// Why the work on a key failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PropagateError {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A webhook is being asked; the key comes back with its answer.
    #[error(transparent)]
    Waiting(#[from] Waiting),
    /// A decision could not be made for a reason that may pass.
    #[error("{0}")]
    NotNow(String),
    /// The ledger of quotas could not be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It is not known yet what became of an earlier write.
    #[error(transparent)]
    Fence(#[from] FenceError),
}

impl From<PropagateError> for Setback {
    fn from(error: PropagateError) -> Self {
        match error {
            PropagateError::Request(error) => error.into(),
            PropagateError::Waiting(_) => Self::Waiting,
            PropagateError::NotNow(why) => Self::Failed(why),
            PropagateError::Ledger(error) if error.is_silence() => Self::Silence(error.to_string()),
            PropagateError::Ledger(error) => Self::Failed(error.to_string()),
            PropagateError::Fence(FenceError::Request(error)) => error.into(),
            PropagateError::Fence(error) => Self::Failed(error.to_string()),
        }
    }
}

const WORDS: Words = Words {
    room: "propagate",
    failed: "propagation failed; it will be tried again",
    panicked: "propagation panicked",
};

/// Starts the workers.
pub(crate) fn start(ctx: &Arc<Context>) {
    let workers = ctx.timings.workers;
    host::io::start(ctx, workers, &ctx.propagate, WORDS, |ctx, key| async move {
        pass(&ctx, &key).await
    });
    hold::start(ctx);
    estimates::start(ctx);
}

/// A pass that has yet to end. If it never does, because it fails or panics, nothing is promised but what is stored; and
/// whatever its end is, nothing is admitted any more that was not written, unless that is in doubt.
struct Pass<'a> {
    ctx: &'a Context,
    key: &'a Key,
    ended: bool,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.ctx.keep_promises(self.key);
        }
        write::end_look(self.ctx, self.key);
    }
}

async fn pass(ctx: &Context, key: &Key) -> Result<(), PropagateError> {
    let mut pass = Pass {
        ctx,
        key,
        ended: false,
    };
    let ended = match write::settle_doubt(ctx, key).await {
        Ok(()) => work(ctx, key).await,
        Err(error) => Err(error),
    };
    pass.ended = matches!(ended, Ok(()) | Err(PropagateError::Waiting(_)));
    ended
}

async fn work(ctx: &Context, key: &Key) -> Result<(), PropagateError> {
    let federated = ctx.federated.get(key);
    if let Some(entry) = federated.as_ref().filter(|entry| !entry.lost.is_empty()) {
        return remember_lost(ctx, key, entry).await;
    }
    match (ctx.sources.get(key), federated) {
        (None, None) => {
            ctx.webhooks.forget(key);
            ctx.unplaced.forget(key);
            ctx.promised.forget(key);
            ctx.migrations.forget(key);
            read_follower(ctx, key).await
        }
        (None, Some(federated)) if federated.direct => direct(ctx, key, &federated).await,
        (None, Some(federated)) => without_source(ctx, key, &federated).await,
        (Some(source), federated) => {
            let Some(config) = ctx.type_configs.get(&source.type_config) else {
                warn_of_missing_type(ctx, &source.object.value(), Some(&source.type_config));
                return Ok(());
            };
            with_source(ctx, key, &config, &source, federated.as_ref()).await
        }
    }
}

/// A federated object that was written by itself goes through the same pass, its template being given.
async fn direct(
    ctx: &Context,
    key: &Key,
    federated: &FederatedEntry,
) -> Result<(), PropagateError> {
    let value = federated.object.value();
    let about = reference(&value);
    if federated.object.terminating {
        finish(ctx, key, federated, &value, &about).await?;
        return Ok(());
    }
    let config = federated
        .type_config
        .as_deref()
        .and_then(|name| ctx.type_configs.get(name));
    let Some(config) = config else { return Ok(()) };
    let absent = confirmed_absent(ctx, key, federated);
    let decided = decide::decide(ctx, key, &config, None, Some(&value), &absent)?;
    act(ctx, key, decided, Some(&value), &about).await
}

/// A federated object of which no source is known: sources without a policy label are only looked for
/// when their federated object turns up.
async fn without_source(
    ctx: &Context,
    key: &Key,
    federated: &FederatedEntry,
) -> Result<(), PropagateError> {
    let value = federated.object.value();
    let about = ctx.subject(key, &value);
    let config = federated
        .type_config
        .as_deref()
        .and_then(|name| ctx.type_configs.get(name));
    let Some(config) = config else {
        warn_of_missing_type(ctx, &value, federated.type_config.as_deref());
        if federated.object.terminating {
            finish(ctx, key, federated, &value, &about).await?;
        }
        return Ok(());
    };
    ctx.events.settle(&reference(&value), TYPE_MISSING, "");
    if federated.object.terminating {
        finish(ctx, key, federated, &value, &about).await?;
        return Ok(());
    }
    let name = federated.source_name.to_string();
    let owned = value
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    if owned.is_some_and(|owners| !owners.is_empty())
        && let Some(source) = ctx.host.get(&config.kind, key.namespace(), &name).await?
    {
        // Found: its key is asked for by storing it.
        if put_source(ctx, &config, source, Priority::Live).as_ref() == Some(key) {
            return Ok(());
        }
    }
    forget_absent(ctx, key, federated, &value).await
}

async fn with_source(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    source: &Source,
    federated: Option<&FederatedEntry>,
) -> Result<(), PropagateError> {
    let value = source.object.value();
    let about = reference(&value);
    let last = federated.map(|entry| entry.object.value());
    if let Some(last) = &last
        && !belongs(last, &value)
    {
        let note = format!("the name of its federated object {key} is taken by another object");
        ctx.events.warn(&about, "NameCollision", "", &note);
        if source.object.terminating {
            release_source(ctx, key, config, &value).await?;
        }
        return Ok(());
    }
    if !source.object.terminating && last.is_some() && is_left_alone(&value) {
        return Ok(());
    }
    if source.object.terminating || withdraws(ctx, key, config, &value, last.as_ref()) {
        return withdraw(ctx, key, config, &value, federated).await;
    }
    if federated.is_some_and(|entry| entry.object.terminating) {
        // It comes again when it is gone.
        return match (federated, &last) {
            (Some(entry), Some(last)) => {
                finish(ctx, key, entry, last, &about).await?;
                Ok(())
            }
            _ => Ok(()),
        };
    }
    let absent = federated
        .map(|entry| confirmed_absent(ctx, key, entry))
        .unwrap_or_default();
    // The bookkeeping describes the source as it will be with our finalizer.
    let decided = decide::decide(
        ctx,
        key,
        config,
        Some(&held(&value)),
        last.as_ref(),
        &absent,
    )?;
    let made = matches!(decided.write, Write::Create(_));
    act(ctx, key, decided, last.as_ref(), &about).await?;
    if (made || federated.is_some()) && !has_finalizer(&value, finalizer::FEDERATE) {
        ctx.holds.push(key.clone(), Priority::Live);
    }
    Ok(())
}

/// The source with our finalizer on it.
fn held(source: &Value) -> Value {
    let mut source = source.clone();
    if !has_finalizer(&source, finalizer::FEDERATE)
        && let Some(metadata) = source.get_mut("metadata").and_then(Value::as_object_mut)
    {
        let list = metadata.entry("finalizers").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(json!(finalizer::FEDERATE));
        }
    }
    source
}

/// The policy label was removed, or the last leader went: what that had caused is taken back. A federated object that
/// never had either (KubeAdmiral makes them for every object) is left alone.
fn withdraws(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    source: &Value,
    last: Option<&Value>,
) -> bool {
    if asks(source) || stays_led(ctx, key, config, source, last) {
        return false;
    }
    let Some(last) = last else { return true };
    let named = |key: &&str| label_of(last, key).is_some_and(|name| !name.is_empty());
    let labels = [label::PROPAGATION_POLICY, label::CLUSTER_PROPAGATION_POLICY];
    labels.iter().any(named) || was_led(config, last)
}

pub(super) async fn write_finalizers(
    ctx: &Context,
    kind: &crate::fleet::request::Kind,
    namespace: Option<&str>,
    name: &str,
    object: &Value,
    finalizers: &[String],
) -> Result<Value, RequestError> {
    let patch = json!({ "metadata": {
        "finalizers": finalizers,
        "resourceVersion": object.pointer("/metadata/resourceVersion"),
    } });
    ctx.host
        .merge(kind, namespace, name, Part::Whole, &patch)
        .await
}

/// After a conflict: take the newest state of the source over, which asks for another look.
pub(super) async fn refresh(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    name: &str,
    error: RequestError,
) -> Result<(), PropagateError> {
    if !error.is_conflict() {
        return Err(error.into());
    }
    match ctx.host.get(&config.kind, key.namespace(), name).await? {
        Some(source) => {
            put_source(ctx, config, source, Priority::Live);
        }
        None => {
            if let Some(source) = ctx.sources.get(key) {
                ctx.sources.remove(key, &source.object.uid);
            }
        }
    }
    ctx.propagate.push(key.clone(), Priority::Live);
    Ok(())
}

/// Somebody wrote the federated object in between: the next look is at what is there now. It is asked for here, because the
/// watch asks for none when only the status was written.
async fn read_anew(ctx: &Context, key: &Key) -> Result<(), PropagateError> {
    let kind = federated_kind(key);
    match ctx.host.get(&kind, key.namespace(), &key.name).await? {
        Some(present) => put_federated(ctx, present, Priority::Live),
        None => {
            if let Some(entry) = ctx.federated.get(key) {
                remove_federated(ctx, key, &entry.object.uid);
            }
        }
    }
    ctx.propagate.push(key.clone(), Priority::Live);
    Ok(())
}

/// One text for each reason: several annotations may be wrong, or several clusters.
fn by_reason(problems: &[decide::Refusal]) -> BTreeMap<&'static str, String> {
    let mut texts: BTreeMap<&'static str, String> = BTreeMap::new();
    for problem in problems {
        let text = texts.entry(problem.reason).or_default();
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&problem.message);
    }
    texts
}

/// Makes the one write.
async fn act(
    ctx: &Context,
    key: &Key,
    decided: decide::Decided,
    last: Option<&Value>,
    about: &ObjectReference,
) -> Result<(), PropagateError> {
    let problems = by_reason(&decided.problems);
    for (reason, message) in &problems {
        ctx.events.warn(about, reason, "", message);
    }
    say(ctx, key, &problems, decided.asked, last);
    for settled in decide::REASONS {
        if !decided
            .problems
            .iter()
            .any(|problem| problem.reason == *settled)
        {
            ctx.events.settle(about, settled, "");
        }
    }
    if !matches!(decided.write, Write::Nothing) {
        ctx.rush.written(Instant::now());
    }
    let written = write::write(ctx, key, &decided).await?;
    match written {
        Ok(Some(object)) => {
            news::tell(ctx, about, last, &object);
            put_federated(ctx, object, Priority::Live);
        }
        Ok(None) => {}
        Err(error) if error.is_conflict() || error.is_not_found() => {
            read_anew(ctx, key).await?;
        }
        Err(error) => {
            if error.is_rejection() {
                ctx.events
                    .warn(about, "FederatedObjectRejected", "", &error.message());
            }
            return Err(error.into());
        }
    }
    match decided.problems.into_iter().find_map(Refusal::retry) {
        Some(message) => Err(PropagateError::NotNow(message)),
        None => Ok(()),
    }
}
