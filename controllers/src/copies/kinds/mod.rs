//! One file a kind: what is kept of a copy, and the status of a source from it. A new kind is a
//! file, a variant of [`Figures`] and a line in `KINDS`.

mod claim;
mod cron_job;
mod daemon_set;
mod deployment;
mod generic;
mod job;
mod load_balancer;
mod pod;
mod stateful_set;

use super::aggregate::Inputs;
use super::pods::Pods;
use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde_json::Value;

/// What a copy reports, by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Figures {
    /// Nothing that is used.
    #[default]
    None,
    /// A Deployment.
    Deployment(deployment::Figures),
    /// A `StatefulSet`.
    StatefulSet(stateful_set::Figures),
    /// A `DaemonSet`.
    DaemonSet(daemon_set::Figures),
    /// A Job.
    Job(job::Figures),
    /// A `CronJob`.
    CronJob(cron_job::Figures),
    /// A Service or an Ingress.
    LoadBalancer(load_balancer::Figures),
    /// A Pod.
    Pod(pod::Figures),
    /// A `PersistentVolumeClaim`.
    Claim(claim::Figures),
    /// Any kind outside Kubernetes' own groups.
    Generic(Box<generic::Figures>),
}

impl Figures {
    /// The pods of the copy, as far as its kind has any; `counted`: its member has reported them once.
    pub(super) fn pods(&self, counted: bool) -> Option<Pods> {
        match self {
            Self::Deployment(figures) => Some(figures.pods()),
            Self::StatefulSet(figures) => Some(figures.pods()),
            Self::DaemonSet(figures) => counted.then(|| figures.pods()),
            Self::Job(figures) => Some(figures.pods()),
            Self::Pod(figures) => Some(figures.pods()),
            Self::None
            | Self::CronJob(_)
            | Self::LoadBalancer(_)
            | Self::Claim(_)
            | Self::Generic(_) => None,
        }
    }

    /// Whether pods of an older template are still there.
    pub(super) fn has_old_pods(&self) -> bool {
        match self {
            Self::Deployment(figures) => figures.has_old_pods(),
            Self::StatefulSet(figures) => !figures.is_rolled_out(),
            Self::DaemonSet(figures) => figures.has_old_pods(),
            // Their pods do not change, or nothing is known of them.
            Self::None
            | Self::Job(_)
            | Self::Pod(_)
            | Self::CronJob(_)
            | Self::LoadBalancer(_)
            | Self::Claim(_)
            | Self::Generic(_) => false,
        }
    }
}

/// How one kind is read and summed up.
struct Kind {
    group: &'static str,
    kind: &'static str,
    observe: fn(&Value) -> Figures,
    aggregate: fn(Inputs<'_>) -> Option<Value>,
}

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    Kind { group: "apps", kind: "Deployment", observe: deployment::observe, aggregate: deployment::aggregate },
    Kind { group: "apps", kind: "StatefulSet", observe: stateful_set::observe, aggregate: stateful_set::aggregate },
    Kind { group: "apps", kind: "DaemonSet", observe: daemon_set::observe, aggregate: daemon_set::aggregate },
    Kind { group: "batch", kind: "Job", observe: job::observe, aggregate: job::aggregate },
    Kind { group: "batch", kind: "CronJob", observe: cron_job::observe, aggregate: cron_job::aggregate },
    Kind { group: "", kind: "Service", observe: load_balancer::observe, aggregate: load_balancer::aggregate },
    Kind { group: "networking.k8s.io", kind: "Ingress", observe: load_balancer::observe, aggregate: load_balancer::aggregate },
    Kind { group: "", kind: "Pod", observe: pod::observe, aggregate: pod::aggregate },
    Kind { group: "", kind: "PersistentVolumeClaim", observe: claim::observe, aggregate: claim::aggregate },
];

fn find(type_config: &FederatedTypeConfigSpec) -> Option<&'static Kind> {
    let source = &type_config.source_type;
    KINDS
        .iter()
        .find(|kind| kind.group == source.group && kind.kind == source.kind)
}

/// What is kept of a copy.
pub(super) fn observe(type_config: &FederatedTypeConfigSpec, object: &Value) -> Figures {
    match find(type_config) {
        Some(kind) => (kind.observe)(object),
        None if is_kubernetes(&type_config.source_type.group) => Figures::None,
        None => generic::observe(type_config, object),
    }
}

/// The status of a source.
pub(super) fn aggregate(inputs: Inputs<'_>) -> Option<Value> {
    match find(inputs.type_config) {
        Some(kind) => (kind.aggregate)(inputs),
        // The host's own controllers write the status of definitions, quotas, volumes and the like.
        None if is_kubernetes(&inputs.type_config.source_type.group) => None,
        None => generic::aggregate(inputs),
    }
}

/// Whether a group is one of Kubernetes' own.
fn is_kubernetes(group: &str) -> bool {
    matches!(
        group,
        "" | "apps" | "batch" | "autoscaling" | "policy" | "extensions"
    ) || group.ends_with(".k8s.io")
}

#[cfg(test)]
mod tests;
