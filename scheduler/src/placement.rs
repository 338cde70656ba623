//! The answer: where an object runs and why not elsewhere. Reasons are data; text is made from them
//! on demand (see [`crate::explain`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::names::ClusterName;

use crate::framework::traits::Share;
use crate::snapshot::Cluster;
use crate::verdict::{Reason, Wake};

/// Cluster to replicas. `None` is Duplicate: the cluster runs as many as the object says.
pub type Placement = BTreeMap<ClusterName, Option<i64>>;

/// How a decision came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Clusters were chosen.
    #[default]
    Placed,
    /// The object is sticky and placed already: nothing was asked.
    Sticky,
    /// Every joined cluster was refused.
    NothingFits,
    /// Divide of no replicas, or among no clusters: nothing is placed.
    NoReplicas,
}

/// A cluster that a filter refused.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// The plugin that refused it.
    pub plugin: Arc<str>,
    /// Why.
    pub reason: Reason,
    /// What can change it; empty if nothing but the object and its policy.
    pub wakes: &'static [Wake],
}

/// A cluster that passed the filters.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// Sum over the score plugins.
    pub total: i64,
}

/// Where an object runs, and everything that was said on the way.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decision {
    /// The answer. Clusters without replicas are left out.
    pub placement: Placement,
    /// How it ended.
    pub outcome: Outcome,
    /// How many clusters were asked about.
    pub joined: usize,
    /// Refused clusters, by name.
    pub rejected: Vec<Rejected>,
    /// Clusters that fit, by name.
    pub scored: Vec<Scored>,
    /// Score plugins in order, each with one score per entry of `scored`.
    pub score_plugins: Vec<(Arc<str>, Vec<i64>)>,
    /// Chosen clusters, in the order of preference.
    pub selected: Vec<Arc<Cluster>>,
    /// The plugin that split the replicas.
    pub replicas_plugin: Option<Arc<str>>,
    /// What it gave to each chosen cluster and from which numbers.
    pub shares: Vec<(Arc<Cluster>, Share)>,
}

impl Decision {
    pub(crate) fn new(joined: usize) -> Self {
        Self {
            placement: Placement::new(),
            outcome: Outcome::default(),
            joined,
            rejected: Vec::new(),
            scored: Vec::new(),
            score_plugins: Vec::new(),
            selected: Vec::new(),
            replicas_plugin: None,
            shares: Vec::new(),
        }
    }

    /// Every cluster was refused, without any failure.
    #[must_use]
    pub fn unschedulable(&self) -> bool {
        self.outcome == Outcome::NothingFits
    }

    /// How many clusters were refused for the same cause, most frequent first.
    #[must_use]
    pub fn refusals(&self) -> Vec<(usize, String)> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for rejected in &self.rejected {
            let count = counts.entry(rejected.reason.summary()).or_default();
            *count = count.saturating_add(1);
        }
        let mut counts: Vec<(usize, String)> = counts
            .into_iter()
            .map(|(reason, count)| (count, reason))
            .collect();
        counts.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        counts
    }

    /// One line for events and conditions when nothing fits.
    #[must_use]
    pub fn fit_error(&self) -> Option<String> {
        if !self.unschedulable() {
            return None;
        }
        let reasons: Vec<String> = self
            .refusals()
            .into_iter()
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        let what = if reasons.is_empty() {
            "no cluster has joined".to_owned()
        } else {
            reasons.join(", ")
        };
        Some(format!("0/{} clusters fit: {what}", self.joined))
    }

    /// What can make the refused clusters fit.
    #[must_use]
    pub fn wakes(&self) -> Vec<Wake> {
        let mut wakes: Vec<Wake> = self
            .rejected
            .iter()
            .flat_map(|rejected| rejected.wakes)
            .copied()
            .collect();
        wakes.sort_unstable();
        wakes.dedup();
        wakes
    }
}
