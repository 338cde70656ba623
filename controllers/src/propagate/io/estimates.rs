//! Looks at what members show of the pods of objects that migrate by themselves, at each change and when a pod has
//! waited for too long. What it comes to is written by the pass over the object, which is asked for here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use navarch_crds::names::ClusterName;

use crate::fleet::health::{self, Probe};
use crate::host::context::Context;
use crate::host::migrations::estimated;
use crate::migrate::differs;
use crate::runtime::key::Key;
use crate::runtime::queue::Priority;
use crate::runtime::shutdown::caught;

/// Later times are looked at again then: timers need not reach years ahead.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn start(ctx: &Arc<Context>) {
    let ctx_of_task = Arc::clone(ctx);
    ctx.tasks.spawn(async move { worker(&ctx_of_task).await });
}

/// One is enough: a look makes no request.
async fn worker(ctx: &Arc<Context>) {
    let shutdown = ctx.tasks.shutdown().clone();
    if !ctx.readiness.ready(&shutdown).await {
        return;
    }
    while let Some(key) = ctx.migrations.queue.next(&shutdown).await {
        if let Err(panic) = caught(async { look(ctx, &key) }).await {
            tracing::error!(object = %key, panic, "looking at the pods of an object panicked");
        }
        ctx.migrations.queue.done(&key);
    }
}

fn look(ctx: &Arc<Context>, key: &Key) {
    let Some(plan) = ctx.migrations.plan(key) else {
        return;
    };
    let now = Timestamp::now();
    let answer = estimated(ctx, key, &plan, now);
    if differs(plan.strategy, &plan.info, &answer.info) {
        ctx.propagate.push(key.clone(), Priority::Live);
    }
    if let Some(at) = answer.again {
        let wait = Duration::try_from(at - now).unwrap_or_default();
        ctx.migrations
            .queue
            .push_after(key.clone(), wait.min(LONGEST));
    }
    for cluster in &answer.unheard {
        ask(ctx, key, cluster);
    }
}

/// Asks a member whether it is well, in a task of its own: what it showed before it fell silent moves nothing. One that
/// does not answer is left alone until the next probe of its health is due.
fn ask(ctx: &Arc<Context>, key: &Key, cluster: &str) {
    let member = ClusterName::new(cluster)
        .ok()
        .and_then(|name| ctx.fleet.get(&name));
    let Some(member) = member else { return };
    if !member.heard.await_answer(key.clone()) {
        return;
    }
    let ctx = Arc::clone(ctx);
    let tasks = member.tasks.clone();
    tasks.spawn(async move {
        // What it shows was true when it was asked; it may have fallen silent while it answered.
        let asked = Timestamp::now();
        let delay = match health::probe(&member.requests).await {
            Probe::Well => {
                member.heard.set(asked);
                Duration::ZERO
            }
            Probe::Unwell(_) | Probe::Refused(_) | Probe::Silent(_) => {
                ctx.timings.health_check_period
            }
        };
        for key in member.heard.answered() {
            ctx.migrations.queue.push_after(key, delay);
        }
    });
}
