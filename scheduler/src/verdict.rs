//! Answers of plugins. A refusal says why and what could change it; a failure is something else
//! than a refusal and can never shrink a placement. Nothing here formats for a terminal.
#![warn(clippy::wildcard_enum_match_arm)]

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::snapshot::{ApiResource, Taint};

/// What a filter says about one cluster.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The cluster may run the object.
    Fits,
    /// The cluster may not, as long as the object and its policy are what they are.
    Never(Reason),
    /// The cluster may not now; one of these can change that.
    NotNow(Reason, &'static [Wake]),
    /// It cannot be said. The whole decision fails and the last placement stays.
    Broken(PluginError),
}

/// What can make a plugin answer differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wake {
    /// The object or its annotations changed.
    Object,
    /// The policy changed.
    Policy,
    /// A cluster joined, left or started to leave.
    ClusterSet,
    /// Labels of a cluster changed.
    ClusterLabels,
    /// Taints of a cluster changed.
    ClusterTaints,
    /// A cluster serves other resources than before.
    ClusterApiResources,
    /// A cluster became ready or stopped being ready.
    ClusterReady,
    /// Allocatable or available resources of a cluster changed.
    ClusterResources,
    /// A time written in the migration configuration has passed.
    MigrationExpired,
    /// Pods were counted again (auto migration).
    PodCounts,
    /// A webhook or its configuration changed.
    Webhook,
}

/// Why a cluster was refused, as data. The text is made when somebody reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The cluster does not serve the resource.
    ResourceNotServed(Arc<ApiResource>),
    /// A taint that the policy does not tolerate.
    UntoleratedTaint(Arc<Taint>),
    /// The policy names clusters and this is not one of them.
    NotInPlacement,
    /// The labels do not match the cluster selector.
    SelectorMismatch,
    /// No term of the required affinity matches.
    AffinityMismatch,
    /// The cluster is not ready and does not run the object yet.
    NotReady,
    /// The cluster is being removed.
    Terminating,
    /// The migration configuration keeps the object away until then.
    Evicted(Timestamp),
    /// Not enough of a resource for one replica.
    Insufficient {
        /// Resource name.
        resource: Arc<str>,
        /// Needed by one replica, in the unit of the resource (milli for processors).
        requested: i64,
        /// Left on the cluster.
        free: i64,
    },
    /// The object asks for Katalyst's reclaimed resources and the cluster has none.
    NoReclaimedResources,
    /// Said by somebody else (a webhook).
    Other(Arc<str>),
}

impl Reason {
    /// Short, without figures: what clusters refused for the same cause share.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::ResourceNotServed(_) => "resource type not served".to_owned(),
            Self::UntoleratedTaint(_) => "untolerated taint".to_owned(),
            Self::NotInPlacement => "not named by the placement".to_owned(),
            Self::SelectorMismatch => "cluster selector does not match".to_owned(),
            Self::AffinityMismatch => "cluster affinity does not match".to_owned(),
            Self::NotReady => "not ready".to_owned(),
            Self::Terminating => "being removed".to_owned(),
            Self::Evicted(_) => "evicted by the migration configuration".to_owned(),
            Self::Insufficient { resource, .. } => format!("insufficient {resource}"),
            Self::NoReclaimedResources => "no reclaimed resources".to_owned(),
            Self::Other(text) => text.to_string(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResourceNotServed(resource) => write!(out, "does not serve {resource}"),
            Self::UntoleratedTaint(taint) => write!(out, "untolerated taint {taint}"),
            Self::Evicted(until) => {
                write!(out, "evicted by the migration configuration until {until}")
            }
            Self::Insufficient {
                resource,
                requested,
                free,
            } => {
                write!(
                    out,
                    "insufficient {resource}: one replica needs {requested}, {free} left"
                )
            }
            Self::NotInPlacement
            | Self::SelectorMismatch
            | Self::AffinityMismatch
            | Self::NotReady
            | Self::Terminating
            | Self::NoReclaimedResources
            | Self::Other(_) => out.write_str(&self.summary()),
        }
    }
}

/// A plugin could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PluginError(pub String);

/// No decision could be made. Whoever asked keeps the last placement and tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scheduling failed in plugin {plugin}{}", on(.cluster.as_deref()))]
pub struct Broken {
    /// The plugin that failed.
    pub plugin: String,
    /// The cluster it was asked about, if about one.
    pub cluster: Option<String>,
    /// What it said.
    #[source]
    pub error: PluginError,
}

fn on(cluster: Option<&str>) -> String {
    cluster
        .map(|cluster| format!(" for cluster {cluster}"))
        .unwrap_or_default()
}
