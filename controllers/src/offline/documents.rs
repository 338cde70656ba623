//! Documents sorted by what they are.

use super::stored;
use crate::federated::Federated;
use crate::pointer;
use navarch_crds::keys::cluster_condition::{JOINED, READY};
use navarch_crds::quota::{self, GlobalQuota, GlobalQuotaSpec};
use navarch_crds::select::Labels;
use navarch_crds::type_configs;
use navarch_crds::v1alpha1::{
    API_VERSION, ClusterCondition, ClusterOverridePolicy, ClusterPropagationPolicy,
    FederatedCluster, FederatedTypeConfig, GenericOverridePolicySpec, OverridePolicy,
    PropagationPolicy, PropagationPolicySpec, SchedulingProfile, SchedulingProfileSpec,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Input that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// Not an object of Kubernetes.
    #[error(
        "document {document}: {field} is missing or no text; every document needs apiVersion, kind and metadata.name"
    )]
    NoObject {
        /// Which, from one, lists opened.
        document: usize,
        /// What is missing.
        field: &'static str,
    },
    /// One of our kinds in a form that is none.
    #[error(
        "document {document}, {kind} {name:?}, cannot be read; correct the field that is named"
    )]
    Malformed {
        /// Which, from one, lists opened.
        document: usize,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// One of our kinds, or a source, that says something which cannot be.
    #[error("document {document}, {kind} {name:?}, field {field}: {message}")]
    Field {
        /// Which, from one, lists opened.
        document: usize,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// The field.
        field: String,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// No decision came out, although everything could be read.
    #[error("document {document}, {kind} {name:?}: {message}")]
    Undecided {
        /// Which, from one, lists opened.
        document: usize,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Why not.
        message: String,
    },
}

impl OfflineError {
    /// The number of the document that it is about.
    #[must_use]
    pub fn document(&self) -> usize {
        match self {
            Self::NoObject { document, .. }
            | Self::Malformed { document, .. }
            | Self::Field { document, .. }
            | Self::Undecided { document, .. } => *document,
        }
    }

    /// What is wrong, without the number, for those who know the place otherwise.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::NoObject { field, .. } => format!("field {field}: missing or no text"),
            Self::Malformed {
                kind, name, source, ..
            } => format!("{kind} {name}: {source}"),
            Self::Field {
                kind,
                name,
                field,
                message,
                ..
            } => format!("{kind} {name}: field {field}: {message}"),
            Self::Undecided {
                kind,
                name,
                message,
                ..
            } => format!("{kind} {name}: {message}"),
        }
    }
}

/// How documents are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As they are; what clusters do not say is assumed, so that a name is enough to see a copy.
    Sketched,
    /// As an API server would have stored them: checked, with defaults, and nothing assumed.
    Stored,
}

/// A document and its number, from one.
#[derive(Clone, Debug)]
pub(super) struct Numbered<T> {
    pub(super) document: usize,
    pub(super) object: T,
}

/// Namespace (empty for kinds of the cluster) and name.
pub(super) type Key = (String, String);

/// Documents by what they are.
#[derive(Debug, Default)]
pub struct Documents {
    pub(super) sources: Vec<Numbered<Value>>,
    pub(super) federated: Vec<Numbered<Federated>>,
    /// Federated objects that nobody asks about: only what they are charged counts.
    pub(super) beside: Vec<Numbered<Federated>>,
    pub(super) policies: BTreeMap<Key, Numbered<PropagationPolicySpec>>,
    pub(super) overrides: BTreeMap<Key, GenericOverridePolicySpec>,
    pub(super) profiles: BTreeMap<String, Numbered<SchedulingProfileSpec>>,
    pub(super) clusters: Vec<Numbered<FederatedCluster>>,
    pub(super) type_configs: Vec<FederatedTypeConfig>,
    pub(super) quotas: BTreeMap<String, GlobalQuotaSpec>,
    /// Labels of the namespaces that are among the documents.
    pub(super) namespaces: BTreeMap<String, Labels>,
    /// What was read and has no effect.
    pub(super) warnings: Vec<Numbered<String>>,
}

