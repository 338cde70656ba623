//! Is it time to decide again? The trigger document remembers what the last decision was based on;
//! keys, hashes and rules are those of KubeAdmiral's `pkg/controllers/scheduler/schedulingtriggers.go`,
//! so that neither side reschedules what the other has placed. Here clusters are sorted and documents
//! are compared as data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use navarch_crds::go;
use navarch_crds::keys::annotation;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{FederatedTypeConfigSpec, PropagationPolicySpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::policy::CheckedPolicy;
use crate::request;
use crate::resources::Amounts;
use crate::snapshot::{Cluster, Hashes, Snapshot};
use crate::unit::{UnitError, replicas, resource};

/// Annotations whose change always causes a new decision.
const KNOWN: [&str; 10] = [
    annotation::SCHEDULING_MODE,
    annotation::STICKY_CLUSTER,
    annotation::TOLERATIONS,
    annotation::PLACEMENTS,
    annotation::CLUSTER_SELECTOR,
    annotation::AFFINITY,
    annotation::MAX_CLUSTERS,
    annotation::FOLLOWS_OBJECT,
    annotation::APPLIED_MIGRATION_CONFIGURATION,
    annotation::DRY_RUN,
];

/// The hash of a cluster that serves nothing: it has joined, and nobody knows yet what it serves.
const SERVES_NOTHING: &str = "913756753";

/// Hash of a value's JSON as Go writes it.
pub(crate) fn hash<T: Serialize + ?Sized>(value: &T) -> String {
    // Only maps with text keys and plain structs come here; they always have a JSON form.
    go::hash::of_json(value).unwrap_or_default()
}

/// Hash of a policy; auto migration does not count.
pub(crate) fn policy_hash(spec: &PropagationPolicySpec) -> String {
    hash(&PropagationPolicySpec {
        auto_migration: None,
        ..spec.clone()
    })
}

/// The part of the document that all objects share, made once and then changed with the clusters.
#[derive(Debug)]
pub struct ClusterHashes {
    clusters: Vec<(ClusterName, Arc<Hashes>)>,
    text: String,
    /// The cluster part of a stored document that was read last, and what it came to. Thousands of objects hold the
    /// same one, and with a thousand clusters it is a hundred kilobytes. It changes no answer.
    read: Mutex<Option<(String, Differences)>>,
}

impl Clone for ClusterHashes {
    fn clone(&self) -> Self {
        Self {
            clusters: self.clusters.clone(),
            text: self.text.clone(),
            read: Mutex::default(),
        }
    }
}

impl PartialEq for ClusterHashes {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ClusterHashes {}

/// The cluster part of a stored document.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClusterParts {
    #[serde(deserialize_with = "or_empty")]
    clusters: BTreeSet<String>,
    #[serde(deserialize_with = "or_empty")]
    cluster_labels_hashes: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_empty")]
    cluster_taints_hashes: BTreeMap<String, String>,
    #[serde(
        rename = "clusterAPIResourceTypesHashes",
        deserialize_with = "or_empty"
    )]
    cluster_api_resource_types_hashes: BTreeMap<String, String>,
}

/// What is different in the clusters of now.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Copy, Debug, Default)]
struct Differences {
    /// Anything at all.
    any: bool,
    labels: bool,
    taints: bool,
    api_resources: bool,
    /// Nobody left, and somebody joined or is now known to serve something.
    joined: bool,
}

/// One of the hashes of a cluster.
type Which = fn(&Hashes) -> &str;

const HASHES: [(&str, Which); 3] = [
    ("clusterLabelsHashes", LABELS),
    ("clusterTaintsHashes", TAINTS),
    ("clusterAPIResourceTypesHashes", API_RESOURCES),
];
const LABELS: Which = |hashes| &hashes.labels;
const TAINTS: Which = |hashes| &hashes.taints;
const API_RESOURCES: Which = |hashes| &hashes.api_resources;

