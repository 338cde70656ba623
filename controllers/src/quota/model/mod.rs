//! Goes through everything that can happen to a few objects under a quota while leaders come, sleep, and come back: each
//! request may be carried out at any later time, any answer may be lost, and a leader that was replaced goes on as if it
//! had not been. Since any of them may also take no further step, that is also what happens when one crashes, and a restart
//! is another leader. What a leader does with the ledger is the real protocol.

mod leader;
mod server;
mod tests;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use stateright::{Model, Property};

use leader::{Leader, Memory, Step, Work};
use server::{Call, Name, Put, Server};

/// What is tried, how far it goes, and which rule is broken to see that it is needed.
#[derive(Clone, Debug, Default)]
struct Rules {
    /// Each wants one unit.
    objects: u8,
    /// Units that all of them may have.
    limit: u8,
    /// Units that those with an even number, which are all in one cluster, may have.
    cap: u8,
    /// Leaders one after the other. The ones before do not stop.
    leaders: u8,
    /// Answers that are lost.
    losses: u8,
    /// Objects that are deleted and made again.
    deletions: u8,
    /// Times that a user changes their mind.
    changes: u8,
    broken: Broken,
}

/// A rule that is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Broken {
    #[default]
    Nothing,
    /// Objects are not fenced.
    NoFence,
    /// A write is for the newest version that is known when it is sent, not for the one before its name was opened.
    NewestVersion,
    /// What takes something from a charge is written at once.
    PlainShrink,
}

impl Rules {
    /// What charges come to: of all, and of those in the cluster with a cap.
    fn fold(&self, charges: impl Iterator<Item = u8>) -> (u8, u8) {
        charges
            .enumerate()
            .fold((0, 0), |(all, even), (index, charge)| {
                let counts = if index % 2 == 0 { charge } else { 0 };
                (all + charge, even + counts)
            })
    }

    /// Whether a write is one that needs a name in the ledger.
    fn opens(&self, put: Put) -> bool {
        put.charge > put.charged || put.charge < put.charged && self.broken != Broken::PlainShrink
    }

