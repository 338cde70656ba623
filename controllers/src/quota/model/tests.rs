//! How far the model is gone through, and what is found when a rule of the protocol is broken.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::{Broken, CHARGED_FIRST, Rules, WITHIN_LIMITS};

fn all_holds(rules: &Rules) {
    let started = Instant::now();
    let told = format!("{rules:?}");
    let checker = rules.clone().checker().threads(2).spawn_bfs().join();
    let states = checker.unique_state_count();
    let took = started.elapsed();
    println!("{told}: {states} states, {took:?}");
    assert!(checker.is_done());
    checker.assert_properties();
}

fn two(objects: u8, limit: u8) -> Rules {
    Rules {
        objects,
        limit,
        cap: 1,
        leaders: 2,
        ..Rules::default()
    }
}

#[test]
fn answers_are_lost() {
    all_holds(&Rules {
        losses: 2,
        ..two(2, 1)
    });
}

#[test]
fn three_objects_in_two_clusters() {
    all_holds(&two(3, 2));
}

#[test]
#[ignore = "four million states take two minutes"]
fn three_objects_in_two_clusters_and_a_lost_answer() {
    all_holds(&Rules {
        losses: 1,
        ..two(3, 2)
    });
}

#[test]
fn leader_after_leader() {
    all_holds(&Rules {
        leaders: 3,
        ..two(2, 1)
    });
}

#[test]
fn an_object_is_deleted_and_made_again() {
    all_holds(&Rules {
        deletions: 1,
        ..two(2, 1)
    });
}

#[test]
fn users_change_their_minds() {
    all_holds(&Rules {
        changes: 2,
        ..two(2, 1)
    });
}

#[test]
fn users_change_their_minds_and_answers_are_lost() {
    all_holds(&Rules {
        changes: 1,
        losses: 1,
        ..two(2, 1)
    });
}

/// What must be found when a rule is broken.
fn breaks(rules: Rules, property: &'static str) {
    let checker = rules
        .checker()
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    let path = checker.discovery(property);
    assert!(path.is_some(), "nothing was found");
    let way = path.map(|path| path.into_actions()).unwrap_or_default();
    println!("{property:?} does not hold after {way:?}");
}

#[test]
fn without_fences_the_limit_is_exceeded() {
    breaks(
        Rules {
            broken: Broken::NoFence,
            ..two(2, 1)
        },
        WITHIN_LIMITS,
    );
}

#[test]
fn with_a_version_that_was_read_after_the_name_was_opened_the_limit_is_exceeded() {
    breaks(
        Rules {
            broken: Broken::NewestVersion,
            ..two(2, 1)
        },
        WITHIN_LIMITS,
    );
}

#[test]
fn when_charges_shrink_behind_the_ledger_something_runs_that_is_not_charged() {
    breaks(
        Rules {
            broken: Broken::PlainShrink,
            changes: 1,
            ..two(2, 1)
        },
        CHARGED_FIRST,
    );
}
