//! Tests of `spread`: tables and properties beside the code they hold.

#![allow(clippy::indexing_slicing, reason = "a test stops at what is not there")]

use super::*;
use crate::planner::Preference;
use navarch_crds::go::hash::fnv1_32;

/// name, weight, min, max, current, estimated, limited
type Row<'a> = (
    &'a str,
    i64,
    i64,
    Option<i64>,
    i64,
    Option<i64>,
    Option<i64>,
);

fn slots<'a>(rows: &[Row<'a>]) -> Vec<Slot<'a>> {
    rows.iter()
        .map(
            |(name, weight, min, max, current, estimated, limited)| Slot {
                name,
                name_hash: fnv1_32(name.as_bytes()),
                preference: Preference {
                    weight: *weight,
                    min: *min,
                    max: *max,
                    wildcard: false,
                },
                current: *current,
                estimated: *estimated,
                limited: *limited,
                scheduled: 0,
            },
        )
        .collect()
}

fn planned(rows: &[Row<'_>], total: i64, key: &str, avoid: bool) -> Vec<i64> {
    let slots = slots(rows);
    plan(&Spread {
        slots: &slots,
        total,
        key,
        avoid_disruption: avoid,
        keep_unschedulable: false,
    })
    .planned
}

fn equal(name: &str) -> Row<'_> {
    (name, 1, 0, None, 0, None, None)
}

