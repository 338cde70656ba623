//! Short ways to write clusters and objects down in tests.

use std::sync::Arc;

use jiff::Timestamp;
use navarch_crds::names::ClusterName;
use serde_json::{Value, json};

use crate::framework::traits::{Candidate, ClusterContext, Filter, Score, Select, SelectContext};
use crate::policy::Mode;
use crate::snapshot::{ApiResource, Cluster};
use crate::toleration::{Operator, Toleration};
use crate::unit::Unit;
use crate::verdict::{PluginError, Verdict};

/// When tests happen.
pub(crate) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A joined and ready cluster that serves Deployments.
#[derive(Clone)]
pub(crate) struct ClusterBuilder(Value);

pub(crate) fn cluster(name: &str) -> ClusterBuilder {
    ClusterBuilder(json!({
        "apiVersion": "core.kubeadmiral.io/v1alpha1",
        "kind": "FederatedCluster",
        "metadata": { "name": name, "labels": {} },
        "spec": { "apiEndpoint": "https://127.0.0.1:1", "secretRef": { "name": name }, "taints": [] },
        "status": {
            "conditions": [
                { "type": "Joined", "status": "True" },
                { "type": "Ready", "status": "True" },
            ],
            "resources": { "allocatable": {}, "available": {} },
            "apiResourceTypes": [
                { "group": "apps", "version": "v1", "kind": "Deployment",
                  "pluralName": "deployments", "scope": "Namespaced" },
            ],
        },
    }))
}

impl ClusterBuilder {
    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["labels"][key] = value.into();
        self
    }

    pub(crate) fn taint(mut self, key: &str, value: &str, effect: &str) -> Self {
        let taint = json!({ "key": key, "value": value, "effect": effect });
        self.0["spec"]["taints"].as_array_mut().unwrap().push(taint);
        self
    }

    pub(crate) fn api(mut self, group: &str, version: &str, kind: &str) -> Self {
        let served = json!([{ "group": group, "version": version, "kind": kind,
            "pluralName": "things", "scope": "Namespaced" }]);
        self.0["status"]["apiResourceTypes"] = served;
        self
    }

    pub(crate) fn no_api(mut self) -> Self {
        self.0["status"]["apiResourceTypes"] = json!([]);
        self
    }

    pub(crate) fn unready(mut self) -> Self {
        self.0["status"]["conditions"][1]["status"] = "False".into();
        self
    }

    pub(crate) fn unjoined(mut self) -> Self {
        self.0["status"]["conditions"][0]["status"] = "False".into();
        self
    }

    pub(crate) fn terminating(mut self) -> Self {
        self.0["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z".into();
        self
    }

    /// Processors in thousandths, everything else in whole units.
    pub(crate) fn resource(self, name: &str, allocatable: i64, available: i64) -> Self {
        let mut with = self.allocatable(name, allocatable);
        with.0["status"]["resources"]["available"][name] = amount(name, available).into();
        with
    }

    pub(crate) fn allocatable(mut self, name: &str, allocatable: i64) -> Self {
        self.0["status"]["resources"]["allocatable"][name] = amount(name, allocatable).into();
        self
    }

    pub(crate) fn build(self) -> Cluster {
        Cluster::new(&serde_json::from_value(self.0).unwrap()).unwrap()
    }
}

fn amount(name: &str, amount: i64) -> String {
    if name == "cpu" {
        format!("{amount}m")
    } else {
        amount.to_string()
    }
}

/// A Deployment `default/web` that is duplicated everywhere.
#[derive(Clone)]
pub(crate) struct UnitBuilder(Unit);

pub(crate) fn unit() -> UnitBuilder {
    UnitBuilder(Unit {
        resource: Arc::new(ApiResource {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
        }),
        key: "default/web".into(),
        ..Unit::default()
    })
}

