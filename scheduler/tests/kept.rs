//! A decision with answers that were kept is the one that would be made without, whatever happened to the clusters
//! in between.
#![expect(clippy::unwrap_used, reason = "a test stops at what it cannot read")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{FederatedTypeConfigSpec, PropagationPolicySpec};
use navarch_scheduler::framework::registry::{Registered, Registry};
use navarch_scheduler::framework::signature::Signature;
use navarch_scheduler::framework::traits::{ClusterContext, Filter, Normalise, Plugin, Score};
use navarch_scheduler::policy::CheckedPolicy;
use navarch_scheduler::profile::Profile;
use navarch_scheduler::snapshot::{Cluster, Figures, Snapshot};
use navarch_scheduler::unit::{self, Features, Unit, UnitInputs};
use navarch_scheduler::verdict::{PluginError, Reason, Verdict, Wake};
use navarch_scheduler::{explain, schedule};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const NAMES: [&str; 6] = ["alpha", "beta", "delta", "epsilon", "gamma", "zeta"];

/// A plugin whose every answer hangs on where the object is: what is placed stays, and is liked.
#[derive(Debug)]
struct Loyal;

impl Plugin for Loyal {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::ClusterLabels]
    }

    fn signature(&self, _unit: &Unit) -> Option<Signature> {
        Some(Signature::nothing())
    }
}

impl Filter for Loyal {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        let closed = context
            .cluster
            .labels()
            .get("zone")
            .is_some_and(|zone| zone == "b");
        if closed && !context.is_scheduled() {
            Verdict::NotNow(Reason::Other("closed".into()), &[Wake::ClusterLabels])
        } else {
            Verdict::Fits
        }
    }
}

impl Score for Loyal {
    fn score(&self, context: &ClusterContext<'_>) -> Result<i64, PluginError> {
        let full = context.cluster.available().milli_cpu < 0;
        match (full, context.is_scheduled()) {
            (true, true) => Err(PluginError("overfull".into())),
            (_, scheduled) => Ok(i64::from(scheduled)),
        }
    }

    fn normalise(&self) -> Normalise {
        Normalise::Upward
    }
}

/// Joined, ready, effect of a taint, zone, whether its API is known, available processors.
type State = (bool, bool, &'static str, &'static str, bool, i64);

fn state() -> impl Strategy<Value = State> {
    (
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.8),
        select(vec![
            "",
            "",
            "",
            "NoSchedule",
            "NoExecute",
            "PreferNoSchedule",
        ]),
        select(vec!["a", "b"]),
        prop::bool::weighted(0.8),
        -20_i64..200,
    )
}

fn cluster(name: &str, state: State) -> Arc<Cluster> {
    let (joined, ready, effect, zone, known, available) = state;
    let status = |holds: bool| if holds { "True" } else { "False" };
    let served = json!({ "group": "apps", "version": "v1", "kind": "Deployment" });
    let cluster = json!({
        "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
        "metadata": { "name": name, "labels": { "zone": zone } },
        "spec": { "taints": match effect {
            "" => json!([]),
            effect => json!([{ "key": "k", "effect": effect }]),
        } },
        "status": {
            "conditions": [{ "type": "Joined", "status": status(joined) },
                { "type": "Ready", "status": status(ready) }],
            "apiResourceTypes": if known { json!([served]) } else { json!([]) },
            "resources": {
                "allocatable": { "cpu": "150", "memory": "9Gi" },
                "available": { "cpu": available.to_string(), "memory": "3Gi" },
            },
        },
    });
    Arc::new(Cluster::new(&serde_json::from_value(cluster).unwrap()).unwrap())
}

