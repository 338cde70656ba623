//! What was asked of a server, for tests that count writes and for people who look over a client's shoulder.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One request. A watch is written down when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `apply`, `delete` or `deletecollection`; for paths that are no
    /// resources the HTTP method in lower case.
    pub verb: String,
    /// API group, empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Plural resource, empty for paths that are no resources.
    pub resource: String,
    /// Subresource.
    pub subresource: String,
    /// Namespace.
    pub namespace: String,
    /// Name; empty for lists, watches and creates without one.
    pub name: String,
    /// The path as asked, without the query.
    pub path: String,
    /// The `User-Agent`.
    pub user_agent: String,
    /// The field manager of a write.
    pub field_manager: String,
    /// Whether nothing was to be stored.
    pub dry_run: bool,
    /// The status code answered; 0 when the connection was cut instead.
    pub status: u16,
}

impl Entry {
    /// Whether the request may have changed something.
    pub fn is_write(&self) -> bool {
        let writes = [
            "create",
            "update",
            "patch",
            "apply",
            "delete",
            "deletecollection",
        ];
        writes.contains(&self.verb.as_str()) && !self.dry_run
    }
}

/// How many requests are remembered.
const CAPACITY: usize = 200_000;

/// The requests of one server, the oldest first. A handle: clones share it.
#[derive(Debug, Clone, Default)]
pub struct RequestLog {
    entries: Arc<Mutex<VecDeque<Entry>>>,
}

impl RequestLog {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(&self, entry: Entry) {
        let mut entries = self.lock();
        if entries.len() == CAPACITY {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// All of them.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().iter().cloned().collect()
    }

    /// Those after the first `count`.
    pub fn since(&self, count: usize) -> Vec<Entry> {
        self.lock().iter().skip(count).cloned().collect()
    }

    /// How many are like this.
    pub fn count(&self, like: impl Fn(&Entry) -> bool) -> usize {
        self.lock().iter().filter(|e| like(e)).count()
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.lock().clear();
    }
}
