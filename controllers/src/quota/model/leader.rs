//! A leader of the model: the real protocol, an admission that counts units, and the rules by which the rooms write and
//! dispatch (decision 0030), each of its steps at any time.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::protocol::{Action, Event, Protocol, Why};
use super::server::{Answer, Call, Name, Object, Put, Server};
use super::{Broken, Rules};

/// A process that leads or has led.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leader {
    name: Arc<str>,
    protocol: Protocol<Name>,
    pub(super) memory: Memory,
    /// Objects to be fenced that were not read yet.
    pub(super) to_fence: BTreeSet<Name>,
    pub(super) lost: bool,
}

/// What it knows of the objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Memory {
    /// The ledger is being taken over.
    Nothing,
    /// All of them have to be listed.
    Unlisted,
    Known(Vec<Known>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub(super) uid: u8,
    pub(super) version: u8,
    pub(super) placed: bool,
    pub(super) charge: u8,
    pub(super) work: Work,
}

/// What it is about to do with one; what is admitted counts beside what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    Idle,
    /// Waits for the name to be opened.
    Opening(Put),
    /// It is open, and the write not sent yet.
    Opened(Put),
    /// A write is under way.
    Writing(Put),
    /// It was refused: the object is read anew.
    Rereading(Put),
    /// It was not answered: the object is fenced, and read anew.
    Doubting(Put),
}

/// What may be done with an object next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A write by which the charge changes: its name is opened first.
    Open(Put),
    /// A write that is sent at once.
    Write(Put),
    /// Its copy becomes what is placed.
    Dispatch,
    /// It is read anew, or the watch tells of it.
    Look,
}

impl Known {
    fn of(object: &Object) -> Self {
        Self {
            uid: object.uid,
            version: object.version,
            placed: object.placed,
            charge: object.charge,
            work: Work::Idle,
        }
    }

    fn same(&self, object: &Object) -> bool {
        *self
            == Self {
                work: self.work,
                ..Self::of(object)
            }
    }

    /// What it counts for.
    fn counted(&self) -> u8 {
        match self.work {
            Work::Idle => self.charge,
            Work::Opening(put)
            | Work::Opened(put)
            | Work::Writing(put)
            | Work::Rereading(put)
            | Work::Doubting(put) => self.charge.max(put.charge),
        }
    }
}

impl Leader {
    pub(super) fn new(life: u8) -> Self {
        let name: Arc<str> = format!("leader {life}").into();
        Self {
            protocol: Protocol::new(Arc::clone(&name)),
            name,
            memory: Memory::Nothing,
            to_fence: BTreeSet::new(),
            lost: false,
        }
    }

    /// Nobody else has the ledger.
    pub(super) fn owns(&self, server: &Server) -> bool {
        let ledger = server.ledger.as_ref();
        ledger.is_none_or(|ledger| ledger.content.holder == self.name)
    }

    pub(super) fn open_count(&self) -> usize {
        self.protocol.open_count()
    }

    pub(super) fn known(&self) -> &[Known] {
        match &self.memory {
            Memory::Known(known) => known,
            Memory::Nothing | Memory::Unlisted => &[],
        }
    }

    fn at(&mut self, object: u8) -> Option<&mut Known> {
        match &mut self.memory {
            Memory::Known(known) => known.get_mut(usize::from(object)),
            Memory::Nothing | Memory::Unlisted => None,
        }
    }

    /// What the charges come to, in memory.
    pub(super) fn fold(&self, rules: &Rules) -> (u8, u8) {
        rules.fold(self.known().iter().map(Known::counted))
    }

    pub(super) fn list(&mut self, server: &Server) {
        self.memory = Memory::Known(server.objects.iter().map(Known::of).collect());
    }

