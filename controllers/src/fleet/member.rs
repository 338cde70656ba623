//! A member that there is a client for: its queue, its readiness, its records. Driven by plain calls;
//! the requests are made by the rooms.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use kube::Client;
use navarch_crds::names::ClusterName;
use tokio::sync::watch;

use super::capacity::Capacity;
use super::heard::Heard;
use super::records::{Outcome, Record};
use super::request::{Kind, Requests};
use super::waiting::Waiting;
use crate::runtime::key::Key;
use crate::runtime::locked;
use crate::runtime::queue::Queue;
use crate::runtime::shutdown::Tasks;

/// One member.
pub(crate) struct Member {
    pub(crate) name: ClusterName,
    pub(crate) requests: Requests,
    pub(crate) watches: Client,
    /// Keys to be looked at in this member, fair over namespaces.
    pub(crate) queue: Queue<Key>,
    pub(crate) tasks: Tasks,
    /// What it offers and what its pods ask for.
    pub(crate) capacity: Arc<Capacity>,
    /// Told when the member begins or ceases to serve types.
    pub(crate) types_changed: watch::Sender<u64>,
    /// Its pods that no node has taken.
    pub(crate) waiting: Waiting,
    pub(crate) heard: Heard,
    state: Mutex<MemberState>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Member")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct MemberState {
    ready: Readiness,
    kinds: HashMap<Arc<str>, Listing>,
    records: HashMap<Key, Record>,
    absent: HashMap<Key, Gone>,
    outcomes: HashMap<Key, Outcome>,
    served: BTreeSet<(String, String)>,
}

/// A copy that left the watch: it was deleted or lost the managed label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) uid: Arc<str>,
    /// At which it left.
    pub(crate) version: u64,
}

#[derive(Debug, Default)]
enum Readiness {
    Ready,
    #[default]
    NotProbed,
    Failing(String),
}

/// How far the watch of a kind is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    epoch: u32,
    listed: bool,
    /// Why there is nothing, for people.
    pub(crate) trouble: Option<Arc<str>>,
}

impl Listing {
    /// It has neither ended nor failed.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.listed && self.trouble.is_none()
    }
}

impl Member {
    pub(crate) fn new(
        name: ClusterName,
        requests: Requests,
        watches: Client,
        queue: Queue<Key>,
        tasks: Tasks,
    ) -> Self {
        Self {
            name,
            requests,
            watches,
            queue,
            tasks,
            capacity: Arc::default(),
            types_changed: watch::Sender::new(0),
            waiting: Waiting::default(),
            heard: Heard::default(),
            state: Mutex::default(),
        }
    }

