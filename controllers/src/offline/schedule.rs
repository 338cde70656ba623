//! Every object decided about, without any API server: the very functions that the running scheduler
//! uses, over documents. Pure; what is shown and how is up to whoever asks.

use super::documents::{Documents, Numbered, OfflineError, Reading};
use super::quotas::{self, Books, Case, QuotaAnswer};
use super::results::{ObjectName, name, told, with_namespace};
use super::room;
use crate::federated::Federated;
use crate::pointer;
use crate::propagate::custom_migration;
use crate::propagate::policy_name::{PolicyName, policy_name};
use crate::propagate::template::{Template, given, template};
use jiff::Timestamp;
use navarch_crds::keys::annotation;
use navarch_crds::naming::federated_object_name;
use navarch_crds::v1alpha1::{FederatedCluster, FederatedTypeConfig, GenericFederatedObjectSpec};
use navarch_scheduler::framework::registry::Registry;
use navarch_scheduler::placement::Placement;
use navarch_scheduler::policy::CheckedPolicy;
use navarch_scheduler::profile::{Profile, outside};
use navarch_scheduler::snapshot::{Cluster, Snapshot};
use navarch_scheduler::trigger::{self, TriggerDocument, TriggerInputs, TriggerOutcome};
use navarch_scheduler::unit::{self, Features, Ignored, Unit, UnitError, UnitInputs};
use navarch_scheduler::{Decision, keep, schedule};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether the figures of the clusters count an object's own pods against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnPods {
    /// As the documents say: they may be about clusters in which nothing runs yet.
    Count,
    /// They are a host's, and are seen as its controllers see them (decision 0027).
    AreLeftOut,
}

/// The answers about all objects, and what they rest on.
#[derive(Debug)]
pub struct Answers {
    /// One a source, in the order of the documents, then one a federated object without its source.
    pub answers: Vec<Answer>,
    /// The clusters.
    pub snapshot: Snapshot,
    /// What the user should know beside the answers, with the number of the document.
    pub warnings: Vec<(usize, String)>,
}

/// The answer about one object.
#[derive(Debug)]
pub struct Answer {
    /// The object, or the one that a federated object is made for.
    pub object: ObjectName,
    /// Number of the document.
    pub document: usize,
    /// The policy that it names.
    pub policy: Option<String>,
    /// What was asked and answered; `None` for an object that nobody schedules.
    pub asked: Option<Box<Asked>>,
    /// What the answer is based on, to be compared with what was stored.
    pub triggers: TriggerDocument,
    /// Replicas of the object itself; zero for kinds without.
    pub replicas: i64,
    /// Its federated object, if it was given.
    pub last: Option<Federated>,
    /// What global quotas say of it; `None`: none has it.
    pub quota: Option<QuotaAnswer>,
}

impl Answer {
    /// Whether a pass of the running scheduler would decide anew; `None` for what nobody schedules.
    #[must_use]
    pub fn outcome(&self) -> Option<TriggerOutcome> {
        let asked = self.asked.as_ref()?;
        let last = self.last.as_ref();
        let stored = last.and_then(|last| last.annotation(annotation::SCHEDULING_TRIGGERS));
        Some(trigger::decide(stored, &self.triggers, Some(&asked.policy)))
    }

    /// Whether the next pass leaves it where it is. As in a pass, what is placed nowhere or waits for a quota is always
    /// asked about.
    pub(super) fn is_kept(&self, asked: &Asked, outcome: &TriggerOutcome) -> bool {
        let waits = self.last.as_ref().and_then(quotas::waits).is_some();
        !asked.unit.current.is_empty() && !outcome.reschedule && !waits
    }

    /// Where the next pass places it; `None`: it stays where it is.
    fn next_placement(&self) -> Option<&Placement> {
        let asked = self.asked.as_ref()?;
        let kept = self.is_kept(asked, &self.outcome()?);
        (!kept).then_some(&asked.decision.placement)
    }
}

