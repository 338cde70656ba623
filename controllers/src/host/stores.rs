//! What is known of the host: sources, federated objects, policies, type configs. Driven by
//! plain `put` and `remove` calls that say whether anything changed; no I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_crds::keys::annotation::SCALE_TARGET_REF_PATH;
use navarch_crds::keys::label;
use navarch_crds::keys::navarch::WITHDRAWING;
use navarch_crds::names::ClusterName;
use navarch_crds::naming::federated_object_name;
use navarch_crds::v1alpha1::{FederatedTypeConfig, FederatedTypeConfigSpec};
use serde_json::Value;

use crate::federated::is_direct;
use crate::fleet::request::Kind;
use crate::follow::{Leading, leading};
use crate::runtime::compact::{Compact, annotation, label as label_of, text};
use crate::runtime::key::Key;
use crate::runtime::locked;

/// A type that is federated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TypeConfig {
    pub(crate) name: Arc<str>,
    pub(crate) object: FederatedTypeConfig,
    pub(crate) kind: Kind,
}

impl TypeConfig {
    pub(crate) fn is_namespaces(&self) -> bool {
        self.object.is_namespace()
    }

    pub(crate) fn spec(&self) -> &FederatedTypeConfigSpec {
        &self.object.spec
    }
}

/// The types that are federated, by name.
#[derive(Debug, Default)]
pub(crate) struct TypeConfigs {
    by_name: Mutex<BTreeMap<Arc<str>, Arc<TypeConfig>>>,
}

impl TypeConfigs {
    /// `true`: something changed.
    pub(crate) fn put(
        &self,
        name: &str,
        annotations: Option<&BTreeMap<String, String>>,
        spec: FederatedTypeConfigSpec,
    ) -> bool {
        let source = &spec.source_type;
        let kind = Kind::new(
            &source.group,
            &source.version,
            &source.kind,
            &source.plural_name,
            source.scope == "Namespaced",
        );
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            annotations: scale_target(annotations),
            ..ObjectMeta::default()
        };
        let object = FederatedTypeConfig { metadata, spec };
        let config = TypeConfig {
            name: Arc::from(name),
            object,
            kind,
        };
        let mut by_name = locked(&self.by_name);
        if by_name.get(name).is_some_and(|present| **present == config) {
            return false;
        }
        by_name.insert(Arc::from(name), Arc::new(config));
        true
    }

    pub(crate) fn remove(&self, name: &str) {
        locked(&self.by_name).remove(name);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<TypeConfig>> {
        locked(&self.by_name).get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<TypeConfig>> {
        locked(&self.by_name).values().cloned().collect()
    }

    /// The type config of a template, by group and kind. The version is not compared, so that a type
    /// config may move to a newer one.
    pub(crate) fn of_template(&self, template: &Value) -> Option<Arc<TypeConfig>> {
        let api_version = template.get("apiVersion").and_then(Value::as_str)?;
        let kind = template.get("kind").and_then(Value::as_str)?;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.of_kind(group, kind)
    }

    pub(crate) fn of_kind(&self, group: &str, kind: &str) -> Option<Arc<TypeConfig>> {
        locked(&self.by_name)
            .values()
            .find(|config| &*config.kind.group == group && &*config.kind.kind == kind)
            .cloned()
    }
}

/// The only annotation of a type config that anything is decided by.
fn scale_target(
    annotations: Option<&BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    let (key, path) = annotations?.get_key_value(SCALE_TARGET_REF_PATH)?;
    Some(BTreeMap::from([(key.clone(), path.clone())]))
}

/// A source object and its type.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) type_config: Arc<str>,
    pub(crate) object: Compact,
    pub(crate) policies: References,
}

/// The policies that an object names, in the order of [`label::FEDERATED`].
pub(crate) type References = [Option<Arc<str>>; 4];

fn references(object: &Value) -> References {
    label::FEDERATED.map(|key| {
        label_of(object, key)
            .filter(|name| !name.is_empty())
            .map(Arc::from)
    })
}

/// Source objects that something asks to federate.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    by_key: Mutex<HashMap<Key, Source>>,
}

/// What putting an object changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// Nothing that matters, or the object is older than what is known.
    Nothing,
    /// Only the status.
    Status,
    /// The content.
    Content,
}

fn compare(before: Option<&Compact>, now: &Compact) -> Option<Changed> {
    let Some(before) = before else {
        return Some(Changed::Content);
    };
    if before.is_newer_than(now) {
        return None;
    }
    Some(if before.uid != now.uid || before.digest != now.digest {
        Changed::Content
    } else if before.status_digest != now.status_digest {
        Changed::Status
    } else {
        Changed::Nothing
    })
}

