//! Which plugins a decision uses: the defaults, changed by a `SchedulingProfile` with the rules of
//! KubeAdmiral's `pkg/controllers/scheduler/profile.go`. Resolved once, then shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use navarch_crds::v1alpha1::{PluginSet, SchedulingProfileSpec};

use super::registry::{Named, Registry};
use super::signature::Signature;
use super::traits::{Filter, Replicas, Score, Select};
use crate::plugins::names;
use crate::policy::Strategy;
use crate::unit::{Features, Unit};
use crate::verdict::Wake;

const FILTERS: [&str; 7] = [
    names::API_RESOURCES,
    names::TAINT_TOLERATION,
    names::PLACEMENT_FILTER,
    names::CLUSTER_AFFINITY,
    names::CLUSTER_READY,
    names::CLUSTER_TERMINATING,
    names::CLUSTER_EVICTED,
];
const SCORES: [&str; 4] = [
    names::TAINT_TOLERATION,
    names::BALANCED_ALLOCATION,
    names::LEAST_ALLOCATED,
    names::CLUSTER_AFFINITY,
];
const SELECTS: [&str; 2] = [names::PRIORITY_SORT, names::MAX_CLUSTER];

/// The plugins of one decision, in the order they are asked. Cheap to clone. Answers are kept for the plugins of one
/// registry: profiles that are merged with the same registry share them.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(crate) filters: Arc<[Named<dyn Filter>]>,
    pub(crate) scores: Arc<[Named<dyn Score>]>,
    pub(crate) selects: Arc<[Named<dyn Select>]>,
    spread: Option<Named<dyn Replicas>>,
    binpack: Option<Named<dyn Replicas>>,
}

/// A profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No such plugin.
    #[error(
        "reading the scheduling profile: no plugin is named {name:?} ({point}); correct the name, \
         or create the webhook configuration of that name"
    )]
    Unknown {
        /// Where it was named.
        point: &'static str,
        /// The name.
        name: String,
    },
    /// The plugin does something else.
    #[error(
        "reading the scheduling profile: plugin {name:?} does not serve the point {point}; \
         remove it there"
    )]
    WrongPoint {
        /// Where it was named.
        point: &'static str,
        /// The name.
        name: String,
    },
    /// Enabled twice, often because it is among the defaults already.
    #[error(
        "reading the scheduling profile: plugin {name:?} is enabled twice at {point}; remove one, \
         or disable the default first"
    )]
    Twice {
        /// Where it was named.
        point: &'static str,
        /// The name.
        name: String,
    },
}

impl Profile {
    /// The defaults, changed by this profile if there is one.
    ///
    /// # Errors
    /// If the profile names a plugin that does not exist, that serves another point, or twice.
    pub fn merge(spec: Option<&SchedulingProfileSpec>) -> Result<Self, ProfileError> {
        Self::merge_with(&Registry::default(), spec, Features::default())
    }

    /// As [`Profile::merge`], with plugins from elsewhere and optional features.
    ///
    /// # Errors
    /// As [`Profile::merge`].
    pub fn merge_with(
        registry: &Registry,
        spec: Option<&SchedulingProfileSpec>,
        features: Features,
    ) -> Result<Self, ProfileError> {
        let plugins = spec.and_then(|spec| spec.plugins.as_ref());
        let mut filters = FILTERS.to_vec();
        if features.katalyst {
            filters.push(names::KATALYST_RESOURCES_EXIST);
        }
        let filters = merged(&filters, plugins.map(|plugins| &plugins.filter), "filter")?;
        let scores = merged(&SCORES, plugins.map(|plugins| &plugins.score), "score")?;
        let selects = merged(&SELECTS, plugins.map(|plugins| &plugins.select), "select")?;
        Ok(Self {
            filters: resolve(registry, &filters, "filter", Registry::filter)?,
            scores: resolve(registry, &scores, "score", Registry::score)?,
            selects: resolve(registry, &selects, "select", Registry::select)?,
            spread: registry.replicas(names::CLUSTER_CAPACITY_WEIGHT),
            binpack: registry.replicas(names::PREFERENCE_BIN_PACK),
        })
    }