    fn allows(&self, (all, even): (u8, u8)) -> bool {
        all <= self.limit && even <= self.cap
    }
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    server: Server,
    /// The last one holds the lease.
    leaders: Vec<Leader>,
    /// What may be carried out at any time; in an order that does not tell when it was sent.
    under_way: Vec<Request>,
    losses: u8,
    deletions: u8,
    changes: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Request {
    from: usize,
    /// Somebody waits for the answer.
    expected: bool,
    call: Call,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Happens {
    /// Another process gets the lease.
    Lead,
    /// A request is carried out, and answered if somebody waits.
    CarryOut(usize),
    /// Nobody waits for its answer any more.
    Lose(usize),
    /// A leader lists all objects.
    List(usize),
    /// A leader reads an object to fence it.
    Fence(usize, Name),
    /// A leader does something with an object.
    Step(usize, u8, Step),
    /// A user deletes it and makes it again.
    Delete(u8),
    /// A user wants it to run, or not any more.
    Change(u8),
}

impl World {
    fn send(&mut self, from: usize, sends: leader::Sends) {
        for call in sends.0 {
            self.under_way.push(Request {
                from,
                expected: true,
                call,
            });
        }
        // Equal sets are equal states.
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        self.under_way
            .sort_by_cached_key(|request| hasher.hash_one(request));
    }

    /// What a leader may do by itself, without answers.
    fn own_steps(&self, rules: &Rules, index: usize, happens: &mut Vec<Happens>) {
        let leader = &self.leaders[index];
        if leader.memory == Memory::Unlisted {
            happens.push(Happens::List(index));
        }
        for name in &leader.to_fence {
            happens.push(Happens::Fence(index, *name));
        }
        // What a leader that was replaced has sent to members is left to time.
        let dispatches = index + 1 == self.leaders.len() && leader.owns(&self.server);
        for object in 0..rules.objects {
            for step in leader.steps(rules, &self.server, object, dispatches) {
                happens.push(Happens::Step(index, object, step));
            }
        }
    }

    /// The leader that holds the lease and the ledger, if it has nothing to do and nothing to wait for.
    fn at_rest(&self, rules: &Rules) -> Option<&Leader> {
        let index = self.leaders.len().checked_sub(1)?;
        let mut steps = Vec::new();
        self.own_steps(rules, index, &mut steps);
        let waits = |request: &Request| request.expected && request.from == index;
        let leader = &self.leaders[index];
        let rests = steps.is_empty() && !self.under_way.iter().any(waits);
        (rests && leader.owns(&self.server)).then_some(leader)
    }

    fn charged(&self, rules: &Rules) -> (u8, u8) {
        rules.fold(self.server.objects.iter().map(|object| object.charge))
    }
}

impl Model for Rules {
    type State = World;
    type Action = Happens;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            server: Server::new(self.objects),
            leaders: Vec::new(),
            under_way: Vec::new(),
            losses: self.losses,
            deletions: self.deletions,
            changes: self.changes,
        }]
    }

    fn actions(&self, world: &World, happens: &mut Vec<Happens>) {
        if world.leaders.len() < usize::from(self.leaders) {
            happens.push(Happens::Lead);
        }
        for (index, request) in world.under_way.iter().enumerate() {
            happens.push(Happens::CarryOut(index));
            if world.losses > 0 && request.expected {
                happens.push(Happens::Lose(index));
            }
        }
        for index in 0..world.leaders.len() {
            world.own_steps(self, index, happens);
        }
        for object in 0..self.objects {
            let stored = &world.server.objects[usize::from(object)];
            // It goes when its copies have.
            if world.deletions > 0 && stored.running == 0 && stored.version > 0 {
                happens.push(Happens::Delete(object));
            }
            if world.changes > 0 {
                happens.push(Happens::Change(object));
            }
        }
    }

    fn next_state(&self, world: &World, happens: Happens) -> Option<World> {
        let mut world = world.clone();
        match happens {
            Happens::Lead => {
                let index = world.leaders.len();
                let mut leader = Leader::new(u8::try_from(index).ok()?);
                let sends = leader.take_over(self);
                world.leaders.push(leader);
                world.send(index, sends);
            }
            Happens::CarryOut(index) => {
                let request = world.under_way.remove(index);
                let answer = world.server.carry_out(request.call);
                if request.expected {
                    let leader = &mut world.leaders[request.from];
                    let sends = leader.answered(&world.server, answer, self);
                    world.send(request.from, sends);
                }
            }
            Happens::Lose(index) => {
                world.losses -= 1;
                let request = &mut world.under_way[index];
                request.expected = false;
                let Request { from, call, .. } = request.clone();
                if call == Call::ReadLedger {
                    world.under_way.remove(index);
                }
                let sends = world.leaders[from].unanswered(&call, self);
                world.send(from, sends);
            }
            Happens::List(index) => world.leaders[index].list(&world.server),
            Happens::Fence(index, name) => {
                let sends = world.leaders[index].fence(&world.server, name, self);
                world.send(index, sends);
            }
            Happens::Step(index, object, step) => {
                let leader = &mut world.leaders[index];
                let sends = leader.start(self, object, step, &mut world.server);
                world.send(index, sends);
            }
            Happens::Delete(object) => {
                world.deletions -= 1;
                world.server.replace(object);
            }
            Happens::Change(object) => {
                world.changes -= 1;
                let wanted = &mut world.server.objects[usize::from(object)].wanted;
                *wanted = !*wanted;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always(WITHIN_LIMITS, |rules, world| {
                rules.allows(world.charged(rules))
            }),
            Property::<Self>::always(CHARGED_FIRST, |_, world| {
                let objects = world.server.objects.iter();
                objects
                    .clone()
                    .all(|object| object.running <= object.charge)
            }),
            Property::<Self>::always(EQUAL_AT_REST, |rules, world| {
                world.at_rest(rules).is_none_or(|leader| {
                    let objects = world.server.objects.iter();
                    let equal = objects.clone().all(|object| {
                        object.charge == object.running && object.charge == u8::from(object.placed)
                    });
                    equal && leader.open_count() == 0 && leader.fold(rules) == world.charged(rules)
                })
            }),
            Property::<Self>::always(OLD_LEDGER_FAILS, |_, world| !world.server.usurped),
            Property::<Self>::always(WHAT_FITS_RUNS, |rules, world| {
                world.at_rest(rules).is_none_or(|leader| {
                    let (all, even) = world.charged(rules);
                    let objects = world.server.objects.iter().enumerate();
                    leader.known().len() == world.server.objects.len()
                        && objects.clone().all(|(index, object)| {
                            let more = (all + 1, even + u8::from(index % 2 == 0));
                            object.placed == object.wanted
                                || object.wanted && !object.placed && !rules.allows(more)
                        })
                })
            }),
            Property::<Self>::sometimes(FULL, |rules, world| {
                world.at_rest(rules).is_some() && world.charged(rules).0 == rules.limit
            }),
            Property::<Self>::sometimes(REPLACED, |_, world| {
                world.leaders.iter().any(|leader| leader.lost)
            }),
            Property::<Self>::sometimes(SHUT_OUT, |_, world| {
                let refused = |known: &leader::Known| matches!(known.work, Work::Rereading(_));
                let mut newest = world.leaders.iter().rev();
                newest.next().is_some_and(|last| !last.known().is_empty())
                    && newest.any(|leader| leader.known().iter().any(refused))
            }),
        ]
    }
}

/// I1.
const WITHIN_LIMITS: &str = "what is charged is within the limits";
/// I2.
const CHARGED_FIRST: &str = "what runs is charged";
/// I5.
const EQUAL_AT_REST: &str = "at rest what is charged runs, and memory agrees";
/// I6.
const OLD_LEDGER_FAILS: &str = "a leader that was replaced cannot write the ledger";
/// I7.
const WHAT_FITS_RUNS: &str = "at rest everything that fits runs";
/// The model goes somewhere.
const FULL: &str = "all of the limit is used";
/// A leader finds out that it was replaced.
const REPLACED: &str = "a leader finds that it was replaced";
/// A write of a leader that was replaced is refused.
const SHUT_OUT: &str = "a write of a leader that was replaced is refused";