impl Sources {
    pub(crate) fn put(&self, key: Key, type_config: &Arc<str>, value: Value) -> Changed {
        let policies = references(&value);
        let object = Compact::new(value);
        let mut by_key = locked(&self.by_key);
        let before = by_key.get(&key).map(|source| &source.object);
        let Some(changed) = compare(before, &object) else {
            return Changed::Nothing;
        };
        by_key.insert(
            key,
            Source {
                type_config: Arc::clone(type_config),
                object,
                policies,
            },
        );
        changed
    }

    /// Removes the object if it is the one with `uid`.
    pub(crate) fn remove(&self, key: &Key, uid: &str) -> bool {
        let mut by_key = locked(&self.by_key);
        let ours = by_key
            .get(key)
            .is_some_and(|source| &*source.object.uid == uid);
        if ours {
            by_key.remove(key);
        }
        ours
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Source> {
        locked(&self.by_key).get(key).cloned()
    }

    /// The keys for which `wanted` holds, sorted.
    pub(crate) fn keys(&self, wanted: impl Fn(&Key, &Source) -> bool) -> Vec<Key> {
        let mut keys: Vec<Key> = locked(&self.by_key)
            .iter()
            .filter(|(key, source)| wanted(key, source))
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys
    }
}

/// A federated object and where copies of it may be.
#[derive(Clone, Debug)]
pub(crate) struct FederatedEntry {
    pub(crate) object: Compact,
    /// The union of all placements.
    pub(crate) placed: Arc<BTreeSet<ClusterName>>,
    /// Not placed any more; copies may exist.
    pub(crate) leaving: Arc<BTreeSet<ClusterName>>,
    /// Those of them that the object itself does not tell of: somebody else took them out of it.
    pub(crate) lost: Arc<BTreeSet<ClusterName>>,
    /// The type config of the template, if it could be told.
    pub(crate) type_config: Option<Arc<str>>,
    /// Namespace and name of what the template describes.
    pub(crate) source_name: Arc<str>,
    pub(crate) policies: References,
    /// Nothing is its source: it was written by itself.
    pub(crate) direct: bool,
    /// What follows it; `None`: it leads nobody.
    pub(crate) leading: Option<Arc<Leading>>,
}

impl FederatedEntry {
    pub(super) fn new(value: Value, type_configs: &TypeConfigs) -> Self {
        let mut placed = BTreeSet::new();
        let placements = value.pointer("/spec/placements").and_then(Value::as_array);
        for entry in placements.into_iter().flatten() {
            let clusters = entry.get("placement").and_then(Value::as_array);
            placed.extend(clusters.into_iter().flatten().filter_map(cluster_of));
        }
        let mut leaving = withdrawing(&value);
        let reported = value.pointer("/status/clusters").and_then(Value::as_array);
        leaving.extend(reported.into_iter().flatten().filter_map(cluster_of));
        leaving.retain(|cluster| !placed.contains(cluster));
        let template = value.pointer("/spec/template").unwrap_or(&Value::Null);
        let type_config = type_configs
            .of_template(template)
            .map(|config| Arc::clone(&config.name));
        let source_name = text(template, "/metadata/name").unwrap_or_default().into();
        Self {
            placed: Arc::new(placed),
            leaving: Arc::new(leaving),
            lost: Arc::default(),
            type_config,
            source_name,
            policies: references(&value),
            direct: is_direct(&value),
            leading: leading(&value).map(Arc::new),
            object: Compact::new(value),
        }
    }

    /// The copy that it stands for: what watches of members find it by if its name is not the usual one.
    fn copy(&self, key: &Key) -> Option<CopyName> {
        let type_config = Arc::clone(self.type_config.as_ref()?);
        let usual = federated_object_name(&self.source_name, &type_config);
        (*key.name != *usual).then(|| CopyName {
            type_config,
            namespace: key.namespace.clone(),
            name: Arc::clone(&self.source_name),
        })
    }
}

/// What identifies a copy in any member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CopyName {
    type_config: Arc<str>,
    namespace: Option<Arc<str>>,
    name: Arc<str>,
}

impl FederatedEntry {
    /// Remembers clusters that an earlier state told of and this one does not.
    fn inherit(&mut self, lost: BTreeSet<ClusterName>) {
        let told = |name: &ClusterName| self.placed.contains(name) || self.leaving.contains(name);
        let lost: BTreeSet<ClusterName> = lost.into_iter().filter(|name| !told(name)).collect();
        if lost.is_empty() {
            return;
        }
        Arc::make_mut(&mut self.leaving).extend(lost.iter().cloned());
        self.lost = Arc::new(lost);
    }
}

