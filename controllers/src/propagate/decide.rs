//! One pass over what was gathered: template, placement, overrides, federated object. No requests, and
//! no failure withdraws anything: a problem is an entry in the list and the last placement stays.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use navarch_crds::keys::{annotation, controller, label};
use navarch_crds::names::ClusterName;
use navarch_scheduler::Decision;
use navarch_scheduler::placement::Placement;
use navarch_scheduler::request;
use navarch_scheduler::snapshot::Snapshot;
use navarch_scheduler::trigger::{self, TriggerDocument, TriggerInputs};
use navarch_scheduler::unit::{self, Unit, UnitInputs};
use serde_json::Value;

use super::auto_migration;
use super::consult::{self, Asked, Waiting};
use super::custom_migration::{self, Migration};
use super::fold::{Fold, FoldInputs, Placing, fold};
use super::following;
use super::gather::{self, FoundPolicy, Policy};
use super::placed::{notes, placing, switches};
use super::resolve::{OverrideFailure, OverrideSource, OverrideTarget, Resolved, resolve};
use super::template::{Template, given, template};
use crate::federated::Federated;
use crate::follow::Following;
use crate::host::context::Context;
use crate::host::room::Present;
use crate::host::stores::TypeConfig;
use crate::runtime::key::Key;
use crate::runtime::locked;

/// The reasons of events that a pass can give, to be told again after the problem was over.
pub(crate) const REASONS: &[&str] = &[
    "PolicyNotFound",
    "PolicyInvalid",
    "ProfileNotFound",
    "ProfileInvalid",
    "AnnotationIgnored",
    "SchedulingFailed",
    "ParseMigrationConfiguration",
    "NothingFits",
    "FailedInferFollowers",
    "OverridePolicyNotFound",
    "OverridePolicyInvalid",
    "OverridePolicyFailed",
    "FederatedObjectInvalid",
    "UnknownCluster",
    "ClusterUnreadable",
    "TypeConfigMissing",
];

/// The write that a pass ends with.
#[derive(Debug)]
pub(crate) enum Write {
    Nothing,
    Create(Value),
    Update(Value),
}

/// Something that the user should know.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Nothing that is watched will tell when it is over.
    again: bool,
}

impl Refusal {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            again: false,
        }
    }

    /// The message, if the pass must be repeated by itself.
    pub(crate) fn retry(self) -> Option<String> {
        self.again.then_some(self.message)
    }
}

/// What came out of a pass.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) write: Write,
    pub(crate) problems: Vec<Refusal>,
    /// The scheduler was asked and answered; otherwise what it said last holds.
    pub(crate) asked: bool,
}

/// Where the object goes now; without a placing what is written stays.
#[derive(Default)]
struct Placed {
    placing: Option<Placing>,
    notes: BTreeMap<&'static str, Option<String>>,
}

