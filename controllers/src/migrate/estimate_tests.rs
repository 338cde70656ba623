//! Estimates, told as what one cluster shows and what is said of it.

use super::*;

/// One minute, as a policy has it that says nothing.
const THRESHOLD: i64 = 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A copy with replicas wanted, there and ready, and pods that find no node since these times; heard when it is asked about.
fn copy(replicas: [i64; 3], unschedulable: &[i64]) -> Copy {
    let [desired, there, ready] = replicas;
    Copy {
        scale: Scale {
            desired: Some(desired),
            replicas: Some(there),
            ready: Some(ready),
            ..Scale::default()
        },
        waiting: i64::try_from(unschedulable.len()).unwrap(),
        unschedulable: unschedulable.iter().map(|second| at(*second)).collect(),
        heard: Timestamp::MAX,
    }
}

/// What is said of one cluster as time passes.
#[derive(Default)]
struct Story {
    info: AutoMigrationInfo,
    confirmed: BTreeMap<String, Timestamp>,
}

impl Story {
    fn said(capacity: i64) -> Self {
        let mut story = Self::default();
        story
            .info
            .estimated_capacity
            .insert("c".to_owned(), capacity);
        story
    }

    fn ask(&mut self, second: i64, mut sight: Sight) -> Estimate {
        if let Sight::Copy(copy) = &mut sight {
            copy.heard = copy.heard.min(at(second));
        }
        let mut question = Question {
            threshold: SignedDuration::from_secs(THRESHOLD),
            now: at(second),
            last: &self.info,
            clusters: BTreeMap::from([("c".to_owned(), sight)]),
            confirmed: &self.confirmed,
        };
        let first = estimate(&question);
        question.last = &first.info;
        question.confirmed = &first.confirmed;
        assert_eq!(estimate(&question).info, first.info, "the same once more");
        self.info = first.info.clone();
        self.confirmed.clone_from(&first.confirmed);
        first
    }

    fn capacity(&mut self, second: i64, sight: Sight) -> Option<i64> {
        self.ask(second, sight);
        self.info.estimated_capacity.get("c").copied()
    }
}

#[test]
fn pods_count_when_their_time_has_come() {
    let mut story = Story::default();
    let pods = || Sight::Copy(copy([5, 5, 3], &[10, 12]));
    let early = story.ask(20, pods());
    assert_eq!(
        (early.info, early.again),
        (AutoMigrationInfo::default(), Some(at(70)))
    );
    let one = story.ask(70, pods());
    assert_eq!(one.info.estimated_capacity["c"], 4);
    assert_eq!(one.again, Some(at(72)));
    let both = story.ask(72, pods());
    assert_eq!(both.info.estimated_capacity["c"], 3);
    assert_eq!(both.info.scheduled_replicas["c"], 3);
    assert_eq!(both.again, None);
}

#[test]
fn room_is_what_is_not_known_to_be_missing() {
    // As KubeAdmiral counts: at most the pods there are, and replicas without a pod find room.
    let old = 0;
    for (name, replicas, unschedulable, expected) in [
        ("all run", [5, 5, 5], vec![], None),
        ("none runs", [5, 5, 0], vec![old; 5], Some(0)),
        ("some are not made yet", [5, 2, 0], vec![old; 2], Some(3)),
        (
            "more than wanted, on their way out",
            [3, 5, 3],
            vec![old; 2],
            None,
        ),
        (
            "more than wanted, and short all the same",
            [3, 5, 2],
            vec![old; 3],
            Some(2),
        ),
        ("more pods than replicas", [3, 3, 0], vec![old; 7], Some(0)),
        (
            "the status says that all are ready",
            [5, 5, 5],
            vec![old; 2],
            None,
        ),
        (
            "pods of others may be unready",
            [5, 5, 4],
            vec![old; 2],
            Some(4),
        ),
    ] {
        let sight = Sight::Copy(copy(replicas, &unschedulable));
        assert_eq!(Story::default().capacity(1_000, sight), expected, "{name}");
    }
}

#[test]
fn a_pod_of_the_newest_template_that_finds_no_room_beside_the_old_ones_counts() {
    let mut rolling = copy([2, 3, 2], &[0]);
    rolling.scale.updated = Some(1);
    assert_eq!(
        Story::default().capacity(1_000, Sight::Copy(rolling)),
        Some(1)
    );
}

#[test]
fn types_that_tell_less_are_judged_by_their_pods() {
    let mut bare = copy([4, 0, 0], &[0, 0]);
    bare.scale.replicas = None;
    bare.scale.ready = None;
    let answer = Story::default().ask(1_000, Sight::Copy(bare.clone()));
    assert_eq!(answer.info.estimated_capacity["c"], 2);
    assert_eq!(answer.info.scheduled_replicas["c"], 2);
    bare.scale.desired = None;
    assert_eq!(
        Story::said(1).capacity(1_000, Sight::Copy(bare.clone())),
        Some(1)
    );
    assert_eq!(Story::default().capacity(1_000, Sight::Copy(bare)), None);
}

