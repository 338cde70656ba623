//! A leader's part in the protocol of the ledger (decision 0030): events in, actions out. No I/O and no clock, so that what
//! runs is also what the model checker goes through (`model`).
//!
//! What carries the proof: a name counts as open only when an answer shows that it stood in the ledger, under our epoch, at
//! a moment *after* it was asked for. Whoever asks has read the object before, so the state that its write rests on is older
//! than any fence of a later leader. For the same reason a name that stands there already is written once more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::OPEN_MAX;

/// A state of the stored ledger. Only compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Version(pub(crate) Arc<str>);

/// What stands in the ledger; names are of any kind that can be told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Content<N: Ord> {
    pub(crate) epoch: i64,
    /// Differs between any two runs.
    pub(crate) holder: Arc<str>,
    pub(crate) open: BTreeSet<N>,
}

/// The ledger as the server has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stored<N: Ord> {
    pub(crate) version: Version,
    pub(crate) content: Content<N>,
}

/// What a leader hears. One request on the ledger is under way at most; its answer is one of the first five.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event<N: Ord> {
    /// The ledger was read; `None`: there is none.
    Read(Option<Stored<N>>),
    /// The write was carried out.
    Written(Version),
    /// The write was not carried out: the ledger is another than it was for.
    Conflict,
    /// The write was not and will never be carried out, for a reason that lies elsewhere.
    Refused,
    /// There was no answer: a write may have been carried out, or may be later.
    Unanswered,
    /// The rest after a failure is over.
    Rested,
    /// This process has begun to lead.
    TakeOver,
    /// No earlier write to this object can be carried out any more.
    Fenced(N),
    /// Somebody is about to let this object grow, from a state that was read before.
    Open(N),
    /// Who asked for this name has gone and has written nothing.
    Abandoned(N),
    /// The write to this object was sent and nobody knows whether it will be carried out.
    Doubted(N),
    /// The write to this object was answered, or can never be carried out any more.
    Settled(N),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action<N: Ord> {
    /// Read the ledger.
    Read,
    /// Write it, if it is still `base`; `None`: if there is none.
    Write {
        base: Option<Version>,
        content: Content<N>,
    },
    /// Wait a while, for something failed.
    Rest,
    /// See to it that no earlier write to this object is carried out any more.
    Fence(N),
    /// All earlier leaders are shut out: the charges that can be read from now on are all there are.
    Ready,
    /// The object may be written.
    Opened(N),
    /// It may not.
    Declined(N, Why),
    /// Somebody else leads: nothing may be admitted any more.
    Lost(Other),
}

/// Why a name was not opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// The ledger was not taken over yet.
    NotReady,
    /// Somebody else leads.
    Lost(Other),
    /// An earlier write to the same object is not settled.
    Unsettled,
    /// A request on the ledger failed.
    Failed,
}

/// Another leader, as it was found in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Other {
    pub(crate) holder: Arc<str>,
    pub(crate) epoch: i64,
}

/// What one leader knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Protocol<N: Ord> {
    holder: Arc<str>,
    phase: Phase<N>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase<N: Ord> {
    /// Does not lead.
    Apart,
    /// Reads the ledger to make it its own.
    Looking,
    /// Writes itself into it. The names stay: they are fenced after that.
    Claiming(Content<N>),
    /// Begins once more after a rest.
    Resting,
    /// Shuts out the writes of earlier leaders.
    Fencing {
        version: Version,
        epoch: i64,
        left: BTreeSet<N>,
    },
    /// Leads.
    Leading(Leading<N>),
    /// Led.
    Lost(Other),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Leading<N: Ord> {
    epoch: i64,
    /// The ledger that the next write is for; `None`: there was none.
    stored: Option<Version>,
    /// Asked for, and in no write yet.
    waiting: BTreeSet<N>,
    /// Stand in the ledger until their write is settled.
    open: BTreeMap<N, Stand>,
    link: Link<N>,
}

/// How the write to an open object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stand {
    UnderWay,
    InDoubt,
}

/// The one request on the ledger that may be under way. `sent` are names in the last write that somebody still waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Link<N: Ord> {
    /// Nothing is under way, and nothing that was sent can be carried out later.
    Quiet,
    Writing {
        sent: BTreeSet<N>,
    },
    /// After a conflict, or no answer: was it us?
    Reading {
        sent: BTreeSet<N>,
    },
    Resting {
        sent: BTreeSet<N>,
    },
    /// As after a rest, and nobody waits: whoever comes next has it read first.
    Unsure,
}

impl<N: Clone + Ord> Protocol<N> {
    pub(crate) fn new(holder: Arc<str>) -> Self {
        Self {
            holder,
            phase: Phase::Apart,
        }
    }

    /// How many names are open.
    pub(crate) fn open_count(&self) -> usize {
        match &self.phase {
            Phase::Leading(leading) => leading.open.len(),
            _ => 0,
        }
    }

