//! Tests of `promised`: the ledger adds up at every moment, and ends at nothing.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const PATIENCE: Duration = Duration::from_secs(300);

fn key(number: usize) -> Key {
    Key::new(Some("shop"), &format!("web-{number}"))
}

fn cluster(number: usize) -> ClusterName {
    ClusterName::new(&format!("member-{number}")).unwrap()
}

fn asks(milli_cpu: i64) -> Arc<Amounts> {
    Arc::new(Amounts {
        milli_cpu,
        scalars: BTreeMap::from([("nvidia.com/gpu".to_owned(), milli_cpu / 500)]),
        ..Amounts::default()
    })
}

fn pods(wanted: i64, present: i64) -> Pods {
    Pods {
        wanted,
        present,
        running: present,
    }
}

impl Promised {
    fn cpu(&self, number: usize) -> i128 {
        self.total(&cluster(number), None).milli_cpu
    }

    fn decide(&self, number: usize, milli_cpu: i64, shares: &[(usize, i64, i64)]) {
        let shares = shares
            .iter()
            .map(|(place, wanted, present)| (cluster(*place), pods(*wanted, *present)));
        self.decided(&key(number), &asks(milli_cpu), shares.collect());
    }

    fn look(&self, number: usize, place: usize, pods: Pods, answer: Answer, counting: Counting) {
        let (key, cluster) = (key(number), cluster(place));
        self.looked(&key, &cluster, &asks(100), pods, answer, counting);
    }

    /// Every total is the sum of what is outstanding.
    fn adds_up(&self) {
        let ledger = locked(&self.ledger);
        let mut sums: BTreeMap<ClusterName, Sum> = BTreeMap::new();
        for shares in ledger.shares.iter().collect::<BTreeMap<_, _>>().values() {
            assert!(!shares.is_empty());
            for (cluster, share) in *shares {
                assert!(share.given_up || share.outstanding() > 0);
                let sum = sums.entry(cluster.clone()).or_default();
                sum.add(&share.request, share.outstanding());
            }
        }
        for (cluster, total) in &ledger.totals {
            let expected = sums.remove(cluster).unwrap_or_default();
            assert_eq!(total.sum, expected, "{cluster}");
        }
        assert!(sums.values().all(|sum| *sum == Sum::default()), "{sums:?}");
    }

    fn is_empty(&self) -> bool {
        let ledger = locked(&self.ledger);
        ledger.shares.is_empty()
            && ledger
                .totals
                .values()
                .all(|total| total.sum == Sum::default())
    }
}

#[test]
fn a_promise_lasts_until_its_pods_are_seen() {
    let promised = Promised::default();
    promised.decide(1, 100, &[(1, 3, 0), (2, 2, 2)]);
    assert_eq!((promised.cpu(1), promised.cpu(2)), (300, 0));
    promised.decide(2, 500, &[(1, 1, 0)]);
    assert_eq!(promised.cpu(1), 800);
    let others = promised.total(&cluster(1), Some(&key(2)));
    assert_eq!((others.milli_cpu, others.scalars.len()), (300, 0));
    promised.look(1, 1, pods(3, 0), Answer::Given, Counting::Live);
    for (present, expected) in [(1, 700), (2, 600), (3, 500), (2, 500)] {
        promised.seen(&key(1), &cluster(1), pods(3, present));
        assert_eq!(promised.cpu(1), expected, "{present} pods");
    }
    promised.forget(&key(2));
    assert!(promised.is_empty());
    assert!(promised.take_eased(&cluster(1)) && !promised.take_eased(&cluster(1)));
    assert!(locked(&promised.ledger).totals.is_empty());
}

#[test]
fn a_placement_that_shrinks_or_moves_takes_its_promises_along() {
    let promised = Promised::default();
    promised.decide(1, 100, &[(1, 5, 0), (2, 5, 0)]);
    promised.decide(1, 100, &[(1, 2, 0), (3, 8, 0)]);
    assert_eq!([1, 2, 3].map(|place| promised.cpu(place)), [200, 0, 800]);
    promised.keep(&key(1), |name| *name == cluster(1));
    assert_eq!([1, 2, 3].map(|place| promised.cpu(place)), [200, 0, 0]);
    promised.forget_cluster(&cluster(1));
    assert!(promised.is_empty());
}

