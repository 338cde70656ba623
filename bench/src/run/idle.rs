//! Single objects on an idle system, and copies that are deleted.

use std::time::Duration;

use super::{Bench, spread};
use crate::error::BenchError;
use crate::kinds::{NAMESPACE, ObjectId};
use crate::load::Action;
use crate::measure::board::{Goal, Mark};
use crate::results::Idle;

/// Single objects measured on the idle system.
const SINGLES: usize = 10;
/// Between two of them, so that what is still written about the one is not counted with the other.
const PAUSE: Duration = Duration::from_millis(250);

impl Bench {
    /// One object after the other.
    pub(super) async fn idle(&mut self, idle: &mut Idle) -> Result<(), BenchError> {
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
                tokio::time::sleep(PAUSE).await;
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
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Deletes the copies of these objects in the first member, all at once, and waits until they are back.
    pub(super) async fn drift(&mut self, ids: &[ObjectId]) -> Result<(), BenchError> {
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
}