    /// Whether a write to this object may still be carried out although nobody waits for it.
    pub(crate) fn in_doubt(&self, name: &N) -> bool {
        matches!(&self.phase, Phase::Leading(leading)
            if leading.open.get(name) == Some(&Stand::InDoubt))
    }

    /// Takes an event in. One that does not fit the phase is of an earlier one and changes nothing.
    pub(crate) fn take(&mut self, event: Event<N>) -> Vec<Action<N>> {
        let mut actions = Vec::new();
        match &mut self.phase {
            Phase::Leading(leading) => {
                if let Some(other) = leading.take(&self.holder, event, &mut actions) {
                    actions.push(Action::Lost(other.clone()));
                    self.phase = Phase::Lost(other);
                }
            }
            Phase::Lost(other) => {
                if let Event::Open(name) = event {
                    actions.push(Action::Declined(name, Why::Lost(other.clone())));
                }
            }
            Phase::Apart
            | Phase::Looking
            | Phase::Claiming(_)
            | Phase::Resting
            | Phase::Fencing { .. } => self.take_over(event, &mut actions),
        }
        actions
    }

    /// The way from the first read to the moment when all earlier leaders are shut out.
    fn take_over(&mut self, event: Event<N>, actions: &mut Vec<Action<N>>) {
        if let Event::Open(name) = event {
            actions.push(Action::Declined(name, Why::NotReady));
            return;
        }
        match (&mut self.phase, event) {
            (Phase::Apart, Event::TakeOver)
            | (Phase::Resting, Event::Rested)
            | (Phase::Claiming(_), Event::Conflict) => {
                self.phase = Phase::Looking;
                actions.push(Action::Read);
            }
            // Nobody has ever let anything grow. Who does so first writes the ledger; of two that want to, one fails.
            (Phase::Looking, Event::Read(None)) => self.lead(1, None, actions),
            (Phase::Looking, Event::Read(Some(Stored { version, content }))) => {
                if content.holder == self.holder {
                    // An answer to our own claim was lost.
                    self.fence(version, content, actions);
                    return;
                }
                let claim = Content {
                    epoch: content.epoch.saturating_add(1),
                    holder: Arc::clone(&self.holder),
                    open: content.open,
                };
                actions.push(Action::Write {
                    base: Some(version),
                    content: claim.clone(),
                });
                self.phase = Phase::Claiming(claim);
            }
            (Phase::Claiming(claim), Event::Written(version)) => {
                let claim = claim.clone();
                self.fence(version, claim, actions);
            }
            (Phase::Looking, Event::Unanswered)
            | (Phase::Claiming(_), Event::Unanswered | Event::Refused) => {
                self.phase = Phase::Resting;
                actions.push(Action::Rest);
            }
            (
                Phase::Fencing {
                    version,
                    epoch,
                    left,
                },
                Event::Fenced(name),
            ) => {
                left.remove(&name);
                if left.is_empty() {
                    let (version, epoch) = (version.clone(), *epoch);
                    self.lead(epoch, Some(version), actions);
                }
            }
            _ => {}
        }
    }

    fn fence(&mut self, version: Version, claimed: Content<N>, actions: &mut Vec<Action<N>>) {
        if claimed.open.is_empty() {
            self.lead(claimed.epoch, Some(version), actions);
            return;
        }
        actions.extend(claimed.open.iter().cloned().map(Action::Fence));
        self.phase = Phase::Fencing {
            version,
            epoch: claimed.epoch,
            left: claimed.open,
        };
    }

    fn lead(&mut self, epoch: i64, stored: Option<Version>, actions: &mut Vec<Action<N>>) {
        self.phase = Phase::Leading(Leading {
            epoch,
            stored,
            waiting: BTreeSet::new(),
            open: BTreeMap::new(),
            link: Link::Quiet,
        });
        actions.push(Action::Ready);
    }
}

