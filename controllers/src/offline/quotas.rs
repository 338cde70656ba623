//! What global quotas make of decisions over documents: what federated objects are charged is folded by the account that
//! the controllers use, and the same questions are put to it. Pure.

use super::documents::{Documents, Key};
use crate::copies::charge::{self, charge_of, grows, join};
use crate::federated::Federated;
use crate::host::scheduled::QUOTA_RESERVED;
use crate::propagate::fold::{Fold, FoldInputs, Placing, fold};
use crate::propagate::quota::difference;
use crate::propagate::template::Template;
use jiff::Timestamp;
use navarch_crds::keys::controller;
use navarch_crds::names::ClusterName;
use navarch_crds::naming::federated_object_name;
use navarch_crds::quota::{Charge, Mode, OnExceeded, ResourceUse};
use navarch_crds::select::Labels;
use navarch_crds::v1alpha1::FederatedTypeConfig;
use navarch_scheduler::placement::Placement;
use navarch_scheduler::quota::resource::amount_text;
use navarch_scheduler::quota::{Account, Leaves, Subject, Tree, need};
use navarch_scheduler::unit::{self, Unit};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What quotas have to say of one object. Amounts are quantities.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaAnswer {
    /// The quotas that it is charged to and those above them, from the leaf to the root of each tree.
    pub quotas: Vec<QuotaFigures>,
    /// What it is charged now, over all clusters.
    pub charged: BTreeMap<String, String>,
    /// What it asks for beyond that.
    pub asks: BTreeMap<String, String>,
    /// All of what it asks for fits now. Others who wait may come first.
    pub fits: bool,
    /// Why not, or what quotas would say that only warn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Most replicas that it may have in all clusters together; `null` where nothing bounds them.
    pub replicas: Option<i64>,
    /// Most replicas that it may have in single clusters, everything else staying as it is; those that nothing bounds are
    /// left out.
    pub clusters: BTreeMap<String, i64>,
    /// What its condition `QuotaReserved` says while it waits, its place in line with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    #[serde(skip)]
    pub(super) asked: Option<Asked>,
}

/// One quota, as far as it concerns an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaFigures {
    /// Its name.
    pub name: String,
    /// The quota above it; empty for the root of a tree.
    pub parent: String,
    /// Whether its limits hold.
    pub mode: Mode,
    /// What becomes of an object that does not fit.
    pub on_exceeded: OnExceeded,
    /// Use of the resources that the object uses or asks for.
    pub resources: Vec<ResourceUse>,
}

/// A charge that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) key: Key,
    pub(super) leaves: Leaves,
    pub(super) wanted: Charge,
    pub(super) more: BTreeMap<String, i64>,
    /// Since when it waits, where its condition tells.
    pub(super) since: Option<Timestamp>,
}

/// An object about which quotas are asked.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) config: &'a FederatedTypeConfig,
    pub(super) namespace: &'a str,
    pub(super) template: &'a Template,
    pub(super) last: Option<&'a Federated>,
}

impl Case<'_> {
    fn key(&self) -> Key {
        let name = crate::pointer::text(&self.template.object, &["metadata", "name"]);
        let config = self.config.metadata.name.as_deref().unwrap_or_default();
        let made = || federated_object_name(name, config);
        let name = self.last.map_or_else(made, |last| last.name().to_owned());
        (self.namespace.to_owned(), name)
    }
}

/// The quotas of some documents, and what is charged to them.
pub(super) struct Books {
    pub(super) account: Account<Key>,
    pub(super) clusters: BTreeMap<ClusterName, Labels>,
    namespaces: BTreeMap<String, Labels>,
    nodes: BTreeMap<ClusterName, i64>,
    charges: BTreeMap<Key, Charge>,
    /// Any quota bounds single clusters.
    caps_clusters: bool,
}

/// How a question was bounded.
#[derive(Default)]
pub(super) struct Bounded {
    /// Why only a part is asked for.
    part: Option<String>,
    caps: BTreeMap<String, i64>,
    desired: i64,
}

impl Bounded {
    /// Why not all of it would be placed, now that there is an answer.
    pub(super) fn part(self, placement: &Placement) -> Option<String> {
        let planned = placement.values().flatten();
        let planned = planned.fold(0_i64, |sum, one| sum.saturating_add(*one));
        let full = |(cluster, cap): (&String, &i64)| {
            let there = placement.get(cluster.as_str()).copied().flatten();
            there.unwrap_or_default() >= *cap
        };
        if self.part.is_some() || planned >= self.desired || !self.caps.iter().any(full) {
            return self.part;
        }
        Some(format!(
            "{planned} of {} replicas fit into what quotas leave of single clusters",
            self.desired
        ))
    }
}

