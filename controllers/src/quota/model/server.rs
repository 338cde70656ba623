//! The API server of the model: one ledger, a few federated objects, and requests that may be carried out at any time.

use std::sync::Arc;

use super::super::protocol::{Content, Event, Stored, Version};

/// An object and its uid.
pub(super) type Name = (u8, u8);

/// A federated object and what its member runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Object {
    pub(super) uid: u8,
    /// Grows with every write, also over a deletion.
    pub(super) version: u8,
    /// Whether it is to run.
    pub(super) placed: bool,
    /// What it is charged.
    pub(super) charge: u8,
    /// What its copy runs. Not in the object: seen in the member.
    pub(super) running: u8,
    /// What its user wants. Not in the object: seen in the source.
    pub(super) wanted: bool,
}

/// What a write makes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Put {
    pub(super) uid: u8,
    pub(super) version: u8,
    /// What it is charged in the version that this is for.
    pub(super) charged: u8,
    pub(super) placed: bool,
    pub(super) charge: u8,
}

/// What the server has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) ledger: Option<Stored<Name>>,
    writes: u8,
    pub(super) objects: Vec<Object>,
    /// A ledger was written by a leader older than the one in it.
    pub(super) usurped: bool,
}

/// A request on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    ReadLedger,
    WriteLedger {
        base: Option<Version>,
        content: Content<Name>,
    },
    Write {
        object: u8,
        put: Put,
    },
    Fence {
        object: u8,
        uid: u8,
        version: u8,
    },
}

/// What it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Ledger(Event<Name>),
    /// The object was written, or is another one by now.
    Object {
        object: u8,
        done: bool,
    },
    Fenced(Name),
}

impl Server {
    pub(super) fn new(objects: u8) -> Self {
        let object = Object {
            uid: 0,
            version: 0,
            placed: false,
            charge: 0,
            running: 0,
            wanted: true,
        };
        Self {
            ledger: None,
            writes: 0,
            objects: (0..objects).map(|_| object).collect(),
            usurped: false,
        }
    }

    pub(super) fn carry_out(&mut self, call: Call) -> Answer {
        match call {
            Call::ReadLedger => Answer::Ledger(Event::Read(self.ledger.clone())),
            Call::WriteLedger { base, content } => {
                if base.as_ref() != self.ledger.as_ref().map(|ledger| &ledger.version) {
                    return Answer::Ledger(Event::Conflict);
                }
                self.writes += 1;
                let version = Version(Arc::from(self.writes.to_string()));
                self.usurped |= self
                    .ledger
                    .as_ref()
                    .is_some_and(|ledger| content.epoch < ledger.content.epoch);
                self.ledger = Some(Stored {
                    version: version.clone(),
                    content,
                });
                Answer::Ledger(Event::Written(version))
            }
            Call::Write { object, put } => {
                let stored = &mut self.objects[usize::from(object)];
                let done = (stored.uid, stored.version) == (put.uid, put.version);
                if done {
                    stored.version += 1;
                    stored.placed = put.placed;
                    stored.charge = put.charge;
                }
                Answer::Object { object, done }
            }
            Call::Fence {
                object,
                uid,
                version,
            } => {
                let stored = &mut self.objects[usize::from(object)];
                if (stored.uid, stored.version) == (uid, version) {
                    stored.version += 1;
                }
                Answer::Fenced((object, uid))
            }
        }
    }

    /// Deleted and made again under the same name.
    pub(super) fn replace(&mut self, object: u8) {
        let stored = &mut self.objects[usize::from(object)];
        *stored = Object {
            uid: stored.uid + 1,
            version: stored.version + 1,
            placed: false,
            charge: 0,
            ..*stored
        };
    }
}
