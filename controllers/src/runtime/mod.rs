//! What every room stands on: the right to write, queues, stores of the host's objects, events,
//! metrics, readiness, the end. Nothing here decides anything about an object.

pub(crate) mod admin;
pub(crate) mod compact;
pub(crate) mod events;
pub(crate) mod host_first;
pub(crate) mod key;
pub(crate) mod lease;
pub(crate) mod metrics;
pub(crate) mod options;
pub(crate) mod pace;
pub(crate) mod patch;
pub(crate) mod queue;
pub(crate) mod ready;
pub(crate) mod repeats;
pub(crate) mod retry;
pub(crate) mod rush;
pub(crate) mod shutdown;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic of another holder does not spread, because every value is changed in one step.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
