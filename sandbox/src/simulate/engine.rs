//! The one task of a simulation: brings the caches up to date from watches, tells controllers what changed, and lets one
//! after the other look at what it has to. Reading the watches before each look makes every decision with current
//! knowledge, so no controller has to remember what it expects of its own writes.

use super::clock::Clock;
use super::controllers;
use super::kinds::Kind;
use super::options::SimulationOptions;
use super::queue::Queue;
use super::switches::Switches;
use super::world::World;
use crate::cluster::{Cluster, ListOptions, Watch, WatchEvent, WatchEventKind, WatchOptions};
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A change as the caches saw it.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) kind: Kind,
    pub(crate) key: &'a Key,
    pub(crate) old: Option<&'a Object>,
    pub(crate) new: Option<&'a Object>,
}

impl<'a> Seen<'a> {
    /// The object after and before, as far as they exist.
    pub(crate) fn states(&self) -> impl Iterator<Item = &'a Object> {
        self.new.into_iter().chain(self.old)
    }
}

/// When to look again: after that time, or when something changes.
pub(crate) type Again = Option<Duration>;

/// One controller.
pub(crate) trait Controller: Debug + Send {
    /// Says which of its keys are to be looked at because of a change.
    fn observe(&mut self, seen: &Seen<'_>, world: &World, wake: &mut Vec<Key>);

    /// Looks at one of them and does what is to be done.
    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status>;

    /// Whether each of its looks needs to know of the one before.
    fn is_alone(&self) -> bool {
        false
    }

    /// Keys to be looked at because a test switched something.
    fn switched(&self, _world: &World, _wake: &mut Vec<Key>) {}
}

#[derive(Debug)]
pub(crate) struct Engine {
    world: World,
    watches: Vec<(Kind, Watch)>,
    controllers: Vec<Box<dyn Controller>>,
    queue: Queue,
    /// What is being looked at side by side.
    round: VecDeque<(usize, Key)>,
}

/// What ends the waiting.
enum Told {
    Time,
    Switched,
    Change(usize, Option<WatchEvent>),
}

/// After so many looks others on the same thread get their turn.
const TURN: usize = 8;

impl Engine {
    pub(crate) fn new(
        cluster: Cluster,
        options: SimulationOptions,
        switches: Arc<Switches>,
        clock: Clock,
    ) -> Self {
        Self {
            world: World::new(cluster, options, switches, clock.clone()),
            watches: Vec::new(),
            controllers: controllers::all(),
            queue: Queue::new(clock),
            round: VecDeque::new(),
        }
    }

    /// Begins to watch every kind; false when that cannot be.
    pub(crate) fn begin(&mut self) -> bool {
        for kind in Kind::ALL {
            match self.open(kind) {
                Ok(watch) => self.watches.push((kind, watch)),
                Err(status) => {
                    tracing::error!(?kind, message = status.message, "cannot watch");
                    return false;
                }
            }
        }
        true
    }

    /// Looks at one thing that is to be looked at now; false when there is none.
    pub(crate) fn turn(&mut self) -> bool {
        self.drain();
        let Some((number, key)) = self.queue.next() else {
            return false;
        };
        self.look(number, key);
        true
    }

    /// Looks at one thing as controllers do that work side by side: of what waits at a moment, everything is looked at with
    /// what was known at that moment, before what they wrote is seen. Then what is due until then, one by one.
    pub(crate) fn turn_side_by_side(&mut self, until: tokio::time::Instant) -> bool {
        if self.round.is_empty() {
            self.drain();
            let (alone, together) = self
                .queue
                .take_all()
                .into_iter()
                .partition::<Vec<_>, _>(|(number, _)| self.is_alone(*number));
            self.round.extend(together);
            self.round.extend(alone);
            self.round.extend(if self.round.is_empty() {
                self.queue.due_until(until)
            } else {
                None
            });
        }
        let Some((number, key)) = self.round.pop_front() else {
            return false;
        };
        if self.is_alone(number) {
            self.drain();
        }
        self.look(number, key);
        true
    }

    fn is_alone(&self, number: usize) -> bool {
        self.controllers.get(number).is_some_and(|c| c.is_alone())
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        if !self.begin() {
            return;
        }
        let mut looks = 0;
        while !stop.is_cancelled() {
            if self.turn() {
                looks += 1;
                if looks % TURN == 0 {
                    tokio::task::yield_now().await;
                }
            } else if self.idle(&stop).await {
                return;
            }
        }
    }