impl Documents {
    /// Sorts documents; lists are opened.
    ///
    /// # Errors
    /// A document that is no object, or one of ours that cannot be read.
    pub fn read(documents: Vec<Value>, reading: Reading) -> Result<Self, OfflineError> {
        let mut sorted = Self {
            type_configs: type_configs::defaults(),
            ..Self::default()
        };
        let mut objects = Vec::new();
        for document in documents {
            open(document, &mut objects);
        }
        for (index, object) in objects.into_iter().enumerate() {
            sorted.add(index.saturating_add(1), object, reading)?;
        }
        if reading == Reading::Sketched {
            sorted.assume();
        }
        Ok(sorted)
    }

    /// Takes in quotas, namespaces and federated objects about which nothing is to be decided: they only count. Returns what
    /// of it cannot be read.
    pub(super) fn take_beside(&mut self, documents: Vec<Value>) -> Vec<OfflineError> {
        let mut wrong = Vec::new();
        for document in documents {
            match Self::read(vec![document], Reading::Stored) {
                Ok(read) => {
                    self.beside.extend(read.federated);
                    // What is asked about says it better.
                    for (name, labels) in read.namespaces {
                        self.namespaces.entry(name).or_insert(labels);
                    }
                    for (name, quota) in read.quotas {
                        self.quotas.entry(name).or_insert(quota);
                    }
                }
                Err(error) => wrong.push(error),
            }
        }
        let asked = |one: &Numbered<Federated>| {
            (
                one.object.namespace().to_owned(),
                one.object.name().to_owned(),
            )
        };
        let known: BTreeSet<Key> = self.federated.iter().map(asked).collect();
        self.beside.retain(|one| !known.contains(&asked(one)));
        wrong
    }

    fn add(
        &mut self,
        document: usize,
        mut object: Value,
        reading: Reading,
    ) -> Result<(), OfflineError> {
        for (field, steps) in [
            ("apiVersion", ["apiVersion"].as_slice()),
            ("kind", &["kind"]),
            ("metadata.name", &["metadata", "name"]),
        ] {
            if pointer::text(&object, steps).is_empty() {
                return Err(OfflineError::NoObject { document, field });
            }
        }
        if reading == Reading::Stored {
            let unknown =
                stored::complete(&mut object).map_err(|wrong| wrong.of(document, &object))?;
            self.warnings
                .extend(unknown.into_iter().map(|field| Numbered {
                    document,
                    object: format!("unknown field {field}: it has no effect"),
                }));
        }
        let api_version = pointer::text(&object, &["apiVersion"]);
        if [API_VERSION, quota::API_VERSION].contains(&api_version) {
            self.sort_in(document, object)
        } else {
            if (api_version, pointer::text(&object, &["kind"])) == ("v1", "Namespace") {
                let name = pointer::text(&object, &["metadata", "name"]).to_owned();
                let labels = pointer::texts(&object, "labels");
                self.namespaces.insert(name, labels);
            }
            self.sources.push(Numbered { document, object });
            Ok(())
        }
    }

