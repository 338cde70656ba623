//! Tests of `account`, `room`, `figures` and `shortage`: one story a question. Properties: `properties_tests`.

use proptest::prelude::*;
use serde_json::{Value, json};

use navarch_crds::quota::ClusterCharge;

use super::super::figures::{Figures, ResourceFigures};
use super::*;

fn account(specs: &Value) -> Account<&'static str> {
    let tree = Tree::build(&serde_json::from_value(specs.clone()).unwrap());
    Account::new(Arc::new(tree), &BTreeMap::new())
}

fn at(account: &Account<&'static str>, names: &[&str]) -> Leaves {
    let tree = account.tree();
    Leaves::At(names.iter().map(|name| tree.node(name).unwrap()).collect())
}

fn charge(value: Value) -> Charge {
    serde_json::from_value(value).unwrap()
}

/// So many pods in cluster `x`.
fn pods(replicas: i64) -> Charge {
    charge(json!({ "clusters": { "x": { "replicas": replicas, "each": { "pods": 1 } } } }))
}

fn figures(account: &Account<&'static str>, name: &str) -> Figures {
    account.figures(account.tree().node(name).unwrap())
}

/// Used, reserved, borrowed, lent, headroom of pods.
fn told(account: &Account<&'static str>, name: &str) -> (i64, i64, i64, i64, Option<i64>) {
    let figures = figures(account, name);
    let of = figures
        .resources
        .iter()
        .find(|of| of.resource.as_str() == "pods");
    of.map_or((0, 0, 0, 0, None), |of| {
        (of.used, of.reserved, of.borrowed, of.lent, of.headroom)
    })
}

fn limited(limit: i64) -> Value {
    json!([{ "name": "pods", "limit": limit.to_string() }])
}

#[test]
fn growth_is_admitted_up_to_the_limit_and_less_always() {
    let mut account = account(&json!({ "q": { "resources": limited(10) } }));
    let q = at(&account, &["q"]);
    account.reserve(&"a", &q, &pods(6)).unwrap();
    assert_eq!(told(&account, "q"), (6, 6, 0, 0, Some(4)));
    let refusal = account.reserve(&"b", &q, &pods(5)).unwrap_err();
    assert_eq!(refusal.reason(), "QuotaExceeded");
    assert_eq!(
        refusal.to_string(),
        "quota q: asks for 5 more of pods, 4 free of 10"
    );
    account.reserve(&"b", &q, &pods(4)).unwrap();
    // The write has arrived: nothing is counted twice, whichever is told first.
    account.charge(&"a", &q, Some(&pods(6)));
    assert_eq!(told(&account, "q"), (10, 4, 0, 0, Some(0)));
    assert!(account.is_reserved(&"a"));
    assert!(account.unreserve(&"a").is_empty());
    assert!(!account.is_reserved(&"a"));
    // What asks for less is admitted although nothing is free, and what is charged counts until it is written.
    account.reserve(&"a", &q, &pods(1)).unwrap();
    assert_eq!(told(&account, "q"), (10, 4, 0, 0, Some(0)));
    assert!(!account.charge(&"a", &q, Some(&pods(1))).is_empty());
    assert_eq!(told(&account, "q"), (5, 4, 0, 0, Some(5)));
    // An admission that was dropped leaves nothing.
    assert!(!account.unreserve(&"b").is_empty());
    assert!(account.forget(&"b").is_empty());
    assert!(!account.forget(&"a").is_empty());
    assert_eq!((told(&account, "q").0, account.objects()), (0, 0));
}

#[test]
fn all_or_nothing() {
    let mut account = account(&json!({
        "one": { "resources": [{ "name": "pods", "limit": "10" }, { "name": "cpu", "limit": "2" }] },
        "two": { "resources": limited(3) },
    }));
    let both = at(&account, &["one", "two"]);
    let wanted = |replicas: i64, cpu: i64| {
        charge(
            json!({ "clusters": { "x": { "replicas": replicas, "each": { "pods": 1, "requests.cpu": cpu } } } }),
        )
    };
    for (wanted, message) in [
        (
            wanted(4, 1),
            "quota two: asks for 4 more of pods, 3 free of 3",
        ),
        (
            wanted(3, 1000),
            "quota one: asks for 3 more of requests.cpu, 2 free of 2",
        ),
    ] {
        let refusal = account.reserve(&"a", &both, &wanted).unwrap_err();
        assert_eq!(refusal.to_string(), message);
        assert_eq!(account.objects(), 0);
    }
    account.reserve(&"a", &both, &wanted(3, 500)).unwrap();
    assert_eq!((told(&account, "one").0, told(&account, "two").0), (3, 3));
}