/// A question with its answer.
#[derive(Debug)]
pub struct Asked {
    /// The question.
    pub unit: Unit,
    /// What the policy asks.
    pub policy: CheckedPolicy,
    /// The plugins that were asked.
    pub profile: Profile,
    /// The answer.
    pub decision: Decision,
    /// Annotations that could not be used.
    pub ignored: Vec<Ignored>,
    /// The clusters as this object sees them, if it sees them otherwise than everybody.
    pub seen: Option<Snapshot>,
}

/// Decides about every object in documents of any kinds.
///
/// # Errors
/// Documents that cannot be read, that name something which is not among them, or about which no
/// decision is possible.
pub fn decide(
    documents: Vec<Value>,
    features: Features,
    now: Timestamp,
) -> Result<Answers, OfflineError> {
    let documents = Documents::read(documents, Reading::Stored)?;
    let Decided {
        snapshot, answers, ..
    } = each(&documents, OwnPods::Count, features, now)?;
    let answers: Vec<Answer> = answers.into_iter().collect::<Result<_, _>>()?;
    let mut warnings: Vec<(usize, String)> = documents
        .warnings
        .iter()
        .map(|warning| (warning.document, warning.object.clone()))
        .collect();
    warnings.extend(left_out(&documents, &snapshot));
    for answer in &answers {
        let ignored = answer.asked.iter().flat_map(|asked| &asked.ignored);
        warnings.extend(ignored.map(|ignored| {
            let note = format!(
                "annotation {} does not count: {}",
                ignored.annotation, ignored.message
            );
            (answer.document, note)
        }));
    }
    Ok(Answers {
        answers,
        snapshot,
        warnings,
    })
}

/// What was decided, and what it rests on.
pub(super) struct Decided {
    pub(super) snapshot: Snapshot,
    /// One that cannot be given does not stand in the way of the others.
    pub(super) answers: Vec<Result<Answer, OfflineError>>,
    pub(super) books: Option<Books>,
}

/// Decides about every object.
pub(super) fn each(
    documents: &Documents,
    own_pods: OwnPods,
    features: Features,
    now: Timestamp,
) -> Result<Decided, OfflineError> {
    let snapshot = snapshot(documents)?;
    let world = World {
        documents,
        snapshot: &snapshot,
        registry: Registry::default(),
        own_pods,
        nodes: room::nodes(&documents.clusters),
        features,
        now,
        books: Books::of(documents),
    };
    // Hosts hold thousands of them.
    let by_key: BTreeMap<(&str, &str), &Federated> = documents
        .federated
        .iter()
        .map(|federated| &federated.object)
        .map(|federated| ((federated.namespace(), federated.name()), federated))
        .collect();
    let mut answers = Vec::new();
    let mut paired = BTreeSet::new();
    for source in &documents.sources {
        answers.extend(world.source(source, &by_key, &mut paired).transpose());
    }
    for federated in &documents.federated {
        let key = (
            federated.object.namespace().to_owned(),
            federated.object.name().to_owned(),
        );
        if !paired.contains(&key) {
            answers.push(world.given(federated));
        }
    }
    let books = world.books;
    Ok(Decided {
        snapshot,
        answers,
        books,
    })
}

/// Clusters that take no part.
fn left_out<'a>(
    documents: &'a Documents,
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = (usize, String)> + 'a {
    let name = |cluster: &Numbered<FederatedCluster>| cluster.object.metadata.name.clone();
    let named = documents
        .clusters
        .iter()
        .filter_map(move |cluster| Some((cluster.document, name(cluster)?)));
    named
        .filter(|(_, name)| snapshot.get(name).is_none())
        .map(|(document, name)| {
            let note = format!(
                "FederatedCluster {name} is left out: its status has no condition Joined with status \"True\""
            );
            (document, note)
        })
}