/// What happens to a cluster.
#[derive(Clone, Debug)]
enum Change {
    Put(&'static str, State),
    Remove(&'static str),
    Figures(&'static str, i64),
}

fn change() -> impl Strategy<Value = Change> {
    let name = || select(NAMES.to_vec());
    prop_oneof![
        6 => (name(), state()).prop_map(|(name, state)| Change::Put(name, state)),
        1 => name().prop_map(Change::Remove),
        2 => (name(), -20_i64..200).prop_map(|(name, cpu)| Change::Figures(name, cpu)),
    ]
}

/// The object: its policy and where it is.
#[derive(Clone, Debug)]
struct Wish {
    policy: Value,
    current: Vec<&'static str>,
    cpu: i64,
}

fn wish() -> impl Strategy<Value = Wish> {
    (
        select(vec!["Duplicate", "Divide"]),
        select(vec!["Spread", "Binpack"]),
        any::<[bool; 2]>(),
        select(vec![None, None, Some(1), Some(3)]),
        select(vec![json!([]), json!([]), json!(["alpha", "gamma"])]),
        select(vec!["In", "In", "Unheard"]),
        subsequence(NAMES.to_vec(), 0..NAMES.len()),
        0_i64..100_000,
    )
        .prop_map(|(mode, strategy, [tolerant, zoned], most, named, operator, current, cpu)| {
            let placement = named.as_array().unwrap().iter();
            let placement: Vec<Value> = placement.map(|name| json!({ "cluster": name })).collect();
            let term = json!({ "matchExpressions": [
                { "key": "zone", "operator": operator, "values": ["a"] }] });
            let policy = json!({ "schedulingMode": mode, "replicasStrategy": strategy, "maxClusters": most,
                "placement": placement,
                "clusterAffinity": if zoned { json!([term]) } else { json!([]) },
                "tolerations": if tolerant { json!([{ "operator": "Exists" }]) } else { json!([]) } });
            Wish { policy, current, cpu }
        })
}

fn asked(wish: &Wish) -> Unit {
    let policy: PropagationPolicySpec = serde_json::from_value(wish.policy.clone()).unwrap();
    let type_config: FederatedTypeConfigSpec = serde_json::from_value(json!({
        "sourceType": { "group": "apps", "version": "v1", "kind": "Deployment", "pluralName": "deployments" },
        "pathDefinition": { "replicasSpec": "spec.replicas" },
    }))
    .unwrap();
    let template = json!({ "metadata": { "name": "web", "namespace": "default" },
        "spec": { "replicas": 7, "template": { "spec": { "containers": [] } } } });
    let (mut unit, _) = unit::build(UnitInputs {
        policy: &CheckedPolicy::check(&policy).unwrap(),
        type_config: &type_config,
        template: &template,
        annotations: &BTreeMap::new(),
        placements: &[],
        overrides: &[],
        features: Features::default(),
    })
    .unwrap();
    unit.request.milli_cpu = wish.cpu;
    unit.current = wish
        .current
        .iter()
        .map(|name| (ClusterName::new(name).unwrap(), Some(2)))
        .collect();
    unit
}

/// The defaults, with a look at room, and with a plugin that asks where everything is.
fn profiles() -> [Profile; 3] {
    let registry = Registry::with([Registered::new("Loyal").filter(Loyal).score(Loyal)]).unwrap();
    let room = json!([{ "name": "ClusterResourcesFit" }]);
    let both = json!([{ "name": "ClusterResourcesFit" }, { "name": "Loyal" }]);
    [
        json!({}),
        json!({ "plugins": { "filter": { "enabled": room } } }),
        json!({ "plugins": { "filter": { "enabled": both },
            "score": { "enabled": [{ "name": "Loyal" }] } } }),
    ]
    .map(|spec| {
        let spec = serde_json::from_value(spec).unwrap();
        Profile::merge_with(&registry, Some(&spec), Features::default()).unwrap()
    })
}

/// Everything that a decision tells, or how it failed.
fn told(unit: &Unit, snapshot: &Snapshot, profile: &Profile) -> String {
    match schedule(unit, snapshot, profile, Timestamp::UNIX_EPOCH) {
        Err(broken) => format!("{broken:?}"),
        Ok(decision) => {
            let selected: Vec<&str> = decision.selected().map(|one| one.name().as_str()).collect();
            format!(
                "{:?} {:?} {selected:?} {:?} {:#?}",
                decision.placement,
                decision.outcome,
                decision.wakes(),
                explain::explain(&decision)
            )
        }
    }
}

fn without_memory(snapshot: &Snapshot) -> Snapshot {
    Snapshot::new(snapshot.clusters().iter().cloned(), 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_was_kept_changes_no_decision(
        wishes in proptest::collection::vec(wish(), 1..4),
        changes in proptest::collection::vec(change(), 1..12),
        own in proptest::collection::btree_map(select(NAMES.to_vec()), -150_000_i64..150_000, 0..4),
    ) {
        let units: Vec<Unit> = wishes.iter().map(asked).collect();
        let profiles = profiles();
        let mut held = Snapshot::default();
        for (version, change) in (1..).zip(changes) {
            // Somebody may still decide on what was known before.
            let older = held.clone();
            match change {
                Change::Put(name, state) => {
                    held.put(cluster(name, state), version);
                }
                Change::Remove(name) => {
                    held.remove(&ClusterName::new(name).unwrap(), version);
                }
                Change::Figures(name, cpu) => {
                    let figures = held.get(name).map(|one| one.figures().clone()).unwrap_or_default();
                    let mut figures: Figures = figures;
                    figures.available.milli_cpu = cpu.saturating_mul(1000);
                    held = held.with_figures([(ClusterName::new(name).unwrap(), figures)], version);
                }
            }
            let fresh = without_memory(&held);
            prop_assert_eq!(held.cluster_hashes(), fresh.cluster_hashes());
            // An object that does not count itself.
            let own = own.iter().filter_map(|(name, milli_cpu)| {
                let mut figures = held.get(name)?.figures().clone();
                figures.available.milli_cpu += milli_cpu;
                Some((ClusterName::new(name).unwrap(), figures))
            });
            let one = held.seen_otherwise(own, version);
            for snapshot in [&held, &one, &older, &one, &held] {
                let fresh = without_memory(snapshot);
                for unit in &units {
                    for profile in &profiles {
                        let kept = told(unit, snapshot, profile);
                        prop_assert_eq!(kept, told(unit, &fresh, profile));
                    }
                }
            }
        }
    }
}
