//! What a plugin is: one trait a point, one context struct a method, so that a later need is a new
//! field and not a new signature. Plugins answer from their context alone.

use std::cell::Cell;
use std::fmt::Debug;
use std::ptr;
use std::sync::Arc;

use jiff::Timestamp;
use navarch_crds::names::ClusterName;

use super::signature::Signature;
pub use crate::outline::Supply;
use crate::outline::{LastServed, Outline, View};
use crate::selector::Labels;
use crate::snapshot::{ApiResource, Cluster, Taint};
use crate::unit::Unit;
use crate::verdict::{PluginError, Verdict, Wake};

/// Said of every plugin, whatever it does.
pub trait Plugin: Debug + Send + Sync {
    /// What could change the answers of this plugin. Never empty: an object that nothing wakes
    /// would wait for ever. The list may not depend on anything.
    fn wakes(&self) -> &'static [Wake];

    /// What it reads of the object, or `None` if its answer cannot serve another object.
    ///
    /// Answers are kept and used again: for objects of equal signature, at other times, and about a cluster
    /// that stayed as it was while others changed. [`ClusterContext::is_scheduled`] need not be among what is
    /// read, it is seen when it is asked; an answer that rests on the time has no signature.
    fn signature(&self, unit: &Unit) -> Option<Signature>;
}

/// What a filter or a score is asked about.
#[derive(Clone, Debug)]
pub struct ClusterContext<'a> {
    /// The object.
    pub unit: &'a Unit,
    /// The cluster in question.
    pub cluster: &'a Cluster,
    /// When the decision is made.
    pub now: Timestamp,
    outline: Option<Outline<'a>>,
    last_served: Option<&'a LastServed>,
    scheduled: bool,
    asked: Cell<bool>,
}

impl<'a> ClusterContext<'a> {
    pub(crate) fn new(
        unit: &'a Unit,
        cluster: &'a Cluster,
        now: Timestamp,
        scheduled: bool,
    ) -> Self {
        Self {
            unit,
            cluster,
            now,
            outline: None,
            last_served: None,
            scheduled,
            asked: Cell::new(false),
        }
    }

    /// With what is read most at hand.
    pub(crate) fn with_outline(
        mut self,
        outline: Option<Outline<'a>>,
        last_served: &'a LastServed,
    ) -> Self {
        self.outline = outline;
        self.last_served = Some(last_served);
        self
    }

    fn view(&self) -> View<'a> {
        View {
            cluster: self.cluster,
            outline: self.outline,
        }
    }

    /// As [`Cluster::name`]; this and what follows is nearer at hand than in the cluster.
    #[must_use]
    pub fn name(&self) -> &'a ClusterName {
        self.view().name()
    }

    /// As [`Cluster::labels`], to be looked at one by one.
    #[must_use]
    pub fn labels(&self) -> impl Labels + use<'a> {
        self.view().labels()
    }

    /// As [`Cluster::ready`].
    #[must_use]
    pub fn ready(&self) -> bool {
        self.view().ready()
    }

    /// As [`Cluster::terminating`].
    #[must_use]
    pub fn terminating(&self) -> bool {
        self.view().terminating()
    }

    /// As [`Cluster::taints`].
    #[must_use]
    pub fn taints(&self) -> &'a [Arc<Taint>] {
        self.view().taints()
    }

    /// As [`Cluster::serves`].
    #[must_use]
    pub fn serves(&self, resource: &ApiResource) -> bool {
        match self.last_served {
            // Only the object's own resource is the same at every cluster.
            Some(last) if ptr::eq(resource, &*self.unit.resource) => {
                self.view().serves_as_asked(resource, last)
            }
            _ => self.view().serves(resource),
        }
    }

    /// What the cluster has of a resource, and what of it is free.
    #[must_use]
    pub fn supply(&self, resource: &str) -> Supply {
        self.view().supply(resource)
    }

    /// The object is placed on this cluster now. Ask only where the answer hangs on it: what is said without
    /// asking holds for all objects of one signature, wherever they are.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.asked.set(true);
        self.scheduled
    }

    /// Somebody asked whether the object is placed there.
    pub(crate) fn hangs_on_placement(&self) -> bool {
        self.asked.get()
    }
}

/// Says whether a cluster may run the object.
pub trait Filter: Plugin {
    /// The verdict on one cluster.
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict;
}

/// What is done with the scores of one plugin before they are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalise {
    /// Nothing.
    Keep,
    /// Scaled so that the highest becomes 100.
    Upward,
    /// Scaled, then turned round: the highest becomes 0.
    Downward,
}

/// Says how much a cluster is preferred, from 0 to 100 after normalising.
pub trait Score: Plugin {
    /// The score of one cluster.
    ///
    /// # Errors
    /// If it cannot be computed. The whole decision fails then.
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError>;

    /// How its scores are made comparable.
    fn normalise(&self) -> Normalise {
        Normalise::Keep
    }
}

/// A cluster that passed the filters, with the sum of its scores.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The cluster.
    pub cluster: &'a Arc<Cluster>,
    /// Its place among the clusters that fit, by name.
    pub position: usize,
    /// Sum over the score plugins, or what an earlier select plugin made of it.
    pub score: i64,
    pub(crate) outline: Option<Outline<'a>>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn view(&self) -> View<'a> {
        View {
            cluster: self.cluster,
            outline: self.outline,
        }
    }
}

/// What a select plugin is asked.
#[derive(Clone, Debug)]
pub struct SelectContext<'a> {
    /// The object.
    pub unit: &'a Unit,
    /// What is left, in the order the previous plugin gave.
    pub candidates: Vec<Candidate<'a>>,
    /// When the decision is made.
    pub now: Timestamp,
}

/// Chooses among the clusters that fit.
pub trait Select: Plugin {
    /// The chosen ones, in the order of preference.
    ///
    /// # Errors
    /// If no choice can be made. The whole decision fails then.
    fn select<'a>(&self, context: SelectContext<'a>) -> Result<Vec<Candidate<'a>>, PluginError>;
}

/// What a replicas plugin is asked.
#[derive(Clone, Copy, Debug)]
pub struct ReplicasContext<'a> {
    /// The object.
    pub unit: &'a Unit,
    /// The chosen clusters, in the order of preference.
    pub clusters: &'a [Candidate<'a>],
    /// Replicas asked for; positive.
    pub total: i64,
    /// When the decision is made.
    pub now: Timestamp,
}

/// How many replicas one cluster gets, and from which numbers that follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Weight it took part with; zero for plugins without weights.
    pub weight: i64,
    /// Minimum it was granted first.
    pub min: i64,
    /// Most it was allowed.
    pub max: Option<i64>,
    /// What it was seen able to run.
    pub estimated: Option<i64>,
    /// Hard cap set by hand.
    pub limited: Option<i64>,
    /// Replicas recorded before.
    pub current: Option<i64>,
    /// Replicas planned.
    pub planned: i64,
    /// Replicas left there although it was seen unable to run them.
    pub overflow: i64,
}

impl Share {
    /// What is written.
    #[must_use]
    pub fn replicas(&self) -> i64 {
        self.planned.saturating_add(self.overflow)
    }
}

/// Splits replicas over the chosen clusters.
pub trait Replicas: Plugin {
    /// One share a cluster, in the order given.
    ///
    /// # Errors
    /// If they cannot be split. The whole decision fails then.
    fn replicas(&self, context: &ReplicasContext<'_>) -> Result<Vec<Share>, PluginError>;
}