impl ClusterHashes {
    pub(crate) fn new(clusters: &[Arc<Cluster>]) -> Self {
        let clusters: Vec<(ClusterName, Arc<Hashes>)> = clusters
            .iter()
            .map(|cluster| (cluster.name().clone(), Arc::clone(cluster.hashes())))
            .collect();
        Self {
            text: written(&clusters),
            clusters,
            read: Mutex::default(),
        }
    }

    /// A cluster that was there has other hashes. Only these are written anew. `None`: it was not there.
    pub(crate) fn replace(&mut self, place: usize, now: &Arc<Hashes>) -> Option<()> {
        let (name, known) = self.clusters.get_mut(place)?;
        for (key, which) in HASHES {
            if which(known) == which(now) {
                continue;
            }
            // No name and no hash has a quote, and each name comes once behind each key.
            let section = self.text.find(&format!(",\"{key}\":{{"))?;
            let entry = format!("\"{name}\":\"");
            let at = self.text.get(section..)?.find(&entry)?;
            let begin = section.checked_add(at)?.checked_add(entry.len())?;
            let end = begin.checked_add(which(known).len())?;
            self.text.get(begin..end)?;
            self.text.replace_range(begin..end, which(now));
        }
        *known = Arc::clone(now);
        self.read = Mutex::default();
        Some(())
    }

    /// Compares the cluster part of a stored document, from its first key on. `None` if it cannot be read.
    fn differences(&self, text: &str) -> Option<Differences> {
        if self.text.strip_prefix('{') == Some(text) {
            return Some(Differences::default());
        }
        let mut last = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, differences)) = &*last
            && known == text
        {
            return Some(*differences);
        }
        let parts = serde_json::from_str::<ClusterParts>(&format!("{{{text}")).ok()?;
        let differences = self.compared(&parts);
        *last = Some((text.to_owned(), differences));
        Some(differences)
    }

    fn compared(&self, old: &ClusterParts) -> Differences {
        let count = self.clusters.len();
        let kept = old.clusters.iter().all(|name| self.hashes(name).is_some());
        // An old key is gone or has another value; new keys alone do not count.
        let changed = |old: &BTreeMap<String, String>, which: Which| {
            old.iter()
                .any(|(name, hash)| self.hashes(name).map(which) != Some(hash.as_str()))
        };
        let labels = changed(&old.cluster_labels_hashes, LABELS);
        let taints = changed(&old.cluster_taints_hashes, TAINTS);
        let served = &old.cluster_api_resource_types_hashes;
        let api_resources = changed(served, API_RESOURCES);
        // Until then nothing could be placed there, so this is when it joins. KubeAdmiral forgets such clusters.
        let opened = served.iter().any(|(name, hash)| {
            let now = self.hashes(name).map(API_RESOURCES);
            hash == SERVES_NOTHING && now.is_some_and(|now| now != SERVES_NOTHING)
        });
        let as_many = [
            old.clusters.len(),
            old.cluster_labels_hashes.len(),
            old.cluster_taints_hashes.len(),
            old.cluster_api_resource_types_hashes.len(),
        ] == [count; 4];
        Differences {
            any: labels || taints || api_resources || !kept || !as_many,
            labels,
            taints,
            api_resources,
            joined: kept && (count > old.clusters.len() || opened),
        }
    }

    fn hashes(&self, name: &str) -> Option<&Hashes> {
        let place = self
            .clusters
            .binary_search_by(|(cluster, _)| cluster.as_str().cmp(name));
        let (_, hashes) = place.ok().and_then(|place| self.clusters.get(place))?;
        Some(hashes)
    }
}

