//! What Navarch must reach, as a ratio to the floor of the same command or as a bound. Data, and its comparison.

use crate::kinds::Kind;
use crate::results::{Results, Run, Size};

/// What is required of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    TimesFloorOrMore(f64),
    TimesFloorOrLess(f64),
    Most(f64),
}

/// Where a value comes from.
#[derive(Clone, Copy)]
enum Value {
    /// Once for a kind.
    Idle(fn(&Run) -> Option<f64>),
    /// For each size, or only this one.
    Sized(Option<usize>, fn(&Size) -> Option<f64>),
}

struct Target {
    what: &'static str,
    unit: &'static str,
    kinds: &'static [Kind],
    bound: Bound,
    value: Value,
}

const ALL: &[Kind] = &Kind::ALL;
const CONFIGMAPS: &[Kind] = &[Kind::Configmaps];
const EMPTY: &[Kind] = &[Kind::DeploymentsEmpty];
const READY: &[Kind] = &[Kind::DeploymentsReady];
const DEPLOYMENTS: &[Kind] = &[Kind::DeploymentsEmpty, Kind::DeploymentsReady];

#[rustfmt::skip]
const TARGETS: &[Target] = &[
    Target { what: "create", unit: "objects/s", kinds: EMPTY, bound: Bound::TimesFloorOrMore(0.6),
        value: Value::Sized(None, |size| size.create.as_ref()?.per_second) },
    Target { what: "create", unit: "objects/s", kinds: READY, bound: Bound::TimesFloorOrMore(0.8),
        value: Value::Sized(None, |size| size.create.as_ref()?.per_second) },
    Target { what: "create", unit: "objects/s", kinds: CONFIGMAPS, bound: Bound::TimesFloorOrMore(0.35),
        value: Value::Sized(None, |size| size.create.as_ref()?.per_second) },
    Target { what: "all CPU per created object", unit: "ms", kinds: READY, bound: Bound::TimesFloorOrLess(1.25),
        value: Value::Sized(None, |size| Some(size.create.as_ref()?.all_cpu_ms())) },
    Target { what: "update", unit: "objects/s", kinds: DEPLOYMENTS, bound: Bound::TimesFloorOrMore(0.6),
        value: Value::Sized(None, |size| size.update.as_ref()?.per_second) },
    Target { what: "delete", unit: "objects/s", kinds: DEPLOYMENTS, bound: Bound::TimesFloorOrMore(0.6),
        value: Value::Sized(None, |size| size.delete.as_ref()?.per_second) },
    Target { what: "burst: copies exist, p50", unit: "ms", kinds: DEPLOYMENTS, bound: Bound::Most(1000.0),
        value: Value::Sized(Some(200), |size| Some(size.create.as_ref()?.copies?.p50)) },
    Target { what: "burst: copies exist, p99", unit: "ms", kinds: DEPLOYMENTS, bound: Bound::Most(3000.0),
        value: Value::Sized(Some(200), |size| Some(size.create.as_ref()?.copies?.p99)) },
    Target { what: "status on the host after the pods are ready, p50", unit: "ms", kinds: READY, bound: Bound::Most(2000.0),
        value: Value::Sized(Some(1000), |size| Some(size.create.as_ref()?.status_after_ready?.p50)) },
    Target { what: "one object, idle: copies exist, p50", unit: "ms", kinds: ALL, bound: Bound::Most(25.0),
        value: Value::Idle(|run| Some(run.idle.as_ref()?.create?.p50)) },
    Target { what: "one object of another namespace during the bulk", unit: "ms", kinds: ALL, bound: Bound::Most(300.0),
        value: Value::Sized(Some(1000), |size| size.other_namespace.as_ref()?.copies_ms) },
    Target { what: "drift undone, idle, p50", unit: "ms", kinds: ALL, bound: Bound::Most(6.0),
        value: Value::Idle(|run| Some(run.idle.as_ref()?.drift?.p50)) },
    Target { what: "drift undone, 100 at once, p50", unit: "ms", kinds: ALL, bound: Bound::Most(150.0),
        value: Value::Sized(None, |size| Some(size.drift?.p50)) },
    Target { what: "host writes per created object, without events", unit: "", kinds: READY, bound: Bound::Most(5.0),
        value: Value::Sized(None, |size| Some(size.create.as_ref()?.host_requests.writes)) },
    Target { what: "events written on the host per created object", unit: "", kinds: READY, bound: Bound::Most(1.0),
        value: Value::Sized(None, |size| Some(size.create.as_ref()?.host_requests.events)) },
    Target { what: "memory idle", unit: "MiB", kinds: ALL, bound: Bound::Most(30.0),
        value: Value::Idle(|run| run.idle_mib) },
    Target { what: "memory after the creates", unit: "MiB", kinds: DEPLOYMENTS, bound: Bound::Most(60.0),
        value: Value::Sized(Some(1000), |size| size.after_mib) },
    Target { what: "own CPU per created object", unit: "ms", kinds: ALL, bound: Bound::Most(5.0),
        value: Value::Sized(None, |size| size.create.as_ref()?.own_cpu_ms) },
];

