//! `FederatedObject` and `ClusterFederatedObject`: one source object, where it goes and how its
//! copies differ. The functions here are KubeAdmiral's accessors
//! (`extensions_federatedobject.go`): who wrote which placement or override is kept apart.

use super::GROUP;
use crate::lenient::{is_zero, null_is_default};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

kind! {
    /// An object of a namespace and how it is propagated.
    FederatedObject {
        group: GROUP, plural: "federatedobjects", singular: "federatedobject",
        short: ["fo"], scope: NamespaceResourceScope, status: true,
        columns: [],
        parts: {
            required spec ("spec", in schema true): GenericFederatedObjectSpec,
            optional status ("status", in schema false): GenericFederatedObjectStatus,
        }
    }
}

kind! {
    /// An object outside namespaces and how it is propagated.
    ClusterFederatedObject {
        group: GROUP, plural: "clusterfederatedobjects", singular: "clusterfederatedobject",
        short: ["cfo"], scope: ClusterResourceScope, status: true,
        columns: [],
        parts: {
            required spec ("spec", in schema true): GenericFederatedObjectSpec,
            optional status ("status", in schema false): GenericFederatedObjectStatus,
        }
    }
}

/// What is propagated, where, and how copies differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenericFederatedObjectSpec {
    /// The object that copies are made from.
    #[serde(default)]
    #[schemars(!default, schema_with = "super::kubernetes::any")]
    pub template: Value,
    /// How copies differ from the template, one entry a controller.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub overrides: Vec<OverrideWithController>,
    /// Where copies go, one entry a controller; the union counts.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub placements: Vec<PlacementWithController>,
    /// Objects that this one follows.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub follows: Vec<LeaderReference>,
}

impl GenericFederatedObjectSpec {
    /// Every cluster that any controller placed the object in.
    #[must_use]
    pub fn placed_clusters(&self) -> BTreeSet<&str> {
        self.placements
            .iter()
            .flat_map(|entry| {
                entry
                    .placement
                    .iter()
                    .map(|reference| reference.cluster.as_str())
            })
            .collect()
    }

    /// The clusters that one controller placed the object in.
    #[must_use]
    pub fn controller_placement(&self, controller: &str) -> Option<&[ClusterReference]> {
        self.placements
            .iter()
            .find(|entry| entry.controller == controller)
            .map(|entry| entry.placement.as_slice())
    }

    /// Replaces the placement of one controller: clusters sorted, its entry kept in place, a new
    /// one last, no entry for no clusters. Says whether anything changed.
    pub fn set_controller_placement<'a>(
        &mut self,
        controller: &str,
        clusters: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        let sorted: BTreeSet<&str> = clusters.into_iter().collect();
        let placement: Vec<ClusterReference> = sorted
            .into_iter()
            .map(|cluster| ClusterReference {
                cluster: cluster.to_owned(),
            })
            .collect();
        let position = self
            .placements
            .iter()
            .position(|entry| entry.controller == controller);
        match position {
            None if placement.is_empty() => false,
            None => {
                self.placements.push(PlacementWithController {
                    controller: controller.to_owned(),
                    placement,
                });
                true
            }
            Some(index) if placement.is_empty() => {
                self.placements.remove(index);
                true
            }
            Some(index) => match self.placements.get_mut(index) {
                Some(entry) if entry.placement != placement => {
                    entry.placement = placement;
                    true
                }
                _ => false,
            },
        }
    }

    /// The overrides of one controller.
    #[must_use]
    pub fn controller_overrides(&self, controller: &str) -> Option<&[ClusterReferenceWithPatches]> {
        self.overrides
            .iter()
            .find(|entry| entry.controller == controller)
            .map(|entry| entry.clusters.as_slice())
    }

    /// Replaces the overrides of one controller, by the rules of
    /// [`Self::set_controller_placement`]. Says whether anything changed.
    pub fn set_controller_overrides(
        &mut self,
        controller: &str,
        patches: BTreeMap<String, Vec<OverridePatch>>,
    ) -> bool {
        let clusters: Vec<ClusterReferenceWithPatches> = patches
            .into_iter()
            .map(|(cluster, patches)| ClusterReferenceWithPatches { cluster, patches })
            .collect();
        let position = self
            .overrides
            .iter()
            .position(|entry| entry.controller == controller);
        match position {
            None if clusters.is_empty() => false,
            None => {
                self.overrides.push(OverrideWithController {
                    controller: controller.to_owned(),
                    clusters,
                });
                true
            }
            Some(index) if clusters.is_empty() => {
                self.overrides.remove(index);
                true
            }
            Some(index) => match self.overrides.get_mut(index) {
                Some(entry) if entry.clusters != clusters => {
                    entry.clusters = clusters;
                    true
                }
                _ => false,
            },
        }
    }
}

