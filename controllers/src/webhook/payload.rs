//! Questions as they are sent. `v1alpha1` has the fields, their order and their omissions as KubeAdmiral's Go types
//! marshal them (`pkg/apis/schedulerwebhook/v1alpha1`, `pkg/apis/core/v1alpha1`); lists that come out of Go maps in
//! any order are sorted. Pure. Bodies hold what users wrote and are never logged.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    FieldsV1, ManagedFieldsEntry, ObjectMeta, OwnerReference, Time,
};
use navarch_crds::go;
use navarch_crds::v1alpha1::{
    ApiResource, ClusterCondition, ClusterSelectorTerm, DesiredPlacement, FederatedCluster,
    FederatedClusterSpec, Preferences, Resources, Toleration,
};
use navarch_scheduler::policy::Mode;
use navarch_scheduler::toleration::Toleration as Tolerated;
use navarch_scheduler::unit::Unit;
use serde::Serialize;

use super::configuration::{BATCHED, Version};
use super::quantities::{self, Quantities};

fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The object that is decided about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SchedulingUnit<'a> {
    api_version: String,
    kind: &'a str,
    resource: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    scheduling_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_replicas: Option<i64>,
    resource_request: Quantities,
    current_clusters: Vec<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    current_replica_distribution: BTreeMap<&'a str, i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    cluster_selector: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cluster_affinity: Vec<&'a ClusterSelectorTerm>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tolerations: Vec<Toleration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_clusters: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    placements: Vec<DesiredPlacement>,
}

/// The object of a question. The batched protocol tells all that one replica asks for and the priorities of clusters,
/// which KubeAdmiral leaves out.
fn unit(unit: &Unit, version: Version) -> Result<String, go::json::JsonError> {
    let resource = &unit.resource;
    let divide = unit.mode == Mode::Divide;
    go::json::to_string(&SchedulingUnit {
        api_version: if resource.group.is_empty() {
            resource.version.clone()
        } else {
            format!("{}/{}", resource.group, resource.version)
        },
        kind: &resource.kind,
        resource: &unit.plural,
        namespace: &unit.namespace,
        name: &unit.name,
        labels: &unit.labels,
        annotations: &unit.annotations,
        scheduling_mode: if divide { "Divide" } else { "Duplicate" },
        desired_replicas: unit.desired_replicas,
        resource_request: match version {
            Version::PerCluster => quantities::kubeadmirals(unit),
            Version::Batched => quantities::whole(unit),
        },
        current_clusters: unit.current.keys().map(|name| name.as_str()).collect(),
        current_replica_distribution: unit
            .current
            .iter()
            .filter(|_| divide)
            .map(|(name, replicas)| (name.as_str(), replicas.unwrap_or(0)))
            .collect(),
        cluster_selector: &unit.selector,
        cluster_affinity: unit
            .affinity
            .required
            .iter()
            .flatten()
            .map(|term| term.written())
            .collect(),
        tolerations: unit.tolerations.iter().map(toleration).collect(),
        max_clusters: unit.max_clusters,
        placements: placements(unit, version),
    })
}

/// The object of a decision as text. It goes out with every call, so it is written once for each protocol.
#[derive(Debug, Default)]
pub(crate) struct UnitTexts {
    per_cluster: OnceLock<Option<String>>,
    batched: OnceLock<Option<String>>,
}

impl UnitTexts {
    /// The text of the unit, always the same one. `None`: it cannot be written.
    pub(crate) fn of(&self, object: &Unit, version: Version) -> Option<&str> {
        let text = match version {
            Version::PerCluster => &self.per_cluster,
            Version::Batched => &self.batched,
        };
        text.get_or_init(|| unit(object, version).ok()).as_deref()
    }
}

fn toleration(toleration: &Tolerated) -> Toleration {
    let (operator, seconds) = &toleration.written;
    Toleration {
        key: toleration.key.clone(),
        operator: operator.clone(),
        value: toleration.value.clone(),
        effect: toleration.effect.clone(),
        toleration_seconds: *seconds,
    }
}

fn placements(unit: &Unit, version: Version) -> Vec<DesiredPlacement> {
    let named = &unit.clusters;
    let placement = |name: &String| DesiredPlacement {
        cluster: name.clone(),
        preferences: Preferences {
            min_replicas: named.min.get(name).copied().unwrap_or(0),
            max_replicas: named.max.get(name).copied(),
            weight: named.weights.get(name).copied(),
            priority: match version {
                Version::PerCluster => None,
                Version::Batched => named.priorities.get(name).copied(),
            },
        },
    };
    named.names.iter().map(placement).collect()
}

