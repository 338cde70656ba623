//! Tests of `kept`: what is found again, and that no more is held than is said.

use super::*;
use crate::placement::Scored;
use crate::plugins::fixtures::{cluster, unit};

fn shape(profile: &Profile, text: &str) -> Shape {
    Shape::new(profile, Signature::of(&text))
}

fn of_clusters(count: usize) -> Arc<Assessment> {
    let scored = Scored { place: 0, total: 0 };
    let mut assessment = Assessment::default();
    assessment.scored = vec![scored; count];
    Arc::new(assessment)
}

#[test]
fn an_answer_is_for_one_shape_of_one_registry_and_one_state() {
    let (kept, profile) = (Kept::default(), Profile::merge(None).unwrap());
    let (first, other) = (State::default(), Profile::merge(None).unwrap());
    kept.put(shape(&profile, "a"), first, &of_clusters(1));
    assert!(matches!(
        kept.find(&shape(&profile, "a"), first),
        Found::Now(_)
    ));
    assert!(matches!(
        kept.find(&shape(&profile, "b"), first),
        Found::Nothing
    ));
    assert!(matches!(
        kept.find(&shape(&other, "a"), first),
        Found::Nothing
    ));
    let second = kept.changed(1, 9);
    assert!(matches!(
        kept.find(&shape(&profile, "a"), second),
        Found::Before(_)
    ));
    kept.put(shape(&profile, "a"), second, &of_clusters(1));
    // Who is late takes nothing away.
    kept.put(shape(&profile, "a"), first, &of_clusters(2));
    assert!(matches!(
        kept.find(&shape(&profile, "a"), second),
        Found::Now(_)
    ));
    assert_eq!(kept.sizes(), (1, 1));
}

#[test]
fn what_was_used_longest_ago_gives_way() {
    let (kept, profile) = (Kept::default(), Profile::merge(None).unwrap());
    let names: Vec<String> = (0..SHAPES_MAX).map(|at| at.to_string()).collect();
    let state = State::default();
    for name in &names {
        kept.put(shape(&profile, name), state, &of_clusters(2));
    }
    assert_eq!(kept.sizes(), (SHAPES_MAX, 2 * SHAPES_MAX));
    assert!(matches!(
        kept.find(&shape(&profile, "0"), state),
        Found::Now(_)
    ));
    kept.put(shape(&profile, "one more"), state, &of_clusters(2));
    assert_eq!(kept.sizes(), (SHAPES_MAX, 2 * SHAPES_MAX));
    assert!(matches!(
        kept.find(&shape(&profile, "0"), state),
        Found::Now(_)
    ));
    kept.put(
        shape(&profile, "large"),
        state,
        &of_clusters(ANSWERS_MAX - 1),
    );
    let (_, weight) = kept.sizes();
    assert!(weight <= ANSWERS_MAX, "{weight}");
    kept.put(
        shape(&profile, "too large"),
        state,
        &of_clusters(ANSWERS_MAX + 1),
    );
    assert!(matches!(
        kept.find(&shape(&profile, "large"), state),
        Found::Now(_)
    ));
    let wordy = "x".repeat(TEXT * ANSWERS_MAX);
    kept.put(shape(&profile, &wordy), state, &of_clusters(1));
    assert!(matches!(
        kept.find(&shape(&profile, &wordy), state),
        Found::Nothing
    ));
}

#[test]
fn what_nobody_asks_for_is_let_go_when_clusters_have_changed() {
    let (kept, profile) = (Kept::default(), Profile::merge(None).unwrap());
    kept.put(shape(&profile, "a"), State::default(), &of_clusters(3));
    for _ in 0..3 {
        kept.changed(1, 3);
    }
    assert_eq!(kept.sizes().0, 1);
    kept.changed(1, 3);
    assert_eq!(kept.sizes().0, 0);
}

#[test]
fn objects_of_one_shape_share_what_was_said() {
    use crate::plugins::fixtures::NOW;
    use crate::schedule;
    use crate::snapshot::Snapshot;

    let clusters = ["a", "b"].map(|name| Arc::new(cluster(name).build()));
    let (mut snapshot, profile) = (Snapshot::new(clusters, 1), Profile::merge(None).unwrap());
    let decide = |snapshot: &Snapshot, replicas| {
        let mut unit = unit().divide(replicas).build();
        unit.key = format!("default/{replicas}");
        schedule(&unit, snapshot, &profile, NOW).unwrap()
    };
    let (one, other) = (decide(&snapshot, 3), decide(&snapshot, 4));
    assert!(Arc::ptr_eq(&one.assessed, &other.assessed));
    let same = Arc::new(cluster("b").build());
    assert!(!snapshot.put(same, 2));
    assert!(Arc::ptr_eq(&one.assessed, &decide(&snapshot, 5).assessed));
    let tainted = Arc::new(cluster("b").taint("k", "", "NoSchedule").build());
    assert!(snapshot.put(tainted, 2));
    let after = decide(&snapshot, 5);
    assert_eq!((after.scored().count(), after.rejected().count()), (1, 1));
}