    /// The member answers and takes work.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(locked(&self.state).ready, Readiness::Ready)
    }

    /// It is known whether the member answers.
    pub(crate) fn was_probed(&self) -> bool {
        !matches!(locked(&self.state).ready, Readiness::NotProbed)
    }

    /// Why the member takes no work.
    pub(crate) fn trouble(&self) -> String {
        match &locked(&self.state).ready {
            Readiness::Ready => String::new(),
            Readiness::NotProbed => "it has not answered a probe yet".to_owned(),
            Readiness::Failing(why) => why.clone(),
        }
    }

    /// It takes no work yet, for another reason than before.
    pub(crate) fn set_trouble(&self, why: String) {
        let mut state = locked(&self.state);
        if !matches!(state.ready, Readiness::Ready) {
            state.ready = Readiness::Failing(why);
        }
    }

    /// `true`: the readiness changed.
    pub(crate) fn set_ready(&self, ready: Result<(), String>) -> bool {
        let mut state = locked(&self.state);
        let before = matches!(state.ready, Readiness::Ready);
        let now = ready.is_ok();
        state.ready = match ready {
            Ok(()) => Readiness::Ready,
            Err(why) => Readiness::Failing(why),
        };
        before != now
    }

    // === the kinds that are watched ===

    /// A listing of a kind begins.
    pub(crate) fn start_listing(&self, type_config: &Arc<str>) {
        let mut state = locked(&self.state);
        let listing = state.kinds.entry(Arc::clone(type_config)).or_default();
        listing.epoch = listing.epoch.wrapping_add(1);
    }

    /// A listing is complete; returns the keys whose records were not in it. Their records are dropped:
    /// not being in a list is no proof of absence, so nothing else is concluded.
    pub(crate) fn finish_listing(&self, type_config: &Arc<str>) -> Vec<Key> {
        let mut state = locked(&self.state);
        let listing = state.kinds.entry(Arc::clone(type_config)).or_default();
        listing.listed = true;
        listing.trouble = None;
        let epoch = listing.epoch;
        let mut missing: Vec<Key> = state
            .records
            .iter()
            .filter(|(_, record)| record.type_config == *type_config && record.epoch != epoch)
            .map(|(key, _)| key.clone())
            .collect();
        missing.sort();
        for key in &missing {
            state.records.remove(key);
        }
        missing
    }

    pub(crate) fn listing_failed(&self, type_config: &Arc<str>, why: &str) {
        let mut state = locked(&self.state);
        let listing = state.kinds.entry(Arc::clone(type_config)).or_default();
        listing.trouble = Some(why.into());
    }

    pub(crate) fn forget_kind(&self, type_config: &Arc<str>) {
        let mut state = locked(&self.state);
        state.kinds.remove(type_config);
        state
            .records
            .retain(|_, record| record.type_config != *type_config);
    }

    pub(crate) fn epoch(&self, type_config: &Arc<str>) -> u32 {
        locked(&self.state)
            .kinds
            .get(type_config)
            .map_or(0, |listing| listing.epoch)
    }

    /// What is known of the kind is complete.
    pub(crate) fn is_listed(&self, type_config: &Arc<str>) -> bool {
        locked(&self.state)
            .kinds
            .get(type_config)
            .is_some_and(|listing| listing.listed)
    }

    pub(crate) fn listing(&self, type_config: &Arc<str>) -> Listing {
        locked(&self.state)
            .kinds
            .get(type_config)
            .cloned()
            .unwrap_or_default()
    }

    /// What the member serves, as (group, kind).
    pub(crate) fn set_served(&self, served: BTreeSet<(String, String)>) {
        locked(&self.state).served = served;
    }

    /// Whether it serves the kind in any version: copies outlive the version they were applied in.
    pub(crate) fn serves(&self, kind: &Kind) -> bool {
        locked(&self.state)
            .served
            .contains(&(kind.group.to_string(), kind.kind.to_string()))
    }

    // === records ===

    pub(crate) fn record(&self, key: &Key) -> Option<Record> {
        locked(&self.state).records.get(key).cloned()
    }

    /// Puts a record unless a newer state of the same object is known; returns what was known before.
    pub(crate) fn put_record(
        &self,
        key: &Key,
        mut record: Record,
        intact: impl FnOnce(Option<&Record>, &mut Record),
    ) -> Result<Option<Record>, Stale> {
        let before = self.record(key);
        if let Some(before) = &before
            && before.uid == record.uid
            && before.version > record.version
            && record.version > 0
        {
            return Err(Stale);
        }
        // Outside the lock: this renders.
        intact(before.as_ref(), &mut record);
        let mut state = locked(&self.state);
        // The answer to our own write may be handled after the event that says that it is gone.
        if state.absent.get(key).is_some_and(|gone| {
            gone.uid == record.uid && record.version > 0 && record.version <= gone.version
        }) {
            return Err(Stale);
        }
        state.absent.remove(key);
        Ok(state.records.insert(key.clone(), record))
    }

    /// A delete event: proof that the object with `uid` is gone.
    pub(crate) fn remove_record(&self, key: &Key, gone: Gone) -> bool {
        let mut state = locked(&self.state);
        let known = state.records.get(key);
        if known.is_some_and(|record| record.uid != gone.uid) {
            return false;
        }
        state.records.remove(key);
        state.absent.insert(key.clone(), gone);
        true
    }

    /// Nothing is known of the copy any more, and nothing is concluded.
    pub(crate) fn drop_record(&self, key: &Key) {
        locked(&self.state).records.remove(key);
    }

    /// Takes the proof that there is no copy; it serves for one decision.
    pub(crate) fn take_absent(&self, key: &Key) -> Option<Gone> {
        locked(&self.state).absent.remove(key)
    }

    /// The keys of all copies of a kind.
    pub(crate) fn keys_of(&self, type_config: &Arc<str>) -> Vec<Key> {
        let mut keys: Vec<Key> = locked(&self.state)
            .records
            .iter()
            .filter(|(_, record)| record.type_config == *type_config)
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys
    }

    // === outcomes ===

    /// `true`: it changed.
    pub(crate) fn set_outcome(&self, key: &Key, outcome: Outcome) -> bool {
        let mut state = locked(&self.state);
        let changed = state.outcomes.get(key) != Some(&outcome);
        state.outcomes.insert(key.clone(), outcome);
        changed
    }

    pub(crate) fn outcome(&self, key: &Key) -> Option<Outcome> {
        locked(&self.state).outcomes.get(key).cloned()
    }

    /// Forgets how looks at keys ended that nobody will ask about.
    pub(crate) fn forget_unless(&self, known: impl Fn(&Key) -> bool) {
        // The question is answered by other stores: not while this one is locked.
        let remembered: Vec<Key> = {
            let state = locked(&self.state);
            let keys = state.outcomes.keys().chain(state.absent.keys());
            keys.cloned().collect()
        };
        for key in remembered.iter().filter(|key| !known(key)) {
            self.forget(key);
        }
    }

    pub(crate) fn forget(&self, key: &Key) {
        let mut state = locked(&self.state);
        state.outcomes.remove(key);
        state.absent.remove(key);
    }
}

