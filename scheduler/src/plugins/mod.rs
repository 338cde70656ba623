//! The rules about clusters: one file a plugin, its table test inside. A plugin reads its context
//! and nothing else (`webhook`: also answers that others got), and is listed in [`crate::framework::registry`].

pub mod api_resources;
pub mod binpack;
pub mod capacity_weight;
pub mod cluster_affinity;
pub mod cluster_evicted;
pub mod cluster_ready;
pub mod cluster_terminating;
pub mod katalyst;
pub mod max_cluster;
pub mod names;
pub mod placement;
mod preparation;
pub mod priority_sort;
pub mod resources_balanced;
pub mod resources_fit;
pub mod resources_least;
pub mod resources_most;
pub mod taint_toleration;
mod usage;
pub mod webhook;

#[cfg(test)]
pub(crate) mod fixtures;
