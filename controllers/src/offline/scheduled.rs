//! Answers as `navarch schedule -o json` prints them. Its form is a promise to scripts: fields may be
//! added, none renamed. Nothing is decided here.

use super::results::ObjectName;
use super::schedule::{Answer, Answers};
use navarch_scheduler::explain::explain;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// All answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scheduled {
    /// One entry a source, in the order of the documents, then one a federated object whose source
    /// was not given.
    pub results: Vec<ScheduledObject>,
}

/// The answer about one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScheduledObject {
    /// The object; for a federated object, the one that it is made for.
    pub object: ObjectName,
    /// `NAMESPACE/NAME`, or the name of a policy of the cluster; empty for an object without policy.
    pub policy: String,
    /// Every joined cluster was refused.
    pub unschedulable: bool,
    /// Where it runs, by name. Clusters without replicas are left out.
    pub clusters: Vec<PlacedCluster>,
    /// Refused clusters, by name.
    pub rejected: Vec<RejectedCluster>,
    /// Scores of those that fit, by name.
    pub scores: Vec<ClusterScore>,
    /// What the annotation `kubeadmiral.io/scheduling-triggers` would hold.
    pub triggers: Value,
}

/// A chosen cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedCluster {
    /// Its name.
    pub name: String,
    /// Its replicas; `null` where it runs the whole object.
    pub replicas: Option<i64>,
}

/// A refused cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedCluster {
    /// Its name.
    pub cluster: String,
    /// The plugin that refused it.
    pub plugin: String,
    /// Why.
    pub reason: String,
}

/// Scores of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterScore {
    /// Its name.
    pub cluster: String,
    /// Their sum.
    pub total: i64,
    /// One a plugin.
    pub plugins: BTreeMap<String, i64>,
}

impl Scheduled {
    /// The answers as they are printed.
    #[must_use]
    pub fn of(answers: &Answers) -> Self {
        Self {
            results: answers.answers.iter().map(ScheduledObject::of).collect(),
        }
    }
}

impl ScheduledObject {
    fn of(answer: &Answer) -> Self {
        let mut shown = Self {
            object: answer.object.clone(),
            policy: answer.policy.clone().unwrap_or_default(),
            // It was written by ourselves a moment ago.
            triggers: serde_json::from_str(&answer.triggers.to_json()).unwrap_or_default(),
            ..Self::default()
        };
        let Some(asked) = &answer.asked else {
            return shown;
        };
        let explained = explain(&asked.decision);
        shown.unschedulable = explained.unschedulable;
        let placed = explained.clusters.iter();
        shown.clusters = placed
            .map(|placed| PlacedCluster {
                name: placed.name.to_owned(),
                replicas: placed.replicas,
            })
            .collect();
        let rejected = explained.rejected.iter();
        shown.rejected = rejected
            .map(|refused| RejectedCluster {
                cluster: refused.cluster.to_owned(),
                plugin: refused.plugin.to_owned(),
                reason: refused.reason.clone(),
            })
            .collect();
        let scores = explained.scores.iter();
        shown.scores = scores
            .map(|scored| ClusterScore {
                cluster: scored.cluster.to_owned(),
                total: scored.total,
                plugins: scored
                    .plugins
                    .iter()
                    .map(|(plugin, score)| ((*plugin).to_owned(), *score))
                    .collect(),
            })
            .collect();
        shown
    }
}