/// A state that is older than what is known; it is ignored.
#[derive(Debug)]
pub(crate) struct Stale;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use navarch_crds::v1alpha1::PropagationStatusType;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::fleet::records::State;
    use crate::runtime::lease::Term;
    use crate::runtime::retry::Backoff;

    fn member() -> Member {
        let silent = tower::service_fn(|_: http::Request<kube::client::Body>| {
            std::future::pending::<Result<http::Response<kube::client::Body>, Infallible>>()
        });
        let client = Client::new(silent, "default");
        let limit = Duration::from_secs(1);
        Member::new(
            ClusterName::new("m").unwrap(),
            Requests::new(client.clone(), Term::without_election(), limit),
            client,
            Queue::new(Backoff {
                first: limit,
                longest: limit,
            }),
            Tasks::new(CancellationToken::new()),
        )
    }

    #[tokio::test]
    async fn what_is_remembered_of_objects_that_do_not_exist_is_forgotten() {
        let member = member();
        let outcome = Outcome {
            state: State::Known(PropagationStatusType::Ok),
            uid: "u".into(),
            generation: 1,
            message: "".into(),
        };
        let (kept, ghost) = (Key::new(None, "kept"), Key::new(None, "ghost"));
        for key in [&kept, &ghost] {
            member.set_outcome(key, outcome.clone());
            let gone = Gone {
                uid: "u".into(),
                version: 1,
            };
            assert!(member.remove_record(key, gone));
        }
        member.forget_unless(|key| *key == kept);
        assert!(member.outcome(&kept).is_some() && member.outcome(&ghost).is_none());
        assert!(member.take_absent(&kept).is_some() && member.take_absent(&ghost).is_none());
    }

    #[tokio::test]
    async fn a_member_that_is_on_its_way_back_says_so_and_takes_no_work() {
        let member = member();
        assert!(member.set_ready(Ok(())));
        member.set_trouble("no".to_owned());
        assert!(member.is_ready() && member.trouble().is_empty());
        assert!(member.set_ready(Err("gone".to_owned())));
        member.set_trouble("healthy for 1s".to_owned());
        assert!(!member.is_ready());
        assert_eq!(member.trouble(), "healthy for 1s");
    }
}