#[test]
fn what_is_idle_is_lent_and_what_is_kept_back_is_not() {
    let lending =
        |lending: &str| json!([{ "name": "pods", "guaranteed": "10", "lendingLimit": lending }]);
    let mut account = account(&json!({
        "root": {},
        "a": { "parentName": "root", "resources": lending("4") },
        "b": { "parentName": "root", "resources": lending("") },
        "c": { "parentName": "root", "resources": [{ "name": "pods", "limit": "12" }] },
    }));
    let [a, b, c] = ["a", "b", "c"].map(|name| at(&account, &[name]));
    assert_eq!(told(&account, "root").4, Some(14));
    assert_eq!(told(&account, "a").4, Some(20));
    assert_eq!(told(&account, "b").4, Some(14));
    assert_eq!(told(&account, "c").4, Some(12));
    account.reserve(&"c", &c, &pods(12)).unwrap();
    assert_eq!(told(&account, "c"), (12, 12, 12, 0, Some(0)));
    // Ten of b and four of a are idle and may be lent; twelve are.
    let (a_lends, b_lends) = (told(&account, "a").3, told(&account, "b").3);
    assert_eq!((a_lends, b_lends), (3, 8));
    assert_eq!(told(&account, "a").4, Some(8));
    assert_eq!(told(&account, "b").4, Some(2));
    let refusal = account.reserve(&"b", &b, &pods(3)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "quota root: asks for 3 more of pods, 2 free of 20"
    );
    account.reserve(&"a", &a, &pods(6)).unwrap();
    account.reserve(&"b", &b, &pods(2)).unwrap();
    assert_eq!(told(&account, "root").0, 20);
}

#[test]
fn without_guarantees_only_limits_hold() {
    let mut account = account(&json!({
        "root": {},
        "a": { "parentName": "root", "resources": limited(5) },
        "b": { "parentName": "root" },
    }));
    let (a, b) = (at(&account, &["a"]), at(&account, &["b"]));
    account.reserve(&"b", &b, &pods(1_000_000)).unwrap();
    assert!(account.reserve(&"a", &a, &pods(6)).is_err());
    account.reserve(&"a", &a, &pods(5)).unwrap();
    assert_eq!(told(&account, "b").4, None);
}

#[test]
fn caps_of_clusters_hold_beside_limits() {
    let specs = json!({
        "root": { "clusters": [
            { "names": ["x"], "resources": [{ "name": "pods", "limit": "8" }] },
            { "selector": { "matchLabels": { "region": "eu" } }, "resources": [{ "name": "pods", "limit": "5" }] },
        ] },
        "q": { "parentName": "root", "resources": limited(20) },
    });
    let mut account = account(&specs);
    let q = at(&account, &["q"]);
    let wanted = |x: i64, y: i64| {
        let each = json!({ "pods": 1 });
        charge(
            json!({ "clusters": { "x": { "replicas": x, "each": &each }, "y": { "replicas": y, "each": &each } } }),
        )
    };
    let copy = ClusterCharge {
        each: BTreeMap::from([("pods".to_owned(), 1)]),
        ..ClusterCharge::default()
    };
    let [x, y] = ["x", "y"].map(|name| ClusterName::new(name).unwrap());
    account.reserve(&"a", &q, &wanted(7, 3)).unwrap();
    let refusal = account.reserve(&"a", &q, &wanted(9, 3)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "quota root: asks for 2 more of pods in cluster x, 1 free of 8"
    );
    assert_eq!(account.headroom(&"a", &q, &copy, &x), 8);
    assert_eq!(account.headroom(&"a", &q, &copy, &y), 13);
    assert_eq!(account.headroom_total(&"a", &q, &copy.each), 20);
    // It turns out that both are in the region: x may keep what it has.
    let eu = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
    account.set_clusters(&BTreeMap::from([(x.clone(), eu.clone()), (y.clone(), eu)]));
    assert_eq!(account.headroom(&"a", &q, &copy, &x), 7);
    assert_eq!(account.headroom(&"a", &q, &copy, &y), 5);
    let told = figures(&account, "root").cluster_uses();
    let told = serde_json::to_value(told).unwrap();
    assert_eq!(
        told,
        json!([
            { "name": "x", "used": { "pods": "7" }, "limit": { "pods": "5" } },
            { "name": "y", "used": { "pods": "3" }, "limit": { "pods": "5" } },
        ])
    );
    let over = account.over_limit(account.tree().node("root").unwrap());
    assert_eq!(over.len(), 1);
    assert_eq!(
        (over[0].cluster.as_ref(), over[0].used, over[0].limit),
        (Some(&x), 7, 5)
    );
    // Of a capped cluster less is used: that wakes up those at the cap.
    account.unreserve(&"a");
    account.charge(&"a", &q, Some(&wanted(7, 3)));
    let freed = account.charge(&"a", &q, Some(&wanted(6, 4)));
    assert_eq!(
        freed.nodes().collect::<Vec<_>>(),
        [account.tree().node("root").unwrap()]
    );
}