/// A cluster with its fields in the order of the Go struct.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cluster<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Metadata<'a>,
    spec: &'a FederatedClusterSpec,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generate_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
    creation_timestamp: Option<&'a Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_timestamp: Option<&'a Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owner_references: Vec<Owner<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    finalizers: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    managed_fields: Vec<Managed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Owner<'a> {
    api_version: &'a str,
    kind: &'a str,
    name: &'a str,
    uid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_owner_deletion: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Managed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    manager: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields_v1: Option<&'a FieldsV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subresource: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(skip_serializing_if = "<[ClusterCondition]>::is_empty")]
    conditions: &'a [ClusterCondition],
    resources: &'a Resources,
    #[serde(skip_serializing_if = "<[ApiResource]>::is_empty")]
    api_resource_types: &'a [ApiResource],
    #[serde(skip_serializing_if = "is_empty")]
    join_performed: bool,
}

/// A cluster of a question. The batched protocol leaves out who wrote which field and which types the cluster serves:
/// for a thousand clusters these would be most of the body.
pub(crate) fn cluster(
    cluster: &FederatedCluster,
    version: Version,
) -> Result<String, go::json::JsonError> {
    let none = navarch_crds::v1alpha1::FederatedClusterStatus::default();
    let status = cluster.status.as_ref().unwrap_or(&none);
    let mut metadata = metadata(&cluster.metadata);
    if version == Version::Batched {
        metadata.managed_fields = Vec::new();
    }
    go::json::to_string(&Cluster {
        kind: "FederatedCluster",
        api_version: "core.kubeadmiral.io/v1alpha1",
        metadata,
        spec: &cluster.spec,
        status: Status {
            conditions: &status.conditions,
            resources: &status.resources,
            api_resource_types: match version {
                Version::PerCluster => &status.api_resource_types,
                Version::Batched => &[],
            },
            join_performed: status.join_performed,
        },
    })
}

fn metadata(meta: &ObjectMeta) -> Metadata<'_> {
    fn texts(map: Option<&BTreeMap<String, String>>) -> BTreeMap<&str, &str> {
        let entries = map.into_iter().flatten();
        entries
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
    let owners = meta.owner_references.iter().flatten();
    let managed = meta.managed_fields.iter().flatten();
    Metadata {
        name: meta.name.as_deref(),
        generate_name: meta.generate_name.as_deref(),
        uid: meta.uid.as_deref(),
        resource_version: meta.resource_version.as_deref(),
        generation: meta.generation.filter(|generation| *generation != 0),
        creation_timestamp: meta.creation_timestamp.as_ref(),
        deletion_timestamp: meta.deletion_timestamp.as_ref(),
        deletion_grace_period_seconds: meta.deletion_grace_period_seconds,
        labels: texts(meta.labels.as_ref()),
        annotations: texts(meta.annotations.as_ref()),
        owner_references: owners.map(owner).collect(),
        finalizers: meta.finalizers.as_deref().unwrap_or_default(),
        managed_fields: managed.map(self::managed).collect(),
    }
}

fn owner(owner: &OwnerReference) -> Owner<'_> {
    Owner {
        api_version: &owner.api_version,
        kind: &owner.kind,
        name: &owner.name,
        uid: &owner.uid,
        controller: owner.controller,
        block_owner_deletion: owner.block_owner_deletion,
    }
}

fn managed(entry: &ManagedFieldsEntry) -> Managed<'_> {
    Managed {
        manager: entry.manager.as_deref(),
        operation: entry.operation.as_deref(),
        api_version: entry.api_version.as_deref(),
        time: entry.time.as_ref(),
        fields_type: entry.fields_type.as_deref(),
        fields_v1: entry.fields_v1.as_ref(),
        subresource: entry.subresource.as_deref().filter(|text| !text.is_empty()),
    }
}

/// The body of a filter or score call about one cluster.
pub(crate) fn about_one(unit: &str, cluster: &str) -> String {
    format!(r#"{{"schedulingUnit":{unit},"cluster":{cluster}}}"#)
}

/// The body of a batched filter or score call.
pub(crate) fn about_all<'a>(unit: &str, clusters: impl Iterator<Item = &'a str>) -> String {
    let mut body =
        format!(r#"{{"payloadVersion":"{BATCHED}","schedulingUnit":{unit},"clusters":["#);
    append(&mut body, clusters);
    body.push_str("]}");
    body
}

/// The body of a select call; clusters with their scores.
pub(crate) fn choice<'a>(
    version: Version,
    unit: &str,
    scored: impl Iterator<Item = (&'a str, i64)>,
) -> String {
    let mut body = match version {
        Version::PerCluster => format!(r#"{{"schedulingUnit":{unit},"clusterScores":["#),
        Version::Batched => {
            format!(r#"{{"payloadVersion":"{BATCHED}","schedulingUnit":{unit},"clusterScores":["#)
        }
    };
    let entries: Vec<String> = scored
        .map(|(cluster, score)| format!(r#"{{"cluster":{cluster},"score":{score}}}"#))
        .collect();
    append(&mut body, entries.iter().map(String::as_str));
    body.push_str("]}");
    body
}

fn append<'a>(body: &mut String, parts: impl Iterator<Item = &'a str>) {
    for (index, part) in parts.enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(part);
    }
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