    /// What may be done with an object, one of them each time.
    pub(super) fn steps(
        &self,
        rules: &Rules,
        server: &Server,
        object: u8,
        dispatches: bool,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(known) = self.known().get(usize::from(object)) else {
            return steps;
        };
        let stored = &server.objects[usize::from(object)];
        let changed = !known.same(stored);
        match known.work {
            Work::Rereading(_) => steps.push(Step::Look),
            Work::Doubting(_) => {}
            Work::Opening(_) | Work::Opened(_) | Work::Writing(_) => {
                if changed {
                    steps.push(Step::Look);
                }
                if let Work::Opened(put) = known.work {
                    let version = known.version;
                    steps.push(Step::Write(Put { version, ..put }));
                }
            }
            Work::Idle => {
                if changed {
                    steps.push(Step::Look);
                }
                if let Some(step) = self.next_write(rules, stored, *known, object) {
                    steps.push(step);
                }
                // Its finalizer keeps an object that may still be dispatched.
                let fits = known.charge >= u8::from(known.placed) && known.uid == stored.uid;
                if dispatches && fits && stored.running != u8::from(known.placed) {
                    steps.push(Step::Dispatch);
                }
            }
        }
        steps
    }

    fn next_write(&self, rules: &Rules, stored: &Object, known: Known, object: u8) -> Option<Step> {
        if self.lost {
            return None;
        }
        let put = |placed: bool, charge: u8| Put {
            uid: known.uid,
            version: known.version,
            charged: known.charge,
            placed,
            charge,
        };
        match (stored.wanted, known.placed, known.charge) {
            (true, false, 0) => {
                let counted = self.known().iter().map(Known::counted).enumerate();
                let grown = counted
                    .map(|(index, counted)| counted + u8::from(index == usize::from(object)));
                rules
                    .allows(rules.fold(grown))
                    .then(|| Step::Open(put(true, 1)))
            }
            (true, false, charge) => Some(Step::Write(put(true, charge))),
            (false, true, charge) => Some(Step::Write(put(false, charge))),
            // It shrinks when it was seen to run less.
            (false, false, 1..) if stored.running == 0 => {
                let put = put(false, 0);
                Some(if rules.broken == Broken::PlainShrink {
                    Step::Write(put)
                } else {
                    Step::Open(put)
                })
            }
            _ => None,
        }
    }

    pub(super) fn start(
        &mut self,
        rules: &Rules,
        object: u8,
        step: Step,
        server: &mut Server,
    ) -> Sends {
        let mut sends = Sends::default();
        match step {
            Step::Open(put) => {
                if let Some(known) = self.at(object) {
                    known.work = Work::Opening(put);
                }
                self.hear(Event::Open((object, put.uid)), &mut sends, rules);
            }
            Step::Write(put) => {
                if let Some(known) = self.at(object) {
                    known.work = Work::Writing(put);
                }
                sends.0.push(Call::Write { object, put });
            }
            Step::Dispatch => {
                let placed = self.known()[usize::from(object)].placed;
                server.objects[usize::from(object)].running = u8::from(placed);
            }
            Step::Look => self.look(server, object),
        }
        sends
    }

    fn look(&mut self, server: &Server, object: u8) {
        let present = Known::of(&server.objects[usize::from(object)]);
        if let Some(known) = self.at(object) {
            let work = match known.work {
                Work::Rereading(_) => Work::Idle,
                work => work,
            };
            *known = Known { work, ..present };
        }
    }

    /// Reads an object that is to be fenced, and sends the write that does it.
    pub(super) fn fence(&mut self, server: &Server, name: Name, rules: &Rules) -> Sends {
        let mut sends = Sends::default();
        self.to_fence.remove(&name);
        let (object, uid) = name;
        let stored = &server.objects[usize::from(object)];
        if stored.uid == uid {
            sends.0.push(Call::Fence {
                object,
                uid,
                version: stored.version,
            });
        } else {
            self.fenced(server, name, &mut sends, rules);
        }
        sends
    }