#[test]
fn what_is_counted_once_is_no_matter_of_clusters() {
    let mut account =
        account(&json!({ "q": { "resources": [{ "name": "configmaps", "limit": "1" }] } }));
    let q = at(&account, &["q"]);
    let wanted =
        charge(json!({ "once": { "count/configmaps": 1 }, "clusters": { "x": {}, "y": {} } }));
    account.reserve(&"a", &q, &wanted).unwrap();
    let refusal = account.reserve(&"b", &q, &wanted).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "quota q: asks for 1 more of count/configmaps, 0 free of 1"
    );
}

#[test]
fn what_was_there_before_is_counted_and_does_not_grow() {
    let mut account = account(&json!({ "q": { "resources": limited(5) } }));
    let q = at(&account, &["q"]);
    account.charge(&"old", &q, Some(&pods(8)));
    let over = account.over_limit(account.tree().node("q").unwrap());
    assert_eq!(
        (over[0].used, over[0].limit, over[0].cluster.is_none()),
        (8, 5, true)
    );
    assert!(account.reserve(&"old", &q, &pods(9)).is_err());
    account.reserve(&"old", &q, &pods(7)).unwrap();
    assert!(account.reserve(&"new", &q, &pods(1)).is_err());
    assert_eq!(told(&account, "q").4, Some(0));
}

#[test]
fn modes_and_problems() {
    let mut account = account(&json!({
        "observed": { "mode": "Observe", "resources": limited(1) },
        "warned": { "mode": "Warn", "resources": limited(1) },
        "wrong": { "parentName": "gone", "resources": limited(100) },
        "odd": { "mode": "Observe", "parentName": "gone" },
    }));
    let [observed, warned, wrong, odd] =
        ["observed", "warned", "wrong", "odd"].map(|name| at(&account, &[name]));
    account.reserve(&"a", &observed, &pods(2)).unwrap();
    assert_eq!(account.warning(&"a", &observed, &pods(3)), None);
    let warning = account.warning(&"b", &warned, &pods(2)).unwrap();
    account.reserve(&"b", &warned, &pods(2)).unwrap();
    assert_eq!(
        warning.to_string(),
        "quota warned: asks for 2 more of pods, 1 free of 1"
    );
    account.charge(&"c", &wrong, Some(&pods(3)));
    let refusal = account.reserve(&"c", &wrong, &pods(4)).unwrap_err();
    assert_eq!(refusal.reason(), "QuotaInactive");
    assert!(
        refusal.to_string().starts_with("quota wrong is not active"),
        "{refusal}"
    );
    account.reserve(&"c", &wrong, &pods(2)).unwrap();
    // Neither do resources that no quota names.
    let odd_resource =
        charge(json!({ "clusters": { "x": { "replicas": 1, "each": { "odd": 1 } } } }));
    assert!(account.would_fit(&"c", &wrong, &odd_resource).is_err());
    account.reserve(&"d", &odd, &pods(2)).unwrap();
    let ambiguous = Leaves::Ambiguous {
        at: observed.nodes().into(),
        names: ["observed".to_owned(), "other".to_owned()].into(),
    };
    assert!(account.would_fit(&"e", &ambiguous, &pods(2)).is_ok());
    let ambiguous = Leaves::Ambiguous {
        at: warned.nodes().into(),
        names: ["other".to_owned(), "warned".to_owned()].into(),
    };
    assert!(account.would_fit(&"e", &ambiguous, &pods(2)).is_ok());
    assert_eq!(
        account
            .warning(&"e", &ambiguous, &pods(2))
            .unwrap()
            .to_string(),
        "the quotas other, warned of one tree select it: let only one of them do so"
    );
}

