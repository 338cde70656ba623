//! What is known of global quotas: the tree, whom each object is charged to, what is charged and admitted, and who waits.
//! Driven by plain calls; no I/O. One lock: an admission sees everything that was admitted before it.

mod priorities;
mod turns;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use navarch_crds::names::ClusterName;
use navarch_crds::quota::{Charge, ClusterCharge, GlobalQuotaSpec, OnExceeded};
use navarch_scheduler::quota::{
    Figures, Leaves, Over, PendingFigures, Place, Problem, Refusal, Tree,
};
use serde_json::Value;

pub(crate) use priorities::PriorityClass;
pub(crate) use turns::PATIENCE;
use turns::State;

use crate::runtime::key::Key;
use crate::runtime::locked;

type Labels = BTreeMap<String, String>;

/// A global quota as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) uid: Arc<str>,
    pub(crate) generation: i64,
    pub(crate) spec: GlobalQuotaSpec,
    /// As it was last seen.
    pub(crate) status: Value,
}

/// What quotas know of an object by.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Charged {
    pub(crate) group: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) labels: Labels,
    pub(crate) priority_class: String,
    /// Of pods without a class.
    pub(crate) priority: Option<i32>,
}

/// Why an object does not grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// Why a charge is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It does not fit, or nothing may grow.
    Refused(Refused),
    /// Somebody else is having a turn; the key comes back after it.
    Later,
}

/// What is told of one quota.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) definition: Definition,
    pub(crate) problem: Option<Problem>,
    pub(crate) figures: Figures,
    pub(crate) over: Vec<Over>,
    pub(crate) pending: PendingFigures,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Quotas {
    state: Mutex<State>,
    /// See [`Quotas::noting`].
    noting: Mutex<()>,
    in_use: AtomicBool,
    /// All charges are known and no write of an earlier leader is on its way.
    open: AtomicBool,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::new()),
            noting: Mutex::new(()),
            in_use: AtomicBool::new(false),
            open: AtomicBool::new(false),
        }
    }
}

impl Quotas {
    /// Whether there is any quota at all.
    pub(crate) fn in_use(&self) -> bool {
        self.in_use.load(Ordering::Acquire)
    }

