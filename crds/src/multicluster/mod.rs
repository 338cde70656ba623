//! The group `multicluster.x-k8s.io`: the multi-cluster services API as KubeAdmiral ships it.

mod service_export;
mod service_import;

pub use service_export::{Condition, ServiceExport, ServiceExportStatus};
pub use service_import::{
    ClientIpConfig, ClusterStatus, ServiceImport, ServiceImportSpec, ServiceImportStatus,
    ServiceImportType, ServicePort, SessionAffinityConfig,
};

/// The group of the multi-cluster services API.
pub const GROUP: &str = "multicluster.x-k8s.io";
/// The version that KubeAdmiral ships.
pub const VERSION: &str = "v1alpha1";
/// `GROUP/VERSION`.
pub const API_VERSION: &str = "multicluster.x-k8s.io/v1alpha1";
