//! The handle by which rooms let objects grow, and the task that alone talks to the ledger.

mod asked;
mod fence;
mod task;
#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use navarch_crds::quota::OpenObject;
use serde_json::Value;
use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::error::{ENDING, FenceError, Fenced, LedgerError, NOT_TAKEN_OVER, PlaceError, shown};
use super::protocol::{Action, Event, Protocol, Why};
use super::record::{kind_of, namespace_of, open_object};
use crate::fleet::request::Requests;
use crate::runtime::compact::text;
use crate::runtime::locked;
use crate::runtime::metrics::Metrics;
use crate::runtime::retry::Backoff;
use crate::runtime::shutdown::Tasks;
use asked::{Asked, Opened};

/// The record of which federated objects may be growing. Nothing is sent before [`Ledger::take_over`].
#[derive(Clone)]
pub(crate) struct Ledger {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Ledger")
    }
}

struct Shared {
    requests: Requests,
    /// Differs between any two runs.
    holder: Arc<str>,
    metrics: Arc<Metrics>,
    backoff: Backoff,
    state: Mutex<State>,
    /// Something is due.
    due: Notify,
    /// Whether the ledger was taken over.
    ready: watch::Sender<bool>,
    lost: CancellationToken,
    shutdown: CancellationToken,
    /// Fences so far: no two may look alike.
    fences: AtomicU64,
}

struct State {
    protocol: Protocol<OpenObject>,
    /// What the task has to do, in this order.
    due: VecDeque<Due>,
    /// Who waits for a name.
    asking: BTreeMap<OpenObject, oneshot::Sender<Result<(), LedgerError>>>,
    /// The task has ended: nothing will be answered any more.
    closed: bool,
}

/// What only the task does.
#[derive(Debug)]
enum Due {
    Read,
    Write(Value),
    Rest,
    Fence(OpenObject),
}

impl Ledger {
    /// Starts the task. `identity` is for people who look into the ledger.
    pub(crate) fn start(
        requests: Requests,
        identity: &str,
        backoff: Backoff,
        metrics: Arc<Metrics>,
        tasks: &Tasks,
    ) -> Self {
        // Chance from the operating system, by way of the hasher's seed.
        let chance = RandomState::new().hash_one(0_u8);
        let holder: Arc<str> = format!("{identity}_{chance:016x}").into();
        let shared = Arc::new(Shared {
            requests,
            metrics,
            backoff,
            state: Mutex::new(State {
                protocol: Protocol::new(Arc::clone(&holder)),
                due: VecDeque::new(),
                asking: BTreeMap::new(),
                closed: false,
            }),
            holder,
            due: Notify::new(),
            ready: watch::Sender::new(false),
            lost: CancellationToken::new(),
            shutdown: tasks.shutdown().clone(),
            fences: AtomicU64::new(0),
        });
        tasks.spawn(task::run(Arc::clone(&shared)));
        Self { shared }
    }

    /// Shuts out the writes of all earlier leaders. What is listed after this, by a read of the newest state, is all that
    /// there is. Waits until it is done or the process ends. Where no ledger is, it reads once and writes nothing.
    pub(crate) async fn take_over(&self) -> Result<(), LedgerError> {
        self.shared.feed(Event::TakeOver, None);
        let mut ready = self.shared.ready.subscribe();
        tokio::select! {
            taken = ready.wait_for(|ready| *ready) => match taken {
                Ok(_) => Ok(()),
                Err(_closed) => Err(LedgerError::NotReady(ENDING)),
            },
            () = self.shared.shutdown.cancelled() => Err(LedgerError::NotReady(ENDING)),
        }
    }

    /// Sends a write that changes what an object is charged: its name first stands in the ledger. The object as it was when it was read
    /// is in `write`, with uid and resource version; reading it anew after this was called would undo the proof.
    ///
    /// Whoever drops this leaves nothing behind, or an object in doubt if the write was sent.
    pub(crate) async fn place(&self, write: &Value) -> Result<Value, PlaceError> {
        let object = open_object(write).ok_or(LedgerError::Unconditional)?;
        if text(write, "/metadata/resourceVersion").is_none() {
            return Err(LedgerError::Unconditional.into());
        }
        let mut opened = self.open(object).await?;
        opened.sent();
        let object = opened.name();
        let kind = kind_of(object);
        let sent = self
            .shared
            .requests
            .replace(&kind, namespace_of(object), &object.name, write);
        match sent.await {
            Ok(written) => {
                opened.settle();
                Ok(written)
            }
            Err(error) if error.is_final() => {
                opened.settle();
                Err(PlaceError::Refused(error))
            }
            Err(error) => Err(PlaceError::Unanswered(error)),
        }
    }

