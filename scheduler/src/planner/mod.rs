//! Splits a number of replicas over clusters. Pure arithmetic over slices: it knows no policy, no
//! snapshot and no plugin, and may not read anything but its arguments.
//!
//! The same numbers have to come out as from KubeAdmiral (`pkg/controllers/scheduler/planner`),
//! because another order of rounding moves running pods at take-over. All sums saturate or are
//! taken in 128 bits, so hostile numbers give an odd plan, never a panic or a wrapped one.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

pub mod binpack;
pub mod round;
pub mod spread;
pub mod weights;

/// What a policy asks of one cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    /// Share relative to the other clusters; unused by bin packing.
    pub weight: i64,
    /// Replicas granted before anything is shared out.
    pub min: i64,
    /// Most replicas the cluster may have; `None` is unbounded.
    pub max: Option<i64>,
    /// The preference was written for every cluster (`*`) and not for this one. KubeAdmiral leaves
    /// such a maximum out when it scales up from an existing distribution.
    pub wildcard: bool,
}

/// One cluster that may receive replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot<'a> {
    /// Cluster name, part of the order of rounding.
    pub name: &'a str,
    /// FNV-1 of the name: the same for every object, so it is worked out once a cluster.
    pub name_hash: u32,
    /// What the policy asks.
    pub preference: Preference,
    /// Replicas recorded for the cluster now; zero when it has none.
    pub current: i64,
    /// Replicas the cluster was seen to be able to run (auto migration).
    pub estimated: Option<i64>,
    /// Hard cap set by hand (custom migration).
    pub limited: Option<i64>,
    /// Replicas whose pods have been assigned to nodes (auto migration); bin packing only.
    pub scheduled: i64,
}

impl Slot<'_> {
    /// Current replicas as far as the cluster may and can hold them.
    #[must_use]
    pub fn held(&self) -> i64 {
        at_most(at_most(self.current, self.limited), self.estimated)
    }
}

/// How many replicas each slot gets, in the order of the slots that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Replicas planned for the slot.
    pub planned: Vec<i64>,
    /// Replicas that the slot is asked to hold although it was seen unable to run them.
    pub overflow: Vec<i64>,
}

impl Split {
    /// A split of nothing over `slots` slots.
    #[must_use]
    pub fn empty(slots: usize) -> Self {
        Self {
            planned: vec![0; slots],
            overflow: vec![0; slots],
        }
    }

    /// Planned and overflowed replicas together, as they are written.
    #[must_use]
    pub fn totals(&self) -> Vec<i64> {
        self.planned
            .iter()
            .zip(&self.overflow)
            .map(|(planned, overflow)| planned.saturating_add(*overflow))
            .collect()
    }
}

/// `value`, or `bound` when there is a smaller bound.
pub(crate) fn at_most(value: i64, bound: Option<i64>) -> i64 {
    bound.map_or(value, |bound| value.min(bound))
}

/// Exact sum; 5,000 clusters of `i64::MAX` fit into 128 bits with room to spare.
pub(crate) fn sum(values: impl IntoIterator<Item = i64>) -> i128 {
    values.into_iter().fold(0_i128, |total, value| {
        total.saturating_add(i128::from(value))
    })
}

/// Back to 64 bits, at the nearest bound.
pub(crate) fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}
