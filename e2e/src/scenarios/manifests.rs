//! The manifests that most stories begin with, as a user would write them. Text in, text out.

use std::fmt::Write as _;

use serde_json::Value;

use crate::world::World;

/// The label that names a policy.
pub(super) const POLICY_LABEL: &str = "kubeadmiral.io/propagation-policy-name";

/// A policy that gives whole copies to clusters; to all of them where none is named.
pub(super) fn duplicate(name: &str, clusters: &[&str]) -> String {
    let mut text = policy(name, "Duplicate");
    if !clusters.is_empty() {
        text.push_str("  placement:\n");
    }
    for cluster in clusters {
        let _ = writeln!(text, "  - cluster: {cluster}");
    }
    text
}

/// A policy that divides replicas among clusters, each with its preferences in YAML, for instance `{weight: 2}`. Replicas
/// move when it changes.
pub(super) fn divide(name: &str, clusters: &[(&str, &str)]) -> String {
    let mut text = policy(name, "Divide");
    text.push_str("  reschedulePolicy:\n    replicaRescheduling: {avoidDisruption: false}\n");
    if !clusters.is_empty() {
        text.push_str("  placement:\n");
    }
    for (cluster, preferences) in clusters {
        let _ = writeln!(
            text,
            "  - cluster: {cluster}\n    preferences: {preferences}"
        );
    }
    text
}

/// A policy that divides replicas equally among all members.
pub(super) fn equal_shares(name: &str, world: &World) -> String {
    let clusters: Vec<(&str, &str)> = world
        .members()
        .iter()
        .map(|member| (member.name.as_str(), "{weight: 1}"))
        .collect();
    divide(name, &clusters)
}

/// A policy that says more: lines of its spec in YAML, for instance `maxClusters: 2`.
pub(super) fn also(policy: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("{policy}{lines}")
}

/// A policy of [`divide`] that also looks again when something else happens, for instance `clusterJoined`.
pub(super) fn also_when(policy: &str, what: &str) -> String {
    let more = format!("reschedulePolicy:\n    rescheduleWhen: {{{what}: true}}\n");
    policy.replace("reschedulePolicy:\n", &more)
}

/// A profile that changes plugins, in YAML, for instance `filter: {disabled: [{name: ClusterAffinity}]}`. Outside
/// namespaces: it holds the name of the story.
pub(super) fn profile(world: &World, plugins: &str) -> String {
    format!(
        "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: SchedulingProfile
metadata: {{name: {}}}
spec:
  plugins: {{{plugins}}}
",
        world.namespace()
    )
}

/// The plugins of a profile by which no cluster is better than another, so that the first names are chosen.
pub(super) const WITHOUT_SCORES: &str = "score: {disabled: [{name: '*'}]}";

/// A policy that uses the [`profile`] of the story.
pub(super) fn with_profile(world: &World, policy: &str) -> String {
    also(
        policy,
        &[&format!("schedulingProfile: {}", world.namespace())],
    )
}

fn policy(name: &str, mode: &str) -> String {
    format!(
        "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: PropagationPolicy
metadata:
  name: {name}
spec:
  schedulingMode: {mode}
"
    )
}

/// A Deployment under a policy.
pub(super) fn deployment(name: &str, replicas: i64, policy: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app: {name}, {POLICY_LABEL}: {policy}}}
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
      - name: main
        image: registry.example.com/{name}:1.0
        env:
        - {{name: TIDE, value: low}}
        resources:
          requests: {{cpu: 10m, memory: 16Mi}}
"
    )
}

/// A Deployment of which every replica takes one of a resource.
pub(super) fn deployment_that_takes(
    resource: &str,
    name: &str,
    replicas: i64,
    policy: &str,
) -> String {
    let takes = format!("limits: {{{resource}: 1}}");
    deployment(name, replicas, policy).replace("requests: {cpu: 10m, memory: 16Mi}", &takes)
}

/// A ConfigMap under a policy.
pub(super) fn config_map(name: &str, policy: &str) -> String {
    format!(
        "{}  labels: {{{POLICY_LABEL}: {policy}}}\n",
        plain_config_map(name)
    )
}

/// A ConfigMap of [`config_map`] with an annotation.
pub(super) fn annotated(config_map: &str, key: &str, value: &Value) -> String {
    format!("{config_map}  annotations: {{{key}: '{value}'}}\n")
}

/// A ConfigMap that nobody propagates.
pub(super) fn plain_config_map(name: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: ConfigMap
data:
  greeting: ahoy
metadata:
  name: {name}
"
    )
}

/// A Secret under a policy.
pub(super) fn secret(name: &str, policy: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Secret
metadata:
  name: {name}
  labels: {{{POLICY_LABEL}: {policy}}}
stringData:
  password: only-a-story
"
    )
}

/// A Service for a Deployment of the same name, under a policy.
pub(super) fn service(name: &str, policy: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels: {{{POLICY_LABEL}: {policy}}}
spec:
  selector: {{app: {name}}}
  ports:
  - {{name: http, port: 80, targetPort: 8080}}
"
    )
}
