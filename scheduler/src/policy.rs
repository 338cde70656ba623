//! A propagation policy after it was checked. Both kinds of policy come through here, and nothing
//! behind it sees what a user wrote. What a policy leaves out has its default here.

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::v1alpha1::{
    DesiredPlacement, PropagationPolicySpec, ReplicasStrategy, RescheduleTrigger, SchedulingMode,
};

use crate::selector::Term;
use crate::toleration::{Operator, Toleration};
use crate::trigger;

/// Whether clusters share the replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every cluster runs the whole object.
    #[default]
    Duplicate,
    /// The clusters share its replicas.
    Divide,
}

/// How replicas are shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// By weight.
    #[default]
    Spread,
    /// One cluster after the other.
    Binpack,
}

/// Cluster affinity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affinity {
    /// One of these terms has to match; none given is no constraint.
    pub required: Option<Vec<Term>>,
    /// Terms that make a cluster more wanted, with their weights.
    pub preferred: Vec<(i64, Term)>,
}

/// What is asked of clusters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedClusters {
    /// If not empty, only these.
    pub names: BTreeSet<String>,
    /// Least replicas; zero where named without.
    pub min: BTreeMap<String, i64>,
    /// Most replicas.
    pub max: BTreeMap<String, i64>,
    /// Weights.
    pub weights: BTreeMap<String, i64>,
    /// Priorities, higher first.
    pub priorities: BTreeMap<String, i64>,
}

/// The policy's part in auto migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationPolicy {
    /// Replicas that a cluster cannot run stay there besides moving elsewhere.
    pub keep_unschedulable: bool,
    /// How long a pod may be unschedulable, as written; `None` if the policy does not say.
    pub unschedulable_for: Option<String>,
}

/// A policy that can be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPolicy {
    /// Name of the scheduling profile, if one is named.
    pub profile: Option<String>,
    /// Whether clusters share the replicas.
    pub mode: Mode,
    /// How they share them.
    pub strategy: Strategy,
    /// Labels a cluster has to have.
    pub selector: BTreeMap<String, String>,
    /// Affinity.
    pub affinity: Affinity,
    /// Tolerations.
    pub tolerations: Vec<Toleration>,
    /// Most clusters.
    pub max_clusters: Option<i64>,
    /// Clusters by name.
    pub clusters: NamedClusters,
    /// Followers go where the object goes.
    pub followers: Followers,
    /// Auto migration, if on.
    pub auto_migration: Option<MigrationPolicy>,
    /// What happens to objects that are placed already.
    pub rescheduling: Rescheduling,
    /// Hash of the text, without auto migration, as the trigger document holds it.
    pub content_hash: String,
}

/// Whether followers are scheduled with their leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Followers {
    /// They are.
    #[default]
    Follow,
    /// The policy says no.
    Stay,
}

/// When and how placed objects are decided about again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rescheduling {
    /// Never, once placed.
    pub sticky: bool,
    /// Move as few replicas as possible.
    pub avoid_disruption: bool,
    /// Which changes count.
    pub when: RescheduleTrigger,
}

/// A policy cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A mode that does not exist.
    #[error("reading the policy: schedulingMode {0:?} is not known; write Duplicate or Divide")]
    Mode(String),
    /// A strategy that does not exist.
    #[error("reading the policy: replicasStrategy {0:?} is not known; write Spread or Binpack")]
    Strategy(String),
    /// A number below zero.
    #[error("reading the policy: {field} is {value}; it has to be 0 or more")]
    Negative {
        /// Which field.
        field: String,
        /// Its value.
        value: i64,
    },
}