/// The JSON of the clusters' part. Written by hand, because it is long and no name and no hash needs an escape.
fn written(clusters: &[(ClusterName, Arc<Hashes>)]) -> String {
    let mut text = String::with_capacity(clusters.len().saturating_mul(160).saturating_add(160));
    text.push_str("{\"clusters\":[");
    for (at, (name, _)) in clusters.iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        text.push_str(name.as_str());
        text.push('"');
    }
    text.push(']');
    for (key, which) in HASHES {
        for part in [",\"", key, "\":{"] {
            text.push_str(part);
        }
        for (at, (name, hashes)) in clusters.iter().enumerate() {
            let begin = if at == 0 { "\"" } else { ",\"" };
            for part in [begin, name.as_str(), "\":\"", which(hashes), "\""] {
                text.push_str(part);
            }
        }
        text.push('}');
    }
    text.push('}');
    text
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OwnParts {
    scheduling_annotations_hash: String,
    replica_count: i64,
    resource_request: RequestParts,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_migration_info: Option<String>,
    policy_name: String,
    policy_content_hash: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestParts {
    millicpu: i64,
    memory: i64,
    ephemeral_storage: i64,
    scalar_resources: Option<BTreeMap<String, i64>>,
}

/// A document as it was stored by us or by KubeAdmiral, beside the clusters of now.
struct Stored {
    own: OwnParts,
    clusters: Differences,
}

impl Stored {
    fn read(text: &str, now: &ClusterHashes) -> Option<Self> {
        Self::split(text, now).or_else(|| {
            Some(Self {
                own: serde_json::from_str(text).ok()?,
                clusters: now.compared(&serde_json::from_str(text).ok()?),
            })
        })
    }

    /// In two parts, as both sides write it: first the object's own, then the clusters'. No other key of
    /// this name holds a list, and quotes inside of texts are escaped.
    fn split(text: &str, now: &ClusterHashes) -> Option<Self> {
        let at = text.find(",\"clusters\":[")?;
        let (own, clusters) = text.split_at_checked(at)?;
        let first = own.starts_with("{\"schedulingAnnotationsHash\":");
        if !first || !own.contains(",\"policyContentHash\":") {
            // Written by neither; keys may stand anywhere.
            return None;
        }
        Some(Self {
            own: serde_json::from_str(&format!("{own}}}")).ok()?,
            clusters: now.differences(clusters.strip_prefix(',')?)?,
        })
    }
}

/// What a decision is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerDocument {
    own: OwnParts,
    clusters: Arc<ClusterHashes>,
}

/// What a document is made from.
#[derive(Clone, Copy, Debug)]
pub struct TriggerInputs<'a> {
    /// Annotations of the federated object.
    pub annotations: &'a BTreeMap<String, String>,
    /// The object itself.
    pub template: &'a Value,
    /// The type of the object.
    pub type_config: &'a FederatedTypeConfigSpec,
    /// Name and content of the policy, if one applies.
    pub policy: Option<(&'a str, &'a CheckedPolicy)>,
    /// The clusters.
    pub snapshot: &'a Snapshot,
}

/// What follows from comparing two documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerOutcome {
    /// Decide again.
    pub reschedule: bool,
    /// What `kubeadmiral.io/scheduling-triggers` has to hold.
    pub store: String,
    /// What `kubeadmiral.io/scheduling-deferred-reasons` has to hold; absent if nothing.
    pub deferred: Option<String>,
}

/// Writes down what a decision would be based on now.
///
/// # Errors
/// If the object's replicas or its pod template cannot be read.
pub fn document(inputs: TriggerInputs<'_>) -> Result<TriggerDocument, UnitError> {
    let known: BTreeMap<&str, &String> = KNOWN
        .iter()
        .filter_map(|name| Some((*name, inputs.annotations.get(*name)?)))
        .collect();
    let path = inputs.type_config.path_definition.replicas_spec.as_str();
    let replica_count = if path.is_empty() {
        None
    } else {
        replicas(inputs.template, path)?
    };
    let request = request::for_triggers(&resource(inputs.type_config), inputs.template)?;
    let migrates = inputs
        .policy
        .is_some_and(|(_, policy)| policy.auto_migration.is_some());
    let info = inputs.annotations.get(annotation::AUTO_MIGRATION_INFO);
    Ok(TriggerDocument {
        own: OwnParts {
            scheduling_annotations_hash: hash(&known),
            replica_count: replica_count.unwrap_or(0),
            resource_request: request_parts(request),
            auto_migration_info: info.filter(|_| migrates).cloned(),
            policy_name: inputs
                .policy
                .map(|(name, _)| name.to_owned())
                .unwrap_or_default(),
            policy_content_hash: inputs
                .policy
                .map(|(_, policy)| policy.content_hash.clone())
                .unwrap_or_default(),
        },
        clusters: inputs.snapshot.cluster_hashes().clone(),
    })
}