impl Books {
    /// `None`: nothing is limited.
    pub(super) fn of(documents: &Documents) -> Option<Self> {
        if documents.quotas.is_empty() {
            return None;
        }
        let (mut clusters, mut nodes) = (BTreeMap::new(), BTreeMap::new());
        for cluster in &documents.clusters {
            let metadata = &cluster.object.metadata;
            let Ok(name) = ClusterName::new(metadata.name.as_deref().unwrap_or_default()) else {
                continue;
            };
            let status = cluster.object.status.as_ref();
            let there = status.and_then(|status| status.resources.schedulable_nodes);
            nodes.insert(name.clone(), there.unwrap_or_default());
            clusters.insert(name, metadata.labels.clone().unwrap_or_default());
        }
        let tree = Arc::new(Tree::build(&documents.quotas));
        let mut books = Self {
            account: Account::new(tree, &clusters),
            clusters,
            namespaces: documents.namespaces.clone(),
            nodes,
            charges: BTreeMap::new(),
            caps_clusters: documents
                .quotas
                .values()
                .any(|quota| !quota.clusters.is_empty()),
        };
        for federated in documents.federated.iter().chain(&documents.beside) {
            books.note(documents, &federated.object);
        }
        Some(books)
    }

    fn note(&mut self, documents: &Documents, federated: &Federated) {
        let template = &federated.spec.template;
        let Some(config) = documents.type_config(template) else {
            return;
        };
        let leaves = self.leaves(config, federated.namespace(), template);
        let key = (
            federated.namespace().to_owned(),
            federated.name().to_owned(),
        );
        // One that was placed before there was a quota for it counts with what it is placed for.
        let charge = match charge::of(federated) {
            Some(written) => written,
            None if leaves.is_none() => return,
            None => self.need(config, federated),
        };
        self.account.charge(&key, &leaves, Some(&charge));
        self.charges.insert(key, charge);
    }

    fn need(&self, config: &FederatedTypeConfig, federated: &Federated) -> Charge {
        let nodes = |cluster: &ClusterName| self.nodes.get(cluster).copied().unwrap_or_default();
        charge_of(federated, &config.spec, nodes).0
    }

    fn leaves(&self, config: &FederatedTypeConfig, namespace: &str, template: &Value) -> Leaves {
        let (kind, none) = (unit::resource(&config.spec), Labels::new());
        self.account.tree().leaves_of(&Subject {
            namespace,
            namespace_labels: self.namespaces.get(namespace).unwrap_or(&none),
            group: &kind.group,
            kind: &kind.kind,
            labels: &crate::pointer::texts(template, "labels"),
            priority_class: need::priority_class(&kind, template),
        })
    }

    /// Bounds a question by what is free, as a pass does: clusters by their caps; where a part is welcome, the whole by what
    /// may be had.
    pub(super) fn bound(&self, case: Case<'_>, unit: &mut Unit) -> Bounded {
        let leaves = self.leaves(case.config, case.namespace, &case.template.object);
        let mut bounded = Bounded::default();
        let (Some(desired), Some(first)) = (unit.desired_replicas, leaves.nodes().first()) else {
            return bounded;
        };
        bounded.desired = desired;
        let key = case.key();
        if self.caps_clusters {
            bounded.caps = self.rooms(case, &key, &leaves);
            for (cluster, most) in &bounded.caps {
                let limits = &mut unit.custom_migration.limited_capacity;
                let limit = limits.entry(cluster.clone()).or_insert(*most);
                *limit = (*limit).min(*most);
            }
        }
        if self.account.tree().on_exceeded(*first) == OnExceeded::Partial
            && let Some(most) = self.total(case, &key, &leaves)
            && most < desired
        {
            unit.desired_replicas = Some(most);
            bounded.part = Some(format!(
                "{most} of {desired} replicas fit into the quota; the others wait"
            ));
        }
        bounded
    }

    /// Most replicas in each cluster, of those that anything bounds.
    fn rooms(&self, case: Case<'_>, key: &Key, leaves: &Leaves) -> BTreeMap<String, i64> {
        let path = &case.config.spec.path_definition.replicas_spec;
        let kind = unit::resource(&case.config.spec);
        let copy = need::of_copy(&kind, &case.template.object, path, 1);
        let Some(copy) = copy.ok().filter(|_| !path.is_empty() && !leaves.is_none()) else {
            return BTreeMap::new();
        };
        let clusters = self.clusters.keys().map(|cluster| {
            let most = self.account.headroom(key, leaves, &copy, cluster);
            (cluster.to_string(), most)
        });
        clusters.filter(|(_, most)| *most < i64::MAX).collect()
    }

    fn total(&self, case: Case<'_>, key: &Key, leaves: &Leaves) -> Option<i64> {
        let path = &case.config.spec.path_definition.replicas_spec;
        let kind = unit::resource(&case.config.spec);
        let copy = need::of_copy(&kind, &case.template.object, path, 1).ok()?;
        let bounded = !path.is_empty() && !leaves.is_none();
        let total = bounded.then(|| self.account.headroom_total(key, leaves, &copy.each).max(0));
        total.filter(|total| *total < i64::MAX)
    }

