//! One run: a contestant, a kind, a fresh control plane; the rounds in their order.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::contestant::description::{self, Folder};
use crate::contestant::running::{self, Running};
use crate::error::BenchError;
use crate::flags::{Entrant, Flags};
use crate::kinds::{Kind, NAMESPACE, OTHER_NAMESPACE, ObjectId};
use crate::ledger::Ledger;
use crate::load::{self, Action, Load};
use crate::measure::board::{Board, Goal, Mark, Times};
use crate::measure::observer::{Observer, SharedBoard};
use crate::plane::{self, Plane, PlaneOptions};
use crate::results::{Idle, OtherNamespace, Round, Run, Size};
use crate::say;
use crate::statistics::{Spread, milliseconds, number, rate};
use crate::usage::Snapshot;

/// Single objects measured on the idle system.
const SINGLES: usize = 10;
/// The object of another namespace arrives so long after the first of the bulk, or when a third of it is done.
const OTHER_AFTER: Duration = Duration::from_secs(10);
/// Copies deleted at once.
const DRIFT: usize = 100;
/// How often the board is looked at; times are taken by the watches, not here.
const LOOK: Duration = Duration::from_millis(10);

/// A run in progress.
pub(crate) struct Bench {
    plane: Plane,
    load: Load,
    board: SharedBoard,
    running: Option<Running>,
    patience: Duration,
    _observer: Observer,
}

/// Runs it, whatever happens, and tells what was measured.
pub(crate) async fn run(flags: &Flags, entrant: &Entrant, kind: Kind, ledger: &Ledger) -> Run {
    let mut run = Run {
        contestant: entrant.name().to_owned(),
        kind,
        members: flags.members,
        idle_mib: None,
        idle: None,
        sizes: Vec::new(),
        trouble: None,
    };
    if let Err(error) = measure(flags, entrant, &mut run, ledger).await {
        run.trouble = Some(error.to_string());
    }
    ledger.end_all().await;
    run
}

async fn measure(
    flags: &Flags,
    entrant: &Entrant,
    run: &mut Run,
    ledger: &Ledger,
) -> Result<(), BenchError> {
    let mut bench = open(flags, entrant, run.kind, ledger).await?;
    bench.warm_up().await?;
    bench.settle().await?;
    run.idle_mib = bench
        .running
        .as_ref()
        .map(|running| running.usage().resident_mib);
    let mut idle = Idle::default();
    let outcome = bench.idle(&mut idle).await;
    run.idle = Some(idle);
    outcome?;
    for (index, objects) in flags.sizes.iter().enumerate() {
        say(&format!("  {objects} objects"));
        let mut size = Size::new(*objects);
        let outcome = bench.size(&mut size, &format!("s{index}")).await;
        run.sizes.push(size);
        outcome?;
    }
    Ok(())
}

async fn open(
    flags: &Flags,
    entrant: &Entrant,
    kind: Kind,
    ledger: &Ledger,
) -> Result<Bench, BenchError> {
    let options = PlaneOptions {
        scripts: flags.control_plane.clone(),
        realcp: flags.realcp.clone(),
        port: flags.port,
        members: flags.members,
        has_pods: kind.has_pods(),
    };
    let contestant: Option<Folder> = match entrant {
        Entrant::Floor => None,
        Entrant::Peer { folder, .. } => Some(description::read(folder)?),
    };
    plane::check(&options)?;
    let folder = fresh_folder(&flags.folder, &format!("{}-{kind}", entrant.name()))?;
    ledger.plane_started(&folder);
    let plane = plane::start(&options, &folder).await?;
    for namespace in [NAMESPACE, OTHER_NAMESPACE] {
        load::make_namespace(&plane.host.client, namespace).await?;
        for member in plane.members.iter().filter(|_| contestant.is_none()) {
            load::make_namespace(&member.client, namespace).await?;
        }
    }
    let board = SharedBoard::new(Board::new(kind, flags.members));
    let observer = Observer::start(kind, plane.clients(), board.clone()).await?;
    let mut load = Load {
        kind,
        host: plane.host.client.clone(),
        copies: Vec::new(),
        members: flags.members,
        labels: Default::default(),
        concurrency: flags.concurrency,
        board: board.clone(),
    };
    let mut running = None;
    match &contestant {
        None => {
            load.copies = plane
                .members
                .iter()
                .map(|member| member.client.clone())
                .collect();
        }
        Some(contestant) => {
            load.labels = contestant.labels(kind);
            let name = entrant.name();
            running = Some(running::start(name, contestant, &plane, ledger).await?);
        }
    }
    Ok(Bench {
        plane,
        load,
        board,
        running,
        patience: Duration::from_secs(flags.patience),
        _observer: observer,
    })
}

