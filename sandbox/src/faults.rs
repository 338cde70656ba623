//! Faults that can be injected: delays, errors, resets, cut watches, stale lists. Each rule says which requests it
//! is for and how often it strikes.

use crate::request_log::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The request waits first.
    Delay(Duration),
    /// This status code is answered and nothing done.
    Status(u16),
    /// The connection is reset and nothing done.
    Reset,
    /// The request is done, and the connection reset instead of an answer.
    LoseAnswer,
    /// A watch ends after so many events.
    CutWatch(usize),
    /// A list is answered as of this revision, as from a cache that lags behind.
    StaleList(u64),
}

/// What of the faults concerns the answer to a read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    pub(crate) cut_after: Option<usize>,
    pub(crate) stale: Option<u64>,
}

/// The verbs that requests have, as in the request log.
pub const VERBS: [&str; 9] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "apply",
    "delete",
    "deletecollection",
];

/// Which requests a fault strikes; absent fields match all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matching {
    /// Verb as in the request log.
    pub verb: Option<String>,
    /// Plural resource.
    pub resource: Option<String>,
    /// Subresource.
    pub subresource: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// How often it strikes; `None`: until it is removed.
    pub times: Option<u32>,
}

impl Matching {
    /// Every request for a resource with this verb.
    pub fn new(verb: &str, resource: &str) -> Self {
        Self {
            verb: Some(verb.to_owned()),
            resource: Some(resource.to_owned()),
            ..Self::default()
        }
    }

    fn matches(&self, request: &Entry) -> bool {
        let fits = |want: &Option<String>, is: &str| want.as_deref().is_none_or(|w| w == is);
        fits(&self.verb, &request.verb)
            && fits(&self.resource, &request.resource)
            && fits(&self.subresource, &request.subresource)
            && fits(&self.namespace, &request.namespace)
            && fits(&self.name, &request.name)
    }
}

/// Names a rule, for removing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleId(pub u64);

/// A rule that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// What it strikes.
    pub matching: Matching,
    /// What then goes wrong.
    pub fault: Fault,
    /// How often it will still strike; `None`: until it is removed.
    pub left: Option<u32>,
}

/// The faults of one server. A handle: clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
    next: Arc<AtomicU64>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a rule.
    pub fn add(&self, matching: Matching, fault: Fault) -> RuleId {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let left = matching.times;
        self.lock().push(Rule {
            id: RuleId(id),
            matching,
            fault,
            left,
        });
        RuleId(id)
    }

    /// Removes a rule; whether it was there.
    pub fn remove(&self, id: RuleId) -> bool {
        let mut rules = self.lock();
        let before = rules.len();
        rules.retain(|r| r.id != id);
        rules.len() < before
    }

    /// The rules, the oldest first; those that have struck often enough are not among them.
    pub fn rules(&self) -> Vec<Rule> {
        let alive = |r: &&Rule| r.left != Some(0);
        self.lock().iter().filter(alive).cloned().collect()
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The faults that strike this request, in the order they were added; each strike is counted.
    pub(crate) fn strike(&self, request: &Entry) -> Vec<Fault> {
        let mut struck = Vec::new();
        for rule in self.lock().iter_mut() {
            if rule.left == Some(0) || !rule.matching.matches(request) {
                continue;
            }
            rule.left = rule.left.map(|n| n - 1);
            struck.push(rule.fault.clone());
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_strikes_what_it_names_and_so_often() {
        let faults = Faults::default();
        let once = Matching {
            times: Some(1),
            ..Matching::new("create", "pods")
        };
        faults.add(once, Fault::Status(500));
        let request = |verb: &str| Entry {
            verb: verb.into(),
            resource: "pods".into(),
            ..Entry::default()
        };
        assert_eq!(faults.strike(&request("list")), []);
        assert_eq!(faults.strike(&request("create")), [Fault::Status(500)]);
        assert_eq!(faults.strike(&request("create")), []);
    }
}
