//! Our finalizer on sources, so that a source stays until its copies are gone. It follows the federated object and gives
//! way while many are made: until it is there the owner reference of the federated object does the same, since a source
//! that goes takes that along, and with it the copies (`docs/decisions/0024-order-of-writes.md`).

use std::sync::Arc;

use navarch_crds::keys::finalizer;
use tokio::time::Instant;

use super::{PropagateError, refresh, write_finalizers};
use crate::host;
use crate::host::context::Context;
use crate::host::io::Words;
use crate::runtime::compact::{finalizers, has_finalizer, text};
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;
use crate::runtime::rush::Courtesy;

/// Finalizers written at once. One at a time would be slower than the objects are made.
const WORKERS: usize = 4;

const WORDS: Words = Words {
    room: "hold",
    failed: "the source could not be given our finalizer",
    panicked: "holding the source panicked",
};

pub(super) fn start(ctx: &Arc<Context>) {
    host::io::start(ctx, WORKERS, &ctx.holds, WORDS, |ctx, key| async move {
        hold(&ctx, &key).await
    });
}

async fn hold(ctx: &Context, key: &Key) -> Result<(), PropagateError> {
    let (Some(source), Some(federated)) = (ctx.sources.get(key), ctx.federated.get(key)) else {
        return Ok(());
    };
    // What is on its way out is not held up again.
    if source.object.terminating || federated.object.terminating {
        return Ok(());
    }
    if let Some(wait) = ctx.rush.wait(key, Courtesy::Finalizer, Instant::now()) {
        ctx.holds.push_after(key.clone(), wait);
        return Ok(());
    }
    let Some(config) = ctx.type_configs.get(&source.type_config) else {
        return Ok(());
    };
    let value = source.object.value();
    if has_finalizer(&value, finalizer::FEDERATE) {
        return Ok(());
    }
    let name = text(&value, "/metadata/name").unwrap_or_default();
    let mut wanted = finalizers(&value);
    wanted.push(finalizer::FEDERATE.to_owned());
    match write_finalizers(ctx, &config.kind, key.namespace(), name, &value, &wanted).await {
        Ok(written) => {
            ctx.sources.put(key.clone(), &config.name, written);
            Ok(())
        }
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => {
            refresh(ctx, key, &config, name, error).await?;
            ctx.holds.push(key.clone(), Priority::Live);
            Ok(())
        }
    }
}