/// One line of the table of targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) kind: Kind,
    pub(crate) objects: Option<usize>,
    pub(crate) unit: &'static str,
    pub(crate) bound: Bound,
    pub(crate) floor: Option<f64>,
    pub(crate) value: f64,
    /// `None`: the floor that it is compared with was not measured.
    pub(crate) is_met: Option<bool>,
}

impl Bound {
    fn is_met(self, value: f64, floor: Option<f64>) -> Option<bool> {
        match self {
            Self::TimesFloorOrMore(factor) => Some(value >= factor * floor?),
            Self::TimesFloorOrLess(factor) => Some(value <= factor * floor?),
            Self::Most(most) => Some(value <= most),
        }
    }
}

/// Every target that the results of Navarch with three members say something about.
pub(crate) fn verdicts(results: &Results) -> Vec<Verdict> {
    const MEMBERS: usize = 3;
    let run_of = |name: &str, kind: Kind| {
        results
            .runs
            .iter()
            .find(|run| run.contestant == name && run.kind == kind && run.members == MEMBERS)
    };
    let mut verdicts = Vec::new();
    for target in TARGETS {
        for kind in target.kinds {
            let Some(navarch) = run_of("navarch", *kind) else {
                continue;
            };
            let floor = run_of("floor", *kind);
            for (objects, value, floor) in values(&target.value, navarch, floor) {
                verdicts.push(Verdict {
                    what: target.what.to_owned(),
                    kind: *kind,
                    objects,
                    unit: target.unit,
                    bound: target.bound,
                    floor,
                    value,
                    is_met: target.bound.is_met(value, floor),
                });
            }
        }
    }
    verdicts
}

/// The sizes that were measured, with Navarch's value and the floor's.
fn values(
    value: &Value,
    navarch: &Run,
    floor: Option<&Run>,
) -> Vec<(Option<usize>, f64, Option<f64>)> {
    match value {
        Value::Idle(take) => take(navarch)
            .map(|value| (None, value, floor.and_then(take)))
            .into_iter()
            .collect(),
        Value::Sized(only, take) => navarch
            .sizes
            .iter()
            .filter(|size| only.is_none_or(|only| only == size.objects) && size.objects <= 1000)
            .filter_map(|size| {
                let beside = floor.and_then(|floor| {
                    let same = |other: &&Size| other.objects == size.objects;
                    take(floor.sizes.iter().find(same)?)
                });
                Some((Some(size.objects), take(size)?, beside))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Round;

    fn run(contestant: &str, per_second: f64, writes: f64) -> Run {
        let mut round = Round {
            per_second: Some(per_second),
            ..Round::default()
        };
        round.host_requests.writes = writes;
        let mut size = Size::new(200);
        size.create = Some(round);
        Run {
            contestant: contestant.to_owned(),
            kind: Kind::DeploymentsReady,
            members: 3,
            idle_mib: None,
            idle: None,
            sizes: vec![size],
            trouble: None,
        }
    }

    fn of(results: &Results, what: &str) -> Vec<Option<bool>> {
        let mut found = verdicts(results);
        found.retain(|verdict| verdict.what == what);
        found.into_iter().map(|verdict| verdict.is_met).collect()
    }

    #[test]
    fn ratios_need_the_floor() {
        let mut results = Results::default();
        results.runs.push(run("navarch", 38.0, 6.0));
        assert_eq!(of(&results, "create"), [None]);
        assert_eq!(
            of(&results, "host writes per created object, without events"),
            [Some(false)]
        );
        results.runs.push(run("floor", 48.0, 1.0));
        assert_eq!(of(&results, "create"), [Some(false)]);
        results.runs[0] = run("navarch", 39.0, 5.0);
        assert_eq!(of(&results, "create"), [Some(true)]);
        assert_eq!(
            of(&results, "host writes per created object, without events"),
            [Some(true)]
        );
    }

    #[test]
    fn nothing_measured_says_nothing() {
        assert!(verdicts(&Results::default()).is_empty());
    }
}
