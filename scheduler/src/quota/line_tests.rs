//! Tests of `line`: who comes in first, who may pass, and what is told of those that wait.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::quota::account::Account;

fn tree() -> Arc<Tree> {
    let specs = json!({
        "root": {},
        "strict": { "parentName": "root", "queueing": { "strategy": "StrictFIFO" } },
        "loose": { "parentName": "root" },
        "other": {},
    });
    Arc::new(Tree::build(&serde_json::from_value(specs).unwrap()))
}

fn at(tree: &Tree, names: &[&str]) -> Leaves {
    let mut nodes: Vec<_> = names.iter().map(|name| tree.node(name).unwrap()).collect();
    nodes.sort_unstable();
    Leaves::At(nodes.into())
}

fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn asked(pods: i64) -> BTreeMap<String, i64> {
    BTreeMap::from([("pods".to_owned(), pods)])
}

/// All of a tree came free.
fn all(tree: &Arc<Tree>) -> Freed {
    Account::<u8>::new(Arc::clone(tree), &BTreeMap::new())
        .set_tree(Arc::clone(tree), |_| Leaves::None)
}

fn line() -> Line<&'static str> {
    Line::new(tree(), SignedDuration::from_mins(10))
}

#[test]
fn the_more_important_come_first_then_the_older() {
    let mut line = line();
    let leaf = at(&line.tree, &["loose"]);
    for (key, priority, came) in [("a", 0, 1), ("b", 5, 3), ("c", 0, 0), ("d", 5, 2)] {
        line.wait(&key, &leaf, priority, minute(came), &asked(1));
    }
    let woken = line.woken_by(&all(&line.tree), |_| Share::default());
    assert_eq!(woken, ["d", "b", "c", "a"]);
    for (place, key) in woken.iter().enumerate() {
        let told = line.place(key).unwrap();
        assert_eq!(
            (told.place, told.of, told.quota.as_str()),
            (place + 1, 4, "loose")
        );
    }
    // It asks anew: its age is still that of the first time.
    line.wait(&"c", &leaf, 0, minute(9), &asked(7));
    assert_eq!(line.waits(&"c"), Some(minute(0)));
    assert_eq!(line.place(&"c").unwrap().place, 3);
    // It has become more important.
    line.wait(&"c", &leaf, 9, minute(9), &asked(7));
    assert_eq!(line.place(&"c").unwrap().place, 1);
    assert!(line.leave(&"c") && !line.leave(&"c"));
    assert_eq!((line.len(), line.place(&"c")), (3, None));
}

#[test]
fn of_two_leaves_the_one_that_has_borrowed_less_comes_first() {
    let tree: Tree = Tree::build(
        &serde_json::from_value(json!({
            "root": { "resources": [{ "name": "pods", "limit": "100" }] },
            "greedy": { "parentName": "root", "resources": [{ "name": "pods", "guaranteed": "10" }] },
            "heavy": { "parentName": "root", "queueing": { "weight": 4 } },
            "modest": { "parentName": "root", "resources": [{ "name": "pods", "guaranteed": "10" }] },
        }))
        .unwrap(),
    );
    let tree = Arc::new(tree);
    let mut account = Account::new(Arc::clone(&tree), &BTreeMap::new());
    for (key, leaf, pods) in [("x", "greedy", 30), ("y", "modest", 5), ("z", "heavy", 40)] {
        let charge = serde_json::from_value(
            json!({ "clusters": { "a": { "replicas": pods, "each": { "pods": 1 } } } }),
        );
        account.charge(&key, &at(&tree, &[leaf]), Some(&charge.unwrap()));
    }
    let mut line = Line::new(Arc::clone(&tree), SignedDuration::from_mins(10));
    for (key, leaf, priority) in [
        ("g", "greedy", 0),
        ("h", "heavy", 0),
        ("m", "modest", 0),
        ("i", "greedy", 1),
    ] {
        line.wait(&key, &at(&tree, &[leaf]), priority, minute(0), &asked(1));
    }
    let woken = line.woken_by(&all(&tree), |leaf| account.share(leaf));
    assert_eq!(woken, ["i", "m", "h", "g"]);
}

