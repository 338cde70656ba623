//! What a node has of each resource, worked out from what it says and what its children bring.

use std::collections::BTreeSet;

use navarch_crds::quota::{ClusterCap, GlobalQuotaSpec, ResourceCap};
use navarch_crds::select::{Labels, labels_match};

use super::resource::ResourceName;

/// What a node has of one resource. Amounts that hold a tree together, so wider than what is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    /// The node names the resource.
    pub(super) named: bool,
    /// What nobody else can take away: as written, or what its children are guaranteed.
    pub(super) guaranteed: i128,
    /// The most that may be used, as written; of a root what its tree has.
    pub(super) limit: Option<i128>,
    /// The part of the guarantee that is no child's.
    pub(super) own: i128,
    /// What it and its children put together, without what they keep to themselves.
    pub(super) subtree: i128,
    /// What it does not lend.
    pub(super) kept: i128,
    /// What those below it do not lend.
    pub(super) kept_below: i128,
}

/// The most of each of some clusters.
#[derive(Debug)]
pub(super) struct Cap {
    spec: ClusterCap,
    names: BTreeSet<String>,
    /// Places of resources, and the most of each.
    pub(super) limits: Vec<(usize, i64)>,
}

impl Cap {
    /// It holds for a cluster of this name; labels are those of a cluster that is there.
    pub(super) fn holds_for(&self, name: &str, labels: Option<&Labels>) -> bool {
        self.names.contains(name)
            || labels.is_some_and(|labels| {
                // A selector that cannot be read selects nothing: its node admits nothing anyway.
                labels_match(self.spec.selector.as_ref(), labels).unwrap_or(false)
            })
    }

    pub(super) const fn cluster_names(&self) -> &BTreeSet<String> {
        &self.names
    }
}

/// What the children of a node bring together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Brought {
    pub(super) guaranteed: i128,
    lent: i128,
    kept: i128,
}

impl Brought {
    pub(super) fn add(&mut self, child: &Share) {
        self.guaranteed += child.guaranteed;
        self.lent += child.subtree - child.kept;
        self.kept += child.kept + child.kept_below;
    }
}

/// What a node says of one resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    named: bool,
    pub(super) guaranteed: Option<i128>,
    pub(super) limit: Option<i128>,
    lending: Option<i128>,
}

impl Written {
    /// What follows from it and from the children.
    pub(super) fn share(&self, below: Brought, is_root: bool) -> Share {
        let at_most = self.limit.unwrap_or(i128::MAX);
        let guaranteed = self.guaranteed.unwrap_or(below.guaranteed.min(at_most));
        let pool = self.limit.or((guaranteed > 0).then_some(guaranteed));
        let limit = if is_root { pool } else { self.limit };
        // All that a root may use is there for its tree; of other nodes only what they are guaranteed.
        let whole = limit.filter(|_| is_root).unwrap_or(guaranteed);
        let own = (whole - below.guaranteed).max(0);
        let subtree = (own + below.lent).min(whole);
        let kept = match self.lending {
            Some(lending) if !is_root => (subtree - lending).max(0),
            _ => 0,
        };
        Share {
            named: self.named,
            guaranteed,
            limit,
            own,
            subtree,
            kept,
            kept_below: below.kept,
        }
    }
}

pub(super) fn amounts(spec: &GlobalQuotaSpec, resources: &[ResourceName]) -> Vec<Written> {
    let mut amounts = vec![Written::default(); resources.len()];
    for share in &spec.resources {
        let Some((place, name)) = find(resources, &share.name) else {
            continue;
        };
        let read = |text: &str| name.limit(text).ok().map(i128::from);
        amounts[place] = Written {
            named: true,
            guaranteed: read(&share.guaranteed),
            limit: read(&share.limit),
            lending: read(&share.lending_limit),
        };
    }
    amounts
}

pub(super) fn caps(spec: &GlobalQuotaSpec, resources: &[ResourceName]) -> Vec<Cap> {
    let cap = |cap: &ClusterCap| {
        let limit = |written: &ResourceCap| {
            let (place, name) = find(resources, &written.name)?;
            Some((place, name.limit(&written.limit).ok()?))
        };
        Cap {
            names: cap.names.iter().cloned().collect(),
            limits: cap.resources.iter().filter_map(limit).collect(),
            spec: cap.clone(),
        }
    };
    spec.clusters.iter().map(cap).collect()
}

fn find<'a>(resources: &'a [ResourceName], text: &str) -> Option<(usize, &'a ResourceName)> {
    let place = resources.binary_search(&ResourceName::parse(text).ok()?);
    place.ok().map(|place| (place, &resources[place]))
}