/// An empty folder for a control plane. What an earlier run left there is taken away, unless it may still run.
fn fresh_folder(parent: &Path, name: &str) -> Result<std::path::PathBuf, BenchError> {
    let folder = parent.join(name);
    if folder.exists() {
        let running = crate::processes::of_control_plane(&folder)
            .into_iter()
            .filter(|pid| Path::new(&format!("/proc/{pid}")).exists())
            .count();
        if running > 0 {
            return Err(BenchError::Refused {
                what: format!("{running} processes of an earlier run may still run in {}", folder.display()),
                advice: "End them with the control plane's down.sh and that folder, or give another --folder.".to_owned(),
            });
        }
        std::fs::remove_dir_all(&folder).map_err(BenchError::file("emptying", &folder))?;
    }
    std::fs::create_dir_all(&folder).map_err(BenchError::file("making", &folder))?;
    folder
        .canonicalize()
        .map_err(BenchError::file("finding", &folder))
}

impl Bench {
    fn kind(&self) -> Kind {
        self.load.kind
    }

    fn is_floor(&self) -> bool {
        self.running.is_none()
    }

    /// What a created or updated object has to reach before the round is over.
    fn last_mark(&self) -> Mark {
        if !self.kind().has_status() {
            Mark::Copies
        } else if self.is_floor() {
            Mark::Ready
        } else {
            Mark::Host
        }
    }

    fn expect(&self, ids: &[ObjectId], goal: &Goal) {
        let mut board = self.board.lock();
        for id in ids {
            board.expect(id, goal.clone());
        }
    }

    fn times(&self, ids: &[ObjectId]) -> Vec<Times> {
        let board = self.board.lock();
        ids.iter().map(|id| board.times(id)).collect()
    }

