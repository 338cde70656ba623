//! Which plugins there are: one line each. Nothing here says when they are used.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::traits::{Filter, Plugin, Replicas, Score, Select};
use crate::plugins::{
    api_resources::ApiResources, binpack::PreferenceBinPack,
    capacity_weight::ClusterCapacityWeight, cluster_affinity::ClusterAffinity,
    cluster_evicted::ClusterEvicted, cluster_ready::ClusterReady,
    cluster_terminating::ClusterTerminating, katalyst::KatalystResourcesExist,
    max_cluster::MaxCluster, names, placement::PlacementFilter, priority_sort::PrioritySort,
    resources_balanced::BalancedAllocation, resources_fit::ClusterResourcesFit,
    resources_least::LeastAllocated, resources_most::MostAllocated,
    taint_toleration::TaintToleration,
};

/// The plugins of this crate.
fn builtin() -> Vec<Registered> {
    vec![
        Registered::new(names::API_RESOURCES).filter(ApiResources),
        Registered::new(names::TAINT_TOLERATION)
            .filter(TaintToleration)
            .score(TaintToleration),
        Registered::new(names::CLUSTER_RESOURCES_FIT).filter(ClusterResourcesFit),
        Registered::new(names::PLACEMENT_FILTER).filter(PlacementFilter),
        Registered::new(names::CLUSTER_AFFINITY)
            .filter(ClusterAffinity)
            .score(ClusterAffinity),
        Registered::new(names::CLUSTER_READY).filter(ClusterReady),
        Registered::new(names::CLUSTER_TERMINATING).filter(ClusterTerminating),
        Registered::new(names::CLUSTER_EVICTED).filter(ClusterEvicted),
        Registered::new(names::KATALYST_RESOURCES_EXIST).filter(KatalystResourcesExist),
        Registered::new(names::BALANCED_ALLOCATION).score(BalancedAllocation),
        Registered::new(names::LEAST_ALLOCATED).score(LeastAllocated),
        Registered::new(names::MOST_ALLOCATED).score(MostAllocated),
        Registered::new(names::PRIORITY_SORT).select(PrioritySort),
        Registered::new(names::MAX_CLUSTER).select(MaxCluster),
        Registered::new(names::CLUSTER_CAPACITY_WEIGHT).replicas(ClusterCapacityWeight),
        Registered::new(names::PREFERENCE_BIN_PACK).replicas(PreferenceBinPack),
    ]
}

/// A plugin under its name, with the points it serves.
#[derive(Clone, Debug)]
pub struct Registered {
    name: Arc<str>,
    filter: Option<Arc<dyn Filter>>,
    score: Option<Arc<dyn Score>>,
    select: Option<Arc<dyn Select>>,
    replicas: Option<Arc<dyn Replicas>>,
}

impl Registered {
    /// A plugin that serves no point yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            filter: None,
            score: None,
            select: None,
            replicas: None,
        }
    }

    /// Serves the filter point.
    #[must_use]
    pub fn filter(mut self, plugin: impl Filter + 'static) -> Self {
        self.filter = Some(Arc::new(plugin));
        self
    }

    /// Serves the score point.
    #[must_use]
    pub fn score(mut self, plugin: impl Score + 'static) -> Self {
        self.score = Some(Arc::new(plugin));
        self
    }

    /// Serves the select point.
    #[must_use]
    pub fn select(mut self, plugin: impl Select + 'static) -> Self {
        self.select = Some(Arc::new(plugin));
        self
    }

    /// Serves the replicas point.
    #[must_use]
    pub fn replicas(mut self, plugin: impl Replicas + 'static) -> Self {
        self.replicas = Some(Arc::new(plugin));
        self
    }

    /// What it does, point by point.
    pub fn points(&self) -> impl Iterator<Item = &dyn Plugin> {
        let filter = self.filter.as_deref().map(|plugin| plugin as &dyn Plugin);
        let score = self.score.as_deref().map(|plugin| plugin as &dyn Plugin);
        let select = self.select.as_deref().map(|plugin| plugin as &dyn Plugin);
        let replicas = self.replicas.as_deref().map(|plugin| plugin as &dyn Plugin);
        [filter, score, select, replicas].into_iter().flatten()
    }
}