impl CheckedPolicy {
    /// Checks a policy.
    ///
    /// # Errors
    /// If it says something that cannot be done. The schema of the API lets none of that through,
    /// so this guards against objects stored without it.
    pub fn check(spec: &PropagationPolicySpec) -> Result<Self, PolicyError> {
        let max_clusters = spec.max_clusters;
        if let Some(value) = max_clusters.filter(|most| *most < 0) {
            return Err(PolicyError::Negative {
                field: "maxClusters".to_owned(),
                value,
            });
        }
        let required = spec
            .cluster_affinity
            .iter()
            .map(Term::new)
            .collect::<Vec<_>>();
        let required = (!required.is_empty()).then_some(required);
        let rescheduling = spec.reschedule_policy.clone().unwrap_or_default();
        Ok(Self {
            profile: Some(spec.scheduling_profile.clone()).filter(|name| !name.is_empty()),
            mode: mode(&spec.scheduling_mode)?,
            strategy: strategy(spec.replicas_strategy.as_ref())?,
            selector: spec.cluster_selector.clone(),
            affinity: Affinity {
                required,
                preferred: Vec::new(),
            },
            tolerations: spec.tolerations.iter().map(toleration).collect(),
            max_clusters,
            clusters: NamedClusters::check(&spec.placement)?,
            followers: if spec.disable_follower_scheduling {
                Followers::Stay
            } else {
                Followers::Follow
            },
            auto_migration: spec
                .auto_migration
                .as_ref()
                .map(|migration| MigrationPolicy {
                    keep_unschedulable: migration.keep_unschedulable_replicas,
                    unschedulable_for: migration.when.pod_unschedulable_for.clone(),
                }),
            rescheduling: Rescheduling {
                sticky: rescheduling.disable_rescheduling,
                // What is left out has the default of the API, also where the API server did not
                // write it down.
                avoid_disruption: rescheduling
                    .replica_rescheduling
                    .unwrap_or_default()
                    .avoid_disruption,
                when: rescheduling.reschedule_when.unwrap_or_default(),
            },
            content_hash: trigger::policy_hash(spec),
        })
    }
}

fn mode(mode: &SchedulingMode) -> Result<Mode, PolicyError> {
    match mode {
        SchedulingMode::Duplicate => Ok(Mode::Duplicate),
        SchedulingMode::Divide => Ok(Mode::Divide),
        SchedulingMode::Other(text) if text.is_empty() => Ok(Mode::Duplicate),
        SchedulingMode::Other(text) => Err(PolicyError::Mode(text.clone())),
    }
}

fn strategy(strategy: Option<&ReplicasStrategy>) -> Result<Strategy, PolicyError> {
    match strategy {
        None | Some(ReplicasStrategy::Spread) => Ok(Strategy::Spread),
        Some(ReplicasStrategy::Binpack) => Ok(Strategy::Binpack),
        Some(ReplicasStrategy::Other(text)) if text.is_empty() => Ok(Strategy::Spread),
        Some(ReplicasStrategy::Other(text)) => Err(PolicyError::Strategy(text.clone())),
    }
}

pub(crate) fn toleration(raw: &navarch_crds::v1alpha1::Toleration) -> Toleration {
    Toleration {
        key: raw.key.clone(),
        operator: Operator::read(&raw.operator),
        value: raw.value.clone(),
        effect: raw.effect.clone(),
        written: (raw.operator.clone(), raw.toleration_seconds),
    }
}

impl NamedClusters {
    fn check(placement: &[DesiredPlacement]) -> Result<Self, PolicyError> {
        let named = Self::read(placement);
        let facets = [
            ("minReplicas", &named.min),
            ("maxReplicas", &named.max),
            ("weight", &named.weights),
            ("priority", &named.priorities),
        ];
        for (field, values) in facets {
            if let Some((cluster, value)) = values.iter().find(|(_, value)| **value < 0) {
                let field = format!("placement of cluster {cluster}: {field}");
                return Err(PolicyError::Negative {
                    field,
                    value: *value,
                });
            }
        }
        Ok(named)
    }

    /// Takes entries apart. Of two entries for a cluster the later counts.
    pub(crate) fn read(placement: &[DesiredPlacement]) -> Self {
        let mut named = Self::default();
        for entry in placement {
            let (cluster, wish) = (&entry.cluster, &entry.preferences);
            named.names.insert(cluster.clone());
            named.min.insert(cluster.clone(), wish.min_replicas);
            for (facet, value) in [
                (&mut named.max, wish.max_replicas),
                (&mut named.weights, wish.weight),
                (&mut named.priorities, wish.priority),
            ] {
                if let Some(value) = value {
                    facet.insert(cluster.clone(), value);
                }
            }
        }
        named
    }
}
