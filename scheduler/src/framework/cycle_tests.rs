//! Tests of `cycle`: tables and properties beside the code they hold.

use super::*;
use crate::framework::assessment::normalised;
use crate::framework::profile::Profile;
use crate::framework::registry::{Registered, Registry};
use crate::framework::signature::Signature;
use crate::framework::traits::{ClusterContext, Filter, Normalise, Plugin};
use crate::plugins::fixtures::{NOW, cluster, unit};
use crate::unit::Features;
use crate::verdict::{PluginError, Verdict, Wake};
use navarch_crds::v1alpha1::SchedulingProfileSpec;

/// Fails for one cluster and lets the others pass.
#[derive(Debug)]
struct Failing(&'static str);

impl Plugin for Failing {
    fn wakes(&self) -> &'static [Wake] {
        &[Wake::Webhook]
    }

    fn signature(&self, _unit: &Unit) -> Option<Signature> {
        None
    }
}

impl Filter for Failing {
    fn filter(&self, context: &ClusterContext<'_>) -> Verdict {
        if context.cluster.name().as_str() == self.0 {
            Verdict::Broken(PluginError("timed out".into()))
        } else {
            Verdict::Fits
        }
    }
}

fn snapshot(names: &[&str]) -> Snapshot {
    Snapshot::new(names.iter().map(|name| Arc::new(cluster(name).build())), 0)
}

fn placed(decision: &Decision) -> Vec<(&str, Option<i64>)> {
    decision
        .placement
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect()
}

#[test]
fn one_failure_fails_the_decision_and_evicts_nobody() {
    let registry = Registry::with([Registered::new("hook").filter(Failing("b"))]).unwrap();
    let spec: SchedulingProfileSpec = serde_json::from_value(
        serde_json::json!({ "plugins": { "filter": { "enabled": [{ "name": "hook" }] } } }),
    )
    .unwrap();
    let profile = Profile::merge_with(&registry, Some(&spec), Features::default()).unwrap();
    let unit = unit().build();
    let broken = schedule(&unit, &snapshot(&["a", "b", "c"]), &profile, NOW).unwrap_err();
    assert_eq!(
        (broken.plugin.as_str(), broken.cluster.as_deref()),
        ("hook", Some("b"))
    );
    assert_eq!(
        broken.to_string(),
        "scheduling failed in plugin hook for cluster b"
    );
    let fine = schedule(&unit, &snapshot(&["a", "c"]), &profile, NOW).unwrap();
    assert_eq!(placed(&fine), [("a", None), ("c", None)]);
    assert_eq!(profile.signature(&unit), None);
}

#[test]
fn nothing_fits_is_a_decision_with_reasons() {
    let clusters = [
        cluster("a").taint("k", "v", "NoSchedule").build(),
        cluster("b").unready().build(),
        cluster("c").taint("j", "", "NoExecute").build(),
        cluster("not-joined").unjoined().build(),
    ];
    let snapshot = Snapshot::new(clusters.map(Arc::new), 0);
    let profile = Profile::merge(None).unwrap();
    let decision = schedule(&unit().build(), &snapshot, &profile, NOW).unwrap();
    assert!(decision.unschedulable() && decision.placement.is_empty());
    let text = "0/3 clusters fit: 2 untolerated taint, 1 not ready";
    assert_eq!(decision.fit_error().as_deref(), Some(text));
    assert_eq!(decision.wakes(), [Wake::ClusterTaints, Wake::ClusterReady]);
    let none = schedule(&unit().build(), &Snapshot::default(), &profile, NOW).unwrap();
    let text = "0/0 clusters fit: no cluster has joined";
    assert_eq!(none.fit_error().as_deref(), Some(text));
}

#[test]
fn sticky_objects_stay_as_they_are_recorded() {
    let profile = Profile::merge(None).unwrap();
    let snapshot = snapshot(&["a", "b"]);
    let builder = unit()
        .divide(9)
        .current("gone", Some(3))
        .current("a", Some(1))
        .current("b", Some(0));
    let mut sticky = builder.build();
    sticky.sticky = true;
    let decision = schedule(&sticky, &snapshot, &profile, NOW).unwrap();
    assert_eq!(placed(&decision), [("a", Some(1)), ("gone", Some(3))]);
    sticky.current.clear();
    let decision = schedule(&sticky, &snapshot, &profile, NOW).unwrap();
    assert_eq!(decision.placement.values().flatten().sum::<i64>(), 9);
}

#[test]
fn divide_places_only_clusters_with_replicas() {
    let profile = Profile::merge(None).unwrap();
    let snapshot = snapshot(&["a", "b"]);
    for (total, clusters) in [(0, 0), (-1, 0), (1, 1), (2, 2)] {
        let decision = schedule(&unit().divide(total).build(), &snapshot, &profile, NOW).unwrap();
        assert_eq!(decision.placement.len(), clusters, "{total}");
        assert!(!decision.unschedulable());
    }
}

#[test]
fn scores_are_scaled_to_a_hundred() {
    for (how, scores, expected) in [
        (Normalise::Keep, [1, 2], [1, 2]),
        (Normalise::Upward, [1, 3], [33, 100]),
        (Normalise::Upward, [0, 0], [0, 0]),
        (Normalise::Downward, [1, 3], [67, 0]),
        (Normalise::Downward, [0, 0], [100, 100]),
        (Normalise::Upward, [i64::MAX, 0], [1, 0]),
    ] {
        assert_eq!(normalised(&scores, how), expected, "{how:?} {scores:?}");
    }
}
