//! Somebody who waits for a name to be opened, and a name that was. Dropped at any moment, either leaves the ledger right.

use std::sync::Arc;

use navarch_crds::quota::OpenObject;
use tokio::sync::oneshot;

use super::super::error::{ENDING, LedgerError};
use super::super::protocol::Event;
use super::Shared;
use crate::runtime::locked;

/// Waits for a name.
pub(super) struct Asked {
    shared: Arc<Shared>,
    name: OpenObject,
    answer: oneshot::Receiver<Result<(), LedgerError>>,
    heard: bool,
}

impl Asked {
    pub(super) fn new(shared: Arc<Shared>, name: OpenObject) -> Result<Self, LedgerError> {
        let (sender, answer) = oneshot::channel();
        {
            let mut state = locked(&shared.state);
            if state.closed {
                return Err(LedgerError::NotReady(ENDING));
            }
            if state.asking.contains_key(&name) {
                return Err(LedgerError::Unsettled(name));
            }
            state.asking.insert(name.clone(), sender);
            shared.feed_locked(&mut state, Event::Open(name.clone()), None);
        }
        Ok(Self {
            shared,
            name,
            answer,
            heard: false,
        })
    }

    pub(super) async fn answer(mut self) -> Result<Opened, LedgerError> {
        let answer = (&mut self.answer).await;
        self.heard = true;
        match answer {
            Ok(Ok(())) => Ok(Opened {
                shared: Arc::clone(&self.shared),
                name: self.name.clone(),
                end: End::Settled,
            }),
            Ok(Err(error)) => Err(error),
            Err(_closed) => Err(LedgerError::NotReady(ENDING)),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.heard {
            return;
        }
        let mut state = locked(&self.shared.state);
        let event = if state.asking.remove(&self.name).is_some() {
            Event::Abandoned(self.name.clone())
        } else if matches!(self.answer.try_recv(), Ok(Ok(()))) {
            Event::Settled(self.name.clone())
        } else {
            return;
        };
        self.shared.feed_locked(&mut state, event, None);
    }
}

/// A name that stands in the ledger. Dropped, it may leave, unless its write was sent and not answered.
pub(super) struct Opened {
    shared: Arc<Shared>,
    name: OpenObject,
    end: End,
}

enum End {
    Settled,
    Doubted,
}

impl Opened {
    pub(super) fn name(&self) -> &OpenObject {
        &self.name
    }

    /// From here on only an answer settles it.
    pub(super) fn sent(&mut self) {
        self.end = End::Doubted;
    }

    /// The write was answered.
    pub(super) fn settle(&mut self) {
        self.end = End::Settled;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let name = self.name.clone();
        let event = match self.end {
            End::Settled => Event::Settled(name),
            End::Doubted => Event::Doubted(name),
        };
        self.shared.feed(event, None);
    }
}