/// Decides about one object. Without a source the federated object brings its own template.
pub(crate) fn decide(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    source: Option<&Value>,
    last: Option<&Value>,
    absent: &BTreeSet<ClusterName>,
) -> Result<Decided, Waiting> {
    let mut problems = Vec::new();
    let last = match last.cloned().map(Federated::from_value).transpose() {
        Ok(last) => last,
        Err(error) => {
            problems.push(Refusal::new("FederatedObjectInvalid", error.to_string()));
            return Ok(nothing(problems));
        }
    };
    let wanted = match (source, &last) {
        (Some(source), _) => template(source),
        (None, Some(last)) => given(last),
        (None, None) => return Ok(nothing(problems)),
    };
    let own = last.as_ref().filter(|_| source.is_none());
    if let Some(why) = own.and_then(|own| own.misfit(config.spec())) {
        problems.push(Refusal::new("FederatedObjectInvalid", why));
        return Ok(nothing(problems));
    }
    let following = following::following(ctx, key, config, &wanted, last.as_ref());
    let placed = place(ctx, key, config, &wanted, last.as_ref(), &mut problems)?;
    // Leaders place it, whatever its own policy says.
    let led = following
        .as_ref()
        .filter(|following| !following.leaders.is_empty());
    let Some(placed) = placed.or_else(|| led.map(|_| Placed::default())) else {
        return Ok(nothing(problems));
    };
    let unclear = following::unclear(&placed.notes, &wanted);
    problems.extend(unclear.map(|why| Refusal::new("FailedInferFollowers", why)));
    let clusters = clusters_after(last.as_ref(), placed.placing.as_ref(), following.as_ref());
    let overrides = match overrides(ctx, key, &wanted, &clusters) {
        Ok(overrides) => Some(overrides),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    let absent: BTreeSet<String> = absent.iter().map(ToString::to_string).collect();
    let folded = fold(
        last.as_ref(),
        FoldInputs {
            source,
            type_config: &config.object,
            template: &wanted,
            placing: placed.placing.as_ref(),
            following: following.as_ref(),
            notes: &placed.notes,
            overrides: overrides.as_ref(),
            absent: &absent,
        },
    );
    let write = match folded {
        Fold::Unchanged => Write::Nothing,
        Fold::Create(federated) => written(&federated, Write::Create, &mut problems),
        Fold::Update(federated) => written(&federated, Write::Update, &mut problems),
    };
    let asked = placed.placing.is_some();
    Ok(Decided {
        write,
        problems,
        asked,
    })
}

fn nothing(problems: Vec<Refusal>) -> Decided {
    Decided {
        write: Write::Nothing,
        problems,
        asked: false,
    }
}

fn written(federated: &Federated, write: fn(Value) -> Write, problems: &mut Vec<Refusal>) -> Write {
    match federated.to_value() {
        Ok(value) => write(value),
        Err(error) => {
            problems.push(Refusal::new("FederatedObjectInvalid", error.to_string()));
            Write::Nothing
        }
    }
}

/// The placement. `None`: nothing may be written, because nothing is known yet of where the object goes.
fn place(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    wanted: &Template,
    last: Option<&Federated>,
    problems: &mut Vec<Refusal>,
) -> Result<Option<Placed>, Waiting> {
    let keep = || Ok(last.map(|_| Placed::default()));
    if wanted.is_left_alone() {
        ctx.migrations.forget(key);
        return Ok(Some(Placed::default()));
    }
    let policy = match gather::policy(ctx, key, &wanted.labels) {
        Policy::NotAsked => return Ok(Some(not_asked(ctx, key, last))),
        Policy::Broken { reason, message } => {
            problems.push(Refusal::new(reason, message));
            return keep();
        }
        Policy::Found(policy) => policy,
    };
    let mut placed = last
        .into_iter()
        .flat_map(|last| last.spec.placed_clusters());
    if let Some(problem) = unreadable(ctx, &mut placed) {
        // It is missing in the snapshot without having gone.
        problems.push(problem);
        return keep();
    }
    let mut annotations = wanted.annotations_over(last);
    let migration = migrated(ctx, key, config, wanted, &mut annotations, problems);
    let estimates = auto_migration::apply(
        ctx,
        key,
        config,
        &policy.policy,
        wanted,
        last,
        &mut annotations,
    );
    let snapshot = ctx.clusters.snapshot();
    let document = match document(config, wanted, &annotations, &policy, &snapshot) {
        Ok(document) => document,
        Err(problem) => {
            problems.push(problem);
            return keep();
        }
    };
    let known = annotations.get(annotation::SCHEDULING_TRIGGERS);
    let triggers = trigger::decide(known.map(String::as_str), &document, Some(&policy.policy));
    let ruled = consult::ruled(ctx, &policy, &annotations);
    let ended = migration.ended && !policy.policy.rescheduling.sticky;
    let mut notes = notes(&triggers);
    notes.extend(migration.notes.into_iter().chain([estimates]));
    notes.extend(switches(&policy.policy));
    // What is placed nowhere has nothing to lose by being asked again whenever a cluster changes.
    if last.is_some_and(is_placed) && !(triggers.reschedule || ruled.reschedule || ended) {
        return Ok(Some(Placed {
            placing: None,
            notes,
        }));
    }
    notes.extend(ruled.note);
    let question = Question {
        asked: Asked {
            ctx,
            key,
            policy: &policy,
            document: &document,
        },
        config,
        wanted,
        last,
        annotations: &annotations,
    };
    let Some(decision) = ask(&question, problems)? else {
        return keep();
    };
    let placing = Some(placing(config, &policy, decision));
    Ok(Some(Placed { placing, notes }))
}

fn document(
    config: &TypeConfig,
    wanted: &Template,
    annotations: &BTreeMap<String, String>,
    policy: &FoundPolicy,
    snapshot: &Snapshot,
) -> Result<TriggerDocument, Refusal> {
    let document = trigger::document(TriggerInputs {
        annotations,
        template: &wanted.object,
        type_config: config.spec(),
        policy: Some((&policy.name, &policy.policy)),
        snapshot,
    });
    document.map_err(|error| Refusal::new("SchedulingFailed", error.to_string()))
}

/// What the object's migration configuration comes to; the key comes back when a time in it has passed.
fn migrated(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    wanted: &Template,
    annotations: &mut BTreeMap<String, String>,
    problems: &mut Vec<Refusal>,
) -> Migration {
    let now = Timestamp::now();
    let mut migration = custom_migration::apply(annotations, config.spec(), &wanted.object, now);
    if let Some(delay) = migration.again {
        ctx.propagate.push_after(key.clone(), delay);
    }
    if let Some(problem) = migration.problem.take() {
        problems.push(Refusal::new("ParseMigrationConfiguration", problem));
    }
    migration
}

/// A problem if the object of one of these clusters exists and cannot be read.
fn unreadable<'a>(ctx: &Context, mut clusters: impl Iterator<Item = &'a str>) -> Option<Refusal> {
    clusters.find_map(|name| {
        let why = ctx.clusters.unreadable(name)?;
        let note = format!(
            "the FederatedCluster {name} cannot be read ({why}): correct it; until then this object stays where it is"
        );
        Some(Refusal::new("ClusterUnreadable", note))
    })
}