    /// Held from reading what is stored of an object until it is noted here: else an older state could be noted after a newer
    /// one, and what one of them is charged would be free for others.
    pub(crate) fn noting(&self) -> MutexGuard<'_, ()> {
        locked(&self.noting)
    }

    /// Whether something was admitted for an object in a look that has not ended.
    pub(crate) fn is_reserved(&self, key: &Key) -> bool {
        locked(&self.state).account.is_reserved(key)
    }

    /// From now on growth is admitted: every charge is known.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// `true`: something changed that is decided by.
    pub(crate) fn put(&self, name: String, definition: Definition) -> bool {
        let mut state = locked(&self.state);
        let before = state.definitions.get(&name);
        let changed = before.is_none_or(|before| before.spec != definition.spec);
        state.definitions.insert(name, definition);
        state.stale |= changed;
        state.news |= changed;
        self.in_use.store(true, Ordering::Release);
        changed
    }

    pub(crate) fn remove(&self, name: &str) {
        let mut state = locked(&self.state);
        let removed = state.definitions.remove(name).is_some();
        state.stale |= removed;
        state.news |= removed;
    }

    /// The answer to our own write of a status.
    pub(crate) fn put_status(&self, name: &str, status: Value) {
        if let Some(definition) = locked(&self.state).definitions.get_mut(name) {
            definition.status = status;
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        locked(&self.state).definitions.keys().cloned().collect()
    }

    /// `true`: its labels changed.
    pub(crate) fn put_namespace(&self, name: String, labels: Labels) -> bool {
        let mut state = locked(&self.state);
        let changed = state.namespaces.get(&name) != Some(&labels);
        if changed {
            state.namespaces.insert(name, labels);
            state.stale = true;
            state.news = true;
        }
        changed
    }

    pub(crate) fn remove_namespace(&self, name: &str) {
        locked(&self.state).namespaces.remove(name);
    }

    pub(crate) fn put_priority_class(&self, name: String, class: PriorityClass) {
        let mut state = locked(&self.state);
        state.news |= state.priorities.put(name, class);
    }

    pub(crate) fn remove_priority_class(&self, name: &str) {
        let mut state = locked(&self.state);
        state.news |= state.priorities.remove(name);
    }

    pub(crate) fn priority_classes(&self) -> Vec<String> {
        locked(&self.state).priorities.names()
    }

    pub(crate) fn namespaces(&self) -> Vec<String> {
        locked(&self.state).namespaces.keys().cloned().collect()
    }

    /// Which clusters there are; `true`: another picture than before.
    pub(crate) fn put_clusters(&self, clusters: BTreeMap<ClusterName, Labels>) -> bool {
        let mut state = locked(&self.state);
        if state.clusters == clusters {
            return false;
        }
        let freed = state.account.set_clusters(&clusters);
        state.clusters = clusters;
        state.wake(freed);
        true
    }

    /// Whether anything changed that objects are charged by since this was last asked.
    pub(crate) fn take_news(&self) -> bool {
        std::mem::take(&mut locked(&self.state).news)
    }

    /// Whether a pass over an object has something to do because of a quota: it is charged, or was.
    pub(crate) fn is_concerned(&self, key: &Key) -> bool {
        let mut state = locked(&self.state);
        state.settle();
        let charged = |(_, charge): &(Charged, Charge)| *charge != Charge::default();
        !state.leaves(key).is_none() || state.objects.get(key).is_some_and(charged)
    }

    /// A federated object as it is stored, with what it is charged.
    pub(crate) fn stored(&self, key: &Key, object: Charged, charge: &Charge, releasing: bool) {
        let mut state = locked(&self.state);
        state.settle();
        let leaves = state.leaves_of(key, &object);
        let stored = (object, charge.clone());
        state.objects.insert(key.clone(), stored);
        let freed = state.account.charge(key, &leaves, Some(charge));
        state.wake(freed);
        if releasing && !leaves.is_none() {
            state.releasing.insert(key.clone());
        } else {
            state.releasing.remove(key);
        }
    }

    /// It is gone.
    pub(crate) fn forget(&self, key: &Key) {
        let mut state = locked(&self.state);
        if state.objects.remove(key).is_none() {
            return;
        }
        let freed = state.account.forget(key);
        state.admitted.remove(key);
        state.leave_line(key);
        state.releasing.remove(key);
        state.wake(freed);
        state.end_turn(key);
    }

    /// Whether a member's running less lets this object give something back.
    pub(crate) fn is_releasing(&self, key: &Key) -> bool {
        self.in_use() && locked(&self.state).releasing.contains(key)
    }

    /// Whether any quota is charged for an object of this kind in this place. What is not known yet is not charged.
    pub(crate) fn is_charged(&self, key: &Key, object: &Charged) -> bool {
        let mut state = locked(&self.state);
        state.settle();
        !state.leaves_of(key, object).is_none()
    }

    /// The same for an object that is stored.
    pub(crate) fn is_charged_now(&self, key: &Key) -> bool {
        if !self.in_use() {
            return false;
        }
        let mut state = locked(&self.state);
        state.settle();
        !state.leaves(key).is_none()
    }

    /// Admits a charge, all of it or nothing. Who is refused and has to wait takes a place in line.
    pub(crate) fn admit(
        &self,
        key: &Key,
        object: &Charged,
        wanted: &Charge,
        asked: &BTreeMap<String, i64>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let mut state = locked(&self.state);
        let leaves = self
            .attribute(&mut state, key, object)
            .map_err(Denied::Refused)?;
        if state
            .turns
            .called
            .as_ref()
            .is_some_and(|called| called != key)
        {
            state.turns.came.push(key.clone());
            return Err(Denied::Later);
        }
        let on_exceeded = on_exceeded(state.account.tree(), &leaves);
        let priority = state.priorities.of(object);
        let refusal = state.account.would_fit(key, &leaves, wanted).err();
        let fits = refusal.is_none();
        if fits && state.line.may_pass(key, &leaves, priority, now) {
            let reserved = state.account.reserve(key, &leaves, wanted);
            let freed = reserved.map_err(|refusal| Denied::Refused(refused(&refusal, None)))?;
            state.admitted.insert(key.clone(), object.clone());
            state.leave_line(key);
            state.wake(freed);
            return Ok(());
        }
        let waits = fits || matches!(refusal, Some(Refusal::Short(_)));
        if waits && on_exceeded != OnExceeded::Reject {
            state.line.wait(key, &leaves, priority, now, asked);
            let asked = (object.clone(), wanted.clone());
            state.turns.asked.insert(key.clone(), asked);
        } else {
            state.leave_line(key);
        }
        let place = state.line.place(key);
        Err(Denied::Refused(match refusal {
            Some(refusal) => refused(&refusal, place.as_ref()),
            None => Refused {
                reason: "QuotaExceeded",
                message: format!("others wait for the same room{}", in_line(place.as_ref())),
            },
        }))
    }

    /// Admits a part of what was refused; the place in line for the rest stays.
    pub(crate) fn admit_part(
        &self,
        key: &Key,
        object: &Charged,
        wanted: &Charge,
    ) -> Result<(), Refused> {
        let mut state = locked(&self.state);
        let leaves = self.attribute(&mut state, key, object)?;
        let reserved = state.account.reserve(key, &leaves, wanted);
        let freed = reserved.map_err(|refusal| refused(&refusal, None))?;
        state.admitted.insert(key.clone(), object.clone());
        state.wake(freed);
        Ok(())
    }

    /// Takes a place in line, or keeps it.
    pub(crate) fn wait(
        &self,
        key: &Key,
        object: &Charged,
        asked: &BTreeMap<String, i64>,
        now: Timestamp,
    ) {
        let mut state = locked(&self.state);
        let leaves = state.leaves_of(key, object);
        let priority = state.priorities.of(object);
        state.line.wait(key, &leaves, priority, now, asked);
        // How much of it is welcome is decided when it is looked at.
        state.turns.asked.remove(key);
    }

    /// Whom the object is to be charged to.
    fn attribute(&self, state: &mut State, key: &Key, object: &Charged) -> Result<Leaves, Refused> {
        state.settle();
        let leaves = state.leaves_of(key, object);
        if !self.open.load(Ordering::Acquire) {
            return Err(Refused {
                reason: "QuotaNotReady",
                message: "not all charges are known yet; growth is admitted as soon as they are"
                    .to_owned(),
            });
        }
        Ok(leaves)
    }

    /// What quotas would say that only warn.
    pub(crate) fn warning(&self, key: &Key, wanted: &Charge) -> Option<String> {
        let state = locked(&self.state);
        let leaves = state.leaves(key);
        let refusal = state.account.warning(key, &leaves, wanted)?;
        Some(refusal.to_string())
    }

    /// Nothing waits any more for this object: it is as it should be, or it goes.
    pub(crate) fn leave_line(&self, key: &Key) {
        locked(&self.state).leave_line(key);
    }

    /// Whether it waits.
    pub(crate) fn waits(&self, key: &Key) -> bool {
        locked(&self.state).line.waits(key).is_some()
    }

    /// A look has ended. What was admitted in it stands on the object now, or does not come; `in_doubt`: unless nobody
    /// knows.
    pub(crate) fn end_look(&self, key: &Key, in_doubt: bool) {
        let mut state = locked(&self.state);
        if !in_doubt {
            state.admitted.remove(key);
            let freed = state.account.unreserve(key);
            state.wake(freed);
        }
        state.end_turn(key);
    }

    /// Most replicas that the copy in a cluster may have.
    pub(crate) fn headroom(
        &self,
        key: &Key,
        object: &Charged,
        copy: &ClusterCharge,
        cluster: &ClusterName,
    ) -> i64 {
        let state = locked(&self.state);
        let leaves = state.leaves_of(key, object);
        state.account.headroom(key, &leaves, copy, cluster)
    }

    /// Most replicas that it may have in all clusters together.
    pub(crate) fn headroom_total(
        &self,
        key: &Key,
        object: &Charged,
        each: &BTreeMap<String, i64>,
    ) -> i64 {
        let state = locked(&self.state);
        let leaves = state.leaves_of(key, object);
        state.account.headroom_total(key, &leaves, each)
    }

    /// What becomes of an object that does not fit.
    pub(crate) fn on_exceeded(&self, key: &Key, object: &Charged) -> OnExceeded {
        let state = locked(&self.state);
        on_exceeded(state.account.tree(), &state.leaves_of(key, object))
    }

    /// Whether any quota bounds what is used of single clusters.
    pub(crate) fn caps_clusters(&self) -> bool {
        let state = locked(&self.state);
        let mut definitions = state.definitions.values();
        definitions.any(|definition| !definition.spec.clusters.is_empty())
    }

    /// Whose turn may have come since this was last asked, in the order in which to try.
    pub(crate) fn take_woken(&self) -> Vec<Key> {
        let mut state = locked(&self.state);
        state.settle();
        std::mem::take(&mut state.turns.woken)
    }

    /// What is to be told of each quota.
    pub(crate) fn tell(&self) -> BTreeMap<String, Told> {
        let mut state = locked(&self.state);
        state.settle();
        let tree = Arc::clone(state.account.tree());
        let told = state.definitions.iter().filter_map(|(name, definition)| {
            let node = tree.node(name)?;
            let told = Told {
                definition: definition.clone(),
                problem: tree.problem(node).cloned(),
                figures: state.account.figures(node),
                over: state.account.over_limit(node),
                pending: state.line.pending(node),
            };
            Some((name.clone(), told))
        });
        told.collect()
    }
}

/// As the first of the quotas says that it is charged to.
fn on_exceeded(tree: &Tree, leaves: &Leaves) -> OnExceeded {
    let first = leaves.nodes().first();
    first.map_or(OnExceeded::Wait, |node| tree.on_exceeded(*node))
}

fn refused(refusal: &Refusal, place: Option<&Place>) -> Refused {
    Refused {
        reason: refusal.reason(),
        message: format!("{refusal}{}", in_line(place)),
    }
}

fn in_line(place: Option<&Place>) -> String {
    match place {
        Some(place) => format!("; place {} of {} in line", place.place, place.of),
        None => String::new(),
    }
}