fn snapshot(documents: &Documents) -> Result<Snapshot, OfflineError> {
    let mut clusters = Vec::new();
    for numbered in &documents.clusters {
        let document = numbered.document;
        let cluster = Cluster::new(&numbered.object).map_err(|error| OfflineError::Field {
            document,
            kind: "FederatedCluster".to_owned(),
            name: numbered.object.metadata.name.clone().unwrap_or_default(),
            field: "metadata.name".to_owned(),
            message: error.to_string(),
        })?;
        clusters.push(Arc::new(cluster));
    }
    Ok(Snapshot::new(clusters, 1))
}

struct World<'a> {
    documents: &'a Documents,
    snapshot: &'a Snapshot,
    registry: Registry,
    own_pods: OwnPods,
    /// Schedulable nodes by cluster.
    nodes: BTreeMap<&'a str, i64>,
    features: Features,
    now: Timestamp,
    books: Option<Books>,
}

/// An object as the scheduler sees it.
struct Subject<'a> {
    document: usize,
    object: ObjectName,
    config: &'a FederatedTypeConfig,
    namespace: &'a str,
    wanted: Template,
    annotations: BTreeMap<String, String>,
    /// What is wrong with its migration configuration.
    problem: Option<String>,
    last: Option<&'a Federated>,
}

impl Subject<'_> {
    fn case(&self) -> Case<'_> {
        Case {
            config: self.config,
            namespace: self.namespace,
            template: &self.wanted,
            last: self.last,
        }
    }

    fn wrong(&self, field: impl Into<String>, message: impl Into<String>) -> OfflineError {
        OfflineError::Field {
            document: self.document,
            kind: self.object.kind.clone(),
            name: self.object.name.clone(),
            field: field.into(),
            message: message.into(),
        }
    }

    fn unreadable(&self, error: &UnitError) -> OfflineError {
        let field = match error {
            UnitError::NoReplicas { path } => path.clone(),
            UnitError::Annotation { annotation, .. } => {
                format!("metadata.annotations[{annotation}]")
            }
            UnitError::Request(_) => "the pod template".to_owned(),
        };
        self.wrong(field, told(error))
    }
}

