//! How many pods a workload wants and how many of them are there: what a promise of capacity is held against. Pure.

use super::observe::Observed;
use crate::pointer;
use serde_json::Value;

/// Pods of one copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// So many are to be there.
    pub wanted: i64,
    /// So many are, or have been and have done their work.
    pub present: i64,
    /// Of them, those that still take room.
    pub running: i64,
}

impl Pods {
    /// The same where so many were counted that take room: reports come later than pods.
    #[must_use]
    pub fn ahead_with(self, counted: i64) -> Self {
        let running = self.running.max(counted);
        Self {
            present: self
                .present
                .saturating_add(running.saturating_sub(self.running)),
            running,
            ..self
        }
    }
}

/// What a cluster needs to be known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Replicas that were decided for it; `None`: as many as the object says.
    pub replicas: Option<i64>,
    /// Its schedulable nodes, each of which gets a pod of kinds that run everywhere.
    pub nodes: i64,
}

/// How many pods an object of this template makes in a cluster. A `CronJob` makes them at its time, and kinds that
/// nothing is known of make none.
#[must_use]
pub fn wanted(template: &Value, place: Place) -> i64 {
    let number = |field: &str| pointer::number(template, &["spec", field]);
    let replicas = |field: &str| place.replicas.or_else(|| number(field)).unwrap_or(1);
    let group = pointer::text(template, &["apiVersion"])
        .split_once('/')
        .map_or("", |(group, _)| group);
    let wanted = match (group, pointer::text(template, &["kind"])) {
        ("apps", "Deployment" | "StatefulSet") => replicas("replicas"),
        ("apps", "DaemonSet") => place.nodes,
        ("batch", "Job") => job(template, replicas("parallelism")),
        ("", "Pod") => 1,
        _ => 0,
    };
    bounded(wanted)
}

/// How many pods run at once of a Job.
#[must_use]
pub(super) fn job(job: &Value, parallelism: i64) -> i64 {
    if pointer::get(job, &["spec", "suspend"]).and_then(Value::as_bool) == Some(true) {
        return 0;
    }
    let completions = pointer::number(job, &["spec", "completions"]);
    completions.map_or(parallelism, |completions| parallelism.min(completions))
}

/// As many as an API server takes.
fn bounded(number: i64) -> i64 {
    number.clamp(0, i64::from(i32::MAX))
}

impl Observed {
    /// The pods of the copy; `None` while its member has not counted them, and for kinds without pods.
    #[must_use]
    pub fn pods(&self) -> Option<Pods> {
        let pods = self.figures.pods(self.observed_generation.is_some())?;
        Some(Pods {
            wanted: bounded(pods.wanted),
            present: bounded(pods.present),
            running: bounded(pods.running),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copies::observe::observe;
    use navarch_crds::type_configs;
    use serde_json::json;

    #[test]
    fn each_kind_makes_its_pods() {
        let of = |kind: &str, spec: Value| {
            let group = match kind {
                "Job" | "CronJob" => "batch/v1",
                "Pod" | "ConfigMap" => "v1",
                _ => "apps/v1",
            };
            json!({ "apiVersion": group, "kind": kind, "spec": spec })
        };
        let as_said = Place {
            replicas: None,
            nodes: 5,
        };
        let shared = Place {
            replicas: Some(3),
            nodes: 5,
        };
        for (name, object, place, expected) in [
            (
                "as the object says",
                of("Deployment", json!({ "replicas": 7 })),
                as_said,
                7,
            ),
            ("by default", of("StatefulSet", json!({})), as_said, 1),
            (
                "its share",
                of("Deployment", json!({ "replicas": 7 })),
                shared,
                3,
            ),
            ("on each node", of("DaemonSet", json!({})), shared, 5),
            ("a job", of("Job", json!({ "parallelism": 4 })), as_said, 4),
            (
                "fewer completions",
                of("Job", json!({ "parallelism": 4, "completions": 2 })),
                as_said,
                2,
            ),
            (
                "suspended",
                of("Job", json!({ "parallelism": 4, "suspend": true })),
                as_said,
                0,
            ),
            ("later", of("CronJob", json!({})), as_said, 0),
            ("itself", of("Pod", json!({})), shared, 1),
            ("no pods", of("ConfigMap", json!({})), as_said, 0),
            (
                "nonsense",
                of("Deployment", json!({ "replicas": -7 })),
                as_said,
                0,
            ),
            (
                "far too many",
                of("Deployment", json!({ "replicas": i64::MAX })),
                as_said,
                i64::from(i32::MAX),
            ),
        ] {
            assert_eq!(wanted(&object, place), expected, "{name}");
        }
    }

    #[test]
    fn pods_that_are_seen_count_before_they_are_reported() {
        let job = Pods {
            wanted: 4,
            present: 3,
            running: 1,
        };
        let ahead = job.ahead_with(2);
        assert_eq!((ahead.wanted, ahead.present, ahead.running), (4, 4, 2));
        assert_eq!(job.ahead_with(0), job);
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    #[test]
    fn copies_say_how_many_pods_they_want_and_have() {
        let seen = |kind: &str, spec: Value, status: Value| {
            let mut config = type_configs::defaults().remove(0).spec;
            config.source_type.kind = kind.to_owned();
            config.source_type.group = match kind {
                "Job" => "batch",
                "Pod" | "ConfigMap" => "",
                _ => "apps",
            }
            .to_owned();
            let object = json!({ "metadata": { "generation": 1 }, "spec": spec, "status": status });
            let pods = observe(&config, &object).pods()?;
            Some((pods.wanted, pods.present, pods.running))
        };
        let status = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (name, found, expected) in [
            (
                "just made",
                seen("Deployment", json!({ "replicas": 3 }), json!({})),
                Some((3, 0, 0)),
            ),
            (
                "on its way",
                seen(
                    "Deployment",
                    json!({ "replicas": 3 }),
                    json!({ "replicas": 2 }),
                ),
                Some((3, 2, 2)),
            ),
            (
                "a set",
                seen(
                    "StatefulSet",
                    json!({ "replicas": 3 }),
                    json!({ "replicas": 1 }),
                ),
                Some((3, 1, 1)),
            ),
            (
                "not counted yet",
                seen("DaemonSet", json!({}), json!({})),
                None,
            ),
            (
                "on each node",
                seen(
                    "DaemonSet",
                    json!({}),
                    status(
                        r#"{"observedGeneration":1,"desiredNumberScheduled":4,"currentNumberScheduled":3}"#,
                    ),
                ),
                Some((4, 3, 3)),
            ),
            (
                "running",
                seen("Job", json!({ "parallelism": 2 }), json!({ "active": 1 })),
                Some((2, 1, 1)),
            ),
            (
                "done in part",
                seen(
                    "Job",
                    json!({ "parallelism": 2 }),
                    json!({ "active": 1, "succeeded": 1 }),
                ),
                Some((2, 2, 1)),
            ),
            (
                "at its end",
                seen(
                    "Job",
                    json!({ "parallelism": 2 }),
                    status(r#"{"succeeded":1,"conditions":[{"type":"Complete","status":"True"}]}"#),
                ),
                Some((0, 0, 0)),
            ),
            (
                "a pod",
                seen("Pod", json!({}), json!({ "phase": "Pending" })),
                Some((1, 1, 1)),
            ),
            (
                "a pod at its end",
                seen("Pod", json!({}), json!({ "phase": "Failed" })),
                Some((0, 0, 0)),
            ),
            ("no pods", seen("ConfigMap", json!({}), json!({})), None),
        ] {
            assert_eq!(found, expected, "{name}");
        }
    }
}
