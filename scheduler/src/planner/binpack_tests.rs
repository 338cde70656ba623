//! Tests of `binpack`: tables and properties beside the code they hold.

#![allow(clippy::indexing_slicing, reason = "a test stops at what is not there")]

use super::*;
use crate::planner::Preference;
use navarch_crds::go::hash::fnv1_32;

/// name, min, max, current, limited
type Row<'a> = (&'a str, i64, Option<i64>, i64, Option<i64>);

fn slots<'a>(rows: &[Row<'a>]) -> Vec<Slot<'a>> {
    rows.iter()
        .map(|(name, min, max, current, limited)| Slot {
            name,
            name_hash: fnv1_32(name.as_bytes()),
            preference: Preference {
                weight: 0,
                min: *min,
                max: *max,
                wildcard: false,
            },
            current: *current,
            limited: *limited,
            ..Slot::default()
        })
        .collect()
}

fn question<'a>(slots: &'a [Slot<'a>], total: i64) -> Binpack<'a> {
    Binpack {
        slots,
        total,
        avoid_disruption: true,
        keep_unschedulable: false,
        departed: false,
        settled: true,
    }
}

#[test]
fn clusters_fill_in_order() {
    let rows: [(&str, Vec<Row<'_>>, i64, Vec<i64>); 5] = [
        (
            "the first takes all",
            vec![("A", 0, None, 0, None), ("B", 0, None, 0, None)],
            9,
            vec![9, 0],
        ),
        (
            "up to its maximum",
            vec![("A", 0, Some(5), 0, None), ("B", 0, None, 0, None)],
            9,
            vec![5, 4],
        ),
        (
            "minima come first",
            vec![("A", 0, None, 0, None), ("B", 5, None, 0, None)],
            9,
            vec![4, 5],
        ),
        (
            "limits hold",
            vec![("A", 0, None, 0, Some(2)), ("B", 0, Some(3), 0, None)],
            9,
            vec![2, 3],
        ),
        (
            "minimum above maximum",
            vec![("A", 5, Some(3), 0, None), ("B", 0, None, 0, None)],
            9,
            vec![3, 6],
        ),
    ];
    for (name, rows, total, expected) in rows {
        assert_eq!(
            plan(&question(&slots(&rows), total)).planned,
            expected,
            "{name}"
        );
    }
}

#[test]
fn what_kubeadmiral_gets_wrong_is_right() {
    let rows: [(&str, Vec<Row<'_>>, i64, Vec<i64>); 3] = [
        (
            "a scale-down never grows a cluster (KubeAdmiral: A becomes 20)",
            vec![("A", 0, Some(10), 15, None), ("B", 0, Some(10), 10, None)],
            30,
            vec![15, 10],
        ),
        (
            "a limit bounds the whole, not the increment (KubeAdmiral: B becomes 15)",
            vec![("A", 0, Some(5), 5, None), ("B", 0, None, 5, Some(10))],
            30,
            vec![5, 10],
        ),
        (
            "a minimum is granted once (KubeAdmiral: A stays 4, B becomes 8)",
            vec![("A", 0, None, 4, None), ("B", 5, None, 3, None)],
            12,
            vec![7, 5],
        ),
    ];
    for (name, rows, total, expected) in rows {
        assert_eq!(
            plan(&question(&slots(&rows), total)).planned,
            expected,
            "{name}"
        );
    }
}

#[test]
fn what_one_cluster_holds_above_its_maximum_is_not_missing_elsewhere() {
    let planned = |current: [i64; 3], total: i64| {
        let rows = ["A", "B", "C"].into_iter().zip([5, 6, 6]).zip(current);
        let rows: Vec<Row<'_>> = rows
            .map(|((name, max), current)| (name, 0, Some(max), current, None))
            .collect();
        plan(&question(&slots(&rows), total)).planned
    };
    for (name, current, total, expected) in [
        ("all that are missing find room", [8, 0, 0], 20, [8, 6, 6]),
        ("nothing is too many", [8, 6, 6], 20, [8, 6, 6]),
        ("what is too many goes there", [8, 6, 6], 18, [6, 6, 6]),
        ("the maximum counts for all", [8, 6, 6], 40, [8, 6, 6]),
        ("last come, first to go", [8, 6, 6], 16, [5, 6, 5]),
    ] {
        assert_eq!(planned(current, total), expected, "{name}");
    }
}

#[test]
fn growth_respects_what_a_cluster_can_run() {
    let mut slots = slots(&[("A", 0, None, 5, None), ("B", 0, None, 5, None)]);
    slots[0].estimated = Some(6);
    let split = plan(&question(&slots, 20));
    assert_eq!(split.planned, [6, 14]);
}

#[test]
fn old_counts_bring_nothing_back_above_a_maximum() {
    // What is recorded for A; KubeAdmiral plans 9 there in both cases.
    for (current, expected) in [(9, [9, 0]), (0, [0, 9])] {
        let rows = [
            ("A", 0, Some(2), current, None),
            ("B", 0, None, 9 - current, None),
        ];
        let mut slots = slots(&rows);
        slots[0].scheduled = 9;
        assert_eq!(plan(&question(&slots, 9)).planned, expected, "{current}");
    }
}

#[test]
fn pods_in_flight_hold_a_plan_that_still_answers_the_question() {
    let rows = [("A", 0, Some(8), 8, None), ("B", 0, None, 2, None)];
    let wait = |rows: &[Row<'_>], total: i64| {
        let slots = slots(rows);
        plan(&Binpack {
            settled: false,
            ..question(&slots, total)
        })
        .planned
    };
    assert_eq!(
        wait(&[("A", 0, Some(9), 8, None), ("B", 0, None, 2, None)], 10),
        [8, 2]
    );
    assert_eq!(wait(&rows, 20), [8, 12], "a scale-up is not ignored");
    assert_eq!(
        wait(&[("A", 0, Some(5), 8, None), ("B", 0, None, 2, None)], 10),
        [8, 2]
    );
}

#[test]
fn hostile_numbers_do_not_panic() {
    let extremes = [i64::MIN, -1, 0, 1, i64::MAX];
    for min in extremes {
        for bound in extremes {
            for current in extremes {
                let rows = [
                    ("A", min, Some(bound), current, Some(min)),
                    ("B", bound, None, min, None),
                ];
                let slots = slots(&rows);
                for total in extremes {
                    let question = question(&slots, total);
                    let _ = plan(&question);
                    let _ = plan(&Binpack {
                        avoid_disruption: false,
                        ..question
                    });
                    let _ = plan(&Binpack {
                        settled: false,
                        ..question
                    });
                }
            }
        }
    }
}
