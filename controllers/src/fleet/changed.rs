//! Of which members the figures changed since somebody last read them. Nodes and pods change all the time; what rests
//! on their figures is worked out when it is asked for, for these alone. Nobody is woken.

use std::collections::BTreeSet;
use std::sync::Mutex;

use navarch_crds::names::ClusterName;

use crate::runtime::locked;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct ChangedFigures {
    names: Mutex<BTreeSet<ClusterName>>,
}

impl ChangedFigures {
    /// The figures of this member changed.
    pub(crate) fn tell(&self, name: &ClusterName) {
        let mut names = locked(&self.names);
        if !names.contains(name) {
            names.insert(name.clone());
        }
    }

    /// Who has changed since this was last asked.
    pub(crate) fn take(&self) -> BTreeSet<ClusterName> {
        std::mem::take(&mut *locked(&self.names))
    }
}