#[test]
fn what_is_not_known_changes_nothing() {
    assert_eq!(Story::default().capacity(0, Sight::Unknown), None);
    let mut story = Story::said(3);
    story.info.scheduled_replicas.insert("c".to_owned(), 2);
    let answer = story.ask(100_000, Sight::Unknown);
    assert_eq!(answer.info.estimated_capacity["c"], 3);
    assert_eq!(answer.info.scheduled_replicas["c"], 2);
    assert_eq!(answer.again, None);
}

#[test]
fn a_member_that_fell_silent_is_heard_before_its_pods_count() {
    let mut silent = copy([5, 5, 3], &[10, 10]);
    silent.heard = at(69);
    let answer = Story::default().ask(100, Sight::Copy(silent.clone()));
    assert_eq!(answer.info, AutoMigrationInfo::default());
    assert_eq!(answer.unheard, BTreeSet::from(["c".to_owned()]));
    silent.heard = at(70);
    assert_eq!(Story::default().capacity(100, Sight::Copy(silent)), Some(3));
}

#[test]
fn replicas_that_moved_away_are_not_sent_back_at_once() {
    let mut story = Story::default();
    let full = Sight::Copy(copy([5, 5, 3], &[0, 0]));
    assert_eq!(story.capacity(60, full), Some(3));
    // They have moved, and their pods have gone.
    let moved = || Sight::Copy(copy([3, 3, 3], &[]));
    let answer = story.ask(61, moved());
    assert_eq!(answer.info.estimated_capacity["c"], 3);
    assert_eq!(answer.again, Some(at(60 + THRESHOLD + 300)));
    assert_eq!(story.capacity(60 + THRESHOLD + 299, moved()), Some(3));
    assert_eq!(story.capacity(60 + THRESHOLD + 300, moved()), None);
    assert!(story.confirmed.is_empty());

    // As with a cluster that all have left.
    let mut story = Story::said(0);
    assert_eq!(story.capacity(0, Sight::Nothing), Some(0));
    assert_eq!(story.capacity(THRESHOLD + 299, Sight::Nothing), Some(0));
    assert_eq!(story.capacity(THRESHOLD + 300, Sight::Nothing), None);
}

#[test]
fn pods_that_are_made_anew_prove_nothing() {
    let mut story = Story::default();
    assert_eq!(
        story.capacity(100, Sight::Copy(copy([5, 5, 3], &[0, 0]))),
        Some(3)
    );
    for (name, second, replicas, since, expected) in [
        ("gone, not there again yet", 110, [5, 5, 2], vec![], Some(3)),
        ("there again", 112, [5, 5, 2], vec![111, 111], Some(3)),
        (
            "one found a node and is ready",
            120,
            [5, 5, 4],
            vec![111],
            Some(4),
        ),
        ("and is there no more", 130, [5, 5, 3], vec![111], Some(4)),
        ("the other waits on", 171, [5, 5, 4], vec![111], Some(4)),
        ("and finds a node too", 180, [5, 5, 5], vec![], None),
    ] {
        let sight = Sight::Copy(copy(replicas, &since));
        assert_eq!(story.capacity(second, sight), expected, "{name}");
    }
}

#[test]
fn what_nothing_confirms_is_not_believed_for_ever() {
    let mut story = Story::said(3);
    let started = || Sight::Copy(copy([5, 5, 3], &[]));
    assert_eq!(story.capacity(0, started()), Some(3), "a manager began");
    assert_eq!(story.capacity(THRESHOLD + 299, started()), Some(3));
    assert_eq!(story.capacity(THRESHOLD + 300, started()), None);

    // One of two pods still waits: what is seen replaces what was believed.
    let mut story = Story::said(3);
    let one = || Sight::Copy(copy([5, 5, 3], &[0]));
    assert_eq!(story.capacity(100, one()), Some(3));
    assert_eq!(story.capacity(100 + THRESHOLD + 300, one()), Some(4));
}

#[test]
fn a_shortage_that_grows_counts_at_once() {
    let mut story = Story::said(3);
    assert_eq!(
        story.capacity(100, Sight::Copy(copy([3, 3, 1], &[0, 0]))),
        Some(1)
    );
    assert_eq!(Story::said(-5).capacity(0, Sight::Unknown), None);
}

#[test]
fn only_bin_packing_is_told_who_has_a_node_without_a_new_shortage() {
    let said = Story::said(3).info;
    let mut moved = said.clone();
    moved.scheduled_replicas.insert("c".to_owned(), 2);
    assert!(!differs(Strategy::Spread, &said, &moved));
    assert!(differs(Strategy::Binpack, &said, &moved));
    assert!(differs(
        Strategy::Spread,
        &said,
        &AutoMigrationInfo::default()
    ));
}
