//! What every object is waited for, and when it was reached. One clock: the moment at which an event was read.
//! Pure: time comes in with each event.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::seen::Copy;
use crate::kinds::{Kind, ObjectId};

/// What an object is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// All member copies as this round wrote them; then ready; then the host's status says so.
    Written { round: u32 },
    /// A copy that was deleted in this member stands there again, as another object.
    Restored { member: usize, gone: String },
    /// No member has a copy; then the host has no source.
    Gone,
}

/// What was reached, in the order in which it is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The member copies are as they should be.
    Copies,
    /// The members say that the pods are ready.
    Ready,
    /// The host shows it: the status is complete, or the source is gone.
    Host,
}

/// One object's times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) sent: Option<Instant>,
    pub(crate) answered: Option<Instant>,
    pub(crate) copies: Option<Instant>,
    pub(crate) ready: Option<Instant>,
    pub(crate) host: Option<Instant>,
}

impl Times {
    pub(crate) fn at(&self, mark: Mark) -> Option<Instant> {
        match mark {
            Mark::Copies => self.copies,
            Mark::Ready => self.ready,
            Mark::Host => self.host,
        }
    }

    /// From sending the request.
    pub(crate) fn since_sent(&self, mark: Mark) -> Option<Duration> {
        Some(self.at(mark)?.saturating_duration_since(self.sent?))
    }

    /// From the request's answer. An event may overtake the answer; that counts as no time.
    pub(crate) fn since_answered(&self, mark: Mark) -> Option<Duration> {
        Some(self.at(mark)?.saturating_duration_since(self.answered?))
    }

    /// From ready members to the host's status.
    pub(crate) fn status_after_ready(&self) -> Option<Duration> {
        Some(self.host?.saturating_duration_since(self.ready?))
    }
}

#[derive(Clone, Debug)]
struct Row {
    /// The host first, then the members.
    clusters: Vec<Option<Copy>>,
    goal: Option<Goal>,
    times: Times,
}

/// All objects of one run.
#[derive(Debug)]
pub(crate) struct Board {
    kind: Kind,
    clusters: usize,
    rows: BTreeMap<ObjectId, Row>,
}

impl Board {
    /// `members` beside the host.
    pub(crate) fn new(kind: Kind, members: usize) -> Self {
        Self {
            kind,
            clusters: members + 1,
            rows: BTreeMap::new(),
        }
    }

    fn row(&mut self, id: &ObjectId) -> &mut Row {
        let clusters = self.clusters;
        self.rows.entry(id.clone()).or_insert_with(|| Row {
            clusters: vec![None; clusters],
            goal: None,
            times: Times::default(),
        })
    }

    /// From now on `id` is waited for.
    pub(crate) fn expect(&mut self, id: &ObjectId, goal: Goal) {
        let row = self.row(id);
        row.goal = Some(goal);
        row.times = Times::default();
    }

    pub(crate) fn sent(&mut self, id: &ObjectId, now: Instant) {
        self.row(id).times.sent.get_or_insert(now);
    }

    pub(crate) fn answered(&mut self, id: &ObjectId, now: Instant) {
        self.row(id).times.answered.get_or_insert(now);
    }

    /// The copy in a cluster (0: the host) is now this, or gone.
    pub(crate) fn see(&mut self, cluster: usize, id: &ObjectId, copy: Option<Copy>, now: Instant) {
        let kind = self.kind;
        let row = self.row(id);
        if let Some(place) = row.clusters.get_mut(cluster) {
            *place = copy;
        }
        let Some(goal) = &row.goal else { return };
        for mark in reached(kind, goal, &row.clusters) {
            let place = match mark {
                Mark::Copies => &mut row.times.copies,
                Mark::Ready => &mut row.times.ready,
                Mark::Host => &mut row.times.host,
            };
            place.get_or_insert(now);
        }
    }

    /// A whole list of a cluster, after a watch could not go on: what is not in it is gone.
    pub(crate) fn replace(
        &mut self,
        cluster: usize,
        mut list: BTreeMap<ObjectId, Copy>,
        now: Instant,
    ) {
        let known: Vec<ObjectId> = self.rows.keys().cloned().collect();
        for id in known {
            let copy = list.remove(&id);
            self.see(cluster, &id, copy, now);
        }
        for (id, copy) in list {
            self.see(cluster, &id, Some(copy), now);
        }
    }

    /// What stands in a cluster under this name.
    pub(crate) fn uid(&self, cluster: usize, id: &ObjectId) -> Option<&str> {
        let copy = self.rows.get(id)?.clusters.get(cluster)?.as_ref()?;
        Some(&copy.uid)
    }

    /// How many of these objects have reached the mark.
    pub(crate) fn done(&self, ids: &[ObjectId], mark: Mark) -> usize {
        ids.iter()
            .filter(|id| self.times(id).at(mark).is_some())
            .count()
    }

    pub(crate) fn times(&self, id: &ObjectId) -> Times {
        self.rows.get(id).map(|row| row.times).unwrap_or_default()
    }
}

