//! Waiting: for milestones, for a contestant to be ready, for the machine to be quiet.

use std::time::{Duration, Instant};

use super::{Bench, look};
use crate::contestant::running::Running;
use crate::error::BenchError;
use crate::kinds::{NAMESPACE, OTHER_NAMESPACE, ObjectId};
use crate::load::Action;
use crate::measure::board::{Goal, Mark};

impl Bench {
    /// Waits until all have reached the mark; an error when nothing more happens.
    pub(super) async fn wait(
        &mut self,
        ids: &[ObjectId],
        mark: Mark,
        doing: &str,
    ) -> Result<(), BenchError> {
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
            tokio::time::sleep(look(ids.len())).await;
        }
    }

    /// Objects in both namespaces until one arrives everywhere: whoever federates them, its members are ready then.
    /// An object from before that may have been placed on some members only, so each attempt is a new one.
    pub(super) async fn warm_up(&mut self) -> Result<(), BenchError> {
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
                Err(BenchError::Stalled {
                    doing, of, tail, ..
                }) => {
                    return Err(BenchError::Stalled {
                        doing,
                        patience: patience.as_secs(),
                        done: 0,
                        of,
                        tail,
                    });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until contestant and servers do nothing more than when idle.
    pub(super) async fn settle(&mut self) -> Result<(), BenchError> {
        const QUIET: f64 = 0.25;
        for _ in 0..20 {
            let cpu = |bench: &Self| {
                bench.plane.cpu_seconds().values().sum::<f64>()
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
}