/// A plugin under its name, at one point.
#[derive(Debug)]
pub struct Named<P: ?Sized> {
    /// Name, as profiles and reasons write it.
    pub name: Arc<str>,
    /// The plugin.
    pub plugin: Arc<P>,
}

impl<P: ?Sized> Clone for Named<P> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            plugin: self.plugin.clone(),
        }
    }
}

/// Two plugins want the same name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("registering scheduler plugins: the name {0:?} is taken, choose another")]
pub struct DuplicateName(pub String);

/// Finds plugins by name. Whoever decides often keeps one: answers of plugins are kept for the plugins of one registry
/// ([`super::kept`]). Clones have the same plugins.
#[derive(Clone, Debug)]
pub struct Registry {
    plugins: BTreeMap<Arc<str>, Registered>,
}

impl Default for Registry {
    fn default() -> Self {
        let plugins = builtin()
            .into_iter()
            .map(|plugin| (plugin.name.clone(), plugin))
            .collect();
        Self { plugins }
    }
}

impl Registry {
    /// The plugins of this crate and others (answers of webhooks, say).
    ///
    /// # Errors
    /// If a name is taken.
    pub fn with(others: impl IntoIterator<Item = Registered>) -> Result<Self, DuplicateName> {
        Self::default().and(others)
    }

    /// These plugins and others.
    ///
    /// # Errors
    /// If a name is taken.
    pub fn and(
        mut self,
        others: impl IntoIterator<Item = Registered>,
    ) -> Result<Self, DuplicateName> {
        for plugin in others {
            let name = plugin.name.clone();
            if self.plugins.insert(name.clone(), plugin).is_some() {
                return Err(DuplicateName(name.to_string()));
            }
        }
        Ok(self)
    }

    /// All plugins, by name.
    pub fn plugins(&self) -> impl Iterator<Item = (&str, &Registered)> {
        self.plugins.iter().map(|(name, plugin)| (&**name, plugin))
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.plugins.contains_key(name)
    }

    pub(crate) fn filter(&self, name: &str) -> Option<Named<dyn Filter>> {
        self.point(name, |plugin| plugin.filter.clone())
    }

    pub(crate) fn score(&self, name: &str) -> Option<Named<dyn Score>> {
        self.point(name, |plugin| plugin.score.clone())
    }

    pub(crate) fn select(&self, name: &str) -> Option<Named<dyn Select>> {
        self.point(name, |plugin| plugin.select.clone())
    }

    pub(crate) fn replicas(&self, name: &str) -> Option<Named<dyn Replicas>> {
        self.point(name, |plugin| plugin.replicas.clone())
    }

    fn point<P: ?Sized>(
        &self,
        name: &str,
        point: impl Fn(&Registered) -> Option<Arc<P>>,
    ) -> Option<Named<P>> {
        let (name, plugin) = self.plugins.get_key_value(name)?;
        Some(Named {
            name: name.clone(),
            plugin: point(plugin)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_not_given_twice() {
        assert_eq!(Registry::default().plugins.len(), builtin().len());
        let taken = Registered::new(names::MAX_CLUSTER).select(MaxCluster);
        assert!(Registry::with([taken]).is_err());
    }

    #[test]
    fn every_plugin_serves_a_point_and_can_be_woken() {
        for (name, plugin) in Registry::default().plugins() {
            assert!(plugin.points().next().is_some(), "{name} serves no point");
            for point in plugin.points() {
                assert!(!point.wakes().is_empty(), "{name} would wait for ever");
            }
        }
    }
}