#[test]
fn only_those_below_what_came_free_wake_up() {
    let tree = Arc::new(Tree::build(
        &serde_json::from_value(json!({
            "root": { "resources": [{ "name": "pods", "limit": "100" }] },
            "a": { "parentName": "root", "resources": [{ "name": "pods", "guaranteed": "10", "lendingLimit": "0" }] },
            "b": { "parentName": "root" },
        }))
        .unwrap(),
    ));
    let mut account = Account::new(Arc::clone(&tree), &BTreeMap::new());
    let mut line = Line::new(Arc::clone(&tree), SignedDuration::from_mins(10));
    line.wait(&"waits at a", &at(&tree, &["a"]), 0, minute(0), &asked(1));
    line.wait(&"waits at b", &at(&tree, &["b"]), 0, minute(1), &asked(1));
    let mut set = |key, pods: i64| {
        let charge = serde_json::from_value(
            json!({ "clusters": { "x": { "replicas": pods, "each": { "pods": 1 } } } }),
        );
        let freed = account.charge(&key, &at(&tree, &["a"]), Some(&charge.unwrap()));
        line.woken_by(&freed, |_| Share::default())
    };
    assert!(set("x", 25).is_empty());
    assert_eq!(set("x", 12), ["waits at a", "waits at b"]);
    assert_eq!(set("x", 11), ["waits at a", "waits at b"]);
    assert_eq!(set("x", 5), ["waits at a", "waits at b"]);
    // What is kept at a helps nobody else.
    assert_eq!(set("x", 1), ["waits at a"]);
    assert!(set("x", 1).is_empty());
}

#[test]
fn who_may_pass() {
    let mut line = line();
    let tree = Arc::clone(&line.tree);
    let (strict, loose) = (at(&tree, &["strict"]), at(&tree, &["loose"]));
    let both = at(&tree, &["loose", "other"]);
    assert!(line.may_pass(&"new", &strict, 0, minute(0)));
    line.wait(&"s1", &strict, 0, minute(0), &asked(9));
    line.wait(&"s2", &strict, 0, minute(1), &asked(1));
    line.wait(&"l1", &loose, 0, minute(0), &asked(9));
    line.wait(&"l2", &both, 0, minute(1), &asked(1));
    for (name, key, leaves, priority, now, passes) in [
        ("the first", "s1", &strict, 0, 20, true),
        ("nobody passes", "s2", &strict, 0, 2, false),
        ("who comes now stands behind", "new", &strict, 0, 2, false),
        (
            "the more important stands before",
            "new",
            &strict,
            1,
            2,
            true,
        ),
        ("a smaller one passes", "l2", &both, 0, 10, true),
        ("patience is at an end", "l2", &both, 0, 11, false),
        ("who comes now, too", "new", &loose, 0, 11, false),
        (
            "who has lost patience passes himself",
            "l1",
            &loose,
            0,
            11,
            true,
        ),
        (
            "only the own leaves matter",
            "new",
            &at(&tree, &["other"]),
            0,
            9,
            true,
        ),
        ("all leaves matter", "new", &both, 0, 12, false),
        ("charged nowhere", "new", &Leaves::None, 0, 99, true),
    ] {
        assert_eq!(
            line.may_pass(&key, leaves, priority, minute(now)),
            passes,
            "{name}"
        );
    }
}

