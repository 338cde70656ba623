//! Every label, annotation, finalizer, controller name and fixed name, once. The texts are
//! KubeAdmiral's (`pkg/controllers/common/constants.go` and beside each controller) and must not
//! change: they are stored in users' clusters. Navarch's own are at the end.

/// Namespace of the control plane in the host, and of the service account in members.
pub const SYSTEM_NAMESPACE: &str = "kube-admiral-system";
/// Service account that joining makes in a member.
pub const MEMBER_SERVICE_ACCOUNT: &str = "kubeadmiral-member";
/// Prefix of labels, annotations, finalizers and controller names.
pub const PREFIX: &str = "kubeadmiral.io/";
/// Prefix of annotations between controllers.
pub const INTERNAL_PREFIX: &str = "internal.kubeadmiral.io/";
/// Prefix of the bookkeeping of the federate controller.
pub const FEDERATE_PREFIX: &str = "federate.controller.kubeadmiral.io/";
/// The text that switches most boolean annotations on.
pub const TRUE: &str = "true";
/// The text that switches most boolean annotations off.
pub const FALSE: &str = "false";
/// Namespaces whose objects are propagated while the namespace itself is not dispatched; the
/// system namespace is one more.
pub const UNMANAGED_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "default"];

/// Labels.
pub mod label {
    /// On sources: name of the `PropagationPolicy`.
    pub const PROPAGATION_POLICY: &str = "kubeadmiral.io/propagation-policy-name";
    /// On sources: name of the `ClusterPropagationPolicy`.
    pub const CLUSTER_PROPAGATION_POLICY: &str = "kubeadmiral.io/cluster-propagation-policy-name";
    /// On sources: name of the `OverridePolicy`.
    pub const OVERRIDE_POLICY: &str = "kubeadmiral.io/override-policy-name";
    /// On sources: name of the `ClusterOverridePolicy`.
    pub const CLUSTER_OVERRIDE_POLICY: &str = "kubeadmiral.io/cluster-override-policy-name";
    /// On member objects: `true` when managed; `false` refuses management.
    pub const MANAGED: &str = "kubeadmiral.io/managed";
    /// On source autoscalers: `centralized`, `distributed` or empty.
    pub const HPA_MODE: &str = "kubeadmiral.io/hpa-mode";
    /// On source autoscalers: `true` when run by the host, and then not dispatched.
    pub const CENTRALIZED_HPA_ENABLED: &str = "kubeadmiral.io/centralized-hpa-enabled";
    /// On endpoint slices in the host: the cluster that they come from.
    pub const SOURCE_CLUSTER: &str = "kubeadmiral.io/source-cluster";

    /// Labels that move from the source to the federated object and are kept out of the template.
    pub const FEDERATED: [&str; 4] = [
        PROPAGATION_POLICY,
        CLUSTER_PROPAGATION_POLICY,
        OVERRIDE_POLICY,
        CLUSTER_OVERRIDE_POLICY,
    ];
}

