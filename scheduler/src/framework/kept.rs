//! Assessments that are kept for the next object of the same shape, and brought up to date when clusters have changed
//! since. A decision is the same with and without them. A snapshot holds them, and hands them on to what becomes of
//! it; nothing else does.
//!
//! Bounds: [`SHAPES_MAX`] assessments, of [`ANSWERS_MAX`] clusters in all (some 100 bytes each). What was not asked for
//! since as many changes as there are clusters is let go, so that of outdated clusters no more are held than there
//! are clusters.

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::assessment::Assessment;
use super::profile::Profile;
use super::registry::Named;
use super::signature::Signature;

/// Most assessments.
pub const SHAPES_MAX: usize = 64;
/// Most clusters in all assessments together.
pub const ANSWERS_MAX: usize = 250_000;
/// This much text of a signature weighs as much as one cluster.
const TEXT: usize = 100;

/// What makes two objects alike for filters, scores and choices.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    profile: Profile,
    signature: Signature,
}

impl Shape {
    pub(crate) fn new(profile: &Profile, signature: Signature) -> Self {
        let profile = profile.clone();
        Self { profile, signature }
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&self.profile, &other.profile);
        self.signature == other.signature
            && alike(&one.filters, &two.filters)
            && alike(&one.scores, &two.scores)
            && alike(&one.selects, &two.selects)
    }
}

/// The same plugins in the same order. They are told apart by where they are: a shape keeps its own alive.
fn alike<P: ?Sized>(one: &Arc<[Named<P>]>, other: &Arc<[Named<P>]>) -> bool {
    let same = |(one, other): (&Named<P>, &Named<P>)| {
        ptr::addr_eq(Arc::as_ptr(&one.plugin), Arc::as_ptr(&other.plugin)) && one.name == other.name
    };
    Arc::ptr_eq(one, other) || one.len() == other.len() && one.iter().zip(other.iter()).all(same)
}

/// How far clusters have changed since the first snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State(u64);

/// What is known of a shape.
#[derive(Debug)]
pub(crate) enum Found {
    /// It holds.
    Now(Arc<Assessment>),
    /// It held before clusters changed.
    Before(Arc<Assessment>),
    Nothing,
}

#[derive(Debug)]
struct Entry {
    shape: Shape,
    state: State,
    assessment: Arc<Assessment>,
    used: u64,
}

impl Entry {
    fn weight(&self) -> usize {
        let Assessment {
            rejected, scored, ..
        } = &*self.assessment;
        let text = self.shape.signature.len().checked_div(TEXT).unwrap_or(0);
        rejected
            .len()
            .saturating_add(scored.len())
            .saturating_add(text)
    }
}

#[derive(Debug, Default)]
struct Store {
    entries: Vec<Entry>,
    state: State,
    uses: u64,
}

/// The assessments of one snapshot and of what became of it.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Store>);

impl Kept {
    /// So many clusters of so many changed: a state that no other snapshot has.
    pub(crate) fn changed(&self, clusters: usize, of: usize) -> State {
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        let mut store = self.store();
        let state = State(store.state.0.saturating_add(number(clusters).max(1)));
        store.state = state;
        let lasting = number(of).max(1);
        store
            .entries
            .retain(|entry| state.0.saturating_sub(entry.state.0) <= lasting);
        state
    }

    pub(crate) fn find(&self, shape: &Shape, state: State) -> Found {
        let mut store = self.store();
        store.uses = store.uses.saturating_add(1);
        let uses = store.uses;
        let Some(entry) = store.entries.iter_mut().find(|entry| entry.shape == *shape) else {
            return Found::Nothing;
        };
        entry.used = uses;
        let assessment = Arc::clone(&entry.assessment);
        if entry.state == state {
            Found::Now(assessment)
        } else {
            Found::Before(assessment)
        }
    }

    /// Keeps an assessment. What was used longest ago gives way.
    pub(crate) fn put(&self, shape: Shape, state: State, assessment: &Arc<Assessment>) {
        let mut store = self.store();
        // Somebody who still has an older snapshot must not undo what is newer.
        let known = store.entries.iter().position(|entry| entry.shape == shape);
        if let Some(at) = known {
            if store
                .entries
                .get(at)
                .is_some_and(|entry| entry.state > state)
            {
                return;
            }
            store.entries.swap_remove(at);
        }
        let entry = Entry {
            shape,
            state,
            assessment: Arc::clone(assessment),
            used: store.uses,
        };
        if entry.weight() > ANSWERS_MAX {
            return;
        }
        store.entries.push(entry);
        store.make_room();
    }

    #[cfg(test)]
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let store = self.store();
        (store.entries.len(), store.weight())
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Every change is one step, so a panic of another holder leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    fn weight(&self) -> usize {
        self.entries.iter().map(Entry::weight).sum()
    }

    fn make_room(&mut self) {
        while self.entries.len() > SHAPES_MAX || self.weight() > ANSWERS_MAX {
            let oldest = self.entries.iter().enumerate();
            let Some((at, _)) = oldest.min_by_key(|(_, entry)| entry.used) else {
                return;
            };
            self.entries.swap_remove(at);
        }
    }
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
