//! The controllers of a simulation: one line each.

use super::engine::Controller;
use super::{
    budgets, cron_job, daemon_set, deployment, endpoints, job, kubelet, nodes, replica_set,
    scheduler, stateful_set,
};

/// All controllers.
pub(crate) fn all() -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(nodes::Nodes::default()),
        Box::new(scheduler::Scheduler::default()),
        Box::new(kubelet::Kubelet::default()),
        Box::new(deployment::Deployments),
        Box::new(replica_set::ReplicaSets),
        Box::new(stateful_set::StatefulSets),
        Box::new(daemon_set::DaemonSets),
        Box::new(job::Jobs::default()),
        Box::new(cron_job::CronJobs),
        Box::new(endpoints::ServiceEndpoints),
        Box::new(budgets::Budgets),
    ]
}