    /// Takes one of our own kinds in. Of two with one name the later counts, as if both were applied.
    fn sort_in(&mut self, document: usize, object: Value) -> Result<(), OfflineError> {
        let text = |steps: &[&str]| pointer::text(&object, steps).to_owned();
        let (kind, name) = (text(&["kind"]), text(&["metadata", "name"]));
        let namespace = match text(&["metadata", "namespace"]) {
            none if none.is_empty() => "default".to_owned(),
            some => some,
        };
        let wrong = |source| OfflineError::Malformed {
            document,
            kind: kind.clone(),
            name: name.clone(),
            source,
        };
        let own = (namespace.clone(), name.clone());
        let shared = (String::new(), name.clone());
        match kind.as_str() {
            "PropagationPolicy" => {
                let policy: PropagationPolicy = read(object).map_err(wrong)?;
                self.policies.insert(own, numbered(document, policy.spec));
            }
            "ClusterPropagationPolicy" => {
                let policy: ClusterPropagationPolicy = read(object).map_err(wrong)?;
                self.policies
                    .insert(shared, numbered(document, policy.spec));
            }
            "OverridePolicy" => {
                let policy: OverridePolicy = read(object).map_err(wrong)?;
                self.overrides.insert(own, policy.spec);
            }
            "ClusterOverridePolicy" => {
                let policy: ClusterOverridePolicy = read(object).map_err(wrong)?;
                self.overrides.insert(shared, policy.spec);
            }
            "SchedulingProfile" => {
                let profile: SchedulingProfile = read(object).map_err(wrong)?;
                self.profiles
                    .insert(name.clone(), numbered(document, profile.spec));
            }
            "FederatedCluster" => {
                let cluster: FederatedCluster = read(object).map_err(wrong)?;
                self.clusters
                    .retain(|other| other.object.metadata.name != cluster.metadata.name);
                self.clusters.push(numbered(document, cluster));
            }
            "FederatedTypeConfig" => {
                let config: FederatedTypeConfig = read(object).map_err(wrong)?;
                self.type_configs.retain(|other| {
                    other.metadata.name != config.metadata.name
                        && other.spec.source_type != config.spec.source_type
                });
                self.type_configs.push(config);
            }
            "FederatedObject" | "ClusterFederatedObject" => {
                let mut federated: Federated = read(object).map_err(wrong)?;
                // Without a namespace it would count as an object of the cluster.
                federated.metadata.namespace = (kind == "FederatedObject").then_some(namespace);
                self.federated.push(numbered(document, federated));
            }
            "GlobalQuota" => {
                let quota: GlobalQuota = read(object).map_err(wrong)?;
                self.quotas.insert(name.clone(), quota.spec);
            }
            // Records of controllers: they decide nothing.
            _ => {}
        }
        Ok(())
    }

    /// Fills in what clusters do not say.
    fn assume(&mut self) {
        let served: Vec<_> = self
            .type_configs
            .iter()
            .map(|config| config.spec.source_type.clone())
            .collect();
        for cluster in &mut self.clusters {
            let status = cluster.object.status.get_or_insert_default();
            if status.conditions.is_empty() {
                status.conditions = [JOINED, READY].map(assumed).into();
            }
            if status.api_resource_types.is_empty() {
                status.api_resource_types.clone_from(&served);
            }
        }
    }

    /// The type config of an object.
    pub(super) fn type_config(&self, object: &Value) -> Option<&FederatedTypeConfig> {
        let api_version = pointer::text(object, &["apiVersion"]);
        let kind = pointer::text(object, &["kind"]);
        self.type_configs.iter().find(|config| {
            let source = &config.spec.source_type;
            source.kind == kind && source.api_version() == api_version
        })
    }
}

fn assumed(condition_type: &str) -> ClusterCondition {
    ClusterCondition {
        condition_type: condition_type.to_owned(),
        status: "True".to_owned(),
        reason: "Assumed".to_owned(),
        ..ClusterCondition::default()
    }
}

fn read<T: DeserializeOwned>(object: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(object)
}

fn numbered<T>(document: usize, object: T) -> Numbered<T> {
    Numbered { document, object }
}

/// Opens lists of any kind, also lists in lists.
fn open(document: Value, objects: &mut Vec<Value>) {
    let is_list = pointer::text(&document, &["kind"]).ends_with("List")
        && document.get("items").is_some_and(Value::is_array);
    if !is_list {
        // What a file without content (comments alone) leaves.
        if !document.is_null() {
            objects.push(document);
        }
        return;
    }
    let mut document = document;
    if let Some(Value::Array(items)) = document.get_mut("items").map(Value::take) {
        for item in items {
            open(item, objects);
        }
    }
}