/// Annotations.
pub mod annotation {
    /// Any text but the empty one: the object is not federated.
    pub const NO_FEDERATED_RESOURCE: &str = "kubeadmiral.io/no-federated-resource";
    /// `true`: members keep their number of replicas.
    pub const RETAIN_REPLICAS: &str = "kubeadmiral.io/retain-replicas";
    /// `Duplicate` or `Divide`, instead of what the policy says.
    pub const SCHEDULING_MODE: &str = "kubeadmiral.io/scheduling-mode";
    /// `true` or `false`: whether the object stays where it is.
    pub const STICKY_CLUSTER: &str = "kubeadmiral.io/sticky-cluster";
    /// On namespaces: do not propagate automatically.
    pub const NO_AUTO_PROPAGATION: &str = "kubeadmiral.io/no-auto-propagation";
    /// `all` or `adopted`: copies stay in members when the object goes.
    pub const ORPHAN: &str = "kubeadmiral.io/orphan";
    /// The same, written by controllers; wins when present.
    pub const ORPHAN_INTERNAL: &str = "internal.kubeadmiral.io/orphan";
    /// `adopt`: objects that exist in members are taken over.
    pub const CONFLICT_RESOLUTION: &str = "kubeadmiral.io/conflict-resolution";
    /// The same, written by controllers; wins when present.
    pub const CONFLICT_RESOLUTION_INTERNAL: &str = "internal.kubeadmiral.io/conflict-resolution";
    /// JSON: in which clusters objects are taken over.
    pub const CLUSTERS_TO_ADOPT: &str = "kubeadmiral.io/clusters-to-adopt";
    /// The same, written by controllers; wins when present.
    pub const CLUSTERS_TO_ADOPT_INTERNAL: &str = "internal.kubeadmiral.io/clusters-to-adopt";
    /// JSON list of tolerations, instead of the policy's.
    pub const TOLERATIONS: &str = "kubeadmiral.io/tolerations";
    /// JSON list of placements with preferences, instead of the policy's.
    pub const PLACEMENTS: &str = "kubeadmiral.io/placements";
    /// JSON map of labels, instead of the policy's.
    pub const CLUSTER_SELECTOR: &str = "kubeadmiral.io/clusterSelector";
    /// JSON affinity, instead of the policy's.
    pub const AFFINITY: &str = "kubeadmiral.io/affinity";
    /// A number, instead of the policy's.
    pub const MAX_CLUSTERS: &str = "kubeadmiral.io/maxClusters";
    /// The scheduler leaves the object alone.
    pub const NO_SCHEDULING: &str = "kubeadmiral.io/no-scheduling";
    /// Not read any more, but part of what is hashed.
    pub const FOLLOWS_OBJECT: &str = "kubeadmiral.io/follows-object";
    /// JSON list of further followers of this object.
    pub const FOLLOWERS: &str = "kubeadmiral.io/followers";
    /// `true`: this object follows nothing.
    pub const DISABLE_FOLLOWING: &str = "kubeadmiral.io/disable-following";
    /// JSON: where replicas are to be moved.
    pub const MIGRATION_CONFIGURATION: &str = "kubeadmiral.io/migration-configuration";
    /// `true`: nothing is created in members yet.
    pub const DRY_RUN: &str = "kubeadmiral.io/dry-run";
    /// On type configs: where an autoscaler names its target.
    pub const SCALE_TARGET_REF_PATH: &str = "kubeadmiral.io/scale-target-ref-path";
    /// On clusters: JSON list of resource plugins.
    pub const CLUSTER_RESOURCE_PLUGINS: &str = "kubeadmiral.io/cluster-resource-plugins";
    /// On clusters: the member is cleaned before the cluster goes.
    pub const CASCADING_DELETE: &str = "kubeadmiral.io/cascading-delete";

    /// On federated objects: JSON list of lists of the controllers that have yet to run.
    pub const PENDING_CONTROLLERS: &str = "kubeadmiral.io/pending-controllers";
    /// On federated objects: which annotations were moved and which were kept.
    pub const OBSERVED_ANNOTATIONS: &str =
        "federate.controller.kubeadmiral.io/observed-annotations";
    /// On federated objects: which labels were moved and which were kept.
    pub const OBSERVED_LABELS: &str = "federate.controller.kubeadmiral.io/observed-labels";
    /// On federated objects: the merge patch that makes the template from the source.
    pub const TEMPLATE_GENERATOR_MERGE_PATCH: &str =
        "federate.controller.kubeadmiral.io/template-generator-merge-patch";
    /// JSON summary of the last decision, fed back to the source.
    pub const SCHEDULING: &str = "kubeadmiral.io/scheduling";
    /// JSON: what the last decision rested on.
    pub const SCHEDULING_TRIGGERS: &str = "kubeadmiral.io/scheduling-triggers";
    /// Why a due decision was put off.
    pub const SCHEDULING_DEFERRED_REASONS: &str = "kubeadmiral.io/scheduling-deferred-reasons";
    /// JSON: the migration that was applied, fed back to the source.
    pub const APPLIED_MIGRATION_CONFIGURATION: &str =
        "kubeadmiral.io/applied-migration-configuration";
    /// JSON: estimated capacities.
    pub const AUTO_MIGRATION_INFO: &str = "kubeadmiral.io/auto-migration-info";
    /// After what time unschedulable pods make replicas move, in Go's format.
    pub const POD_UNSCHEDULABLE_THRESHOLD: &str =
        "internal.kubeadmiral.io/pod-unschedulable-threshold";
    /// Whether what the object refers to follows it.
    pub const ENABLE_FOLLOWER_SCHEDULING: &str =
        "internal.kubeadmiral.io/enable-follower-scheduling";
    /// JSON list of the newest replica sets.
    pub const LATEST_REPLICASET_DIGESTS: &str = "kubeadmiral.io/latest-replicaset-digests";