#[test]
fn rounding_favours_the_lower_hash() {
    let rows = [equal("cluster1"), equal("cluster2"), equal("cluster3")];
    for (total, expected) in [
        (1, [0, 1, 0]),
        (2, [1, 1, 0]),
        (4, [2, 2, 0]),
        (10, [4, 4, 2]),
        (0, [0, 0, 0]),
    ] {
        assert_eq!(
            planned(&rows, total, "default/nginx", false),
            expected,
            "{total}"
        );
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn bounds_and_weights_shape_the_plan() {
    let rows: [(&str, Vec<Row<'_>>, i64, Vec<i64>); 9] = [
        (
            "weights",
            vec![
                ("A", 1, 0, None, 0, None, None),
                ("B", 2, 0, None, 0, None, None),
            ],
            60,
            vec![20, 40],
        ),
        (
            "minimum first",
            vec![
                ("A", 1, 2, None, 0, None, None),
                ("B", 1, 0, None, 0, None, None),
            ],
            1,
            vec![1, 0],
        ),
        (
            "maximum",
            vec![
                ("A", 1, 0, Some(3), 0, None, None),
                ("B", 1, 0, None, 0, None, None),
            ],
            10,
            vec![3, 7],
        ),
        (
            "all full",
            vec![
                ("A", 1, 0, Some(3), 0, None, None),
                ("B", 1, 0, Some(2), 0, None, None),
            ],
            10,
            vec![3, 2],
        ),
        (
            "no weight",
            vec![
                ("A", 0, 0, None, 0, None, None),
                ("B", 1, 0, None, 0, None, None),
            ],
            10,
            vec![0, 10],
        ),
        (
            "weights of zero",
            vec![
                ("A", 0, 0, None, 0, None, None),
                ("B", 0, 0, None, 0, None, None),
            ],
            10,
            vec![0, 0],
        ),
        (
            "minimum above maximum ends at the maximum",
            vec![("A", 1, 5, Some(3), 0, None, None)],
            10,
            vec![3],
        ),
        (
            "limit",
            vec![
                ("A", 1, 0, None, 0, None, Some(1)),
                ("B", 1, 0, None, 0, None, None),
            ],
            10,
            vec![1, 9],
        ),
        (
            "estimated capacity",
            vec![
                ("A", 1, 0, None, 0, Some(2), None),
                ("B", 1, 0, None, 0, None, None),
            ],
            10,
            vec![2, 8],
        ),
    ];
    for (name, rows, total, expected) in rows {
        assert_eq!(planned(&rows, total, "", false), expected, "{name}");
    }
}

#[test]
fn running_replicas_stay_where_disruption_is_avoided() {
    let with = |a: i64, b: i64| {
        [
            ("A", 1, 0, None, a, None, None),
            ("B", 1, 0, None, b, None, None),
        ]
    };
    for (name, rows, total, avoid, expected) in [
        (
            "same total, other distribution",
            with(10, 0),
            10,
            true,
            [10, 0],
        ),
        (
            "the same, disruption allowed",
            with(10, 0),
            10,
            false,
            [5, 5],
        ),
        ("grows where it lacks", with(10, 0), 20, true, [10, 10]),
        (
            "shrinks where there is too much",
            with(10, 0),
            4,
            true,
            [4, 0],
        ),
        ("shrinks by how far above", with(10, 4), 8, true, [4, 4]),
    ] {
        assert_eq!(planned(&rows, total, "", avoid), expected, "{name}");
    }
}

#[test]
fn a_wildcard_maximum_does_not_bound_growth() {
    let mut slots = slots(&[("A", 1, 0, Some(5), 3, None, None)]);
    for (wildcard, expected) in [(false, 5), (true, 5)] {
        slots[0].preference.wildcard = wildcard;
        let split = plan(&Spread {
            slots: &slots,
            total: 9,
            key: "",
            avoid_disruption: true,
            keep_unschedulable: false,
        });
        assert_eq!(split.planned, [expected]);
    }
}

#[test]
fn unschedulable_replicas_overflow_only_where_they_are_kept() {
    let slots = slots(&[
        ("A", 1, 0, None, 10, Some(4), None),
        ("B", 1, 0, None, 10, None, None),
    ]);
    let overflow = |keep_unschedulable| {
        let spread = Spread {
            slots: &slots,
            total: 20,
            key: "",
            avoid_disruption: true,
            keep_unschedulable,
        };
        plan(&spread)
    };
    assert_eq!(
        overflow(false),
        Split {
            planned: vec![4, 16],
            overflow: vec![0, 0]
        }
    );
    assert_eq!(
        overflow(true),
        Split {
            planned: vec![4, 16],
            overflow: vec![6, 0]
        }
    );
}

/// A minimum above its maximum is wanted in vain. What it leaves goes to others as far as they can run it, and comes
/// to rest there.
#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn a_minimum_above_its_maximum_gives_others_no_more_than_they_can_run() {
    type Case<'a> = (&'a str, [Row<'a>; 2], i64, [i64; 2], [i64; 2]);
    let none = None;
    let cases: [Case<'_>; 8] = [
        (
            "others without a bound take all, as in KubeAdmiral",
            [
                ("A", 1, 1, none, 0, none, none),
                ("B", 1, 5, Some(2), 0, none, none),
            ],
            6,
            [4, 2],
            [0, 0],
        ),
        (
            "a capacity holds, and what fits nowhere overflows",
            [
                ("A", 2, i64::MAX, none, 0, Some(1), none),
                ("B", 1, 5, Some(0), 0, none, none),
            ],
            5,
            [1, 0],
            [4, 0],
        ),
        (
            "the same with what runs there recorded",
            [
                ("A", 2, i64::MAX, none, 5, Some(1), none),
                ("B", 1, 5, Some(0), 0, none, none),
            ],
            5,
            [1, 0],
            [4, 0],
        ),
        (
            "replicas above the maximum overflow where they are wanted too",
            [
                ("A", 2, i64::MAX, none, 4, Some(1), none),
                ("B", 1, 5, Some(0), 1, none, none),
            ],
            5,
            [1, 0],
            [4, 0],
        ),
        (
            "a limit holds, and nothing overflows it",
            [
                ("A", 2, i64::MAX, none, 0, none, Some(1)),
                ("B", 1, 5, Some(0), 0, none, none),
            ],
            5,
            [1, 0],
            [0, 0],
        ),
        (
            "overflow does not creep up",
            [
                ("A", 0, 23, none, 0, Some(19), none),
                ("B", 0, 0, none, 0, none, none),
            ],
            23,
            [19, 0],
            [4, 0],
        ),
        (
            "nor above a maximum",
            [
                ("A", 0, 23, Some(0), 4, Some(19), none),
                ("B", 0, 0, none, 0, none, none),
            ],
            23,
            [0, 0],
            [4, 0],
        ),
        (
            "what is above the maximum moves, as in KubeAdmiral",
            [
                ("A", 1, 1, none, 0, none, none),
                ("B", 1, 5, Some(2), 3, none, none),
            ],
            6,
            [4, 2],
            [0, 0],
        ),
    ];
    for (name, rows, total, planned, overflow) in cases {
        let mut slots = slots(&rows);
        let mut expected = Split {
            planned: planned.to_vec(),
            overflow: overflow.to_vec(),
        };
        for _ in 0..3 {
            let split = plan(&Spread {
                slots: &slots,
                total,
                key: "",
                avoid_disruption: true,
                keep_unschedulable: false,
            });
            assert_eq!(split, expected, "{name}");
            expected = split;
            for (slot, current) in slots.iter_mut().zip(expected.totals()) {
                slot.current = current;
            }
        }
    }
}

#[test]
fn hostile_numbers_do_not_panic() {
    let extremes = [i64::MIN, -1, 0, 1, i64::MAX];
    for weight in extremes {
        for min in extremes {
            for bound in extremes {
                let rows = [
                    ("A", weight, min, Some(bound), bound, Some(min), None),
                    ("B", i64::MAX, 0, None, weight, None, Some(bound)),
                ];
                for total in extremes {
                    planned(&rows, total, "", true);
                    planned(&rows, total, "", false);
                }
            }
        }
    }
}
