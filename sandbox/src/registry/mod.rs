//! Which resources a server has: the built-in ones from recorded discovery data, custom ones from their definitions.
//! Knows names, verbs and subresources; knows nothing of stored objects.

mod builtin;
mod custom;

pub use custom::{CustomResource, ScalePaths, resources_of};

use crate::object::{Gvk, Gvr};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

/// One resource in one version.
#[derive(Debug, Clone)]
pub struct ResourceInfo {
    /// API group, empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Plural, the name in paths.
    pub plural: String,
    /// Singular.
    pub singular: String,
    /// Kind.
    pub kind: String,
    /// Kind of the list, usually the kind and `List`.
    pub list_kind: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Verbs in the order of discovery.
    pub verbs: Vec<String>,
    /// Short names.
    pub short_names: Vec<String>,
    /// Categories, for example `all`.
    pub categories: Vec<String>,
    /// Subresources.
    pub subresources: Vec<SubresourceInfo>,
    /// The version objects are kept in, and the collection they are kept under.
    pub stored_as: Gvr,
    /// What the definition says, for custom resources.
    pub custom: Option<Arc<CustomResource>>,
}

/// One subresource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubresourceInfo {
    /// Name, for example `status`.
    pub name: String,
    /// Kind of its body; group and version empty when those of the parent.
    pub kind: Gvk,
    /// Verbs.
    pub verbs: Vec<String>,
}

impl ResourceInfo {
    /// Group, version and resource.
    pub fn gvr(&self) -> Gvr {
        Gvr::new(&self.group, &self.version, &self.plural)
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        Gvk::new(&self.group, &self.version, &self.kind)
    }

    /// `group/version`.
    pub fn api_version(&self) -> String {
        crate::object::api_version(&self.group, &self.version)
    }

    /// The subresource of that name.
    pub fn subresource(&self, name: &str) -> Option<&SubresourceInfo> {
        self.subresources.iter().find(|s| s.name == name)
    }

    /// Whether the resource allows the verb.
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    /// Whether writes to the object itself leave `status` alone.
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    /// Whether objects count generations.
    pub fn has_generation(&self) -> bool {
        self.custom.is_some() || builtin::has_generation(&self.group, &self.kind)
    }

    /// Whether an update without a resourceVersion is refused.
    pub fn needs_resource_version(&self) -> bool {
        self.custom.is_some() || builtin::needs_resource_version(&self.group, &self.kind)
    }
}

/// A group with its versions, the preferred first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    /// Name, empty for the core group.
    pub name: String,
    /// Versions in order of preference.
    pub versions: Vec<String>,
}

#[derive(Debug, Default)]
struct Tables {
    /// In the order discovery lists them.
    resources: Vec<Arc<ResourceInfo>>,
    by_gvr: BTreeMap<Gvr, Arc<ResourceInfo>>,
    generation: u64,
}

impl Tables {
    fn index(&mut self) {
        self.by_gvr = self
            .resources
            .iter()
            .map(|r| (r.gvr(), r.clone()))
            .collect();
        self.generation += 1;
    }
}

/// The resources of one server. Cheap to read from many threads.
#[derive(Debug)]
pub struct Registry {
    tables: RwLock<Tables>,
}

impl Registry {
    /// The built-in resources.
    pub fn builtin() -> Self {
        let mut tables = Tables {
            resources: builtin::resources(),
            ..Tables::default()
        };
        tables.index();
        Self {
            tables: RwLock::new(tables),
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Tables> {
        self.tables
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The resource of that name.
    pub fn find(&self, gvr: &Gvr) -> Option<Arc<ResourceInfo>> {
        self.read().by_gvr.get(gvr).cloned()
    }

    /// The resource that holds objects of the kind.
    pub fn by_kind(&self, gvk: &Gvk) -> Option<Arc<ResourceInfo>> {
        let tables = self.read();
        let mut all = tables.resources.iter();
        all.find(|r| r.kind == gvk.kind && r.group == gvk.group && r.version == gvk.version)
            .cloned()
    }

    /// All resources, in the order of discovery.
    pub fn resources(&self) -> Vec<Arc<ResourceInfo>> {
        self.read().resources.clone()
    }

    /// The resources of one group and version.
    pub fn of_version(&self, group: &str, version: &str) -> Vec<Arc<ResourceInfo>> {
        let tables = self.read();
        let all = tables.resources.iter();
        all.filter(|r| r.group == group && r.version == version)
            .cloned()
            .collect()
    }

    /// All groups with their versions, in the order of discovery; the core group has an empty name.
    pub fn groups(&self) -> Vec<GroupInfo> {
        let mut groups: Vec<GroupInfo> = Vec::new();
        for resource in &self.read().resources {
            let position = groups.iter().position(|g| g.name == resource.group);
            let index = position.unwrap_or_else(|| {
                groups.push(GroupInfo {
                    name: resource.group.clone(),
                    versions: Vec::new(),
                });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(index)
                && !group.versions.contains(&resource.version)
            {
                group.versions.push(resource.version.clone());
            }
        }
        groups
    }

    /// Whether the group exists.
    pub fn has_group(&self, group: &str) -> bool {
        self.read().resources.iter().any(|r| r.group == group)
    }

    /// A number that moves whenever the set of resources does: what caches of discovery compare.
    pub fn generation(&self) -> u64 {
        self.read().generation
    }

    /// Makes the custom resources exactly what these (established) definitions say.
    pub fn set_custom(&self, definitions: &[Arc<Value>]) {
        let mut tables = self
            .tables
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        tables.resources.retain(|r| r.custom.is_none());
        let custom = definitions
            .iter()
            .flat_map(|d| resources_of(d))
            .map(Arc::new);
        tables.resources.extend(custom);
        tables.index();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_resources_are_found_by_name_and_kind() {
        let registry = Registry::builtin();
        let deployments = registry.find(&Gvr::new("apps", "v1", "deployments"));
        assert_eq!(
            deployments.map(|r| r.kind.clone()).as_deref(),
            Some("Deployment")
        );
        let pods = registry.by_kind(&Gvk::new("", "v1", "Pod"));
        assert_eq!(pods.map(|r| r.plural.clone()).as_deref(), Some("pods"));
        let autoscaling = registry
            .groups()
            .into_iter()
            .find(|g| g.name == "autoscaling");
        assert_eq!(
            autoscaling.map(|g| g.versions),
            Some(vec!["v2".to_owned(), "v1".to_owned()])
        );
    }

    #[test]
    fn versions_of_one_kind_share_their_storage() {
        let registry = Registry::builtin();
        for (group, version, plural) in [
            ("autoscaling", "v1", "horizontalpodautoscalers"),
            ("events.k8s.io", "v1", "events"),
        ] {
            let info = registry
                .find(&Gvr::new(group, version, plural))
                .expect(plural);
            assert_ne!(info.stored_as, info.gvr(), "{plural}");
            assert!(registry.find(&info.stored_as).is_some(), "{plural}");
        }
    }
}