    fn fenced(&mut self, server: &Server, name: Name, sends: &mut Sends, rules: &Rules) {
        let doubted = self
            .at(name.0)
            .is_some_and(|known| matches!(known.work, Work::Doubting(_)));
        if doubted {
            // Read anew, and only then is what was admitted free.
            if let Some(known) = self.at(name.0) {
                *known = Known::of(&server.objects[usize::from(name.0)]);
            }
            self.hear(Event::Settled(name), sends, rules);
        } else {
            self.hear(Event::Fenced(name), sends, rules);
        }
    }

    pub(super) fn answered(&mut self, server: &Server, answer: Answer, rules: &Rules) -> Sends {
        let mut sends = Sends::default();
        match answer {
            Answer::Ledger(event) => self.hear(event, &mut sends, rules),
            Answer::Fenced(name) => self.fenced(server, name, &mut sends, rules),
            Answer::Object { object, done } => {
                let Some(known) = self.at(object) else {
                    return sends;
                };
                let Work::Writing(put) = known.work else {
                    return sends;
                };
                if done {
                    if known.version <= put.version {
                        known.version = put.version + 1;
                        known.placed = put.placed;
                        known.charge = put.charge;
                    }
                    known.work = Work::Idle;
                } else {
                    known.work = Work::Rereading(put);
                }
                self.hear(Event::Settled((object, put.uid)), &mut sends, rules);
            }
        }
        sends
    }

    /// A request of ours gets no answer.
    pub(super) fn unanswered(&mut self, call: &Call, rules: &Rules) -> Sends {
        let mut sends = Sends::default();
        match call {
            Call::ReadLedger | Call::WriteLedger { .. } => {
                self.hear(Event::Unanswered, &mut sends, rules);
            }
            Call::Fence { object, uid, .. } => {
                self.to_fence.insert((*object, *uid));
            }
            Call::Write { object, put } => {
                let name = (*object, put.uid);
                if rules.opens(*put) {
                    if let Some(known) = self.at(*object) {
                        known.work = Work::Doubting(*put);
                    }
                    self.to_fence.insert(name);
                    self.hear(Event::Doubted(name), &mut sends, rules);
                } else if let Some(known) = self.at(*object) {
                    known.work = Work::Rereading(*put);
                }
            }
        }
        sends
    }

    pub(super) fn take_over(&mut self, rules: &Rules) -> Sends {
        let mut sends = Sends::default();
        self.hear(Event::TakeOver, &mut sends, rules);
        sends
    }

    /// What the tasks around the protocol do with what it says.
    fn hear(&mut self, event: Event<Name>, sends: &mut Sends, rules: &Rules) {
        for action in self.protocol.take(event) {
            match action {
                Action::Read => sends.0.push(Call::ReadLedger),
                Action::Write { base, content } => {
                    sends.0.push(Call::WriteLedger { base, content });
                }
                Action::Rest => self.hear(Event::Rested, sends, rules),
                Action::Fence(name) if rules.broken == Broken::NoFence => {
                    self.hear(Event::Fenced(name), sends, rules);
                }
                Action::Fence(name) => {
                    self.to_fence.insert(name);
                }
                Action::Ready => self.memory = Memory::Unlisted,
                Action::Opened((object, _)) => {
                    if let Some(known) = self.at(object)
                        && let Work::Opening(put) = known.work
                    {
                        if rules.broken == Broken::NewestVersion {
                            known.work = Work::Opened(put);
                        } else {
                            known.work = Work::Writing(put);
                            sends.0.push(Call::Write { object, put });
                        }
                    }
                }
                Action::Declined((object, _), why) => {
                    assert!(
                        matches!(why, Why::Failed | Why::Lost(_)),
                        "nobody asks before or twice: {why:?}"
                    );
                    if let Some(known) = self.at(object) {
                        known.work = Work::Idle;
                    }
                }
                Action::Lost(_) => self.lost = true,
            }
        }
    }
}

/// Requests that are sent.
#[derive(Debug, Default)]
pub(super) struct Sends(pub(super) Vec<Call>);
