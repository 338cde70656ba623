//! Every source decided, overridden, folded and rendered.

use super::documents::Documents;
use crate::copies::render::compute;
use crate::federated::Federated;
use crate::pointer;
use crate::propagate::fold::{Fold, FoldInputs, Placing, fold};
use crate::propagate::policy_name::{PolicyName, policy_name};
use crate::propagate::resolve::{
    OverrideFailure, OverrideSource, OverrideTarget, Resolved, resolve, wanted,
};
use crate::propagate::template::{Template, template};
use jiff::Timestamp;
use navarch_crds::keys::{annotation, controller, label};
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{FederatedTypeConfig, PropagationPolicySpec};
use navarch_scheduler::policy::CheckedPolicy;
use navarch_scheduler::profile::Profile;
use navarch_scheduler::snapshot::{Cluster, Snapshot};
use navarch_scheduler::unit::{self, Features, UnitInputs};
use navarch_scheduler::{Decision, explain, schedule};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;

/// Everything that came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rendered {
    /// One entry a source, in the order of the documents, then one a federated object that was
    /// given.
    pub results: Vec<RenderedObject>,
}

/// What came of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderedObject {
    /// The source.
    pub object: ObjectName,
    /// The federated object as federating and overriding leave it: without what belongs to a
    /// running control plane (finalizers, pending controllers, triggers, summaries). `None` when
    /// the object is not federated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_object: Option<Value>,
    /// The copies, by cluster.
    pub clusters: Vec<CopyResult>,
    /// What is wrong.
    pub errors: Vec<ErrorResult>,
}

/// Which object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace, left out for objects of the cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectName {
    /// Kind and name, as people are told.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} {}", self.kind, self.name)
        } else {
            format!("{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// The copy in one cluster, before the annotations that only a running control plane adds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CopyResult {
    /// The cluster.
    pub cluster: String,
    /// The object.
    pub object: Value,
}

/// Something that is wrong. What is not known is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorResult {
    /// The cluster that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The policy that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Which of the policy's rules, from zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl From<OverrideFailure> for ErrorResult {
    fn from(failure: OverrideFailure) -> Self {
        Self {
            cluster: Some(failure.cluster),
            policy: Some(failure.policy),
            rule: Some(failure.rule),
            message: failure.message,
        }
    }
}

impl ErrorResult {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    fn policy(name: &str, message: impl Into<String>) -> Self {
        Self {
            policy: Some(name.to_owned()),
            ..Self::new(message)
        }
    }
}

/// Renders everything.
pub(super) fn of(documents: &Documents, now: Timestamp) -> Rendered {
    let clusters = documents
        .clusters
        .iter()
        .filter_map(|cluster| Cluster::new(&cluster.object).ok())
        .map(Arc::new);
    let world = World {
        documents,
        snapshot: Snapshot::new(clusters, 1),
        now,
    };
    let sources = documents
        .sources
        .iter()
        .map(|source| world.source(&source.object));
    let given = documents
        .federated
        .iter()
        .map(|federated| world.given(&federated.object));
    Rendered {
        results: sources.chain(given).collect(),
    }
}

struct World<'a> {
    documents: &'a Documents,
    snapshot: Snapshot,
    now: Timestamp,
}

