//! Writes what is used of each global quota, and who waits: at most once in a while, and only what differs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use navarch_crds::quota::GlobalQuotaStatus;
use serde_json::json;

use crate::fleet::request::{Part, RequestError};
use crate::host::context::Context;
use crate::host::quotas::Told;
use crate::host::take::quota_kind;
use crate::runtime::metrics::QuotaFigures;
use crate::runtime::patch::merge_patch;
use crate::status::quotas::status_of;

/// What happens in between is written together.
const WINDOW: Duration = Duration::from_secs(1);

pub(super) fn start(ctx: &Arc<Context>) {
    let ctx_of_task = Arc::clone(ctx);
    ctx.tasks.spawn(async move { run(&ctx_of_task).await });
}

async fn run(ctx: &Arc<Context>) {
    let shutdown = ctx.tasks.shutdown().clone();
    if !ctx.readiness.ready(&shutdown).await {
        return;
    }
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = ctx.quota_news.notified() => {}
        }
        if ctx.quotas.in_use() {
            write_all(ctx).await;
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(WINDOW) => {}
        }
    }
}

async fn write_all(ctx: &Context) {
    let told: BTreeMap<String, Told> = ctx.quotas.tell();
    count(ctx, &told);
    for (name, told) in told {
        if let Err(error) = write(ctx, &name, &told).await {
            // It comes again with the next look.
            tracing::warn!(quota = name, %error, "the status of the global quota could not be written");
            ctx.quota_news.notify_one();
        }
    }
}

fn count(ctx: &Context, told: &BTreeMap<String, Told>) {
    let figures = told.iter().flat_map(|(quota, told)| {
        told.figures.resources.iter().map(|one| QuotaFigures {
            quota: quota.clone(),
            resource: one.resource.as_str().to_owned(),
            limit: one.limit,
            guaranteed: one.guaranteed,
            used: one.used,
            reserved: one.reserved,
            borrowed: one.borrowed,
            lent: one.lent,
        })
    });
    let pending = told
        .iter()
        .map(|(quota, told)| (quota.clone(), told.pending.objects));
    let (figures, pending): (Vec<_>, Vec<_>) = (figures.collect(), pending.collect());
    ctx.metrics.set_quotas(&figures, &pending);
}

async fn write(ctx: &Context, name: &str, told: &Told) -> Result<(), RequestError> {
    let stored = &told.definition.status;
    let before: GlobalQuotaStatus = serde_json::from_value(stored.clone()).unwrap_or_default();
    let after = status_of(told, &before, Timestamp::now());
    if after == before {
        return Ok(());
    }
    let Ok(after) = serde_json::to_value(&after) else {
        return Ok(());
    };
    let stored = if stored.is_object() {
        stored.clone()
    } else {
        json!({})
    };
    let Some(change) = merge_patch(&stored, &after) else {
        return Ok(());
    };
    let kind = quota_kind();
    let patch = json!({ "metadata": { "uid": &*told.definition.uid }, "status": change });
    match ctx
        .host
        .merge(&kind, None, name, Part::Status, &patch)
        .await
    {
        Ok(object) => {
            let status = object.get("status").cloned().unwrap_or_default();
            ctx.quotas.put_status(name, status);
            Ok(())
        }
        // It is gone or another one; its watch tells.
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}