fn request_parts(amounts: Amounts) -> RequestParts {
    RequestParts {
        millicpu: amounts.milli_cpu,
        memory: amounts.memory,
        ephemeral_storage: amounts.ephemeral_storage,
        scalar_resources: Some(amounts.scalars).filter(|scalars| !scalars.is_empty()),
    }
}

impl TriggerDocument {
    /// The text that is stored, keys in KubeAdmiral's order.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = go::json::to_string(&self.own).unwrap_or_default();
        // Both are JSON objects: join them.
        text.pop();
        let clusters = self.clusters.text.strip_prefix('{').unwrap_or("}");
        format!("{text},{clusters}")
    }

    /// Names of the clusters that it was made from.
    pub fn clusters(&self) -> impl Iterator<Item = &str> {
        self.clusters.clusters.iter().map(|(name, _)| name.as_str())
    }
}

/// Compares the stored document with a new one.
#[must_use]
pub fn decide(
    old: Option<&str>,
    new: &TriggerDocument,
    policy: Option<&CheckedPolicy>,
) -> TriggerOutcome {
    let replace = |reschedule: bool| TriggerOutcome {
        reschedule,
        store: new.to_json(),
        deferred: None,
    };
    let Some(old_text) = old.filter(|text| !text.is_empty()) else {
        return replace(true);
    };
    let Some(old) = Stored::read(old_text, &new.clusters) else {
        return replace(true);
    };
    let keep = |reasons: &[&str]| TriggerOutcome {
        reschedule: false,
        store: old_text.to_owned(),
        deferred: (!reasons.is_empty()).then(|| reasons.join("; ")),
    };
    if old.own == new.own && !old.clusters.any {
        return keep(&[]);
    }
    let Some(policy) = policy else {
        return replace(true);
    };
    if stable_parts(&old.own) != stable_parts(&new.own) {
        return replace(true);
    }
    if policy.rescheduling.sticky {
        return keep(&["disableRescheduling:true"]);
    }
    match deferrals(&old, new, policy) {
        None => replace(true),
        Some(reasons) => keep(&reasons),
    }
}

/// Why the changes between two documents do not count; `None` if one of them does.
fn deferrals(
    old: &Stored,
    new: &TriggerDocument,
    policy: &CheckedPolicy,
) -> Option<Vec<&'static str>> {
    let clusters = old.clusters;
    let when = &policy.rescheduling.when;
    let mut deferred = Vec::new();
    for (happened, counts, reason) in [
        (
            old.own.policy_content_hash != new.own.policy_content_hash,
            when.policy_content_changed,
            "policyContentChanged:false",
        ),
        (
            clusters.labels,
            when.cluster_labels_changed,
            "clusterLabelsChanged:false",
        ),
        (clusters.taints, true, ""),
        (
            clusters.api_resources,
            when.cluster_api_resources_changed,
            "clusterAPIResourcesChanged:false",
        ),
        (clusters.joined, when.cluster_joined, "clusterJoined:false"),
    ] {
        match (happened, counts) {
            (true, true) => return None,
            (true, false) => deferred.push(reason),
            (false, _) => {}
        }
    }
    Some(deferred)
}

/// Changes of these always cause a new decision.
fn stable_parts(own: &OwnParts) -> (&str, i64, &RequestParts, &str, Option<&str>) {
    (
        &own.scheduling_annotations_hash,
        own.replica_count,
        &own.resource_request,
        &own.policy_name,
        own.auto_migration_info.as_deref(),
    )
}

fn or_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
#[path = "trigger_tests.rs"]
mod tests;