#[test]
fn what_the_figures_do_not_follow_stays_promised() {
    let promised = Promised::default();
    promised.decide(1, 100, &[(1, 3, 0)]);
    promised.look(1, 1, pods(3, 3), Answer::Given, Counting::Behind);
    assert_eq!(promised.cpu(1), 300);
    promised.seen(&key(1), &cluster(1), pods(3, 3));
    assert!(promised.is_empty());
}

#[test]
fn a_copy_that_its_member_scales_is_promised_what_it_asks_for() {
    let promised = Promised::default();
    promised.decide(1, 100, &[(1, 5, 0)]);
    promised.seen(&key(1), &cluster(1), pods(2, 0));
    assert_eq!(
        promised.cpu(1),
        500,
        "it is not known to be what was decided"
    );
    promised.look(1, 1, pods(2, 0), Answer::Given, Counting::Live);
    assert_eq!(promised.cpu(1), 200);
    promised.seen(&key(1), &cluster(1), pods(1, 1));
    assert!(promised.is_empty());
}

#[test]
fn pods_that_never_come_are_given_up_and_more_are_a_new_promise() {
    let promised = Promised::default();
    let start = Instant::now();
    let after = |seconds: u64, working: bool| {
        let now = start + Duration::from_secs(seconds);
        promised.expire(&cluster(1), now, PATIENCE, working);
        promised.cpu(1)
    };
    promised.decide(1, 100, &[(1, 3, 0)]);
    assert_eq!(after(0, true), 300);
    assert_eq!(after(9_000, true), 300, "the member has not answered yet");
    promised.look(1, 1, pods(3, 0), Answer::Given, Counting::Live);
    assert_eq!(after(9_000, true), 300);
    promised.seen(&key(1), &cluster(1), pods(3, 1));
    assert_eq!(after(9_299, true), 200, "one came: the others may follow");
    assert_eq!(after(9_500, true), 200);
    assert_eq!(after(9_600, false), 200, "a member that is away makes none");
    assert_eq!(after(9_700, true), 200);
    assert_eq!(after(9_999, true), 200);
    assert_eq!(after(10_000, true), 0);
    assert!(promised.take_eased(&cluster(1)));
    promised.look(1, 1, pods(3, 1), Answer::Given, Counting::Live);
    promised.decide(1, 100, &[(1, 2, 1)]);
    assert_eq!(promised.cpu(1), 0, "nothing new");
    promised.decide(1, 100, &[(1, 5, 1)]);
    assert_eq!(promised.cpu(1), 400);
    promised.seen(&key(1), &cluster(1), pods(5, 5));
    assert!(promised.is_empty());
}

#[test]
fn objects_that_ask_for_nothing_are_not_noted() {
    let promised = Promised::default();
    promised.decide(1, 0, &[(1, 3, 0)]);
    assert!(promised.is_empty());
    promised.decide(1, 100, &[(1, 3, 0)]);
    promised.decide(1, 0, &[(1, 3, 0)]);
    assert_eq!(
        promised.cpu(1),
        300,
        "until a look says what the copy asks for"
    );
    let nothing = Arc::default();
    let (key, cluster) = (key(1), cluster(1));
    promised.looked(
        &key,
        &cluster,
        &nothing,
        pods(3, 0),
        Answer::Given,
        Counting::Live,
    );
    assert!(promised.is_empty());
}

#[test]
fn only_what_a_cluster_names_is_taken() {
    let mut sum = Sum::default();
    sum.add(&asks(500), 3);
    let mut available = Amounts {
        milli_cpu: 1000,
        ..Amounts::default()
    };
    sum.take_from(&mut available);
    assert_eq!(available.milli_cpu, -500);
    assert!(
        available.scalars.is_empty(),
        "it has none, and says nothing of any"
    );
    available.scalars.insert("nvidia.com/gpu".to_owned(), 4);
    sum.take_from(&mut available);
    assert_eq!(available.get("nvidia.com/gpu"), 1);
    available.milli_cpu = i64::MIN;
    sum.take_from(&mut available);
    assert_eq!(available.milli_cpu, i64::MIN);
}