/// Which marks the state of an object has reached.
fn reached(kind: Kind, goal: &Goal, clusters: &[Option<Copy>]) -> Vec<Mark> {
    let Some((host, members)) = clusters.split_first() else {
        return Vec::new();
    };
    let mut marks = Vec::new();
    match goal {
        Goal::Written { round } => {
            let is_written = |copy: &Copy| copy.round == *round;
            if !members
                .iter()
                .all(|copy| copy.as_ref().is_some_and(is_written))
            {
                return marks;
            }
            marks.push(Mark::Copies);
            if members
                .iter()
                .flatten()
                .all(|copy| is_settled(kind, copy, 1))
            {
                marks.push(Mark::Ready);
            }
            let is_shown = |copy: &Copy| is_written(copy) && is_settled(kind, copy, members.len());
            if host.as_ref().is_some_and(is_shown) {
                marks.push(Mark::Host);
            }
        }
        Goal::Restored { member, gone } => {
            let copy = members.get(*member).and_then(Option::as_ref);
            let Some(copy) = copy.filter(|copy| copy.uid != *gone) else {
                return marks;
            };
            marks.push(Mark::Copies);
            if is_settled(kind, copy, 1) {
                marks.push(Mark::Ready);
            }
        }
        Goal::Gone => {
            if members.iter().all(Option::is_none) {
                marks.push(Mark::Copies);
                if host.is_none() {
                    marks.push(Mark::Host);
                }
            }
        }
    }
    marks
}

/// Whether a status tells of the present object, with so many ready pods where the kind has any.
fn is_settled(kind: Kind, copy: &Copy, replicas: usize) -> bool {
    match kind {
        Kind::Configmaps => true,
        Kind::DeploymentsEmpty => copy.observed >= copy.generation,
        Kind::DeploymentsReady => {
            copy.observed >= copy.generation && copy.updated >= replicas && copy.ready >= replicas
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(round: u32, observed: i64, ready: usize) -> Option<Copy> {
        Some(Copy {
            uid: format!("u-{round}"),
            round,
            generation: 2,
            observed,
            updated: ready,
            ready,
        })
    }

    const READY: Kind = Kind::DeploymentsReady;

    /// The host's copy, then two members': `round/observed/ready`, or `-` for none.
    fn clusters(text: &str) -> Vec<Option<Copy>> {
        text.split(' ')
            .map(|word| {
                let mut numbers = word.split('/').map(|part| part.parse::<u32>());
                let round = numbers.next()?.ok()?;
                let observed = i64::from(numbers.next()?.ok()?);
                let ready = usize::try_from(numbers.next()?.ok()?).ok()?;
                copy(round, observed, ready)
            })
            .collect()
    }

    #[test]
    fn marks_of_a_written_object() {
        use Mark::{Copies, Host, Ready};
        let rows: [(&str, Kind, &str, &[Mark]); 8] = [
            ("one copy is missing", READY, "2/2/1 2/2/1 -", &[]),
            ("one copy is old", READY, "2/2/1 2/2/1 1/2/1", &[]),
            (
                "copies without ready pods",
                READY,
                "2/2/0 2/2/1 2/2/0",
                &[Copies],
            ),
            (
                "an old generation is ready",
                READY,
                "2/2/0 2/2/1 2/1/1",
                &[Copies],
            ),
            (
                "ready, the host does not know",
                READY,
                "2/2/1 2/2/1 2/2/1",
                &[Copies, Ready],
            ),
            (
                "the host knows",
                READY,
                "2/2/2 2/2/1 2/2/1",
                &[Copies, Ready, Host],
            ),
            (
                "no pods are asked for",
                Kind::DeploymentsEmpty,
                "2/2/0 2/2/0 2/2/0",
                &[Copies, Ready, Host],
            ),
            (
                "a config map has no status",
                Kind::Configmaps,
                "2/0/0 2/0/0 2/0/0",
                &[Copies, Ready, Host],
            ),
        ];
        for (name, kind, state, expected) in rows {
            let goal = Goal::Written { round: 2 };
            assert_eq!(reached(kind, &goal, &clusters(state)), expected, "{name}");
        }
    }

    #[test]
    fn marks_of_a_deleted_object() {
        use Mark::{Copies, Host};
        let restored = Goal::Restored {
            member: 1,
            gone: "u-1".to_owned(),
        };
        let rows: [(&str, &Goal, &str, &[Mark]); 7] = [
            ("not deleted yet", &restored, "- - 1/2/1", &[]),
            ("deleted", &restored, "- - -", &[]),
            ("restored", &restored, "- - 2/2/0", &[Copies]),
            (
                "restored and ready",
                &restored,
                "- - 2/2/1",
                &[Copies, Mark::Ready],
            ),
            ("one copy is left", &Goal::Gone, "- 1/2/1 -", &[]),
            ("the source is left", &Goal::Gone, "1/2/1 - -", &[Copies]),
            ("all gone", &Goal::Gone, "- - -", &[Copies, Host]),
        ];
        for (name, goal, state, expected) in rows {
            assert_eq!(reached(READY, goal, &clusters(state)), expected, "{name}");
        }
    }

    #[test]
    fn the_first_time_counts() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let id = ObjectId::new("bench", "a");
        let mut board = Board::new(Kind::Configmaps, 1);
        board.expect(&id, Goal::Written { round: 1 });
        board.sent(&id, at(10));
        board.see(1, &id, copy(1, 0, 0), at(30));
        board.answered(&id, at(40));
        board.see(1, &id, copy(1, 0, 0), at(90));
        let times = board.times(&id);
        assert_eq!(
            times.since_sent(Mark::Copies),
            Some(Duration::from_millis(20))
        );
        assert_eq!(times.since_answered(Mark::Copies), Some(Duration::ZERO));
        assert_eq!(times.since_sent(Mark::Host), None);
        assert_eq!(board.done(&[id], Mark::Copies), 1);
    }

    #[test]
    fn a_list_tells_what_is_gone() {
        let now = Instant::now();
        let id = ObjectId::new("bench", "a");
        let mut board = Board::new(Kind::Configmaps, 1);
        board.see(1, &id, copy(1, 0, 0), now);
        board.expect(&id, Goal::Gone);
        board.replace(1, BTreeMap::new(), now);
        assert_eq!(board.done(&[id], Mark::Host), 1);
    }
}
