//! Requests that an API server counted (`apiserver_request_total` of its own metrics). Pure but for [`scrape`].

use std::collections::BTreeMap;

use http::Request;
use kube::Client;
use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::statistics::number;

const METRIC: &str = "apiserver_request_total{";

/// Counts by what was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts(BTreeMap<Asked, f64>);

/// One line of the table of requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    resource: String,
    verb: String,
    is_conflict: bool,
}

/// Requests for one created object, on the host or on all members together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PerObject {
    /// Everything but events and watches.
    pub(crate) total: f64,
    /// Of these: POST, PUT, PATCH, APPLY, DELETE.
    pub(crate) writes: f64,
    /// Writes of events.
    pub(crate) events: f64,
    /// Answered with 409.
    pub(crate) conflicts: f64,
    /// `VERB resource/subresource` → count, most first; those below a hundredth left out.
    pub(crate) by_request: Vec<(String, f64)>,
}

/// Reads the counters of one API server.
pub(crate) async fn scrape(client: &Client) -> Result<Counts, BenchError> {
    let doing = "reading the metrics of an API server";
    let request = Request::get("/metrics")
        .body(Vec::new())
        .map_err(|error| BenchError::request(doing)(kube::Error::HttpError(error)))?;
    let text = client
        .request_text(request)
        .await
        .map_err(BenchError::request(doing))?;
    Ok(parse(&text))
}

fn parse(text: &str) -> Counts {
    let mut counts = Counts::default();
    for line in text.lines().filter_map(|line| line.strip_prefix(METRIC)) {
        let Some((labels, value)) = line.rsplit_once("} ") else {
            continue;
        };
        let label = |name: &str| {
            labels
                .split(',')
                .find_map(|part| {
                    part.strip_prefix(name)?
                        .strip_prefix("=\"")?
                        .strip_suffix('"')
                })
                .unwrap_or_default()
        };
        // Requests without a resource (metrics, health, discovery) are not about objects; a watch is counted when it ends.
        let (resource, verb) = (label("resource"), label("verb"));
        if resource.is_empty() || verb == "WATCH" || verb == "CONNECT" {
            continue;
        }
        let resource = match label("subresource") {
            "" => resource.to_owned(),
            subresource => format!("{resource}/{subresource}"),
        };
        let asked = Asked {
            resource,
            verb: verb.to_owned(),
            is_conflict: label("code") == "409",
        };
        *counts.0.entry(asked).or_default() += value.trim().parse().unwrap_or(0.0);
    }
    counts
}

impl Counts {
    /// Adds another server's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (asked, count) in &other.0 {
            *self.0.entry(asked.clone()).or_default() += count;
        }
    }

    /// What came since `before`, for each of `objects`.
    pub(crate) fn since(&self, before: &Self, objects: usize) -> PerObject {
        let mut result = PerObject::default();
        let mut by_request: BTreeMap<String, f64> = BTreeMap::new();
        for (asked, count) in &self.0 {
            let new = (count - before.0.get(asked).unwrap_or(&0.0)) / number(objects.max(1));
            if new <= 0.0 {
                continue;
            }
            let is_write = !matches!(asked.verb.as_str(), "GET" | "LIST");
            if asked.resource == "events" {
                result.events += if is_write { new } else { 0.0 };
            } else {
                result.total += new;
                result.writes += if is_write { new } else { 0.0 };
                result.conflicts += if asked.is_conflict { new } else { 0.0 };
            }
            *by_request
                .entry(format!("{} {}", asked.verb, asked.resource))
                .or_default() += new;
        }
        result.by_request = by_request
            .into_iter()
            .filter(|(_, count)| *count >= 0.01)
            .collect();
        result
            .by_request
            .sort_by(|one, other| other.1.total_cmp(&one.1));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="events",scope="resource",subresource="",verb="POST",version="v1"} 4
apiserver_request_total{code="201",component="apiserver",dry_run="",group="apps",resource="deployments",scope="resource",subresource="",verb="POST",version="v1"} 1
"#;
    const AFTER: &str = r#"
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="events",scope="resource",subresource="",verb="POST",version="v1"} 8
apiserver_request_total{code="201",component="apiserver",dry_run="",group="apps",resource="deployments",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="409",component="apiserver",dry_run="",group="apps",resource="deployments",scope="resource",subresource="status",verb="PUT",version="v1"} 2
apiserver_request_total{code="200",component="apiserver",dry_run="",group="apps",resource="deployments",scope="resource",subresource="",verb="GET",version="v1"} 6
apiserver_request_total{code="0",component="apiserver",dry_run="",group="apps",resource="deployments",scope="cluster",subresource="",verb="WATCH",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="",scope="",subresource="/metrics",verb="GET",version=""} 5
"#;

    #[test]
    fn requests_per_object() {
        let per_object = parse(AFTER).since(&parse(BEFORE), 2);
        assert_eq!(
            (
                per_object.total,
                per_object.writes,
                per_object.events,
                per_object.conflicts
            ),
            (5.0, 2.0, 2.0, 1.0)
        );
        let names: Vec<_> = per_object
            .by_request
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "GET deployments",
                "POST events",
                "POST deployments",
                "PUT deployments/status"
            ]
        );
    }

    #[test]
    fn servers_are_summed() {
        let mut sum = parse(BEFORE);
        sum.add(&parse(BEFORE));
        assert!((sum.since(&parse(BEFORE), 1).events - 4.0).abs() < f64::EPSILON);
    }
}