    /// Waits until all have reached the mark; an error when nothing more happens.
    async fn wait(&mut self, ids: &[ObjectId], mark: Mark, doing: &str) -> Result<(), BenchError> {
        let mut done = 0;
        let mut moved = Instant::now();
        loop {
            let now = self.board.lock().done(ids, mark);
            if now == ids.len() {
                return Ok(());
            }
            if now > done {
                done = now;
                moved = Instant::now();
            }
            if let Some(running) = &mut self.running {
                running.check()?;
            }
            if moved.elapsed() > self.patience {
                return Err(BenchError::Stalled {
                    doing: format!("waiting until {doing} ({mark:?})"),
                    patience: self.patience.as_secs(),
                    done,
                    of: ids.len(),
                    tail: self
                        .running
                        .as_ref()
                        .map(Running::last_words)
                        .unwrap_or_default(),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Objects in both namespaces until one arrives everywhere: whoever federates them, its members are ready then.
    /// An object from before that may have been placed on some members only, so each attempt is a new one.
    async fn warm_up(&mut self) -> Result<(), BenchError> {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let ids = [NAMESPACE, OTHER_NAMESPACE]
                .map(|space| ObjectId::new(space, format!("warm-{attempt}")));
            self.expect(&ids, &Goal::Written { round: 1 });
            self.load.all(&ids, Action::Create).await?;
            let patience = std::mem::replace(&mut self.patience, Duration::from_secs(5));
            let outcome = self
                .wait(&ids, Mark::Copies, "the first objects arrive")
                .await;
            self.patience = patience;
            let mark = self.last_mark();
            let is_there = outcome.is_ok();
            if is_there {
                self.wait(&ids, mark, "the first objects are complete")
                    .await?;
            }
            self.expect(&ids, &Goal::Gone);
            self.load.all(&ids, Action::Delete).await?;
            match outcome {
                Ok(()) => {
                    return self
                        .wait(&ids, Mark::Host, "the first objects are gone")
                        .await;
                }
                Err(BenchError::Stalled { .. }) if started.elapsed() < patience => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until contestant and servers do nothing more than when idle.
    async fn settle(&mut self) -> Result<(), BenchError> {
        const QUIET: f64 = 0.25;
        for _ in 0..20 {
            let cpu = |bench: &Self| {
                bench.plane.usage().cpu_seconds
                    + bench
                        .running
                        .as_ref()
                        .map_or(0.0, |running| running.usage().cpu_seconds)
            };
            let before = cpu(self);
            tokio::time::sleep(Duration::from_millis(500)).await;
            if cpu(self) - before < QUIET * 0.5 {
                break;
            }
        }
        match &mut self.running {
            Some(running) => running.check(),
            None => Ok(()),
        }
    }

    /// One object after the other.
    async fn idle(&mut self, idle: &mut Idle) -> Result<(), BenchError> {
        let ids: Vec<_> = (0..SINGLES)
            .map(|index| ObjectId::new(NAMESPACE, format!("single-{index}")))
            .collect();
        let last = self.last_mark();
        let written = |round| (Goal::Written { round }, last);
        self.singly(&ids, Action::Create, written(1)).await?;
        let created = self.times(&ids);
        idle.create = spread(&created, |times| times.since_sent(Mark::Copies));
        idle.create_since_answer = spread(&created, |times| times.since_answered(Mark::Copies));
        if last == Mark::Host {
            idle.status = spread(&created, |times| times.since_sent(Mark::Host));
        }
        self.settle().await?;
        self.singly(&ids, Action::Update { round: 2 }, written(2))
            .await?;
        idle.update = spread(&self.times(&ids), |times| times.since_sent(Mark::Copies));
        self.settle().await?;
        if !self.is_floor() {
            for id in &ids {
                self.drift(std::slice::from_ref(id)).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let drifted = self.times(&ids);
            idle.drift = spread(&drifted, |times| times.since_answered(Mark::Copies));
            idle.drift_since_sent = spread(&drifted, |times| times.since_sent(Mark::Copies));
            self.settle().await?;
        }
        self.singly(&ids, Action::Delete, (Goal::Gone, Mark::Host))
            .await?;
        idle.delete = spread(&self.times(&ids), |times| times.since_sent(Mark::Copies));
        self.settle().await
    }

    async fn singly(
        &mut self,
        ids: &[ObjectId],
        action: Action,
        (goal, mark): (Goal, Mark),
    ) -> Result<(), BenchError> {
        for id in ids {
            let one = std::slice::from_ref(id);
            self.expect(one, &goal);
            self.load.one(id, action).await?;
            self.wait(one, mark, &format!("{action:?} of one object is complete"))
                .await?;
            // Whatever a contestant still writes about this one must not be counted with the next.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Deletes the copies of these objects in the first member, all at once, and waits until they are back.
    async fn drift(&mut self, ids: &[ObjectId]) -> Result<(), BenchError> {
        {
            let mut board = self.board.lock();
            for id in ids {
                // Cluster 0 is the host.
                let gone = board.uid(1, id).unwrap_or_default().to_owned();
                board.expect(id, Goal::Restored { member: 0, gone });
            }
        }
        let Some(member) = self
            .plane
            .members
            .first()
            .map(|member| member.client.clone())
        else {
            return Ok(());
        };
        let deletions = ids.iter().map(|id| self.load.delete_copy(&member, id));
        futures::future::try_join_all(deletions).await?;
        self.wait(ids, Mark::Copies, "deleted copies are back")
            .await
    }

    /// All rounds with so many objects.
    async fn size(&mut self, size: &mut Size, prefix: &str) -> Result<(), BenchError> {
        let ids: Vec<_> = (0..size.objects)
            .map(|index| ObjectId::new(NAMESPACE, format!("{prefix}-{index:05}")))
            .collect();
        let other = ObjectId::new(OTHER_NAMESPACE, format!("{prefix}-other"));
        self.create(size, &ids, &other).await?;
        if let Some(running) = &self.running {
            let usage = running.usage();
            size.after_mib = Some(usage.resident_mib);
            size.peak_mib = Some(usage.peak_mib);
        }
        size.update = Some(self.round(&ids, Action::Update { round: 2 }).await?);
        if !self.is_floor() {
            self.settle().await?;
            let some = ids.get(..DRIFT.min(ids.len().div_ceil(2))).unwrap_or(&ids);
            self.drift(some).await?;
            size.drift = spread(&self.times(some), |times| {
                times.since_answered(Mark::Copies)
            });
        }
        self.settle().await?;
        size.delete = Some(self.round(&ids, Action::Delete).await?);
        if let Some(running) = &self.running {
            size.peak_mib = Some(running.usage().peak_mib);
        }
        let other = std::slice::from_ref(&other);
        if size.other_namespace.is_some() {
            self.expect(other, &Goal::Gone);
            self.load.all(other, Action::Delete).await?;
            self.wait(
                other,
                Mark::Host,
                "the object of the other namespace is gone",
            )
            .await?;
        }
        self.settle().await
    }

    /// The creates, with one object of another namespace in between.
    async fn create(
        &mut self,
        size: &mut Size,
        ids: &[ObjectId],
        other: &ObjectId,
    ) -> Result<(), BenchError> {
        self.expect(ids, &Goal::Written { round: 1 });
        self.expect(std::slice::from_ref(other), &Goal::Written { round: 1 });
        let before = self.snapshot().await?;
        let started = Instant::now();
        let (board, load) = (self.board.clone(), self.load.clone());
        let intruder = async {
            loop {
                let done = board.lock().done(ids, Mark::Copies);
                if started.elapsed() >= OTHER_AFTER || done * 3 >= ids.len() {
                    load.one(other, Action::Create).await?;
                    return Ok::<_, BenchError>((started.elapsed(), ids.len() - done));
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let bulk_load = self.load.clone();
        let last = self.last_mark();
        let bulk = async {
            bulk_load.all(ids, Action::Create).await?;
            self.wait(ids, Mark::Copies, "all copies are there").await?;
            self.wait(ids, last, "all are complete").await
        };
        let (outcome, intruded) =
            match futures::future::select(std::pin::pin!(bulk), std::pin::pin!(intruder)).await {
                futures::future::Either::Left((outcome, _)) => (outcome, None),
                futures::future::Either::Right((intruded, bulk)) => (bulk.await, Some(intruded)),
            };
        let after = self.snapshot().await;
        let mut round = self.summary(ids);
        if let Ok(after) = &after {
            after.since(&before, ids.len(), &mut round);
        }
        size.create = Some(round);
        if let Some(intruded) = intruded {
            let (after, pending) = intruded?;
            let wanted = std::slice::from_ref(other);
            let arrived = self
                .wait(
                    wanted,
                    Mark::Copies,
                    "the object of the other namespace arrives",
                )
                .await;
            let times = self.board.lock().times(other);
            size.other_namespace = Some(OtherNamespace {
                after_seconds: after.as_secs_f64(),
                bulk_pending: pending,
                copies_ms: times.since_sent(Mark::Copies).map(milliseconds),
            });
            arrived?;
        }
        outcome?;
        after.map(|_| ())
    }

    /// An update or a deletion of all.
    async fn round(&mut self, ids: &[ObjectId], action: Action) -> Result<Round, BenchError> {
        let (goal, mark) = match action {
            Action::Delete => (Goal::Gone, Mark::Host),
            Action::Update { round } => (Goal::Written { round }, self.last_mark()),
            Action::Create => (Goal::Written { round: 1 }, self.last_mark()),
        };
        self.settle().await?;
        self.expect(ids, &goal);
        let before = self.snapshot().await?;
        self.load.all(ids, action).await?;
        self.wait(
            ids,
            Mark::Copies,
            &format!("{action:?} has reached all copies"),
        )
        .await?;
        self.wait(ids, mark, &format!("{action:?} is complete"))
            .await?;
        let mut round = self.summary(ids);
        self.snapshot().await?.since(&before, ids.len(), &mut round);
        Ok(round)
    }

    async fn snapshot(&self) -> Result<Snapshot, BenchError> {
        Snapshot::take(&self.plane, self.running.as_ref()).await
    }

    /// Rates and times of what is on the board, also when not all is done.
    fn summary(&self, ids: &[ObjectId]) -> Round {
        let times = self.times(ids);
        let first = times.iter().filter_map(|times| times.sent).min();
        let last = times.iter().filter_map(|times| times.copies).max();
        let done = times.iter().filter(|times| times.copies.is_some()).count();
        let is_shown = !self.is_floor() && self.kind().has_status();
        Round {
            per_second: first
                .zip(last)
                .and_then(|(first, last)| rate(done, last.saturating_duration_since(first))),
            copies: spread(&times, |times| times.since_sent(Mark::Copies)),
            host: spread(&times, |times| times.since_sent(Mark::Host)),
            status_after_ready: is_shown
                .then(|| spread(&times, Times::status_after_ready))
                .flatten(),
            ..Round::default()
        }
    }
}

fn spread(times: &[Times], of: impl Fn(&Times) -> Option<Duration>) -> Option<Spread> {
    let durations: Vec<_> = times.iter().filter_map(of).collect();
    Spread::of(&durations)
}

/// A share for each object.
pub(crate) fn each(value: f64, objects: usize) -> f64 {
    value / number(objects.max(1))
}