    /// On member objects: generation of the template that the copy was made from.
    pub const SOURCE_GENERATION: &str = "kubeadmiral.io/source-generation";
    /// On member objects: sorted comma list of the annotations that were propagated.
    pub const PROPAGATED_ANNOTATION_KEYS: &str = "kubeadmiral.io/propagated-annotation-keys";
    /// On member objects: sorted comma list of the labels that were propagated.
    pub const PROPAGATED_LABEL_KEYS: &str = "kubeadmiral.io/propagated-label-keys";
    /// On member objects: `true` when the object was there before us.
    pub const ADOPTED: &str = "kubeadmiral.io/adopted";
    /// On member deployments, by a patched controller: name of the newest replica set.
    pub const LATEST_REPLICASET_NAME: &str = "latestreplicaset.kubeadmiral.io/name";
    /// Its replicas.
    pub const LATEST_REPLICASET_REPLICAS: &str = "latestreplicaset.kubeadmiral.io/replicas";
    /// Its available replicas.
    pub const LATEST_REPLICASET_AVAILABLE_REPLICAS: &str =
        "latestreplicaset.kubeadmiral.io/available-replicas";
    /// Its ready replicas.
    pub const LATEST_REPLICASET_READY_REPLICAS: &str =
        "latestreplicaset.kubeadmiral.io/ready-replicas";
    /// Its observed generation.
    pub const LATEST_REPLICASET_OBSERVED_GENERATION: &str =
        "latestreplicaset.kubeadmiral.io/observed-generation";
    /// On the system namespace of a member: uid of the cluster object that owns it.
    pub const FEDERATED_CLUSTER_UID: &str = "kubeadmiral.io/federated-cluster-uid";
    /// On derived services: name of the service.
    pub const DERIVED_SERVICE: &str = "kubeadmiral.io/derived-service";
    /// On objects served by the aggregator: their cluster.
    pub const CLUSTER: &str = "kubeadmiral.io/cluster";
    /// On objects served by the aggregator: their name there.
    pub const RAW_NAME: &str = "kubeadmiral.io/raw-name";
    /// On source autoscalers: why they do not work.
    pub const FED_HPA_NOT_WORK_REASON: &str = "kubeadmiral.io/fed-hpa-not-work-reason";

    /// Annotations that move from the source to the federated object and are kept out of the
    /// template (`pkg/controllers/federate/util.go`).
    pub const FEDERATED: [&str; 18] = [
        RETAIN_REPLICAS,
        SCHEDULING_MODE,
        STICKY_CLUSTER,
        NO_AUTO_PROPAGATION,
        ORPHAN,
        CONFLICT_RESOLUTION,
        CLUSTERS_TO_ADOPT,
        TOLERATIONS,
        PLACEMENTS,
        CLUSTER_SELECTOR,
        AFFINITY,
        MAX_CLUSTERS,
        NO_SCHEDULING,
        FOLLOWS_OBJECT,
        FOLLOWERS,
        DISABLE_FOLLOWING,
        MIGRATION_CONFIGURATION,
        DRY_RUN,
    ];
}

/// Finalizers.
pub mod finalizer {
    /// On sources.
    pub const FEDERATE: &str = "kubeadmiral.io/federate-controller";
    /// On federated objects.
    pub const SYNC: &str = "kubeadmiral.io/sync-controller";
    /// On clusters: the member is cleaned first.
    pub const CASCADING_DELETE: &str = "kubeadmiral.io/cascading-delete";
    /// On clusters.
    pub const FEDERATED_CLUSTER: &str = "kubeadmiral.io/federated-cluster-controller";
    /// On member objects of older versions.
    pub const RETAIN_TERMINATING_OBJECT: &str = "kubeadmiral.io/retain-terminating-object";
}

/// Names of controllers as stored in placements, overrides, type configs and pending lists.
pub mod controller {
    /// Decides where objects go.
    pub const SCHEDULER: &str = "kubeadmiral.io/global-scheduler";
    /// Resolves override policies.
    pub const OVERRIDE: &str = "kubeadmiral.io/overridepolicy-controller";
    /// Places namespaces.
    pub const NAMESPACE_AUTO_PROPAGATION: &str = "kubeadmiral.io/nsautoprop-controller";
    /// Places followers.
    pub const FOLLOWER: &str = "kubeadmiral.io/follower-controller";
    /// Handles autoscalers.
    pub const FEDERATED_HPA: &str = "kubeadmiral.io/federatedhpa-controller";
    /// Places imported services.
    pub const SERVICE_IMPORT: &str = "kubeadmiral.io/serviceimport-controller";
}

