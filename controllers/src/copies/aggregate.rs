//! The status of a source from what its copies report. Copies that are placed but not known are in
//! the list without figures. There is no clock here: times come from the members or stay.

use super::kinds;
use super::observe::Observed;
use crate::pointer;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::FederatedTypeConfigSpec;
use serde_json::{Map, Value};

/// A placed copy: its cluster, what was last seen of it, and whether it is what was asked for.
pub type Member<'a> = (ClusterName, Option<&'a Observed>, bool);

/// What kinds compute from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The type.
    pub type_config: &'a FederatedTypeConfigSpec,
    /// The source as it stands.
    pub source: &'a Value,
    /// Its placed copies, sorted by cluster.
    pub members: &'a [Member<'a>],
}

/// The new status of the source; `None` when there is nothing to say about objects of its kind.
/// Compare it with the old one before writing.
#[must_use]
pub fn aggregate(
    type_config: &FederatedTypeConfigSpec,
    source: &Value,
    members: &[Member<'_>],
) -> Option<Value> {
    if !type_config.aggregates_status() {
        return None;
    }
    kinds::aggregate(Inputs {
        type_config,
        source,
        members,
    })
}

impl<'a> Inputs<'a> {
    /// The copies that were seen.
    pub fn seen(&self) -> impl Iterator<Item = (&'a ClusterName, &'a Observed)> + use<'a> {
        self.members
            .iter()
            .filter_map(|(cluster, observed, _)| Some((cluster, (*observed)?)))
    }

    /// Every placed copy was seen.
    #[must_use]
    pub fn all_seen(&self) -> bool {
        self.members
            .iter()
            .all(|(_, observed, _)| observed.is_some())
    }

    /// The status as it stands, as a map.
    #[must_use]
    pub fn old_status(&self) -> Map<String, Value> {
        let status = self.source.get("status").and_then(Value::as_object);
        status.cloned().unwrap_or_default()
    }

    /// The generation up to which the figures hold: the source's own once every placed copy is
    /// what was asked for and its controllers have seen it, what was written before until then.
    #[must_use]
    pub fn observed_generation(&self) -> i64 {
        let current = !self.members.is_empty()
            && self.members.iter().all(|(_, observed, in_sync)| {
                *in_sync && observed.is_some_and(Observed::is_current)
            });
        let steps: &[&str] = if current {
            &["metadata", "generation"]
        } else {
            &["status", "observedGeneration"]
        };
        pointer::number(self.source, steps).unwrap_or_default()
    }

    /// `spec.replicas` of the source, one when it says nothing.
    #[must_use]
    pub fn wanted_replicas(&self) -> i64 {
        pointer::number(self.source, &["spec", "replicas"]).unwrap_or(1)
    }
}

/// Writes a number as Go does: zero is left out.
pub(super) fn set(status: &mut Map<String, Value>, field: &str, number: i64) {
    if number == 0 {
        status.remove(field);
    } else {
        status.insert(field.to_owned(), number.into());
    }
}

/// Writes a number that is always there.
pub(super) fn set_always(status: &mut Map<String, Value>, field: &str, number: i64) {
    status.insert(field.to_owned(), number.into());
}

/// A list of clusters for messages.
pub(super) fn named<'a>(clusters: impl IntoIterator<Item = &'a ClusterName>) -> String {
    let names: Vec<&str> = clusters.into_iter().map(ClusterName::as_str).collect();
    names.join(", ")
}