impl World<'_> {
    fn source(&self, source: &Value) -> RenderedObject {
        let mut result = RenderedObject {
            object: name(source),
            ..RenderedObject::default()
        };
        let Some(config) = self.documents.type_config(source) else {
            result.errors.push(ErrorResult::new(
                "there is no FederatedTypeConfig for this type; add one to the input",
            ));
            return result;
        };
        let annotations = pointer::texts(source, "annotations");
        let opted_out = annotations.get(annotation::NO_FEDERATED_RESOURCE);
        if opted_out.is_some_and(|value| !value.is_empty()) {
            result.errors.push(ErrorResult::new(format!(
                "not federated: annotation {} is set",
                annotation::NO_FEDERATED_RESOURCE
            )));
            return result;
        }
        let source = &with_namespace(source, config);
        let template = template(source);
        let placing = self.placing(&template, config, &mut result.errors);
        let overrides = self.overrides(&template, config, placing.as_ref(), &mut result.errors);
        let folded = fold(
            None,
            FoldInputs {
                source: Some(source),
                type_config: config,
                template: &template,
                placing: placing.as_ref(),
                following: None,
                notes: &BTreeMap::new(),
                overrides: overrides.as_ref(),
                absent: &BTreeSet::new(),
            },
        );
        if let Fold::Create(federated) = folded {
            // A rule that cannot be computed for one cluster: nothing is sent to any.
            if overrides.is_some() && placing.is_some() {
                self.copies(&federated, config, &mut result);
            }
            result.federated_object = Some(printed(&federated));
        }
        result
    }

    fn given(&self, federated: &Federated) -> RenderedObject {
        let mut result = RenderedObject {
            object: name(&federated.spec.template),
            federated_object: federated.to_value().ok(),
            ..RenderedObject::default()
        };
        match self.documents.type_config(&federated.spec.template) {
            Some(config) => self.copies(federated, config, &mut result),
            None => result.errors.push(ErrorResult::new(
                "there is no FederatedTypeConfig for the type of its template; add one to the input",
            )),
        }
        result
    }

    fn copies(
        &self,
        federated: &Federated,
        config: &FederatedTypeConfig,
        result: &mut RenderedObject,
    ) {
        for cluster in federated.spec.placed_clusters() {
            let failed = |message: String| ErrorResult {
                cluster: Some(cluster.to_owned()),
                ..ErrorResult::new(message)
            };
            let known = self.snapshot.get(cluster).map(|cluster| cluster.name());
            let Some(name) = known else {
                result.errors.push(failed(
                    "the object is placed here, but no joined cluster of this name is in the input"
                        .to_owned(),
                ));
                continue;
            };
            match compute(federated, &config.spec, name) {
                Ok(object) => result.clusters.push(CopyResult {
                    cluster: cluster.to_owned(),
                    object,
                }),
                Err(error) => result.errors.push(failed(told(&error))),
            }
        }
    }

    fn policy(
        &self,
        template: &Template,
        namespace: &str,
    ) -> Result<(String, &PropagationPolicySpec), ErrorResult> {
        let Some(PolicyName {
            kind,
            namespace,
            name,
        }) = policy_name(namespace, &template.labels)
        else {
            return Err(ErrorResult::new(format!(
                "the object names no policy; label it with {} or {}",
                label::PROPAGATION_POLICY,
                label::CLUSTER_PROPAGATION_POLICY
            )));
        };
        let key = (namespace.to_owned(), name.to_owned());
        match self.documents.policies.get(&key) {
            Some(spec) => Ok((name.to_owned(), &spec.object)),
            None => Err(ErrorResult::policy(
                name,
                format!("{kind} {name:?} is not in the input; add it, or correct the label"),
            )),
        }
    }

    fn placing(
        &self,
        template: &Template,
        config: &FederatedTypeConfig,
        errors: &mut Vec<ErrorResult>,
    ) -> Option<Placing> {
        let namespace = pointer::text(&template.object, &["metadata", "namespace"]);
        if config.is_namespace() {
            // Namespaces follow what is placed in them; offline they are shown everywhere.
            return Some(self.everywhere());
        }
        let decided = self
            .policy(template, namespace)
            .and_then(|(name, spec)| self.decide(template, config, &name, spec));
        match decided {
            Ok(decision) => {
                if let Some(reason) = decision.fit_error() {
                    errors.push(ErrorResult::new(reason));
                }
                Some(Placing {
                    controller: controller::SCHEDULER,
                    placement: decision.placement,
                    ..Placing::default()
                })
            }
            Err(error) => {
                errors.push(error);
                None
            }
        }
    }

    fn everywhere(&self) -> Placing {
        let clusters = self.snapshot.clusters().iter();
        Placing {
            controller: controller::NAMESPACE_AUTO_PROPAGATION,
            placement: clusters
                .map(|cluster| (cluster.name().clone(), None))
                .collect(),
            ..Placing::default()
        }
    }

    fn decide(
        &self,
        template: &Template,
        config: &FederatedTypeConfig,
        name: &str,
        spec: &PropagationPolicySpec,
    ) -> Result<Decision, ErrorResult> {
        let wrong = |error: &dyn Error| ErrorResult::policy(name, told(error));
        let policy = CheckedPolicy::check(spec).map_err(|error| wrong(&error))?;
        let profile = match &policy.profile {
            None => None,
            Some(profile) => Some(self.documents.profiles.get(profile).ok_or_else(|| {
                ErrorResult::policy(
                    name,
                    format!("SchedulingProfile {profile:?} is not in the input; add it"),
                )
            })?),
        };
        let profile = Profile::merge(profile.map(|profile| &profile.object))
            .map_err(|error| wrong(&error))?;
        let (unit, _) = unit::build(UnitInputs {
            policy: &policy,
            type_config: &config.spec,
            template: &template.object,
            annotations: &template.annotations,
            placements: &[],
            overrides: &[],
            features: Features::default(),
        })
        .map_err(|error| wrong(&error))?;
        let decision = schedule(&unit, &self.snapshot, &profile, self.now)
            .map_err(|broken| ErrorResult::policy(name, format!("{broken}: {}", broken.error)))?;
        tracing::debug!(object = %unit.key, "{}", explain::summary(&decision));
        Ok(decision)
    }

    /// `None` when there is an error: nothing is sent then.
    fn overrides(
        &self,
        template: &Template,
        config: &FederatedTypeConfig,
        placing: Option<&Placing>,
        errors: &mut Vec<ErrorResult>,
    ) -> Option<Resolved> {
        let namespaced = config.spec.source_type.is_namespaced();
        let namespace = pointer::text(&template.object, &["metadata", "namespace"]);
        let names = wanted(&template.labels, namespaced);
        let mut policies = Vec::new();
        for (kind, name) in &names {
            let space = if *kind == "OverridePolicy" {
                namespace
            } else {
                ""
            };
            let key = (space.to_owned(), name.clone());
            let Some(spec) = self.documents.overrides.get(&key) else {
                errors.push(ErrorResult::policy(
                    name,
                    format!("{kind} {name:?} is not in the input; add it, or correct the label"),
                ));
                return None;
            };
            policies.push(OverrideSource { kind, name, spec });
        }
        let placed = placing.iter().flat_map(|placing| placing.placement.keys());
        let targets: Vec<OverrideTarget<'_>> =
            placed.filter_map(|cluster| self.target(cluster)).collect();
        match resolve(&template.object, &targets, &policies) {
            Ok(resolved) => Some(resolved),
            Err(failures) => {
                errors.extend(failures.into_iter().map(ErrorResult::from));
                None
            }
        }
    }

    fn target(&self, cluster: &ClusterName) -> Option<OverrideTarget<'_>> {
        let cluster = self.snapshot.get(cluster.as_str())?;
        Some(OverrideTarget {
            name: cluster.name(),
            labels: cluster.labels(),
        })
    }
}