impl UnitBuilder {
    pub(crate) fn current(mut self, cluster: &str, replicas: Option<i64>) -> Self {
        self.0
            .current
            .insert(ClusterName::new(cluster).unwrap(), replicas);
        self
    }

    pub(crate) fn divide(mut self, replicas: i64) -> Self {
        self.0.mode = Mode::Divide;
        self.0.desired_replicas = Some(replicas);
        self
    }

    pub(crate) fn tolerate(mut self, toleration: Toleration) -> Self {
        self.0.tolerations.push(toleration);
        self
    }

    pub(crate) fn named(mut self, cluster: &str) -> Self {
        self.0.clusters.names.insert(cluster.into());
        self
    }

    pub(crate) fn priority(mut self, cluster: &str, priority: i64) -> Self {
        self.0.clusters.priorities.insert(cluster.into(), priority);
        self
    }

    pub(crate) fn request(mut self, resource: &str, amount: i64) -> Self {
        let request = &mut self.0.request;
        match resource {
            "cpu" => request.milli_cpu = amount,
            "memory" => request.memory = amount,
            "ephemeral-storage" => request.ephemeral_storage = amount,
            _ => {
                request.scalars.insert(resource.into(), amount);
            }
        }
        self
    }

    pub(crate) fn build(self) -> Unit {
        self.0
    }
}

pub(crate) fn toleration(key: &str, operator: &str, value: &str, effect: &str) -> Toleration {
    Toleration {
        key: key.into(),
        operator: Operator::read(operator),
        value: value.into(),
        effect: effect.into(),
        written: (operator.into(), None),
    }
}

/// Checks one row of a filter's table.
pub(crate) fn check_filter(
    name: &str,
    filter: &impl Filter,
    unit: &Unit,
    cluster: &Cluster,
    fits: bool,
) {
    let scheduled = unit.current.contains_key(cluster.name());
    let context = ClusterContext::new(unit, cluster, NOW, scheduled);
    match filter.filter(&context) {
        Verdict::Fits => assert!(fits, "{name}: fits"),
        Verdict::Never(reason) => assert!(!fits, "{name}: {reason}"),
        Verdict::NotNow(reason, wakes) => {
            assert!(!fits, "{name}: {reason}");
            assert!(!wakes.is_empty(), "{name}: nothing wakes it");
        }
        Verdict::Broken(error) => panic!("{name}: {error}"),
    }
}

/// Scores of one plugin for some clusters, in the order of their names.
pub(crate) fn scores(plugin: &impl Score, unit: &Unit, clusters: &[Cluster]) -> Vec<i64> {
    crate::framework::assessment::scores_for_test(plugin, unit, clusters)
}

/// Clusters that were chosen in this order, without scores.
pub(crate) fn candidates(clusters: &[Arc<Cluster>]) -> Vec<Candidate<'_>> {
    let mut names: Vec<&ClusterName> = clusters.iter().map(|one| one.name()).collect();
    names.sort_unstable();
    let position = |cluster: &Cluster| names.binary_search(&cluster.name()).unwrap();
    clusters
        .iter()
        .map(|cluster| Candidate {
            cluster,
            position: position(cluster),
            score: 0,
            outline: None,
        })
        .collect()
}

/// Names chosen by a select plugin from clusters with these scores.
pub(crate) fn selected(
    plugin: &impl Select,
    unit: &Unit,
    scores: &[(&str, i64)],
) -> Result<Vec<String>, PluginError> {
    let clusters: Vec<Arc<Cluster>> = scores
        .iter()
        .map(|(name, _)| Arc::new(cluster(name).build()))
        .collect();
    let mut candidates = candidates(&clusters);
    for (candidate, (_, score)) in candidates.iter_mut().zip(scores) {
        candidate.score = *score;
    }
    let context = SelectContext {
        unit,
        candidates,
        now: NOW,
    };
    let chosen = plugin.select(context)?;
    Ok(chosen
        .iter()
        .map(|one| one.cluster.name().to_string())
        .collect())
}