    /// Has a name stand in the ledger.
    async fn open(&self, name: OpenObject) -> Result<Opened, LedgerError> {
        Asked::new(Arc::clone(&self.shared), name)?.answer().await
    }

    /// Makes sure that no write to this object that was sent before is carried out later, and settles it.
    pub(crate) async fn fence(&self, object: &OpenObject) -> Result<Fenced, FenceError> {
        let fenced = self.shared.fence(object).await?;
        self.settled(object);
        Ok(fenced)
    }

    /// An object in doubt was deleted: what was sent to it will never be carried out.
    pub(crate) fn settled(&self, object: &OpenObject) {
        self.shared.feed(Event::Settled(object.clone()), None);
    }

    /// Whether a write to this object may still be carried out although nobody waits for its answer.
    pub(crate) fn in_doubt(&self, object: &OpenObject) -> bool {
        locked(&self.shared.state).protocol.in_doubt(object)
    }

    /// Waits until another leader was found in the ledger.
    pub(crate) async fn lost(&self) {
        self.shared.lost.cancelled().await;
    }
}

impl Shared {
    async fn fence(&self, object: &OpenObject) -> Result<Fenced, FenceError> {
        let count = self.fences.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}/{count}", self.holder);
        let fenced = fence::fence(&self.requests, object, &mark).await?;
        tracing::debug!(object = shown(object), "fenced");
        Ok(fenced)
    }

    /// Takes an event in. `failure`: what whoever is declined because of it is told.
    fn feed(&self, event: Event<OpenObject>, failure: Option<&LedgerError>) {
        self.feed_locked(&mut locked(&self.state), event, failure);
    }

    fn feed_locked(
        &self,
        state: &mut State,
        event: Event<OpenObject>,
        failure: Option<&LedgerError>,
    ) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in state.protocol.take(event) {
                if let Some(event) = self.act(state, action, failure) {
                    events.push_back(event);
                }
            }
        }
        self.metrics.set_ledger_open(state.protocol.open_count());
        if !state.due.is_empty() {
            self.due.notify_one();
        }
    }

    /// Does what an action says, or puts it down for the task; what follows of it.
    fn act(
        &self,
        state: &mut State,
        action: Action<OpenObject>,
        failure: Option<&LedgerError>,
    ) -> Option<Event<OpenObject>> {
        match action {
            Action::Read => state.due.push_back(Due::Read),
            Action::Write { base, content } => {
                let ledger = super::record::written(base.as_ref(), content);
                state.due.push_back(Due::Write(ledger));
            }
            Action::Rest => state.due.push_back(Due::Rest),
            Action::Fence(name) => state.due.push_back(Due::Fence(name)),
            Action::Ready => {
                tracing::info!(
                    ledger = super::record::NAME,
                    "the quota ledger is taken over"
                );
                self.ready.send_replace(true);
            }
            Action::Opened(name) => {
                let heard = state
                    .asking
                    .remove(&name)
                    .is_some_and(|asking| asking.send(Ok(())).is_ok());
                if !heard {
                    return Some(Event::Settled(name));
                }
            }
            Action::Declined(name, why) => {
                if let Some(asking) = state.asking.remove(&name) {
                    let error = match why {
                        Why::NotReady => LedgerError::NotReady(NOT_TAKEN_OVER),
                        Why::Lost(other) => LedgerError::Lost {
                            holder: other.holder,
                            epoch: other.epoch,
                        },
                        Why::Unsettled => LedgerError::Unsettled(name),
                        Why::Failed => failure
                            .cloned()
                            .unwrap_or(LedgerError::NotReady(NOT_TAKEN_OVER)),
                    };
                    // Whoever has gone does not want to know.
                    let _ = asking.send(Err(error));
                }
            }
            Action::Lost(other) => {
                tracing::error!(
                    ledger = super::record::NAME,
                    holder = &*other.holder,
                    epoch = other.epoch,
                    "another leader has written itself into the quota ledger; nothing more is admitted"
                );
                self.lost.cancel();
            }
        }
        None
    }
}
