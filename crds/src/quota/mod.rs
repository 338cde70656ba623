//! The group `navarch.dev`: limits that hold over all clusters together, and the record that keeps them when leaders
//! change. What a workload is charged stands on its federated object ([`crate::keys::navarch::CHARGE`]), not here.

mod charge;
mod global_quota;
mod quota_ledger;

pub use charge::{Charge, ClusterCharge};
pub use global_quota::{
    ClusterCap, ClusterUse, GlobalQuota, GlobalQuotaSpec, GlobalQuotaStatus, Mode, OnExceeded,
    Pending, Queueing, QuotaCondition, QuotaSelector, ResourceCap, ResourceShare, ResourceUse,
    Strategy,
};
pub use quota_ledger::{OpenObject, QuotaLedger, QuotaLedgerSpec};

/// The group of Navarch's own kinds.
pub const GROUP: &str = crate::keys::navarch::GROUP;
/// Its version.
pub const VERSION: &str = "v1alpha1";
/// `GROUP/VERSION`.
pub const API_VERSION: &str = "navarch.dev/v1alpha1";