impl<N: Clone + Ord> Leading<N> {
    /// `Some`: somebody else leads.
    fn take(
        &mut self,
        holder: &Arc<str>,
        event: Event<N>,
        actions: &mut Vec<Action<N>>,
    ) -> Option<Other> {
        let link = std::mem::replace(&mut self.link, Link::Unsure);
        let (link, lost) = match (link, event) {
            (link, Event::Open(name)) => {
                self.ask(name, &link, actions);
                (link, None)
            }
            (mut link, Event::Abandoned(name)) => {
                self.waiting.remove(&name);
                link.forget(&name);
                (link, None)
            }
            (link, Event::Doubted(name)) => {
                if let Some(stand) = self.open.get_mut(&name) {
                    *stand = Stand::InDoubt;
                }
                (link, None)
            }
            (link, Event::Settled(name) | Event::Fenced(name)) => {
                self.open.remove(&name);
                (link, None)
            }
            (Link::Writing { sent }, Event::Written(version)) => {
                self.stored = Some(version);
                self.opened(sent, actions);
                (Link::Quiet, None)
            }
            (Link::Writing { sent }, Event::Conflict) => {
                actions.push(Action::Read);
                (Link::Reading { sent }, None)
            }
            (Link::Writing { sent }, Event::Unanswered) => {
                actions.push(Action::Rest);
                (Link::Resting { sent }, None)
            }
            (Link::Writing { sent }, Event::Refused)
            | (Link::Reading { sent }, Event::Unanswered) => {
                self.decline(sent, &Why::Failed, actions);
                actions.push(Action::Rest);
                let sent = BTreeSet::new();
                (Link::Resting { sent }, None)
            }
            (Link::Resting { sent }, Event::Rested) => {
                if sent.is_empty() {
                    (Link::Unsure, None)
                } else {
                    actions.push(Action::Read);
                    (Link::Reading { sent }, None)
                }
            }
            (Link::Reading { sent }, Event::Read(found)) => {
                let lost = self.found(holder, found, sent, actions);
                (Link::Quiet, lost)
            }
            (link, _) => (link, None),
        };
        self.link = link;
        if lost.is_none() {
            self.go_on(holder, actions);
        }
        lost
    }

    fn ask(&mut self, name: N, link: &Link<N>, actions: &mut Vec<Action<N>>) {
        if self.open.contains_key(&name) || self.waiting.contains(&name) || link.has(&name) {
            actions.push(Action::Declined(name, Why::Unsettled));
        } else {
            self.waiting.insert(name);
        }
    }

    /// The ledger was read because nobody knew what had become of a write. As long as it is the one that the write was
    /// for, the write may yet be carried out; the next one, for the same ledger, decides it.
    fn found(
        &mut self,
        holder: &Arc<str>,
        found: Option<Stored<N>>,
        sent: BTreeSet<N>,
        actions: &mut Vec<Action<N>>,
    ) -> Option<Other> {
        match found {
            Some(Stored { content, .. })
                if content.holder != *holder || content.epoch != self.epoch =>
            {
                let other = Other {
                    holder: content.holder,
                    epoch: content.epoch,
                };
                self.decline(sent, &Why::Lost(other.clone()), actions);
                Some(other)
            }
            Some(Stored { version, content }) if self.stored.as_ref() != Some(&version) => {
                // Ours, and every other write that was for the ledger before it fails.
                self.stored = Some(version);
                let (there, missing): (BTreeSet<N>, _) = sent
                    .into_iter()
                    .partition(|name| content.open.contains(name));
                self.waiting.extend(missing);
                self.opened(there, actions);
                None
            }
            unchanged => {
                if unchanged.is_none() {
                    // Not written yet, or deleted by hand: it is written anew, with all that is open.
                    self.stored = None;
                }
                self.waiting.extend(sent);
                None
            }
        }
    }

    fn opened(&mut self, names: BTreeSet<N>, actions: &mut Vec<Action<N>>) {
        for name in names {
            self.open.insert(name.clone(), Stand::UnderWay);
            actions.push(Action::Opened(name));
        }
    }

    fn decline(&mut self, sent: BTreeSet<N>, why: &Why, actions: &mut Vec<Action<N>>) {
        let waiting = std::mem::take(&mut self.waiting);
        let all = sent.into_iter().chain(waiting);
        actions.extend(all.map(|name| Action::Declined(name, why.clone())));
    }

    /// Sends the next request if somebody waits for one and none is under way.
    fn go_on(&mut self, holder: &Arc<str>, actions: &mut Vec<Action<N>>) {
        if self.waiting.is_empty() {
            return;
        }
        match self.link {
            Link::Unsure => {
                actions.push(Action::Read);
                self.link = Link::Reading {
                    sent: BTreeSet::new(),
                };
            }
            Link::Quiet => {
                let mut sent = BTreeSet::new();
                while self.open.len() + sent.len() < OPEN_MAX
                    && let Some(name) = self.waiting.pop_first()
                {
                    sent.insert(name);
                }
                if sent.is_empty() {
                    return;
                }
                actions.push(Action::Write {
                    base: self.stored.clone(),
                    content: Content {
                        epoch: self.epoch,
                        holder: Arc::clone(holder),
                        open: self.open.keys().chain(&sent).cloned().collect(),
                    },
                });
                self.link = Link::Writing { sent };
            }
            Link::Writing { .. } | Link::Reading { .. } | Link::Resting { .. } => {}
        }
    }
}

impl<N: Ord> Link<N> {
    fn has(&self, name: &N) -> bool {
        match self {
            Self::Quiet | Self::Unsure => false,
            Self::Writing { sent } | Self::Reading { sent } | Self::Resting { sent } => {
                sent.contains(name)
            }
        }
    }

    fn forget(&mut self, name: &N) {
        match self {
            Self::Quiet | Self::Unsure => {}
            Self::Writing { sent } | Self::Reading { sent } | Self::Resting { sent } => {
                sent.remove(name);
            }
        }
    }
}