/// Where one controller places an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlacementWithController {
    /// The controller.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub controller: String,
    /// The clusters, sorted.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub placement: Vec<ClusterReference>,
}

/// A cluster.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct ClusterReference {
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub cluster: String,
}

/// What one controller changes in copies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverrideWithController {
    /// The controller.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub controller: String,
    /// The clusters and their patches, sorted by name.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub clusters: Vec<ClusterReferenceWithPatches>,
}

/// A cluster and the patches for its copy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterReferenceWithPatches {
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub cluster: String,
    /// The patches, in order.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub patches: Vec<OverridePatch>,
}

/// One operation of a JSON patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverridePatch {
    /// The operation; empty means `replace`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub op: String,
    /// The JSON pointer of what is changed.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub path: String,
    /// The new value. Always written: Go does not leave a struct out.
    #[serde(default)]
    #[schemars(schema_with = "super::kubernetes::any")]
    pub value: Value,
}

/// An object that another one follows.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct LeaderReference {
    /// Its group.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub group: String,
    /// Its kind.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub kind: String,
    /// Its namespace.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub namespace: String,
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub name: String,
}

/// How far propagation has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenericFederatedObjectStatus {
    /// The generation of the federated object at the last write of this status.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_zero"
    )]
    pub synced_generation: i64,
    /// `Propagated`, and `Scheduled` by Navarch.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub conditions: Vec<GenericFederatedObjectCondition>,
    /// The state in each member, sorted by name.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub clusters: Vec<PropagationStatus>,
}

/// One aspect of the state of a federated object. KubeAdmiral knows no message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenericFederatedObjectCondition {
    /// `Propagated` or `Scheduled`.
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub condition_type: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub status: String,
    /// When propagation last changed anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// When `status` last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// Empty when all is well, `CheckClusters` or `ClusterRetrievalFailed`; of `Scheduled`, one word that says why.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub reason: String,
    /// A sentence that says why.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub message: String,
}

/// The state of the copy in one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropagationStatus {
    /// The member.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub cluster: String,
    /// How it went.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schemars(!default)]
    pub status: PropagationStatusType,
    /// The generation of the copy that was last seen.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "is_zero"
    )]
    pub last_observed_generation: i64,
}

open_enum! {
    /// How the propagation to one member went (`PropagationStatusType`).
    PropagationStatusType, schema open {
        /// The copy is as it should be.
        Ok = "OK",
        /// The copy is being deleted.
        WaitingForRemoval = "WaitingForRemoval",
        /// The copy of a leaving cluster is being deleted.
        WaitingForCascadingDeletion = "WaitingForCascadingDeletion",
        /// The copy is about to be created.
        PendingCreate = "PendingCreate",
        /// The member is not ready.
        ClusterNotReady = "ClusterNotReady",
        /// The member is leaving.
        ClusterTerminating = "ClusterTerminating",
        /// What is known of the copy could not be read.
        CachedRetrievalFailed = "CachedRetrievalFailed",
        /// The copy could not be computed.
        ComputeResourceFailed = "ComputeResourceFailed",
        /// An override does not apply.
        ApplyOverridesFailed = "ApplyOverridesFailed",
        /// The member refused the creation.
        CreationFailed = "CreationFailed",
        /// The member refused the update.
        UpdateFailed = "UpdateFailed",
        /// The member refused the deletion.
        DeletionFailed = "DeletionFailed",
        /// What the copy would use is not charged to its global quotas (Navarch only).
        NotCharged = "NotCharged",
        /// The managed label could not be removed.
        LabelRemovalFailed = "LabelRemovalFailed",
        /// The copy could not be read.
        RetrievalFailed = "RetrievalFailed",
        /// There is an object of that name that is not ours.
        AlreadyExists = "AlreadyExists",
        /// Fields of the member could not be kept.
        FieldRetentionFailed = "FieldRetentionFailed",
        /// Not used any more.
        SetLastReplicasetNameFailed = "SetLastReplicasetNameFailed",
        /// The recorded version could not be read.
        VersionRetrievalFailed = "VersionRetrievalFailed",
        /// There is no client for the member.
        ClientRetrievalFailed = "ClientRetrievalFailed",
        /// The object in the member says that it is not managed.
        ManagedLabelFalse = "ManagedLabelFalse",
        /// The finalizers could not be checked.
        FinalizerCheckFailed = "FinalizerCheckFailed",
        /// No answer to the creation.
        CreationTimedOut = "CreationTimedOut",
        /// No answer to the update.
        UpdateTimedOut = "UpdateTimedOut",
        /// No answer to the deletion.
        DeletionTimedOut = "DeletionTimedOut",
        /// No answer to the removal of the label.
        LabelRemovalTimedOut = "LabelRemovalTimedOut",
    }
}