#[test]
fn an_object_counts_where_it_is_charged_and_where_it_is_admitted() {
    let mut account =
        account(&json!({ "a": { "resources": limited(5) }, "b": { "resources": limited(5) } }));
    let (a, b) = (at(&account, &["a"]), at(&account, &["b"]));
    account.charge(&"o", &a, Some(&pods(3)));
    account.reserve(&"o", &a, &pods(5)).unwrap();
    // The write that was admitted may still come.
    let freed = account.charge(&"o", &b, Some(&pods(3)));
    assert!(freed.is_empty());
    assert_eq!(told(&account, "a"), (5, 5, 0, 0, Some(0)));
    assert_eq!(told(&account, "b"), (3, 0, 0, 0, Some(2)));
    let freed = account.unreserve(&"o");
    assert_eq!(freed.nodes().collect::<Vec<_>>(), a.nodes());
    assert_eq!(told(&account, "a").0, 0);
    // One that is to be moved with its next write stays charged where it is until then.
    account.reserve(&"o", &a, &pods(4)).unwrap();
    assert_eq!(told(&account, "a"), (4, 4, 0, 0, Some(1)));
    assert_eq!(told(&account, "b"), (3, 0, 0, 0, Some(2)));
    account.reserve(&"o", &b, &pods(5)).unwrap();
    assert_eq!(told(&account, "a").0, 0);
    assert_eq!(told(&account, "b"), (5, 2, 0, 0, Some(0)));
    // Other quotas: it is charged to none, and then again to one.
    let other = Arc::new(Tree::build(
        &serde_json::from_value(json!({ "c": { "resources": limited(9) } })).unwrap(),
    ));
    account.set_tree(Arc::clone(&other), |_| Leaves::None);
    assert_eq!((told(&account, "c").0, account.objects()), (0, 1));
    let c = at(&account, &["c"]);
    account.set_tree(other, |_| c.clone());
    assert_eq!(told(&account, "c"), (5, 2, 0, 0, Some(4)));
}

#[test]
fn figures_are_told_as_quantities() {
    let mut account = account(&json!({
        "root": { "resources": [{ "name": "cpu", "limit": "4" }, { "name": "memory", "limit": "8Gi" }] },
        "q": { "parentName": "root", "resources": [{ "name": "cpu", "guaranteed": "1", "limit": "3" }] },
    }));
    let q = at(&account, &["q"]);
    let wanted = charge(
        json!({ "clusters": { "x": { "replicas": 3, "each": { "requests.cpu": 500, "requests.memory": 1 << 30, "pods": 1 } } } }),
    );
    account.reserve(&"a", &q, &wanted).unwrap();
    let told: Vec<_> = figures(&account, "q")
        .resources
        .iter()
        .map(|of| serde_json::to_value(of.status()).unwrap())
        .collect();
    assert_eq!(
        told,
        [
            json!({ "name": "requests.cpu", "limit": "3", "guaranteed": "1", "used": "1500m", "reserved": "1500m",
                "borrowed": "500m", "lent": "0", "headroom": "1500m" }),
            json!({ "name": "requests.memory", "guaranteed": "0", "used": "3Gi", "reserved": "3Gi",
                "borrowed": "3Gi", "lent": "0", "headroom": "5Gi" }),
        ]
    );
    assert_eq!(figures(&account, "root").resources[0].borrowed, 0);
    assert_eq!(account.figures(NodeId(77)), Figures::default());
}

fn extreme() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![
        i64::MIN,
        -1,
        0,
        1,
        7,
        i64::MAX / 2,
        i64::MAX - 1,
        i64::MAX,
    ])
}

proptest! {
    #[test]
    fn nothing_panics_at_the_ends(
        limits in prop::collection::vec(extreme(), 6),
        charges in prop::collection::vec((0..3_usize, extreme(), extreme(), extreme(), any::<bool>()), 0..12),
    ) {
        let text = |place: usize| limits[place].to_string();
        let resource = |place: usize| json!([{ "name": "pods", "guaranteed": text(place), "limit": text(place + 1), "lendingLimit": text(place + 2) }]);
        let mut account = account(&json!({
            "root": { "resources": resource(0), "clusters": [{ "names": ["x"], "resources": [{ "name": "pods", "limit": text(5) }] }] },
            "a": { "parentName": "root", "resources": resource(2) },
            "b": { "parentName": "root", "resources": resource(3) },
        }));
        for (key, replicas, each, fixed, admit) in charges {
            let (key, leaf) = [("k", "a"), ("l", "b"), ("m", "a")][key];
            let at = at(&account, &[leaf]);
            let copy = ClusterCharge {
                replicas,
                each: BTreeMap::from([("pods".to_owned(), each)]),
                fixed: BTreeMap::from([("pods".to_owned(), fixed)]),
            };
            let x = ClusterName::new("x").unwrap();
            let _ = account.headroom(&key, &at, &copy, &x);
            let _ = account.headroom_total(&key, &at, &copy.each);
            let wanted = Charge { clusters: BTreeMap::from([(x, copy)]), ..Charge::default() };
            if admit {
                let _ = account.reserve(&key, &at, &wanted).map_err(|refusal| refusal.to_string());
            } else {
                account.charge(&key, &at, Some(&wanted));
            }
            for node in account.tree().nodes() {
                let figures = account.figures(node);
                let _: Vec<_> = figures.resources.iter().map(ResourceFigures::status).collect();
                let _ = (figures.cluster_uses(), account.share(node), account.over_limit(node));
            }
        }
        for key in ["k", "l", "m"] {
            account.forget(&key);
        }
        for node in account.tree().nodes() {
            prop_assert!(account.figures(node).resources.iter().all(|of| of.used == 0 && of.reserved == 0));
        }
    }
}