/// No policy is named. What the scheduler had decided for an object without a source is taken back, as KubeAdmiral does
/// (`scheduler/scheduler.go`); what others placed stays. So it is for a source that lost its policy and stays for its
/// leaders; another one ends as a whole (`io.rs`).
fn not_asked(ctx: &Context, key: &Key, last: Option<&Federated>) -> Placed {
    ctx.migrations.forget(key);
    let decided = |last: &&Federated| {
        let lost = [label::PROPAGATION_POLICY, label::CLUSTER_PROPAGATION_POLICY];
        let lost = lost.iter().any(|key| last.label(key).is_some());
        (last.is_direct() || lost)
            && last.annotation(annotation::SCHEDULING_TRIGGERS).is_some()
            && last
                .spec
                .controller_placement(controller::SCHEDULER)
                .is_some()
    };
    Placed {
        placing: last.filter(decided).map(|_| Placing {
            controller: controller::SCHEDULER,
            annotations: BTreeMap::from([
                (annotation::SCHEDULING_TRIGGERS, None),
                (annotation::POD_UNSCHEDULABLE_THRESHOLD, None),
                (annotation::AUTO_MIGRATION_INFO, None),
            ]),
            ..Placing::default()
        }),
        notes: BTreeMap::new(),
    }
}

fn is_placed(last: &Federated) -> bool {
    !last.spec.placed_clusters().is_empty()
}

/// What the scheduler is asked.
struct Question<'a> {
    asked: Asked<'a>,
    config: &'a TypeConfig,
    wanted: &'a Template,
    last: Option<&'a Federated>,
    annotations: &'a BTreeMap<String, String>,
}

impl Question<'_> {
    /// Where the object is, with what its pods there were made to ask for.
    fn present<'a>(&self, clusters: &'a Placement) -> Present<'a> {
        let kind = unit::resource(self.config.spec());
        let request = self
            .last
            .and_then(|last| request::of_replica(&kind, &last.spec.template).ok());
        Present {
            clusters,
            request: request.unwrap_or_default(),
        }
    }
}

fn unknown_clusters(unit: &Unit, snapshot: &Snapshot) -> Option<Refusal> {
    let names = unit.clusters.names.iter().map(String::as_str);
    let unknown: Vec<&str> = names.filter(|name| snapshot.get(name).is_none()).collect();
    let note = format!(
        "a placement names clusters that do not exist: {}",
        unknown.join(", ")
    );
    (!unknown.is_empty()).then(|| Refusal::new("UnknownCluster", note))
}

