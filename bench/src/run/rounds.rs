//! Many objects at once: created, updated, restored, deleted.

use std::time::{Duration, Instant};

use futures::future::{Either, select};

use super::{Bench, look, spread};
use crate::error::BenchError;
use crate::kinds::{NAMESPACE, OTHER_NAMESPACE, ObjectId};
use crate::load::Action;
use crate::measure::board::{Goal, Mark, Times};
use crate::results::{OtherNamespace, Round, Size};
use crate::statistics::{milliseconds, rate};
use crate::usage::{Cpu, Snapshot};

/// The object of another namespace arrives so long after the first of the bulk, or when a third of it is done.
const OTHER_AFTER: Duration = Duration::from_secs(10);
/// Copies deleted at once.
const DRIFT: usize = 100;
/// Of so many, updates and deletions are measured; the others stay as they are. A rate does not need more, and the pods of a
/// thousand updated Deployments keep two cores busy for minutes.
const CHANGED: usize = 250;

impl Bench {
    /// All rounds with so many objects.
    pub(super) async fn size(&mut self, size: &mut Size, prefix: &str) -> Result<(), BenchError> {
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
        let changed = ids.get(..CHANGED.min(ids.len())).unwrap_or(&ids);
        let update = Action::Update { round: 2 };
        self.round(changed, update, &mut size.update).await?;
        if !self.is_floor() {
            self.settle().await?;
            let half = changed.len().div_ceil(2);
            let some = changed.get(..DRIFT.min(half)).unwrap_or(changed);
            self.drift(some).await?;
            size.drift = spread(&self.times(some), |times| {
                times.since_answered(Mark::Copies)
            });
        }
        self.settle().await?;
        self.round(changed, Action::Delete, &mut size.delete)
            .await?;
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
                tokio::time::sleep(look(ids.len())).await;
            }
        };
        let bulk_load = self.load.clone();
        let mut at_copies = None;
        let last = self.last_mark();
        let bulk = async {
            bulk_load.all(ids, Action::Create).await?;
            self.wait(ids, Mark::Copies, "all copies are there").await?;
            at_copies = Some(Cpu::now(&self.plane, self.running.as_ref()));
            self.wait(ids, last, "all are complete").await
        };
        let (outcome, intruded) = match select(std::pin::pin!(bulk), std::pin::pin!(intruder)).await
        {
            Either::Left((outcome, _)) => (outcome, None),
            Either::Right((intruded, bulk)) => (bulk.await, Some(intruded)),
        };
        size.create = Some(self.summary(ids, &before, at_copies).await);
        if let Some(intruded) = intruded {
            size.other_namespace = Some(self.arrival(other, intruded?).await?);
        }
        outcome
    }

    /// What became of the object of another namespace.
    async fn arrival(
        &mut self,
        other: &ObjectId,
        (after, bulk_pending): (Duration, usize),
    ) -> Result<OtherNamespace, BenchError> {
        let doing = "the object of the other namespace arrives";
        self.wait(std::slice::from_ref(other), Mark::Copies, doing)
            .await?;
        let times = self.board.lock().times(other);
        Ok(OtherNamespace {
            after_seconds: after.as_secs_f64(),
            bulk_pending,
            copies_ms: times.since_sent(Mark::Copies).map(milliseconds),
        })
    }

    /// An update or a deletion of all; what was reached is in `into`, also when not all was.
    async fn round(
        &mut self,
        ids: &[ObjectId],
        action: Action,
        into: &mut Option<Round>,
    ) -> Result<(), BenchError> {
        let (goal, mark) = match action {
            Action::Delete => (Goal::Gone, Mark::Host),
            Action::Update { round } => (Goal::Written { round }, self.last_mark()),
            Action::Create => (Goal::Written { round: 1 }, self.last_mark()),
        };
        self.settle().await?;
        self.expect(ids, &goal);
        let before = self.snapshot().await?;
        self.load.all(ids, action).await?;
        let mut outcome = self
            .wait(
                ids,
                Mark::Copies,
                &format!("{action:?} has reached all copies"),
            )
            .await;
        let mut at_copies = None;
        if outcome.is_ok() {
            at_copies = Some(Cpu::now(&self.plane, self.running.as_ref()));
            outcome = self
                .wait(ids, mark, &format!("{action:?} is complete"))
                .await;
        }
        *into = Some(self.summary(ids, &before, at_copies).await);
        outcome
    }

    /// Rates, times and costs since `before`, also when not all is done or a server does not answer any more.
    async fn summary(&self, ids: &[ObjectId], before: &Snapshot, at_copies: Option<Cpu>) -> Round {
        let mut round = self.figures(ids);
        if let Some(cpu) = at_copies {
            round.cpu_until_copies_ms = cpu.since(&before.cpu, ids.len());
        }
        if let Ok(now) = self.snapshot().await {
            now.since(before, ids.len(), &mut round);
        }
        round
    }

    async fn snapshot(&self) -> Result<Snapshot, BenchError> {
        Snapshot::take(&self.plane, self.running.as_ref()).await
    }

    fn figures(&self, ids: &[ObjectId]) -> Round {
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