/// An object of a namespaced type without a namespace stands in `default`, as `kubectl apply` has it.
pub(super) fn with_namespace(source: &Value, config: &FederatedTypeConfig) -> Value {
    let mut source = source.clone();
    if config.spec.source_type.is_namespaced()
        && pointer::text(&source, &["metadata", "namespace"]).is_empty()
    {
        pointer::map_mut(&mut source, &["metadata"]).insert("namespace".into(), "default".into());
    }
    source
}

/// Which object it is.
pub(super) fn name(object: &Value) -> ObjectName {
    let text = |steps: &[&str]| pointer::text(object, steps).to_owned();
    ObjectName {
        api_version: text(&["apiVersion"]),
        kind: text(&["kind"]),
        namespace: text(&["metadata", "namespace"]),
        name: text(&["metadata", "name"]),
    }
}

/// The form in which Go prints an object that was never stored, without what belongs to a running
/// control plane.
fn printed(federated: &Federated) -> Value {
    let mut federated = federated.clone();
    federated.metadata.finalizers = None;
    if let Some(annotations) = &mut federated.metadata.annotations {
        annotations.remove(annotation::PENDING_CONTROLLERS);
    }
    let mut object = federated.to_value().unwrap_or_default();
    pointer::map_mut(&mut object, &["metadata"]).insert("creationTimestamp".into(), Value::Null);
    if let Some(root) = object.as_object_mut() {
        root.insert("status".into(), json!(Map::new()));
    }
    object
}

/// An error with its causes.
pub(super) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
