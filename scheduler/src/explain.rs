//! Says why: a decision as JSON and as text, cluster by cluster. It adds nothing to what the decision
//! holds and prints nothing itself. `navarch schedule -o json` prints these types as they are: fields may be added, none
//! renamed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::framework::profile::Profile;
use crate::framework::traits::ClusterContext;
use crate::placement::{Decision, Outcome};
use crate::snapshot::{Cluster, Snapshot};
use crate::unit::Unit;
use crate::verdict::Verdict;

/// A decision as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation<'a> {
    /// Every joined cluster was refused.
    pub unschedulable: bool,
    /// Clusters and replicas; `null` is the whole object.
    pub clusters: Vec<Placed<'a>>,
    /// Refused clusters.
    pub rejected: Vec<Refused<'a>>,
    /// Scores of those that fit.
    pub scores: Vec<Scores<'a>>,
    /// How replicas were computed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<Counted<'a>>,
}

/// A chosen cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its replicas.
    pub replicas: Option<i64>,
}

/// A refused cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused<'a> {
    /// Its name.
    pub cluster: &'a str,
    /// Who refused it.
    pub plugin: &'a str,
    /// Why.
    pub reason: String,
}

/// Scores of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scores<'a> {
    /// Its name.
    pub cluster: &'a str,
    /// Their sum.
    pub total: i64,
    /// One a plugin.
    pub plugins: BTreeMap<&'a str, i64>,
}

/// The numbers behind the replicas of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted<'a> {
    /// Its name.
    pub cluster: &'a str,
    /// Its weight.
    pub weight: i64,
    /// What it was granted first.
    pub min: i64,
    /// The most it may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// What it was seen able to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_capacity: Option<i64>,
    /// A cap set by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_capacity: Option<i64>,
    /// What it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<i64>,
    /// What it gets.
    pub planned: i64,
    /// What is left there besides.
    pub overflow: i64,
}

/// Explains a decision.
#[must_use]
pub fn explain(decision: &Decision) -> Explanation<'_> {
    let clusters = decision.placement.iter();
    let rejected = decision.rejected().map(|(cluster, rejected)| Refused {
        cluster: cluster.name().as_str(),
        plugin: &rejected.plugin,
        reason: rejected.reason.to_string(),
    });
    let scores = decision
        .scored()
        .enumerate()
        .map(|(index, (cluster, scored))| Scores {
            cluster: cluster.name().as_str(),
            total: scored.total,
            plugins: plugin_scores(&decision.assessed.score_plugins, index),
        });
    let mut replicas: Vec<Counted<'_>> = decision
        .shares()
        .map(|(cluster, share)| Counted {
            cluster: cluster.name().as_str(),
            weight: share.weight,
            min: share.min,
            max: share.max,
            estimated_capacity: share.estimated,
            limited_capacity: share.limited,
            current: share.current,
            planned: share.planned,
            overflow: share.overflow,
        })
        .collect();
    replicas.sort_by_key(|counted| counted.cluster);
    Explanation {
        unschedulable: decision.unschedulable(),
        clusters: clusters
            .map(|(name, replicas)| Placed {
                name: name.as_str(),
                replicas: *replicas,
            })
            .collect(),
        rejected: rejected.collect(),
        scores: scores.collect(),
        replicas,
    }
}

fn plugin_scores(plugins: &[(Arc<str>, Vec<i64>)], index: usize) -> BTreeMap<&str, i64> {
    plugins
        .iter()
        .filter_map(|(plugin, scores)| Some((&**plugin, *scores.get(index)?)))
        .collect()
}

/// What every filter says of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The cluster.
    pub cluster: String,
    /// The filters in the order in which they are asked.
    pub filters: Vec<FilterVerdict>,
}

/// What one filter says of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FilterVerdict {
    /// The filter.
    pub plugin: String,
    /// `fits`, `never`, `notNow` or `broken`.
    pub verdict: &'static str,
    /// Why, unless it fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Asks every filter about every cluster. A decision stops at the first refusal; whoever wants to know
