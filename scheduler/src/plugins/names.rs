//! Names of plugins as profiles write them: KubeAdmiral's
//! (`pkg/controllers/scheduler/framework/plugins/names`).

/// Filter: the cluster serves the resource.
pub const API_RESOURCES: &str = "APIResources";
/// Filter and score: taints.
pub const TAINT_TOLERATION: &str = "TaintToleration";
/// Filter: room for one replica. Not a default.
pub const CLUSTER_RESOURCES_FIT: &str = "ClusterResourcesFit";
/// Filter: clusters named by the policy.
pub const PLACEMENT_FILTER: &str = "PlacementFilter";
/// Filter and score: cluster selector and affinity.
pub const CLUSTER_AFFINITY: &str = "ClusterAffinity";
/// Filter: readiness.
pub const CLUSTER_READY: &str = "ClusterReady";
/// Filter: removal.
pub const CLUSTER_TERMINATING: &str = "ClusterTerminating";
/// Filter: migration configuration.
pub const CLUSTER_EVICTED: &str = "ClusterEvicted";
/// Filter: reclaimed resources. A default where Katalyst support is on.
pub const KATALYST_RESOURCES_EXIST: &str = "KatalystResourcesExist";
/// Score: even use of resources.
pub const BALANCED_ALLOCATION: &str = "ClusterResourcesBalancedAllocation";
/// Score: the emptier the better.
pub const LEAST_ALLOCATED: &str = "ClusterResourcesLeastAllocated";
/// Score: the fuller the better. Not a default.
pub const MOST_ALLOCATED: &str = "ClusterResourcesMostAllocated";
/// Select: order by priority, score and name.
pub const PRIORITY_SORT: &str = "PrioritySort";
/// Select: at most so many clusters.
pub const MAX_CLUSTER: &str = "MaxCluster";
/// Replicas: spread by weight.
pub const CLUSTER_CAPACITY_WEIGHT: &str = "ClusterCapacityWeight";
/// Replicas: fill in order.
pub const PREFERENCE_BIN_PACK: &str = "PreferenceBinPack";