impl World<'_> {
    /// `None` for what no type config federates and no policy is named for.
    fn source(
        &self,
        source: &Numbered<Value>,
        by_key: &BTreeMap<(&str, &str), &Federated>,
        paired: &mut BTreeSet<(String, String)>,
    ) -> Result<Option<Answer>, OfflineError> {
        let document = source.document;
        let opted_out = pointer::texts(&source.object, "annotations")
            .remove(annotation::NO_FEDERATED_RESOURCE)
            .is_some_and(|value| !value.is_empty());
        if opted_out {
            return Ok(None);
        }
        let Some(config) = self.documents.type_config(&source.object) else {
            return match policy_name("default", &template(&source.object).labels) {
                None => Ok(None),
                Some(policy) => Err(no_type_config(document, &source.object, &policy)),
            };
        };
        let object = with_namespace(&source.object, config);
        let wanted = template(&object);
        let name_of = name(&object);
        let key = (
            name_of.namespace.clone(),
            federated_object_name(
                &name_of.name,
                config.metadata.name.as_deref().unwrap_or_default(),
            ),
        );
        let last = by_key.get(&(key.0.as_str(), key.1.as_str())).copied();
        let mut annotations = wanted.annotations_over(last);
        let problem = self.migrate(&mut annotations, config, &wanted);
        let subject = Subject {
            document,
            object: name_of,
            config,
            namespace: &key.0,
            wanted,
            annotations,
            problem,
            last,
        };
        let answer = self.answer(&subject)?;
        paired.insert(key.clone());
        Ok(Some(answer))
    }

    fn given(&self, federated: &Numbered<Federated>) -> Result<Answer, OfflineError> {
        let (document, federated) = (federated.document, &federated.object);
        let object = name(&federated.spec.template);
        let Some(config) = self.documents.type_config(&federated.spec.template) else {
            return Err(OfflineError::Field {
                document,
                kind: federated.kind().to_owned(),
                name: federated.name().to_owned(),
                field: "spec.template".to_owned(),
                message: format!(
                    "there is no FederatedTypeConfig for {} {}; add one to the input",
                    object.api_version, object.kind
                ),
            });
        };
        let wanted = given(federated);
        let mut annotations = federated.annotations();
        let problem = self.migrate(&mut annotations, config, &wanted);
        self.answer(&Subject {
            document,
            object,
            config,
            namespace: federated.namespace(),
            wanted,
            annotations,
            problem,
            last: Some(federated),
        })
    }

    /// Applies a migration configuration as the next pass would. Without one, what was applied is taken as
    /// it is: it came with the documents.
    fn migrate(
        &self,
        annotations: &mut BTreeMap<String, String>,
        config: &FederatedTypeConfig,
        wanted: &Template,
    ) -> Option<String> {
        annotations.get(annotation::MIGRATION_CONFIGURATION)?;
        custom_migration::apply(annotations, &config.spec, &wanted.object, self.now).problem
    }

    fn answer(&self, subject: &Subject<'_>) -> Result<Answer, OfflineError> {
        let policy = policy_name(subject.namespace, &subject.wanted.labels)
            .map(|named| self.policy(subject, named))
            .transpose()?;
        let triggers = trigger::document(TriggerInputs {
            annotations: &subject.annotations,
            template: &subject.wanted.object,
            type_config: &subject.config.spec,
            policy: policy
                .as_ref()
                .map(|found| (found.named.name, &found.policy)),
            snapshot: self.snapshot,
        })
        .map_err(|error| subject.unreadable(&error))?;
        let shown = policy.as_ref().map(|found| found.named.shown());
        let (asked, part) = match policy.map(|found| self.ask(subject, found)).transpose()? {
            Some((asked, part)) => (Some(Box::new(asked)), part),
            None => (None, None),
        };
        let mut answer = Answer {
            object: subject.object.clone(),
            document: subject.document,
            policy: shown,
            asked,
            triggers,
            replicas: pointer::at_dots(
                &subject.wanted.object,
                &subject.config.spec.path_definition.replicas_spec,
            )
            .and_then(Value::as_i64)
            .unwrap_or(0),
            last: subject.last.cloned(),
            quota: None,
        };
        if let Some(books) = &self.books {
            answer.quota = books.answer(subject.case(), answer.next_placement(), part);
        }
        Ok(answer)
    }

    fn policy<'a>(
        &self,
        subject: &Subject<'_>,
        named: PolicyName<'a>,
    ) -> Result<FoundPolicy<'a>, OfflineError> {
        let key = (named.namespace.to_owned(), named.name.to_owned());
        let Some(found) = self.documents.policies.get(&key) else {
            let label = match named.kind {
                "PropagationPolicy" => navarch_crds::keys::label::PROPAGATION_POLICY,
                _ => navarch_crds::keys::label::CLUSTER_PROPAGATION_POLICY,
            };
            let message = format!(
                "{} {} is not in the input; add it, or correct the label",
                named.kind,
                named.shown()
            );
            return Err(subject.wrong(format!("metadata.labels[{label}]"), message));
        };
        let policy =
            CheckedPolicy::check(&found.object).map_err(|error| OfflineError::Undecided {
                document: found.document,
                kind: named.kind.to_owned(),
                name: named.name.to_owned(),
                message: told(&error),
            })?;
        Ok(FoundPolicy {
            document: found.document,
            named,
            policy,
        })
    }

    fn profile(&self, policy: &FoundPolicy<'_>) -> Result<Profile, OfflineError> {
        let Some(name) = &policy.policy.profile else {
            return Profile::merge_with(&self.registry, None, self.features)
                .map_err(|error| policy.wrong("spec.schedulingProfile", told(&error)));
        };
        let Some(found) = self.documents.profiles.get(name) else {
            let message = format!(
                "SchedulingProfile {name} is not in the input; add it, or correct the name"
            );
            return Err(policy.wrong("spec.schedulingProfile", message));
        };
        let wrong = |message: String| OfflineError::Field {
            document: found.document,
            kind: "SchedulingProfile".to_owned(),
            name: name.clone(),
            field: "spec.plugins".to_owned(),
            message,
        };
        if let Some(plugin) = outside(&self.registry, &found.object).into_iter().next() {
            return Err(wrong(format!(
                "no built-in plugin is named {plugin:?}, and a webhook cannot be asked without a cluster; correct \
                 the name, or leave the plugin out to see what the others decide"
            )));
        }
        Profile::merge_with(&self.registry, Some(&found.object), self.features)
            .map_err(|error| wrong(told(&error)))
    }

    /// With it, why quotas let only a part of it be asked for.
    fn ask(
        &self,
        subject: &Subject<'_>,
        found: FoundPolicy<'_>,
    ) -> Result<(Asked, Option<String>), OfflineError> {
        let profile = self.profile(&found)?;
        let policy = found.policy;
        let none = GenericFederatedObjectSpec::default();
        let spec = subject.last.map_or(&none, |last| &last.spec);
        let (mut unit, mut ignored) = unit::build(UnitInputs {
            policy: &policy,
            type_config: &subject.config.spec,
            template: &subject.wanted.object,
            annotations: &subject.annotations,
            placements: &spec.placements,
            overrides: &spec.overrides,
            features: self.features,
        })
        .map_err(|error| subject.unreadable(&error))?;
        ignored.extend(subject.problem.clone().map(|message| Ignored {
            annotation: annotation::MIGRATION_CONFIGURATION,
            message,
        }));
        let books = self.books.as_ref();
        let bounded = books.map(|books| books.bound(subject.case(), &mut unit));
        let last = subject
            .last
            .filter(|_| self.own_pods == OwnPods::AreLeftOut);
        let seen = last.and_then(|last| room::without_own(&self.nodes, self.snapshot, &unit, last));
        let snapshot = seen.as_ref().unwrap_or(self.snapshot);
        let decision = if subject.wanted.is_left_alone() {
            Ok(keep(&unit, snapshot))
        } else {
            schedule(&unit, snapshot, &profile, self.now)
        }
        .map_err(|broken| OfflineError::Undecided {
            document: subject.document,
            kind: subject.object.kind.clone(),
            name: subject.object.name.clone(),
            message: told(&broken),
        })?;
        let part = bounded.and_then(|bounded| bounded.part(&decision.placement));
        let asked = Asked {
            unit,
            policy,
            profile,
            decision,
            ignored,
            seen,
        };
        Ok((asked, part))
    }
}

/// A policy that can be used, and where it stands.
struct FoundPolicy<'a> {
    document: usize,
    named: PolicyName<'a>,
    policy: CheckedPolicy,
}

impl FoundPolicy<'_> {
    fn wrong(&self, field: &str, message: String) -> OfflineError {
        OfflineError::Field {
            document: self.document,
            kind: self.named.kind.to_owned(),
            name: self.named.name.to_owned(),
            field: field.to_owned(),
            message,
        }
    }
}

fn no_type_config(document: usize, object: &Value, policy: &PolicyName<'_>) -> OfflineError {
    let text = |steps: &[&str]| pointer::text(object, steps).to_owned();
    OfflineError::Undecided {
        document,
        kind: text(&["kind"]),
        name: text(&["metadata", "name"]),
        message: format!(
            "it names {} {}, and there is no FederatedTypeConfig for {}; add one to the input",
            policy.kind,
            policy.name,
            text(&["apiVersion"])
        ),
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
