//! The group `core.kubeadmiral.io`, version `v1alpha1`, one file a kind (pairs that share a spec
//! share a file). JSON names, defaults and what is written or left out are KubeAdmiral's
//! (`pkg/apis/core/v1alpha1`); fields stand in the order of its Go structs, because hashes are
//! taken over the text in that order. Nothing here decides anything.

mod cluster_selector;
mod collected_status;
mod federated_cluster;
mod federated_object;
mod federated_type_config;
pub(crate) mod kubernetes;
mod override_policy;
mod overriders;
mod propagated_version;
mod propagation_policy;
mod reference_count;
mod scheduler_plugin_webhook_configuration;
mod scheduling_profile;

pub use cluster_selector::{
    ClusterSelectorOperator, ClusterSelectorRequirement, ClusterSelectorTerm,
};
pub use collected_status::{ClusterCollectedStatus, CollectedFieldsWithCluster, CollectedStatus};
pub use federated_cluster::{
    ClusterCondition, FederatedCluster, FederatedClusterSpec, FederatedClusterStatus,
    LocalSecretReference, Resources,
};
pub use federated_object::{
    ClusterFederatedObject, ClusterReference, ClusterReferenceWithPatches, FederatedObject,
    GenericFederatedObjectCondition, GenericFederatedObjectSpec, GenericFederatedObjectStatus,
    LeaderReference, OverridePatch, OverrideWithController, PlacementWithController,
    PropagationStatus, PropagationStatusType,
};
pub use federated_type_config::{
    ApiResource, AutoMigrationConfig, FederatedTypeConfig, FederatedTypeConfigSpec, PathDefinition,
    StatusAggregationConfig, StatusCollectionConfig,
};
pub use kubernetes::{
    ConfigMapKeySelector, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector,
    SecretKeySelector, Taint, Toleration,
};
pub use override_policy::{
    ClusterOverridePolicy, GenericOverridePolicySpec, OverridePolicy, OverrideRule, TargetClusters,
};
pub use overriders::{
    EntrypointOperator, EntrypointOverrider, EnvOverrider, ImageComponent, ImageOperation,
    ImageOverrider, JsonPatchOverrider, MapOperator, Overriders, StringMapOverrider,
};
pub use propagated_version::{
    ClusterObjectVersion, ClusterPropagatedVersion, PropagatedVersion, PropagatedVersionStatus,
};
pub use propagation_policy::{
    AutoMigration, AutoMigrationTrigger, ClusterPropagationPolicy, DesiredPlacement, Preferences,
    PropagationPolicy, PropagationPolicySpec, ReplicaRescheduling, ReplicasStrategy,
    ReschedulePolicy, RescheduleTrigger, SchedulingMode,
};
pub use reference_count::{ReferenceCountStatus, TypedReferenceCount};
pub use scheduler_plugin_webhook_configuration::{
    SchedulerPluginWebhookConfiguration, SchedulerPluginWebhookConfigurationSpec, WebhookTlsConfig,
};
pub use scheduling_profile::{
    Plugin, PluginConfig, PluginSet, PluginType, Plugins, SchedulingProfile, SchedulingProfileSpec,
};

/// The group of KubeAdmiral's own kinds.
pub const GROUP: &str = "core.kubeadmiral.io";
/// The only version, served and stored.
pub const VERSION: &str = "v1alpha1";
/// `GROUP/VERSION`.
pub const API_VERSION: &str = "core.kubeadmiral.io/v1alpha1";
