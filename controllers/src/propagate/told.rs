//! The scheduler's placement of a federated object, in the words of KubeAdmiral's events
//! (`pkg/controllers/scheduler/core`), clusters in order. Pure.

use std::collections::BTreeMap;

use navarch_crds::keys::controller;
use serde_json::Value;

/// Clusters with the replicas that are written for each, if any are.
pub(super) type Told = BTreeMap<String, Option<i64>>;

/// Where the scheduler has put a federated object; `None`: nowhere.
pub(super) fn placement(federated: &Value) -> Option<Told> {
    let ours = |list: &str| {
        let entries = federated.pointer(list)?.as_array()?;
        let ours = |entry: &&Value| entry["controller"] == controller::SCHEDULER;
        entries.iter().find(ours)
    };
    let placed = ours("/spec/placements")?.get("placement")?.as_array()?;
    let named = |entry: &Value| Some(entry.get("cluster")?.as_str()?.to_owned());
    let mut told: Told = placed
        .iter()
        .filter_map(named)
        .map(|name| (name, None))
        .collect();
    let overrides = ours("/spec/overrides").and_then(|entry| entry.get("clusters")?.as_array());
    for entry in overrides.into_iter().flatten() {
        // Its only patch is that of the replicas.
        let replicas = entry.pointer("/patches/0/value").and_then(Value::as_i64);
        if let Some(known) = named(entry).and_then(|name| told.get_mut(&name)) {
            *known = replicas;
        }
    }
    (!told.is_empty()).then_some(told)
}

/// What to say of a change; `None`: there is none.
pub(super) fn change(before: Option<&Told>, after: Option<&Told>) -> Option<String> {
    if before == after {
        return None;
    }
    Some(match (before, after) {
        (_, Some(after)) => format!("scheduling success: {}", listed(after)),
        (before, None) => {
            let before = before.map(listed).unwrap_or_default();
            format!("scheduled to no cluster any more; it was in {before}")
        }
    })
}

fn listed(told: &Told) -> String {
    let each = told.iter().map(|(cluster, replicas)| match replicas {
        Some(replicas) => format!("{cluster}:{replicas}"),
        None => format!("{cluster}:nil"),
    });
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn federated(clusters: &[(&str, Option<i64>)]) -> Value {
        let placed: Vec<Value> = clusters
            .iter()
            .map(|(name, _)| json!({ "cluster": name }))
            .collect();
        let patched: Vec<Value> = clusters
            .iter()
            .filter_map(|(name, replicas)| {
                let patch =
                    json!({ "op": "replace", "path": "/spec/replicas", "value": (*replicas)? });
                Some(json!({ "cluster": name, "patches": [patch] }))
            })
            .collect();
        json!({ "spec": {
            "placements": [
                { "controller": "kubeadmiral.io/follower-controller", "placement": [{ "cluster": "z" }] },
                { "controller": controller::SCHEDULER, "placement": placed } ],
            "overrides": [
                { "controller": "overridepolicy-controller", "clusters": [{ "cluster": "a",
                    "patches": [{ "path": "/spec/paused", "value": 7 }] }] },
                { "controller": controller::SCHEDULER, "clusters": patched } ] } })
    }

    #[test]
    fn only_what_the_scheduler_changed_is_told() {
        let nowhere = federated(&[]);
        let divided = federated(&[("b", Some(1)), ("a", Some(2))]);
        let moved = federated(&[("a", Some(3))]);
        let duplicated = federated(&[("a", None)]);
        let success = "scheduling success: ";
        for (name, before, after, expected) in [
            ("first", None, &divided, format!("{success}[a:2, b:1]")),
            ("still nowhere", None, &nowhere, String::new()),
            ("the same", Some(&divided), &divided, String::new()),
            ("moved", Some(&divided), &moved, format!("{success}[a:3]")),
            (
                "each all of it",
                Some(&moved),
                &duplicated,
                format!("{success}[a:nil]"),
            ),
            (
                "out of all",
                Some(&moved),
                &nowhere,
                "scheduled to no cluster any more; it was in [a:3]".to_owned(),
            ),
        ] {
            let before = before.and_then(placement);
            let told = change(before.as_ref(), placement(after).as_ref());
            assert_eq!(told.unwrap_or_default(), expected, "{name}");
        }
    }
}
