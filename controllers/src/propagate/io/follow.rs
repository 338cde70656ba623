//! Sources that nothing but a leader asks for: they are read when a leader names them, and they are let go when the
//! last one has ceased to.

use navarch_crds::v1alpha1::LeaderReference;
use serde_json::Value;

use super::PropagateError;
use crate::follow::{may_follow, only_follows};
use crate::host::context::Context;
use crate::host::followings::{awaited, is_aloof, is_led};
use crate::host::stores::TypeConfig;
use crate::host::take::put_source;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;

/// Reads the source that a leader names, if one does. One that does not exist yet is taken in when it comes.
pub(super) async fn read_follower(ctx: &Context, key: &Key) -> Result<(), PropagateError> {
    let Some((config, name)) = ctx.followings.named(key) else {
        return Ok(());
    };
    let Some(config) = ctx.type_configs.get(&config) else {
        return Ok(());
    };
    let found = ctx.host.get(&config.kind, key.namespace(), &name).await?;
    if let Some(source) = found {
        put_source(ctx, &config, source, Priority::Live);
    }
    Ok(())
}

/// Whether a leader asks for a source, or may: what cannot be told keeps it.
pub(super) fn stays_led(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    source: &Value,
    last: Option<&Value>,
) -> bool {
    if is_aloof(source) || !may_follow(&config.object) {
        return false;
    }
    let Some(last) = last else {
        return is_led(ctx, key, source);
    };
    let follows = last.pointer("/spec/follows").cloned().unwrap_or_default();
    match serde_json::from_value::<Option<Vec<LeaderReference>>>(follows) {
        Ok(follows) => {
            let follows = follows.unwrap_or_default();
            awaited(ctx, &follows) || !ctx.followings.leaders(key, &follows).is_empty()
        }
        Err(_) => true,
    }
}

/// Whether a federated object was there for leaders alone.
pub(super) fn was_led(config: &TypeConfig, last: &Value) -> bool {
    may_follow(&config.object) && only_follows(last)
}