/// what stands in the way wants all of them.
#[must_use]
pub fn verdicts(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
) -> Vec<Judged> {
    let judge = |cluster: &Arc<Cluster>| {
        let scheduled = unit.current.contains_key(cluster.name());
        let context = ClusterContext::new(unit, cluster, now, scheduled);
        let filters = profile.filters.iter().map(|named| {
            let (verdict, reason) = match named.plugin.filter(&context) {
                Verdict::Fits => ("fits", None),
                Verdict::Never(reason) => ("never", Some(reason.to_string())),
                Verdict::NotNow(reason, _) => ("notNow", Some(reason.to_string())),
                Verdict::Broken(error) => ("broken", Some(error.to_string())),
            };
            FilterVerdict {
                plugin: named.name.to_string(),
                verdict,
                reason,
            }
        });
        Judged {
            cluster: cluster.name().to_string(),
            filters: filters.collect(),
        }
    };
    snapshot.clusters().iter().map(judge).collect()
}

/// What became of one cluster, as it is shown to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub cluster: String,
    /// Placed, refused, or what else.
    pub answer: String,
    /// Why.
    pub why: String,
}

/// A row a cluster, sorted by name: what became of it and why.
#[must_use]
pub fn rows(decision: &Decision) -> Vec<Row> {
    let mut rows: BTreeMap<&str, (String, String)> = BTreeMap::new();
    let explanation = explain(decision);
    for refused in &explanation.rejected {
        let why = format!("{}: {}", refused.plugin, refused.reason);
        rows.insert(refused.cluster, ("refused".to_owned(), why));
    }
    for scored in &explanation.scores {
        let each: Vec<String> = scored
            .plugins
            .iter()
            .map(|(plugin, score)| format!("{plugin} {score}"))
            .collect();
        let why = format!("score {} ({})", scored.total, each.join(", "));
        rows.insert(scored.cluster, ("not selected".to_owned(), why));
    }
    for counted in &explanation.replicas {
        let row = rows.entry(counted.cluster).or_default();
        row.0 = "no replicas".to_owned();
        row.1 = format!("{}; {}", row.1, figures(counted));
    }
    for placed in &explanation.clusters {
        let row = rows.entry(placed.name).or_default();
        row.0 = match placed.replicas {
            None => "placed".to_owned(),
            Some(1) => "1 replica".to_owned(),
            Some(count) => format!("{count} replicas"),
        };
        if decision.outcome == Outcome::Sticky {
            row.1 = "stays where it is: nothing was asked".to_owned();
        }
    }
    rows.into_iter()
        .map(|(cluster, (answer, why))| Row {
            cluster: cluster.to_owned(),
            answer,
            why,
        })
        .collect()
}

/// The numbers behind the replicas of a cluster, in a few words.
fn figures(counted: &Counted<'_>) -> String {
    let mut text = format!("weight {}, planned {}", counted.weight, counted.planned);
    let overflow = Some(counted.overflow).filter(|overflow| *overflow != 0);
    let min = Some(counted.min).filter(|min| *min != 0);
    for (name, value) in [
        ("overflow", overflow),
        ("had", counted.current),
        ("min", min),
        ("max", counted.max),
        ("capacity", counted.estimated_capacity),
        ("limit", counted.limited_capacity),
    ] {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(text, ", {name} {value}");
        }
    }
    text
}

/// The rows as lines with aligned columns. No trailing line break.
#[must_use]
pub fn table(decision: &Decision) -> String {
    let rows = rows(decision);
    let width = |part: fn(&Row) -> &str| rows.iter().map(|row| part(row).len()).max().unwrap_or(0);
    let (name_width, answer_width) = (width(|row| &row.cluster), width(|row| &row.answer));
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{:name_width$}  {:answer_width$}  {}",
                row.cluster, row.answer, row.why
            )
            .trim_end()
            .to_owned()
        })
        .collect();
    lines.join("\n")
}

/// One sentence for events and conditions.
#[must_use]
pub fn summary(decision: &Decision) -> String {
    if let Some(error) = decision.fit_error() {
        return error;
    }
    let placed: Vec<String> = decision
        .placement
        .iter()
        .map(|(name, replicas)| {
            replicas.map_or_else(|| name.to_string(), |count| format!("{name}:{count}"))
        })
        .collect();
    match (decision.outcome, placed.is_empty()) {
        (Outcome::Sticky, _) => format!("stays on {}", placed.join(", ")),
        (_, true) => "placed on no cluster: there are no replicas to share".to_owned(),
        (_, false) => format!("placed on {}", placed.join(", ")),
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