fn cluster_of(entry: &Value) -> Option<ClusterName> {
    entry
        .get("cluster")
        .and_then(Value::as_str)
        .and_then(|name| ClusterName::new(name).ok())
}

/// The clusters that our own annotation lists.
pub(crate) fn withdrawing(value: &Value) -> BTreeSet<ClusterName> {
    annotation(value, WITHDRAWING)
        .and_then(|list| serde_json::from_str::<Vec<String>>(list).ok())
        .unwrap_or_default()
        .iter()
        .filter_map(|name| ClusterName::new(name).ok())
        .collect()
}

/// Federated objects of both kinds.
#[derive(Debug, Default)]
pub(crate) struct FederatedObjects {
    by_key: Mutex<HashMap<Key, FederatedEntry>>,
    /// Those whose name does not follow from what they describe.
    unusual: Mutex<HashMap<CopyName, Key>>,
}

impl FederatedObjects {
    /// Takes a state over. `clear` says of a known state whether a cluster surely holds no copy of it: what
    /// the new state does not tell of any more stays on record unless that is so.
    pub(crate) fn put(
        &self,
        key: Key,
        value: Value,
        type_configs: &TypeConfigs,
        clear: impl Fn(&FederatedEntry, &ClusterName) -> bool,
    ) -> Changed {
        let mut entry = FederatedEntry::new(value, type_configs);
        // Outside the lock: the question is answered by other stores.
        if let Some(before) = self.get(&key)
            && before.object.uid == entry.object.uid
        {
            let told = before.placed.iter().chain(before.leaving.iter());
            let held = told.filter(|name| {
                !entry.placed.contains(*name)
                    && !entry.leaving.contains(*name)
                    && !clear(&before, name)
            });
            let held = held.cloned().collect();
            entry.inherit(held);
        }
        let mut by_key = locked(&self.by_key);
        let Some(changed) = compare(by_key.get(&key).map(|known| &known.object), &entry.object)
        else {
            return Changed::Nothing;
        };
        if let Some(copy) = entry.copy(&key) {
            locked(&self.unusual).insert(copy, key.clone());
        }
        by_key.insert(key, entry);
        changed
    }

    /// The key of the federated object that a copy was made from. One with the usual name goes before others.
    pub(crate) fn key_of_copy(&self, copy: &Value, type_config: &Arc<str>) -> Option<Key> {
        let usual = Key::of_source(copy, type_config)?;
        let by_key = locked(&self.by_key);
        let unusual = locked(&self.unusual);
        if unusual.is_empty() || by_key.contains_key(&usual) {
            return Some(usual);
        }
        let found = unusual.get(&CopyName {
            type_config: Arc::clone(type_config),
            namespace: usual.namespace.clone(),
            name: text(copy, "/metadata/name").unwrap_or_default().into(),
        });
        Some(found.cloned().unwrap_or(usual))
    }

    pub(crate) fn remove(&self, key: &Key, uid: &str) -> Option<FederatedEntry> {
        let mut by_key = locked(&self.by_key);
        if by_key
            .get(key)
            .is_some_and(|entry| &*entry.object.uid == uid)
        {
            locked(&self.unusual).retain(|_, known| known != key);
            by_key.remove(key)
        } else {
            None
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<FederatedEntry> {
        locked(&self.by_key).get(key).cloned()
    }

    /// The keys for which `wanted` holds, sorted.
    pub(crate) fn keys(&self, wanted: impl Fn(&FederatedEntry) -> bool) -> Vec<Key> {
        self.keys_by(|_, entry| wanted(entry))
    }

    /// The same, looking at the key too.
    pub(crate) fn keys_by(&self, wanted: impl Fn(&Key, &FederatedEntry) -> bool) -> Vec<Key> {
        let mut keys: Vec<Key> = locked(&self.by_key)
            .iter()
            .filter(|(key, entry)| wanted(key, entry))
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys
    }

    /// Finds the type configs of templates that came before their type config.
    pub(crate) fn settle_type_configs(&self, type_configs: &TypeConfigs) {
        let mut by_key = locked(&self.by_key);
        by_key.retain(|_, entry| {
            let value = entry.object.value();
            let template = value.pointer("/spec/template").unwrap_or(&Value::Null);
            entry.type_config = type_configs
                .of_template(template)
                .map(|config| Arc::clone(&config.name));
            true
        });
        let unusual = by_key
            .iter()
            .filter_map(|(key, entry)| Some((entry.copy(key)?, key.clone())));
        *locked(&self.unusual) = unusual.collect();
    }
}
