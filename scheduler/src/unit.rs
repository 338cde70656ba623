//! The question of one decision: the object, what its policy asks, and what annotations on the
//! object ask instead. An annotation that cannot be read is reported and the policy's value holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use navarch_crds::keys::{annotation, controller};
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{
    FederatedTypeConfigSpec, OverrideWithController, PlacementWithController,
};
use serde_json::Value;

use crate::migration::{AutoMigrationInfo, CustomMigration};
use crate::placement::Placement;
use crate::policy::{Affinity, CheckedPolicy, Mode, NamedClusters, Strategy};
use crate::request::{self, RequestError};
use crate::resources::{Amounts, GPU, RECLAIMED};
use crate::snapshot::ApiResource;
use crate::toleration::Toleration;

mod annotations;
mod bounds;

pub use bounds::ObjectOverrides;

/// Parts of the control plane that are not on everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Katalyst's reclaimed resources count (`--enable-katalyst-support`).
    pub katalyst: bool,
    /// What annotations of an object may do to its policy (`--object-overrides`).
    pub object_overrides: ObjectOverrides,
}

/// What a unit is made from.
#[derive(Clone, Copy, Debug)]
pub struct UnitInputs<'a> {
    /// The policy.
    pub policy: &'a CheckedPolicy,
    /// The type of the object.
    pub type_config: &'a FederatedTypeConfigSpec,
    /// The object itself.
    pub template: &'a Value,
    /// Annotations of the federated object.
    pub annotations: &'a BTreeMap<String, String>,
    /// `spec.placements` of the federated object.
    pub placements: &'a [PlacementWithController],
    /// `spec.overrides` of the federated object.
    pub overrides: &'a [OverrideWithController],
    /// What is on.
    pub features: Features,
}

/// Auto migration of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoMigration {
    /// Pods as they were counted; nothing if they were not.
    pub info: AutoMigrationInfo,
    /// Replicas that a cluster cannot run stay there besides moving elsewhere.
    pub keep_unschedulable: bool,
}

/// An object to decide about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Type of the object.
    pub resource: Arc<ApiResource>,
    /// Plural name of the type.
    pub plural: String,
    /// Namespace, empty for objects without.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `namespace/name`, or the name.
    pub key: String,
    /// Labels of the object.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the object; those that steer federation are not among them.
    pub annotations: BTreeMap<String, String>,
    /// Whether clusters share the replicas.
    pub mode: Mode,
    /// How they share them.
    pub strategy: Strategy,
    /// Replicas to share; only in Divide.
    pub desired_replicas: Option<i64>,
    /// Where earlier decisions placed it.
    pub current: Placement,
    /// Stays where it is, once placed.
    pub sticky: bool,
    /// Move as few replicas as possible.
    pub avoid_disruption: bool,
    /// Auto migration, if the policy has it.
    pub auto_migration: Option<AutoMigration>,
    /// Migration by hand.
    pub custom_migration: CustomMigration,
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
    /// What one replica asks for.
    pub request: Amounts,
    /// What is on.
    pub features: Features,
}

impl Unit {
    /// Extended resources that weigh in scores.
    pub fn weighed_scalars(&self) -> impl Iterator<Item = (&str, i64)> {
        self.request
            .scalars
            .iter()
            .map(|(name, amount)| (name.as_str(), *amount))
            .filter(|(name, _)| *name == GPU || self.features.katalyst && RECLAIMED.contains(name))
    }

    /// The policy leaves replicas in place that a cluster cannot run.
    #[must_use]
    pub fn keeps_unschedulable(&self) -> bool {
        self.auto_migration
            .as_ref()
            .is_some_and(|migration| migration.keep_unschedulable)
    }
}

/// An annotation that could not be used; the policy's value holds instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Which annotation.
    pub annotation: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// No decision can be asked for. The last placement stays.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// Divide without replicas.
    #[error(
        "reading the object: there is no whole number of replicas at {path}; set it, or use the \
         scheduling mode Duplicate"
    )]
    NoReplicas {
        /// Where it should be.
        path: String,
    },
    /// An annotation that controllers write.
    #[error("reading annotation {annotation} of the federated object: its JSON cannot be used")]
    Annotation {
        /// Which annotation.
        annotation: &'static str,
        /// What is wrong with it.
        #[source]
        error: serde_json::Error,
    },
    /// The pod template.
    #[error("reading the object's resource request")]
    Request(#[from] RequestError),
}

