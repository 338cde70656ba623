//! Override policies resolved: per cluster the patches of every rule that targets it. Each rule is
//! computed on the template as the earlier rules left it for that cluster, the cluster's policy
//! before the namespace's. Pure.

use super::overrides::Overrider;
use crate::copies::patches;
use crate::federated::Federated;
use crate::pointer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_crds::keys::label;
use navarch_crds::names::ClusterName;
use navarch_crds::select::{SelectorError, cluster_terms_match, labels_match};
use navarch_crds::v1alpha1::{GenericOverridePolicySpec, OverridePatch, OverrideRule};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A placed cluster, as far as rules choose by it.
#[derive(Clone, Copy, Debug)]
pub struct OverrideTarget<'a> {
    /// Its name.
    pub name: &'a ClusterName,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// A policy that applies.
#[derive(Clone, Copy, Debug)]
pub struct OverrideSource<'a> {
    /// `OverridePolicy` or `ClusterOverridePolicy`.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its rules.
    pub spec: &'a GenericOverridePolicySpec,
}

/// A rule that cannot be computed for a cluster. Nothing is sent anywhere then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("rule {rule} of override policy {policy}, for cluster {cluster}: {message}")]
pub struct OverrideFailure {
    /// The cluster.
    pub cluster: String,
    /// The policy.
    pub policy: String,
    /// Which rule, from zero.
    pub rule: usize,
    /// What is wrong.
    pub message: String,
}

/// Patches per cluster; clusters without any are left out.
pub type Resolved = BTreeMap<ClusterName, Vec<OverridePatch>>;

/// The names of the policies that an object asks for, in the order in which they apply: the
/// cluster's, then, for objects of a namespace, the namespace's.
#[must_use]
pub fn wanted(labels: &BTreeMap<String, String>, namespaced: bool) -> Vec<(&'static str, String)> {
    let name = |key: &str| labels.get(key).cloned();
    let cluster = name(label::CLUSTER_OVERRIDE_POLICY).map(|name| ("ClusterOverridePolicy", name));
    let own = name(label::OVERRIDE_POLICY)
        .filter(|_| namespaced)
        .map(|name| ("OverridePolicy", name));
    cluster.into_iter().chain(own).collect()
}

/// As [`wanted`], of a federated object.
#[must_use]
pub fn wanted_by(federated: &Federated) -> Vec<(&'static str, String)> {
    let labels = federated.metadata.labels.clone().unwrap_or_default();
    wanted(&labels, !federated.namespace().is_empty())
}

