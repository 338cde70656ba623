//! The workers of a room that works for the host: one key at a time off the room's queue, how it ended counted and told,
//! what failed put back. What the work is, only the room knows; nothing is asked here.

use std::future::Future;
use std::sync::Arc;

use super::context::Context;
use crate::fleet::request::RequestError;
use crate::runtime::key::Key;
use crate::runtime::queue::Queue;
use crate::runtime::shutdown::caught;

/// How a room calls itself and what becomes of its work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// The room, as metrics name it.
    pub(crate) room: &'static str,
    /// The work on a key failed.
    pub(crate) failed: &'static str,
    /// It panicked.
    pub(crate) panicked: &'static str,
}

/// Why the work on a key did not come to its end.
#[derive(Debug)]
pub(crate) enum Setback {
    /// Something that was asked will put the key into the queue again.
    Waiting,
    /// The host did not answer. That is told once for all keys.
    Silence(String),
    /// It is tried again.
    Failed(String),
}

impl From<RequestError> for Setback {
    fn from(error: RequestError) -> Self {
        if error.is_silence() {
            Self::Silence(error.message())
        } else {
            Self::Failed(error.to_string())
        }
    }
}

/// Starts so many workers; they begin once everything that decisions rest on is known.
pub(crate) fn start<W, F, E>(
    ctx: &Arc<Context>,
    workers: usize,
    queue: &Queue<Key>,
    words: Words,
    work: W,
) where
    W: Fn(Arc<Context>, Key) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send,
    E: Into<Setback> + Send,
{
    for _ in 0..workers {
        let (ctx_of_task, queue) = (Arc::clone(ctx), queue.clone());
        ctx.tasks
            .spawn(async move { work_off(&ctx_of_task, &queue, words, work).await });
    }
}

async fn work_off<W, F, E>(ctx: &Arc<Context>, queue: &Queue<Key>, words: Words, work: W)
where
    W: Fn(Arc<Context>, Key) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<Setback>,
{
    let shutdown = ctx.tasks.shutdown().clone();
    if !ctx.readiness.ready(&shutdown).await {
        return;
    }
    let count = |result| ctx.metrics.reconciled(words.room, result);
    while let Some(key) = queue.next(&shutdown).await {
        let ended = caught(work(Arc::clone(ctx), key.clone())).await;
        match ended.map(|ended| ended.map_err(|error| -> Setback { error.into() })) {
            Ok(Ok(())) => {
                count("success");
                queue.done(&key);
            }
            Ok(Err(Setback::Waiting)) => queue.rest(&key),
            Ok(Err(Setback::Silence(error))) => {
                count("error");
                let delay = queue.failed(&key);
                ctx.troubles.silent(&error);
                tracing::debug!(object = %key, error, ?delay, "the host does not answer");
            }
            Ok(Err(Setback::Failed(error))) => {
                count("error");
                let delay = queue.failed(&key);
                tracing::warn!(object = %key, error, ?delay, "{}", words.failed);
            }
            Err(panic) => {
                count("panic");
                let delay = queue.failed(&key);
                tracing::error!(object = %key, panic, ?delay, "{}", words.panicked);
            }
        }
    }
}