    /// What quotas say of an object that is to be placed like this; no placement: as it is. `None`: no quota has it.
    pub(super) fn answer(
        &self,
        case: Case<'_>,
        placement: Option<&Placement>,
        part: Option<String>,
    ) -> Option<QuotaAnswer> {
        let leaves = self.leaves(case.config, case.namespace, &case.template.object);
        if leaves.is_none() {
            return None;
        }
        let key = case.key();
        let counted = self.charges.get(&key).cloned().unwrap_or_default();
        let wanted = self.wanted(case, placement, &counted);
        let mut answer = QuotaAnswer {
            quotas: self.figures(&leaves, &counted, &wanted),
            charged: texts(&difference(&Charge::default(), &counted)),
            replicas: self.total(case, &key, &leaves),
            clusters: self.rooms(case, &key, &leaves),
            fits: part.is_none(),
            message: part,
            ..QuotaAnswer::default()
        };
        let waits = case.last.and_then(waits);
        let since = waits.as_ref().and_then(|(since, _)| *since);
        answer.condition = waits.map(|(_, message)| message);
        if grows(&counted, &wanted) {
            let more = difference(&counted, &wanted);
            answer.asks = texts(&more);
            if let Err(refusal) = self.account.would_fit(&key, &leaves, &wanted) {
                answer.fits = false;
                answer.message = Some(refusal.to_string());
            } else if answer.message.is_none() {
                let warning = self.account.warning(&key, &leaves, &wanted);
                answer.message = warning.map(|warning| warning.to_string());
            }
            answer.asked = Some(Asked {
                key,
                leaves,
                wanted,
                more,
                since,
            });
        }
        Some(answer)
    }

    /// What it would be charged by the next write. What a member has not let go yet stays charged.
    fn wanted(&self, case: Case<'_>, placement: Option<&Placement>, counted: &Charge) -> Charge {
        let placing = placement.map(|placement| Placing {
            controller: controller::SCHEDULER,
            placement: placement.clone(),
            ..Placing::default()
        });
        let folded = fold(
            case.last,
            FoldInputs {
                source: Some(&case.template.object),
                type_config: case.config,
                template: case.template,
                placing: placing.as_ref(),
                following: None,
                notes: &BTreeMap::new(),
                overrides: None,
                absent: &BTreeSet::new(),
            },
        );
        let need = match (folded, case.last) {
            (Fold::Create(next) | Fold::Update(next), _) => self.need(case.config, &next),
            (Fold::Unchanged, Some(last)) => self.need(case.config, last),
            (Fold::Unchanged, None) => Charge::default(),
        };
        let clusters = need.clusters.keys().chain(counted.clusters.keys());
        let clusters = clusters.map(|cluster| {
            let (held, needed) = (counted.clusters.get(cluster), need.clusters.get(cluster));
            (cluster.clone(), join(held, needed))
        });
        let clusters = clusters.collect();
        let none = need.once.is_empty();
        Charge {
            once: if none { &counted.once } else { &need.once }.clone(),
            clusters,
        }
    }

    fn figures(&self, leaves: &Leaves, counted: &Charge, wanted: &Charge) -> Vec<QuotaFigures> {
        let none = Charge::default();
        let mut used = difference(&none, counted);
        used.extend(difference(&none, wanted));
        let tree = self.account.tree();
        let nodes = leaves.nodes().iter().flat_map(|leaf| tree.path(*leaf));
        let shown = nodes.map(|node| {
            let parent = tree.parent(node).map(|parent| tree.name(parent).to_owned());
            let figures = self.account.figures(node).resources.into_iter();
            QuotaFigures {
                name: tree.name(node).to_owned(),
                parent: parent.unwrap_or_default(),
                mode: tree.mode(node),
                on_exceeded: tree.on_exceeded(node),
                resources: figures
                    .filter(|figure| used.contains_key(figure.resource.as_str()))
                    .map(|figure| figure.status())
                    .collect(),
            }
        });
        shown.collect()
    }
}

/// Since when an object waits, and what its condition says of it.
pub(super) fn waits(federated: &Federated) -> Option<(Option<Timestamp>, String)> {
    let mut conditions = federated
        .status
        .iter()
        .flat_map(|status| &status.conditions);
    let found = conditions
        .find(|said| said.condition_type == QUOTA_RESERVED.condition && said.status == "False")?;
    let since = found.last_transition_time.as_ref().map(|time| time.0);
    Some((since, found.message.clone()))
}

fn texts(amounts: &BTreeMap<String, i64>) -> BTreeMap<String, String> {
    let text = |(name, amount): (&String, &i64)| (name.clone(), amount_text(name, *amount));
    amounts.iter().map(text).collect()
}

#[cfg(test)]
#[path = "quotas_tests.rs"]
mod tests;