/// Puts the question together.
///
/// # Errors
/// If the object itself, or what controllers wrote on it, cannot be read.
pub fn build(inputs: UnitInputs<'_>) -> Result<(Unit, Vec<Ignored>), UnitError> {
    let mut ignored = Vec::new();
    let mut own = annotations::read(inputs.annotations, &mut ignored);
    let policy = inputs.policy;
    let setting = inputs.features.object_overrides;
    bounds::apply(setting, &mut own, policy, &mut ignored);
    let replicas_path = inputs.type_config.path_definition.replicas_spec.as_str();
    let mode = effective_mode(&own, policy, replicas_path);
    let desired_replicas = match mode {
        Mode::Duplicate => None,
        Mode::Divide => match replicas(inputs.template, replicas_path)? {
            None => {
                return Err(UnitError::NoReplicas {
                    path: replicas_path.to_owned(),
                });
            }
            some => some,
        },
    };
    let resource = resource(inputs.type_config);
    let text = |field: &str| {
        let value = inputs
            .template
            .get("metadata")
            .and_then(|metadata| metadata.get(field));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (namespace, name) = (text("namespace"), text("name"));
    let key = if namespace.is_empty() {
        name.clone()
    } else {
        format!("{namespace}/{name}")
    };
    let clusters = named_clusters(&mut own, policy);
    let unit = Unit {
        request: request::of_replica(&resource, inputs.template)?,
        resource: Arc::new(resource),
        plural: inputs.type_config.source_type.plural_name.clone(),
        namespace,
        name,
        key,
        labels: texts(inputs.template, "labels"),
        annotations: texts(inputs.template, "annotations"),
        mode,
        strategy: policy.strategy,
        desired_replicas,
        current: current(&inputs, replicas_path),
        sticky: own.sticky.unwrap_or(policy.rescheduling.sticky),
        avoid_disruption: policy.rescheduling.avoid_disruption,
        auto_migration: auto_migration(&inputs)?,
        custom_migration: written(&inputs, annotation::APPLIED_MIGRATION_CONFIGURATION)?
            .unwrap_or_default(),
        selector: own.selector.unwrap_or_else(|| policy.selector.clone()),
        affinity: own.affinity.unwrap_or_else(|| policy.affinity.clone()),
        tolerations: own
            .tolerations
            .unwrap_or_else(|| policy.tolerations.clone()),
        max_clusters: own.max_clusters.or(policy.max_clusters),
        clusters,
        features: inputs.features,
    };
    Ok((unit, ignored))
}

/// Whether clusters share the replicas of an object with these annotations.
#[must_use]
pub fn mode(
    policy: &CheckedPolicy,
    type_config: &FederatedTypeConfigSpec,
    annotations: &BTreeMap<String, String>,
    features: Features,
) -> Mode {
    let mut ignored = Vec::new();
    let mut own = annotations::read(annotations, &mut ignored);
    bounds::apply(features.object_overrides, &mut own, policy, &mut ignored);
    effective_mode(&own, policy, &type_config.path_definition.replicas_spec)
}

/// A type without replicas cannot be divided.
fn effective_mode(own: &annotations::Own, policy: &CheckedPolicy, replicas_path: &str) -> Mode {
    if replicas_path.is_empty() {
        Mode::Duplicate
    } else {
        own.mode.unwrap_or(policy.mode)
    }
}

/// Each wish of the object, or the policy's where the object has none.
fn named_clusters(own: &mut annotations::Own, policy: &CheckedPolicy) -> NamedClusters {
    let named = &policy.clusters;
    NamedClusters {
        names: own.names.take().unwrap_or_else(|| named.names.clone()),
        min: own.min.take().unwrap_or_else(|| named.min.clone()),
        max: own.max.take().unwrap_or_else(|| named.max.clone()),
        weights: own.weights.take().unwrap_or_else(|| named.weights.clone()),
        priorities: own
            .priorities
            .take()
            .unwrap_or_else(|| named.priorities.clone()),
    }
}

/// The type of the objects of a type config.
#[must_use]
pub fn resource(type_config: &FederatedTypeConfigSpec) -> ApiResource {
    ApiResource {
        group: type_config.source_type.group.clone(),
        version: type_config.source_type.version.clone(),
        kind: type_config.source_type.kind.clone(),
    }
}

/// The whole number at a dot path; `None` if there is nothing.
pub(crate) fn replicas(template: &Value, path: &str) -> Result<Option<i64>, UnitError> {
    match path
        .split('.')
        .try_fold(template, |value, step| value.get(step))
    {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            None => Err(UnitError::NoReplicas {
                path: path.to_owned(),
            }),
            some => Ok(some),
        },
    }
}

fn texts(template: &Value, field: &str) -> BTreeMap<String, String> {
    let map = template
        .get("metadata")
        .and_then(|metadata| metadata.get(field));
    map.and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn auto_migration(inputs: &UnitInputs<'_>) -> Result<Option<AutoMigration>, UnitError> {
    let Some(policy) = &inputs.policy.auto_migration else {
        return Ok(None);
    };
    let info = written(inputs, annotation::AUTO_MIGRATION_INFO)?.unwrap_or_default();
    Ok(Some(AutoMigration {
        info,
        keep_unschedulable: policy.keep_unschedulable,
    }))
}

/// Something that a controller wrote as JSON.
fn written<T: serde::de::DeserializeOwned>(
    inputs: &UnitInputs<'_>,
    annotation: &'static str,
) -> Result<Option<T>, UnitError> {
    let Some(text) = inputs.annotations.get(annotation) else {
        return Ok(None);
    };
    serde_json::from_str(text).map_err(|error| UnitError::Annotation { annotation, error })
}

/// Where the scheduler placed the object before, with the replicas it wrote as overrides.
fn current(inputs: &UnitInputs<'_>, replicas_path: &str) -> Placement {
    let ours = |name: &str| name == controller::SCHEDULER;
    let placed = inputs
        .placements
        .iter()
        .find(|entry| ours(&entry.controller));
    let mut current: Placement = placed
        .into_iter()
        .flat_map(|entry| &entry.placement)
        .filter_map(|reference| Some((ClusterName::new(&reference.cluster).ok()?, None)))
        .collect();
    let path = format!("/{}", replicas_path.replace('.', "/"));
    let overrides = inputs
        .overrides
        .iter()
        .find(|entry| ours(&entry.controller));
    for cluster in overrides.into_iter().flat_map(|entry| &entry.clusters) {
        let Some(replicas) = current.get_mut(cluster.cluster.as_str()) else {
            continue;
        };
        // A patch whose value is no number is passed over, as KubeAdmiral does.
        let set = cluster
            .patches
            .iter()
            .filter(|patch| patch.path == path && matches!(patch.op.as_str(), "" | "replace"))
            .find_map(|patch| patch.value.as_i64());
        *replicas = set.map(|count| count.max(0)).or(*replicas);
    }
    current
}

#[cfg(test)]
#[path = "unit_tests.rs"]
mod tests;
