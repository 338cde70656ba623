//! Why an object must not grow, told so that it can stand in a condition.

use std::fmt;
use std::sync::Arc;

use navarch_crds::names::ClusterName;

use super::resource::amount_text;

/// Why an object must not grow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is not enough left.
    #[error(transparent)]
    Short(#[from] Shortage),
    /// A quota that it is charged to, or one above that, is wrong.
    #[error("quota {quota} is not active, so nothing under it grows: {message}")]
    Inactive {
        /// The quota.
        quota: String,
        /// What is wrong with it.
        message: String,
    },
    /// Several quotas of one tree would have it.
    #[error("the quotas {} of one tree select it: let only one of them do so", quotas.join(", "))]
    Ambiguous {
        /// The quotas.
        quotas: Arc<[String]>,
    },
}

impl Refusal {
    /// In one word.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Short(_) => "QuotaExceeded",
            Self::Inactive { .. } => "QuotaInactive",
            Self::Ambiguous { .. } => "QuotaAmbiguous",
        }
    }
}

/// What a quota does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The quota that bounds: one that the object is charged to, or one above it.
    pub quota: String,
    /// The resource.
    pub resource: String,
    /// The cluster, where a cap of a cluster bounds.
    pub cluster: Option<ClusterName>,
    /// By how much the object would grow.
    pub asked: i64,
    /// By how much it may grow.
    pub free: i64,
    /// The bound.
    pub limit: i64,
}

impl std::error::Error for Shortage {}

impl fmt::Display for Shortage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |amount| amount_text(&self.resource, amount);
        write!(
            out,
            "quota {}: asks for {} more of {}",
            self.quota,
            text(self.asked),
            self.resource
        )?;
        if let Some(cluster) = &self.cluster {
            write!(out, " in cluster {cluster}")?;
        }
        write!(out, ", {} free of {}", text(self.free), text(self.limit))
    }
}