    /// The plugin that splits replicas; no profile can change it.
    pub(crate) fn replicas(&self, unit: &Unit) -> Option<&Named<dyn Replicas>> {
        match unit.strategy {
            Strategy::Spread => self.spread.as_ref(),
            Strategy::Binpack => self.binpack.as_ref(),
        }
    }

    /// Everything that can change a decision by this profile.
    #[must_use]
    pub fn wakes(&self) -> Vec<Wake> {
        let filters = self.filters.iter().flat_map(|named| named.plugin.wakes());
        let scores = self.scores.iter().flat_map(|named| named.plugin.wakes());
        let selects = self.selects.iter().flat_map(|named| named.plugin.wakes());
        let mut wakes: Vec<Wake> = filters.chain(scores).chain(selects).copied().collect();
        wakes.sort_unstable();
        wakes.dedup();
        wakes
    }

    /// What the filters, scores and choices of this profile read of the object, or `None` if one of them
    /// cannot say. Objects of equal signature that are placed nowhere fit the same clusters of a snapshot, with
    /// the same scores, and the same of these are chosen.
    #[must_use]
    pub fn signature(&self, unit: &Unit) -> Option<Signature> {
        let mut whole = Signature::nothing();
        for named in self.filters.iter() {
            whole.push(&named.name, &named.plugin.signature(unit)?);
        }
        for named in self.scores.iter() {
            whole.push(&named.name, &named.plugin.signature(unit)?);
        }
        for named in self.selects.iter() {
            whole.push(&named.name, &named.plugin.signature(unit)?);
        }
        Some(whole)
    }
}

/// The plugins that a profile enables and that the registry does not have, by name: webhooks, unless a name is wrong.
/// Without their answers nothing can be decided by this profile.
#[must_use]
pub fn outside<'a>(registry: &Registry, spec: &'a SchedulingProfileSpec) -> BTreeSet<&'a str> {
    let points = spec.plugins.iter();
    points
        .flat_map(|plugins| [&plugins.filter, &plugins.score, &plugins.select])
        .flat_map(|set| &set.enabled)
        .map(|plugin| plugin.name.as_str())
        .filter(|name| !registry.knows(name))
        .collect()
}

/// Drops the disabled ones from the defaults (`*` drops all) and appends the enabled ones.
fn merged(
    defaults: &[&str],
    set: Option<&PluginSet>,
    point: &'static str,
) -> Result<Vec<String>, ProfileError> {
    let disabled = |name: &str| {
        set.is_some_and(|set| {
            set.disabled
                .iter()
                .any(|plugin| plugin.name == "*" || plugin.name == name)
        })
    };
    let kept = defaults
        .iter()
        .filter(|name| !disabled(name))
        .map(|name| (*name).to_owned());
    let enabled = set
        .into_iter()
        .flat_map(|set| &set.enabled)
        .map(|plugin| plugin.name.clone());
    let mut names: Vec<String> = Vec::new();
    for name in kept.chain(enabled) {
        if names.contains(&name) {
            return Err(ProfileError::Twice { point, name });
        }
        names.push(name);
    }
    Ok(names)
}

fn resolve<P: ?Sized>(
    registry: &Registry,
    names: &[String],
    point: &'static str,
    find: impl Fn(&Registry, &str) -> Option<Named<P>>,
) -> Result<Arc<[Named<P>]>, ProfileError> {
    names
        .iter()
        .map(|name| {
            find(registry, name).ok_or_else(|| {
                let name = name.clone();
                if registry.knows(&name) {
                    ProfileError::WrongPoint { point, name }
                } else {
                    ProfileError::Unknown { point, name }
                }
            })
        })
        .collect()
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