    /// Waits for something to do; true when it is time to stop.
    async fn idle(&mut self, stop: &CancellationToken) -> bool {
        let far = Duration::from_secs(3600);
        let timer = self.queue.next_timer();
        let timer = timer.unwrap_or_else(|| tokio::time::Instant::now() + far);
        let switches = self.world.switches.clone();
        let pending = self.watches.iter_mut().map(|(_, w)| Box::pin(w.next()));
        let told = tokio::select! {
            () = stop.cancelled() => return true,
            () = tokio::time::sleep_until(timer) => Told::Time,
            () = switches.switched.notified() => Told::Switched,
            (event, index, _) = futures::future::select_all(pending) => Told::Change(index, event),
        };
        match told {
            Told::Time => {}
            Told::Switched => self.resume(),
            Told::Change(index, event) => self.take(index, event),
        }
        false
    }

    fn resume(&mut self) {
        for (number, controller) in self.controllers.iter().enumerate() {
            let mut wake = Vec::new();
            controller.switched(&self.world, &mut wake);
            for key in wake {
                self.queue.add((number, key));
            }
        }
    }

    /// Takes in everything the watches have now.
    fn drain(&mut self) {
        for index in 0..self.watches.len() {
            while let Some(event) = self.watches.get_mut(index).and_then(|(_, w)| w.try_next()) {
                self.take(index, Some(event));
            }
        }
    }

    fn take(&mut self, index: usize, event: Option<WatchEvent>) {
        let Some(kind) = self.watches.get(index).map(|(kind, _)| *kind) else {
            return;
        };
        let event = event.filter(|e| e.kind != WatchEventKind::Error);
        let Some(event) = event else {
            // Too far behind: what there is now is compared with what is known.
            match self.open(kind) {
                Ok(watch) => self.watches[index] = (kind, watch),
                Err(status) => tracing::error!(?kind, message = status.message, "cannot watch"),
            }
            return;
        };
        let key = key_of(&event.object);
        match event.kind {
            WatchEventKind::Added | WatchEventKind::Modified => {
                self.apply(kind, &key, Some(&event.object));
            }
            WatchEventKind::Deleted => self.apply(kind, &key, None),
            WatchEventKind::Bookmark | WatchEventKind::Error => {}
        }
    }

    /// Lists a kind, takes in what is different, and watches from there.
    fn open(&mut self, kind: Kind) -> Result<Watch, Status> {
        let listed = self
            .world
            .cluster
            .list(&kind.gvr(), "", &ListOptions::default())?;
        let known: Vec<Key> = self
            .world
            .cache(kind)
            .all()
            .map(|(k, _)| k.clone())
            .collect();
        let mut current: Vec<Key> = Vec::new();
        for object in listed.items {
            let key = key_of(&object);
            current.push(key.clone());
            let same = self
                .world
                .cache(kind)
                .get(&key)
                .is_some_and(|o| *o == object);
            if !same {
                self.apply(kind, &key, Some(&object));
            }
        }
        for key in known {
            if current.binary_search(&key).is_err() {
                self.apply(kind, &key, None);
            }
        }
        let options = WatchOptions {
            resource_version: Some(listed.resource_version),
            initial_events: Some(false),
            ..WatchOptions::default()
        };
        self.world.cluster.watch(&kind.gvr(), "", &options)
    }

    /// Takes one change into the caches and tells the controllers.
    fn apply(&mut self, kind: Kind, key: &Key, object: Option<&Object>) {
        let old = match object {
            Some(object) => self.world.cache_mut(kind).put(key, object.clone()),
            None => self.world.cache_mut(kind).remove(key),
        };
        let seen = Seen {
            kind,
            key,
            old: old.as_ref(),
            new: object,
        };
        let mut wake = Vec::new();
        for (number, controller) in self.controllers.iter_mut().enumerate() {
            controller.observe(&seen, &self.world, &mut wake);
            for key in wake.drain(..) {
                self.queue.add((number, key));
            }
        }
    }

    fn look(&mut self, number: usize, key: Key) {
        let Some(controller) = self.controllers.get_mut(number) else {
            return;
        };
        let outcome = controller.reconcile(&key, &mut self.world);
        let item = (number, key);
        match outcome {
            Ok(again) => {
                self.queue.succeeded(&item);
                if let Some(delay) = again {
                    self.queue.add_after(item, delay);
                }
            }
            Err(status) => {
                tracing::debug!(?item, message = status.message, "tried again later");
                self.queue.retry(item);
            }
        }
    }
}

fn key_of(object: &Object) -> Key {
    let namespace = object::namespace(object).unwrap_or_default();
    Key::new(namespace, object::name(object))
}