/// The decision. `None`: there is none, and a problem says why.
fn ask(question: &Question<'_>, problems: &mut Vec<Refusal>) -> Result<Option<Decision>, Waiting> {
    let Asked {
        ctx, key, policy, ..
    } = question.asked;
    let empty = Federated::default();
    let spec = &question.last.unwrap_or(&empty).spec;
    let unit = unit::build(UnitInputs {
        policy: &policy.policy,
        type_config: question.config.spec(),
        template: &question.wanted.object,
        annotations: question.annotations,
        placements: &spec.placements,
        overrides: &spec.overrides,
        features: ctx.features,
    });
    let (unit, ignored) = match unit {
        Ok(built) => built,
        Err(error) => {
            problems.push(Refusal::new("SchedulingFailed", error.to_string()));
            return Ok(None);
        }
    };
    let ignored: Vec<String> = ignored
        .iter()
        .map(|ignored| format!("{}: {}", ignored.annotation, ignored.message))
        .collect();
    if !ignored.is_empty() {
        problems.push(Refusal::new("AnnotationIgnored", ignored.join("; ")));
    }
    let (request, before) = (unit.request.clone(), unit.current.clone());
    // What is decided here is promised before anybody else looks at the clusters.
    let _turn = locked(&ctx.turn);
    let snapshot = &ctx.snapshot_for(key, &question.present(&before));
    problems.extend(unknown_clusters(&unit, snapshot));
    match consult::answer(question.asked, unit, snapshot)? {
        Ok(decision) => {
            let fits = !decision.unschedulable();
            let wakes = if fits { Vec::new() } else { decision.wakes() };
            ctx.unplaced.put(key, wakes);
            let placements = (&before, &decision.placement);
            ctx.promise(key, &question.wanted.object, placements, request);
            if let Some(why) = decision.fit_error() {
                problems.push(Refusal::new("NothingFits", why));
            }
            Ok(Some(decision))
        }
        Err(broken) => {
            // The plugin's name alone does not help: what it said is what the user has to correct.
            let message = format!("{broken}: {}", broken.error);
            let mut problem = Refusal::new("SchedulingFailed", message);
            problem.again = true;
            problems.push(problem);
            Ok(None)
        }
    }
}

/// Every cluster that will be placed after the pass.
fn clusters_after(
    last: Option<&Federated>,
    placing: Option<&Placing>,
    following: Option<&Following>,
) -> BTreeSet<ClusterName> {
    let mut clusters: BTreeSet<ClusterName> = last
        .into_iter()
        .flat_map(|last| last.spec.placements.iter())
        .filter(|entry| placing.is_none_or(|placing| entry.controller != placing.controller))
        .filter(|entry| following.is_none() || entry.controller != controller::FOLLOWER)
        .flat_map(|entry| entry.placement.iter())
        .filter_map(|reference| ClusterName::new(&reference.cluster).ok())
        .collect();
    clusters.extend(
        placing
            .into_iter()
            .flat_map(|placing| placing.placement.keys().cloned()),
    );
    clusters.extend(
        following
            .iter()
            .flat_map(|following| following.placement.iter().cloned()),
    );
    clusters
}

fn overrides(
    ctx: &Context,
    key: &Key,
    wanted: &Template,
    clusters: &BTreeSet<ClusterName>,
) -> Result<Resolved, Refusal> {
    let found = gather::overrides(ctx, key, &wanted.labels)
        .map_err(|(reason, message)| Refusal::new(reason, message))?;
    if found.is_empty() {
        return Ok(Resolved::new());
    }
    // Its labels are not known, so which rules are for it is not, either.
    if let Some(problem) = unreadable(ctx, clusters.iter().map(ClusterName::as_str)) {
        return Err(problem);
    }
    let known: Vec<_> = clusters
        .iter()
        .map(|name| (name, ctx.clusters.get(name)))
        .collect();
    let none = BTreeMap::new();
    let targets: Vec<OverrideTarget<'_>> = known
        .iter()
        .map(|(name, known)| OverrideTarget {
            name,
            labels: known
                .as_ref()
                .map_or(&none, |known| known.scheduling.labels()),
        })
        .collect();
    let sources: Vec<OverrideSource<'_>> = found
        .iter()
        .map(|found| OverrideSource {
            kind: found.kind,
            name: &found.name,
            spec: &found.spec,
        })
        .collect();
    resolve(&wanted.object, &targets, &sources).map_err(|failures| {
        let told = |failure: &OverrideFailure| {
            format!(
                "{}: {} rule {}: {}",
                failure.cluster, failure.policy, failure.rule, failure.message
            )
        };
        let notes: Vec<String> = failures.iter().map(told).collect();
        Refusal::new("OverridePolicyFailed", notes.join("; "))
    })
}
