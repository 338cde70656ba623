//! Answers as `navarch schedule -o json` prints them. Its form is a promise to scripts: fields may be
//! added, none renamed; that goes for the parts that the scheduler's own explanation lends, too. Nothing is decided here.

use super::quotas::QuotaAnswer;
use super::results::ObjectName;
use super::schedule::{Answer, Answers};
use navarch_scheduler::explain::{Placed, Refused, Scores, explain};
use serde::Serialize;
use serde_json::Value;

/// All answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scheduled<'a> {
    /// One entry a source, in the order of the documents, then one a federated object whose source
    /// was not given.
    pub results: Vec<ScheduledObject<'a>>,
}

/// The answer about one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScheduledObject<'a> {
    /// The object; for a federated object, the one that it is made for.
    pub object: ObjectName,
    /// `NAMESPACE/NAME`, or the name of a policy of the cluster; empty for an object without policy.
    pub policy: String,
    /// Every joined cluster was refused.
    pub unschedulable: bool,
    /// Where it runs, by name. Clusters without replicas are left out.
    pub clusters: Vec<Placed<'a>>,
    /// Refused clusters, by name.
    pub rejected: Vec<Refused<'a>>,
    /// Scores of those that fit, by name.
    pub scores: Vec<Scores<'a>>,
    /// What the annotation `kubeadmiral.io/scheduling-triggers` would hold.
    pub triggers: Value,
    /// What global quotas say of it; left out where none has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<&'a QuotaAnswer>,
}

impl<'a> Scheduled<'a> {
    /// The answers as they are printed.
    #[must_use]
    pub fn of(answers: &'a Answers) -> Self {
        Self {
            results: answers.answers.iter().map(ScheduledObject::of).collect(),
        }
    }
}

impl<'a> ScheduledObject<'a> {
    fn of(answer: &'a Answer) -> Self {
        let mut shown = Self {
            object: answer.object.clone(),
            policy: answer.policy.clone().unwrap_or_default(),
            // It was written by ourselves a moment ago.
            triggers: serde_json::from_str(&answer.triggers.to_json()).unwrap_or_default(),
            quota: answer.quota.as_ref(),
            ..Self::default()
        };
        if let Some(asked) = &answer.asked {
            let explained = explain(&asked.decision);
            shown.unschedulable = explained.unschedulable;
            shown.clusters = explained.clusters;
            shown.rejected = explained.rejected;
            shown.scores = explained.scores;
        }
        shown
    }
}