#[test]
fn what_is_told_of_those_that_wait() {
    let mut line = line();
    let tree = Arc::clone(&line.tree);
    line.wait(&"a", &at(&tree, &["loose"]), 0, minute(5), &asked(2));
    line.wait(
        &"b",
        &at(&tree, &["loose", "other"]),
        7,
        minute(6),
        &asked(3),
    );
    line.wait(
        &"c",
        &at(&tree, &["strict"]),
        0,
        minute(3),
        &asked(i64::MAX),
    );
    let told = |name: &str| {
        let pending = line.pending(tree.node(name).unwrap());
        let pods = pending.resources.get("pods").copied();
        (pending.objects, pending.oldest, pods)
    };
    assert_eq!(told("loose"), (2, Some(minute(5)), Some(5)));
    assert_eq!(told("other"), (1, Some(minute(6)), Some(3)));
    assert_eq!(told("root"), (3, Some(minute(3)), Some(i64::MAX)));
    // Of several places the one with most before it is told.
    assert_eq!(line.place(&"b").unwrap().place, 1);
    line.set_tree(Arc::clone(&tree), |key| match *key {
        "a" => at(&tree, &["other"]),
        "b" => at(&tree, &["other"]),
        _ => Leaves::None,
    });
    assert_eq!(
        (line.len(), line.waits(&"c"), line.waits(&"a")),
        (2, None, Some(minute(5)))
    );
    assert_eq!(
        line.place(&"a").unwrap(),
        Place {
            quota: "other".into(),
            place: 2,
            of: 2
        }
    );
    assert_eq!(
        line.pending(tree.node("root").unwrap()),
        PendingFigures::default()
    );
}

proptest! {
    #[test]
    fn the_line_is_the_sorted_list_of_those_that_wait(
        steps in prop::collection::vec((0..20_u8, 0..3_i32, 0..50_i64, any::<bool>(), 0..4_usize), 0..60)
    ) {
        let tree = tree();
        let mut line = Line::new(Arc::clone(&tree), SignedDuration::from_mins(10));
        let mut model: BTreeMap<u8, (i32, Timestamp, usize, usize)> = BTreeMap::new();
        let places = [&["strict"][..], &["loose"], &["other"], &["loose", "other"]];
        for (number, (key, priority, came, waits, place)) in steps.into_iter().enumerate() {
            if waits {
                line.wait(&key, &at(&tree, places[place]), priority, minute(came), &asked(i64::from(key)));
                let entry = model.entry(key).or_insert((priority, minute(came), number, place));
                (entry.0, entry.3) = (priority, place);
            } else {
                prop_assert_eq!(line.leave(&key), model.remove(&key).is_some());
            }
        }
        let mut order: Vec<_> = model.iter().map(|(key, (priority, since, number, _))| (Reverse(*priority), *since, *number, *key)).collect();
        order.sort_unstable();
        let order: Vec<u8> = order.into_iter().map(|(_, _, _, key)| key).collect();
        prop_assert_eq!(&line.woken_by(&all(&tree), |_| Share::default()), &order);
        for leaf in ["strict", "loose", "other"] {
            let here: Vec<_> = order.iter().filter(|key| places[model[key].3].contains(&leaf)).collect();
            let pending = line.pending(tree.node(leaf).unwrap());
            prop_assert_eq!(pending.objects, i64::try_from(here.len()).unwrap());
            prop_assert_eq!(pending.oldest, here.iter().map(|key| model[*key].1).min());
            let sum: i64 = here.iter().map(|key| i64::from(**key)).sum();
            prop_assert_eq!(pending.resources.get("pods").copied().unwrap_or(0), sum);
            for (ahead, key) in here.iter().enumerate() {
                let told = line.place(key).unwrap();
                prop_assert!(told.place > ahead && (told.quota != leaf || told.place == ahead + 1));
                // Nobody passes anybody who has waited too long, and only then somebody is held.
                let passed: BTreeSet<_> = here.iter().take(ahead).map(|key| model[*key].1).collect();
                let now = minute(50);
                let held = match leaf {
                    "strict" => !passed.is_empty(),
                    _ => passed.first().is_some_and(|since| now.duration_since(*since) > SignedDuration::from_mins(10)),
                };
                let may = line.may_pass(key, &Leaves::None, 0, now);
                prop_assert!(!(held && may));
                prop_assert!(places[model[*key].3].len() > 1 || may != held);
            }
        }
    }
}
