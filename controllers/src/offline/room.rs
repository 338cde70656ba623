//! The clusters as an object sees them that is in some of them already: as if it were not there (decision 0027). What it
//! takes is worked out of its federated object, since the host knows of no pods. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::documents::Numbered;
use crate::copies::pods::{self, Place};
use crate::federated::Federated;
use crate::host::promised::Sum;
use navarch_crds::v1alpha1::{FederatedCluster, PropagationStatusType};
use navarch_scheduler::request;
use navarch_scheduler::snapshot::Snapshot;
use navarch_scheduler::unit::Unit;

/// The schedulable nodes of clusters that tell.
pub(super) fn nodes(clusters: &[Numbered<FederatedCluster>]) -> BTreeMap<&str, i64> {
    let told = |numbered: &Numbered<FederatedCluster>| {
        let status = numbered.object.status.as_ref()?;
        status.resources.schedulable_nodes
    };
    let each = clusters.iter().filter_map(|numbered| {
        let name = numbered.object.metadata.name.as_deref()?;
        Some((name, told(numbered)?))
    });
    each.collect()
}

/// The clusters without what the pods of `unit` take in them. A copy counts as far as the status says that it was applied:
/// whether its pods are there already is not known. `None`: it takes nothing anywhere.
pub(super) fn without_own(
    nodes: &BTreeMap<&str, i64>,
    snapshot: &Snapshot,
    unit: &Unit,
    last: &Federated,
) -> Option<Snapshot> {
    let template = &last.spec.template;
    let request = request::of_replica(&unit.resource, template).ok()?;
    if request.is_zero() {
        return None;
    }
    let copies = last.status.iter().flat_map(|status| &status.clusters);
    let applied: BTreeSet<&str> = copies
        .filter(|copy| copy.status == PropagationStatusType::Ok)
        .map(|copy| copy.cluster.as_str())
        .collect();
    let mut changed = Vec::new();
    for (name, replicas) in &unit.current {
        let Some(cluster) = snapshot.get(name.as_str()) else {
            continue;
        };
        if !applied.contains(name.as_str()) {
            continue;
        }
        let place = Place {
            replicas: *replicas,
            nodes: nodes.get(name.as_str()).copied().unwrap_or_default(),
        };
        let mut taken = Sum::default();
        taken.add(&request, pods::wanted(template, place).saturating_neg());
        let mut figures = cluster.figures().clone();
        taken.take_from(&mut figures.available);
        // Pods that are still on their way do not make a cluster larger than it is.
        figures.available.cap(&figures.allocatable);
        changed.push((name.clone(), figures));
    }
    let version = snapshot.version().saturating_add(1);
    (!changed.is_empty()).then(|| snapshot.seen_otherwise(changed, version))
}
