//! The task that talks to the ledger: one request at a time, a rest after each that failed.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use navarch_crds::quota::OpenObject;
use serde_json::Value;
use tokio::time::Instant;

use super::super::error::{ENDING, LedgerError, NOT_SERVED, shown};
use super::super::protocol::Event;
use super::super::record::{self, NAME};
use super::{Due, Shared};
use crate::fleet::request::Requests;
use crate::runtime::locked;
use crate::runtime::repeats::Repeats;
use crate::runtime::retry::Backoff;

/// Everything that wants to grow waits for an answer of the ledger; it is a small object, and one that takes so long is
/// asked for once more.
pub(super) const LIMIT: Duration = Duration::from_secs(5);
/// The longest rest: one object is all that is asked for.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Objects that are fenced at once.
const FENCES: usize = 16;

pub(super) async fn run(shared: Arc<Shared>) {
    let task = Task {
        requests: shared.requests.within(LIMIT),
        shared,
        failures: 0,
        trouble: Repeats::default(),
    };
    task.work().await;
}

struct Task {
    shared: Arc<Shared>,
    /// Those on the ledger.
    requests: Requests,
    /// In a row.
    failures: u32,
    trouble: Repeats,
}

/// Also when it panics: nobody may wait for what will not come.
impl Drop for Task {
    fn drop(&mut self) {
        let mut state = locked(&self.shared.state);
        state.closed = true;
        for (_, asking) in std::mem::take(&mut state.asking) {
            let _ = asking.send(Err(LedgerError::NotReady(ENDING)));
        }
    }
}

impl Task {
    /// Until the process ends; whoever waits then is still served, as long as nothing fails.
    async fn work(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let due = {
                let mut state = locked(&shared.state);
                let idle = state.due.is_empty() || state.asking.is_empty();
                if shared.shutdown.is_cancelled() && idle {
                    return;
                }
                state.due.pop_front()
            };
            match due {
                None => tokio::select! {
                    () = shared.due.notified() => {}
                    () = shared.shutdown.cancelled() => {}
                },
                Some(Due::Read) => self.read().await,
                Some(Due::Write(ledger)) => self.write(&ledger).await,
                Some(Due::Rest) => {
                    if !pause(&shared, self.failures).await {
                        return;
                    }
                    shared.feed(Event::Rested, None);
                }
                Some(Due::Fence(first)) => self.fence(first).await,
            }
        }
    }

    async fn read(&mut self) {
        match self.requests.get(&record::kind(), None, NAME).await {
            Ok(None) => self.fine(Event::Read(None)),
            // The kind is not served: nobody has written a ledger.
            Err(error) if error.is_not_found() => self.fine(Event::Read(None)),
            Ok(Some(ledger)) => match record::read(&ledger) {
                Some(stored) => self.fine(Event::Read(Some(stored))),
                None => self.failed(
                    Event::Unanswered,
                    &LedgerError::NotReady(
                        "the QuotaLedger navarch cannot be understood: stop every controller manager, delete it, and start again",
                    ),
                ),
            },
            Err(error) => self.failed(Event::Unanswered, &LedgerError::Request(Arc::new(error))),
        }
    }

    async fn write(&mut self, ledger: &Value) {
        let requests = &self.requests;
        let kind = record::kind();
        let creates = record::version(ledger).is_none();
        let written = if creates {
            requests.create(&kind, None, ledger).await
        } else {
            requests.replace(&kind, None, NAME, ledger).await
        };
        let count = |result| self.shared.metrics.ledger_written(result);
        match written {
            Ok(written) => match record::version(&written) {
                Some(version) => {
                    count("success");
                    self.fine(Event::Written(version));
                }
                // An answer without a version is none.
                None => self.fine(Event::Conflict),
            },
            Err(error) if error.is_conflict() || !creates && error.is_absence(NAME) => {
                count("conflict");
                self.fine(Event::Conflict);
            }
            Err(error) if error.is_not_found() => {
                count("error");
                self.failed(Event::Refused, &LedgerError::NotReady(NOT_SERVED));
            }
            Err(error) => {
                count("error");
                let event = if error.is_final() {
                    Event::Refused
                } else {
                    Event::Unanswered
                };
                self.failed(event, &LedgerError::Request(Arc::new(error)));
            }
        }
    }

    fn fine(&mut self, event: Event<OpenObject>) {
        self.failures = 0;
        if let Some(lasted) = self.trouble.over(Instant::now()) {
            tracing::info!(ledger = NAME, ?lasted, "the quota ledger answers again");
        }
        self.shared.feed(event, None);
    }

    fn failed(&mut self, event: Event<OpenObject>, error: &LedgerError) {
        self.failures = self.failures.saturating_add(1);
        let text = match error {
            LedgerError::Request(error) => error.message(),
            other => other.to_string(),
        };
        if self.trouble.meet(&text, Instant::now()).is_some() {
            tracing::warn!(
                ledger = NAME,
                error = text,
                "the quota ledger could not be read or written; nothing grows under a quota until it can"
            );
        }
        self.shared.feed(event, Some(error));
    }

    /// Fences everything that an earlier leader may have let grow. All of it is due by now.
    async fn fence(&mut self, first: OpenObject) {
        let mut names = vec![first];
        {
            let mut state = locked(&self.shared.state);
            while let Some(Due::Fence(_)) = state.due.front() {
                if let Some(Due::Fence(name)) = state.due.pop_front() {
                    names.push(name);
                }
            }
        }
        tracing::info!(
            ledger = NAME,
            objects = names.len(),
            "an earlier leader may still have writes under way to some objects: they are shut out"
        );
        let shared = &self.shared;
        stream::iter(names)
            .for_each_concurrent(FENCES, |name| async move {
                if fence_surely(shared, &name).await {
                    shared.feed(Event::Fenced(name), None);
                }
            })
            .await;
    }
}

/// Until it has come through; `false`: the process ends.
async fn fence_surely(shared: &Shared, name: &OpenObject) -> bool {
    let mut failures = 0_u32;
    let mut trouble = Repeats::default();
    loop {
        let fenced = tokio::select! {
            fenced = shared.fence(name) => fenced,
            () = shared.shutdown.cancelled() => return false,
        };
        let Err(error) = fenced else { return true };
        failures = failures.saturating_add(1);
        let error = error.message();
        if trouble.meet(&error, Instant::now()).is_some() {
            tracing::warn!(
                object = shown(name),
                error,
                "an object that an earlier leader may have let grow could not be written; nothing grows under a quota until it can"
            );
        }
        if !pause(shared, failures).await {
            return false;
        }
    }
}

/// `false`: the process ends.
async fn pause(shared: &Shared, failures: u32) -> bool {
    let backoff = Backoff {
        first: shared.backoff.first,
        longest: shared.backoff.longest.min(LONGEST_REST),
    };
    tokio::select! {
        () = tokio::time::sleep(backoff.delay(failures)) => true,
        () = shared.shutdown.cancelled() => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_the_ledger_ends_before_the_process_is_made_to() {
        assert!(LIMIT < crate::runtime::shutdown::GRACE);
    }
}