/// Computes the patches of all clusters.
///
/// # Errors
/// The first failure of each cluster. One is enough to send nothing anywhere: half a policy is not
/// what was asked for.
pub fn resolve(
    template: &Value,
    targets: &[OverrideTarget<'_>],
    policies: &[OverrideSource<'_>],
) -> Result<Resolved, Vec<OverrideFailure>> {
    let mut resolved = Resolved::new();
    let mut failures = Vec::new();
    for target in targets {
        match for_cluster(template, *target, policies) {
            Ok(patches) if patches.is_empty() => {}
            Ok(patches) => {
                resolved.insert(target.name.clone(), patches);
            }
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() {
        Ok(resolved)
    } else {
        Err(failures)
    }
}

fn for_cluster(
    template: &Value,
    target: OverrideTarget<'_>,
    policies: &[OverrideSource<'_>],
) -> Result<Vec<OverridePatch>, OverrideFailure> {
    let mut all = Vec::new();
    let mut object: Option<Value> = None;
    for policy in policies {
        for (index, rule) in policy.spec.override_rules.iter().enumerate() {
            let failure = |message: String| OverrideFailure {
                cluster: target.name.to_string(),
                policy: policy.name.to_owned(),
                rule: index,
                message,
            };
            if !targets(rule, target).map_err(|error| failure(told(&error)))? {
                continue;
            }
            let made = of_rule(rule, object.as_ref().unwrap_or(template)).map_err(failure)?;
            if made.is_empty() {
                continue;
            }
            // Finalizers are those of the member's object: such patches wait for dispatch.
            let now: Vec<OverridePatch> = made
                .iter()
                .filter(|patch| !patch.path.starts_with("/metadata/finalizers"))
                .cloned()
                .collect();
            let object = object.get_or_insert_with(|| template.clone());
            patches::apply(object, &now).map_err(|error| failure(error.to_string()))?;
            all.extend(made);
        }
    }
    Ok(all)
}

fn of_rule(rule: &OverrideRule, object: &Value) -> Result<Vec<OverridePatch>, String> {
    let mut made = Vec::new();
    let Some(overriders) = &rule.overriders else {
        return Ok(made);
    };
    for overrider in Overrider::of_rule(overriders) {
        let patches = overrider
            .patches(object)
            .map_err(|error| format!("{}: {error}", overrider.name()))?;
        made.extend(patches);
    }
    Ok(made)
}

fn targets(rule: &OverrideRule, cluster: OverrideTarget<'_>) -> Result<bool, SelectorError> {
    let Some(wanted) = &rule.target_clusters else {
        return Ok(true);
    };
    let named = &wanted.clusters;
    if !named.is_empty() && !named.iter().any(|name| name == cluster.name.as_str()) {
        return Ok(false);
    }
    let selector = LabelSelector {
        match_labels: Some(wanted.cluster_selector.clone()),
        ..LabelSelector::default()
    };
    if !labels_match(Some(&selector), cluster.labels)? {
        return Ok(false);
    }
    if wanted.cluster_affinity.is_empty() {
        return Ok(true);
    }
    cluster_terms_match(
        &wanted.cluster_affinity,
        cluster.name.as_str(),
        cluster.labels,
    )
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The identity of a template for messages: `Kind "namespace/name"`.
#[must_use]
pub fn describe(object: &Value) -> String {
    let kind = pointer::text(object, &["kind"]);
    let name = pointer::text(object, &["metadata", "name"]);
    match pointer::text(object, &["metadata", "namespace"]) {
        "" => format!("{kind} {name:?}"),
        namespace => format!("{kind} \"{namespace}/{name}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(rules: &Value) -> GenericOverridePolicySpec {
        serde_json::from_value(json!({"overrideRules": rules})).unwrap()
    }

    #[expect(clippy::unwrap_in_result, reason = "a test")]
    fn run(rules: &Value) -> Result<Resolved, Vec<OverrideFailure>> {
        let template = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"labels": {"a": "1"}, "annotations": {}}});
        let (one, two) = (
            ClusterName::new("c1").unwrap(),
            ClusterName::new("c2").unwrap(),
        );
        let labels = [
            BTreeMap::from([("zone".to_owned(), "1".to_owned())]),
            BTreeMap::new(),
        ];
        let targets = [
            OverrideTarget {
                name: &one,
                labels: &labels[0],
            },
            OverrideTarget {
                name: &two,
                labels: &labels[1],
            },
        ];
        let spec = spec(rules);
        let source = OverrideSource {
            kind: "OverridePolicy",
            name: "p",
            spec: &spec,
        };
        resolve(&template, &targets, &[source])
    }

    fn clusters(target: &Value) -> Vec<String> {
        let rule =
            json!([{"targetClusters": target, "overriders": {"labels": [{"value": {"a": "2"}}]}}]);
        run(&rule)
            .unwrap()
            .keys()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn rules_choose_clusters_by_all_given_parts() {
        assert_eq!(clusters(&Value::Null), ["c1", "c2"]);
        assert_eq!(clusters(&json!({})), ["c1", "c2"]);
        assert_eq!(clusters(&json!({"clusters": ["c2"]})), ["c2"]);
        assert_eq!(clusters(&json!({"clusterSelector": {"zone": "1"}})), ["c1"]);
        assert!(
            clusters(&json!({"clusters": ["c2"], "clusterSelector": {"zone": "1"}})).is_empty()
        );
        assert!(clusters(&json!({"clusterAffinity": [{}]})).is_empty());
    }

    #[test]
    fn a_rule_sees_what_the_earlier_ones_did() {
        let add = |value: &str| json!({"overriders": {"labels": [{"operator": "addIfAbsent", "value": {"b": value}}]}});
        let failures = run(&json!([add("1"), add("2")])).unwrap_err();
        assert_eq!(failures.len(), 2);
        assert_eq!((failures[0].cluster.as_str(), failures[0].rule), ("c1", 1));
        assert!(
            failures[0].message.starts_with("labels: addIfAbsent"),
            "{}",
            failures[0]
        );
    }

    #[test]
    fn patches_of_finalizers_wait_for_dispatch() {
        let rules = json!([{"overriders": {"jsonpatch": [{"operator": "add", "path": "/metadata/finalizers/-", "value": "x"}]}}]);
        assert_eq!(run(&rules).unwrap().len(), 2);
    }

    #[test]
    fn a_patch_that_does_not_apply_fails() {
        let rules =
            json!([{"overriders": {"jsonpatch": [{"operator": "remove", "path": "/spec/x"}]}}]);
        assert!(run(&rules).unwrap_err()[0].message.contains("/spec/x"));
    }

    #[test]
    fn a_malformed_selector_is_an_error() {
        let rules =
            json!([{"targetClusters": {"clusterSelector": {"bad key!": "1"}}, "overriders": {}}]);
        assert!(run(&rules).is_err());
    }
}