#[derive(Clone, Debug)]
enum Step {
    Decided(usize, i64, Vec<(usize, i64, i64)>),
    Looked(usize, usize, Pods, bool, bool),
    Seen(usize, usize, Pods),
    Kept(usize, usize),
    Forgotten(usize),
    Left(usize),
    Passed(usize, u64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let some_pods = || (0..6_i64, 0..6_i64).prop_map(|(wanted, present)| pods(wanted, present));
    let (object, place) = (0..3_usize, 0..3_usize);
    prop_oneof![
        (
            object.clone(),
            prop_oneof![Just(0), Just(100), Just(700), Just(i64::MAX)],
            vec((place.clone(), 0..6_i64, 0..3_i64), 0..3)
        )
            .prop_map(|(object, cpu, shares)| Step::Decided(object, cpu, shares)),
        (
            object.clone(),
            place.clone(),
            some_pods(),
            any::<bool>(),
            any::<bool>()
        )
            .prop_map(|(object, place, pods, given, live)| Step::Looked(
                object, place, pods, given, live
            )),
        (object.clone(), place.clone(), some_pods())
            .prop_map(|(object, place, pods)| Step::Seen(object, place, pods)),
        (object.clone(), place.clone()).prop_map(|(object, place)| Step::Kept(object, place)),
        object.prop_map(Step::Forgotten),
        place.clone().prop_map(Step::Left),
        (place, 0..400_u64, any::<bool>())
            .prop_map(|(place, seconds, working)| Step::Passed(place, seconds, working)),
    ]
}

fn apply(promised: &Promised, now: &mut Instant, step: Step) {
    match step {
        Step::Decided(object, cpu, shares) => promised.decide(object, cpu, &shares),
        Step::Looked(object, place, pods, given, live) => {
            let answer = if given {
                Answer::Given
            } else {
                Answer::Awaited
            };
            let counting = if live {
                Counting::Live
            } else {
                Counting::Behind
            };
            promised.look(object, place, pods, answer, counting);
        }
        Step::Seen(object, place, pods) => promised.seen(&key(object), &cluster(place), pods),
        Step::Kept(object, place) => promised.keep(&key(object), |name| *name == cluster(place)),
        Step::Forgotten(object) => promised.forget(&key(object)),
        Step::Left(place) => promised.forget_cluster(&cluster(place)),
        Step::Passed(place, seconds, working) => {
            *now += Duration::from_secs(seconds);
            promised.expire(&cluster(place), *now, PATIENCE, working);
        }
    }
}

proptest! {
    /// Whatever happens and in whatever order, the totals are what is outstanding, nobody is counted against himself,
    /// and in the end, when each object is gone, complete or given up, nothing is left.
    #[test]
    fn the_ledger_adds_up_and_ends_at_nothing(
        steps in vec(step(), 0..60),
        fates in vec(0..3_usize, 3),
    ) {
        let promised = Promised::default();
        let mut now = Instant::now();
        for step in steps {
            apply(&promised, &mut now, step);
            promised.adds_up();
            for place in 0..3 {
                let all = promised.total(&cluster(place), None);
                for object in 0..3 {
                    let ledger = locked(&promised.ledger);
                    let own = ledger.share(&key(object), &cluster(place));
                    let own = own.map(|own| (Arc::clone(&own.request), own.outstanding()));
                    drop(ledger);
                    let mut others = promised.total(&cluster(place), Some(&key(object)));
                    if let Some((request, pods)) = own {
                        others.add(&request, pods);
                    }
                    prop_assert_eq!(&others, &all);
                }
            }
        }
        for (object, fate) in fates.into_iter().enumerate() {
            for place in 0..3 {
                match fate {
                    0 => promised.forget(&key(object)),
                    1 => promised.look(object, place, pods(4, 4), Answer::Given, Counting::Live),
                    _ => promised.look(object, place, pods(4, 1), Answer::Given, Counting::Live),
                }
            }
        }
        for _ in 0..2 {
            now += PATIENCE;
            for place in 0..3 {
                promised.expire(&cluster(place), now, PATIENCE, true);
            }
        }
        promised.adds_up();
        for place in 0..3 {
            prop_assert_eq!(promised.total(&cluster(place), None), Sum::default());
        }
    }
}