/// Types and reasons of the conditions of a cluster (`pkg/controllers/federatedcluster`).
pub mod cluster_condition {
    /// Type: it belongs to the federation.
    pub const JOINED: &str = "Joined";
    /// Type: it takes work.
    pub const READY: &str = "Ready";
    /// Type: it cannot be reached.
    pub const OFFLINE: &str = "Offline";
    /// Joined.
    pub const CLUSTER_JOINED: &str = "ClusterJoined";
    /// Not joined yet.
    pub const TOKEN_NOT_OBTAINED: &str = "TokenNotObtained";
    /// Not joined, given up.
    pub const JOIN_TIMEOUT_EXCEEDED: &str = "JoinTimeoutExceeded";
    /// Not joined, cannot be.
    pub const CLUSTER_UNJOINABLE: &str = "ClusterUnjoinable";
    /// Ready.
    pub const CLUSTER_READY: &str = "ClusterReady";
    /// Not ready: says that it is not well.
    pub const HEALTHZ_NOT_OK: &str = "HealthzNotOK";
    /// Not ready: its capacity could not be read.
    pub const RESOURCE_COLLECTION_FAILED: &str = "ClusterResourceCollectionFailed";
    /// Not ready: its types could not be read.
    pub const API_DISCOVERY_FAILED: &str = "ClusterAPIDiscoveryFailed";
    /// Ready unknown, offline: no answer.
    pub const CLUSTER_NOT_REACHABLE: &str = "ClusterNotReachable";
    /// Not offline.
    pub const CLUSTER_REACHABLE: &str = "ClusterReachable";
}

/// Keys of the secret of a member cluster.
pub mod secret {
    /// PEM of the client certificate.
    pub const CLIENT_CERTIFICATE: &str = "client-certificate-data";
    /// PEM of the client key.
    pub const CLIENT_KEY: &str = "client-key-data";
    /// PEM of the authorities.
    pub const CERTIFICATE_AUTHORITY: &str = "certificate-authority-data";
    /// Token for joining.
    pub const BOOTSTRAP_TOKEN: &str = "bootstrap-token-data";
    /// Token of the service account made by joining.
    pub const SERVICE_ACCOUNT_TOKEN: &str = "service-account-token-data";
}

/// What Navarch adds, in a group of its own. KubeAdmiral ignores all of it.
pub mod navarch {
    /// Group of Navarch's own kinds, labels and annotations.
    pub const GROUP: &str = "navarch.dev";
    /// Field manager of everything that is applied to members.
    pub const FIELD_MANAGER: &str = "navarch";
    /// On federated objects: JSON list, sorted, of the clusters that are no longer placed and may
    /// still hold a copy.
    pub const WITHDRAWING: &str = "navarch.dev/withdrawing";
    /// On clusters: somebody decided that the member will not come back. JSON with `at` (a time) and `by` (a user);
    /// when the cluster is deleted, nothing waits for the member.
    pub const FORGET: &str = "navarch.dev/forget";
    /// On member objects: hash of what was applied, uid and generation of the federated object.
    pub const APPLIED: &str = "navarch.dev/applied";
    /// On federated objects: JSON list, sorted, of the clusters that the placement avoids until a time in the applied
    /// migration configuration.
    pub const EVICTED: &str = "navarch.dev/evicted";
    /// On federated objects: hash of the scheduling profile, and of what is asked of webhooks, that the placement
    /// rests on. KubeAdmiral's triggers do not hold it.
    pub const PROFILE_SEEN: &str = "navarch.dev/profile-seen";
    /// On federated objects without a source: hash of the template that was last decided about.
    pub const TEMPLATE_SEEN: &str = "navarch.dev/template-seen";
    /// On federated objects: JSON of what the object is charged ([`crate::quota::Charge`]).
    pub const CHARGE: &str = "navarch.dev/charge";
    /// On federated objects: written to make every other write that is on its way fail.
    pub const FENCE: &str = "navarch.dev/fence";
}
