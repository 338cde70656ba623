//! Automatic migration: replicas that a cluster cannot run move to others (KubeAdmiral `pkg/controllers/automigration`).
//! Whose a waiting pod is, and what the pods of a workload say of the room in each cluster. Pure: what members tell is
//! kept in `fleet`, who migrates at the moment in `host`.

mod estimate;
mod workload;

pub(crate) use estimate::{Copy, Estimate, Question, Sight, differs, estimate};
pub(crate) use workload::Workload;
