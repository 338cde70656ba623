//! Where an object goes: its policy, what other controllers and people ask for, whether there is a reason to decide
//! anew, and the decision. No requests, and no failure withdraws anything: a problem is an entry in the list.

use std::collections::BTreeMap;

use jiff::Timestamp;
use navarch_crds::keys::{annotation, controller, label};
use navarch_scheduler::Decision;
use navarch_scheduler::placement::Placement;
use navarch_scheduler::request;
use navarch_scheduler::snapshot::Snapshot;
use navarch_scheduler::trigger::{self, TriggerDocument, TriggerInputs};
use navarch_scheduler::unit::{self, Unit, UnitInputs};

use super::auto_migration;
use super::consult::{self, Asked, Waiting};
use super::custom_migration::{self, Migration};
use super::decide::Refusal;
use super::fold::Placing;
use super::gather::{self, FoundPolicy, Policy};
use super::placed::{notes, placing, switches};
use super::quota::{Bounded, Case};
use super::template::Template;
use crate::federated::Federated;
use crate::host::context::Context;
use crate::host::room::Present;
use crate::host::stores::TypeConfig;
use crate::runtime::key::Key;
use crate::runtime::locked;

/// The object that a pass is about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) ctx: &'a Context,
    pub(super) key: &'a Key,
    pub(super) config: &'a TypeConfig,
    pub(super) wanted: &'a Template,
    pub(super) last: Option<&'a Federated>,
    /// `None`: no quota is charged for it.
    pub(super) case: Option<&'a Case<'a>>,
}

/// Where the object goes now; without a placing what is written stays.
#[derive(Default)]
pub(super) struct Placed {
    pub(super) placing: Option<Placing>,
    pub(super) notes: BTreeMap<&'static str, Option<String>>,
    /// What is left out of it, because no more fits into a quota.
    pub(super) rest: BTreeMap<String, i64>,
}

/// The placement. `None`: nothing may be written, because nothing is known yet of where the object goes.
pub(super) fn place(
    about: &About<'_>,
    problems: &mut Vec<Refusal>,
) -> Result<Option<Placed>, Waiting> {
    let About {
        ctx,
        key,
        wanted,
        last,
        ..
    } = *about;
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
    decided(about, &policy, problems)
}

/// The decision, if there is a reason for one.
fn decided(
    about: &About<'_>,
    policy: &FoundPolicy,
    problems: &mut Vec<Refusal>,
) -> Result<Option<Placed>, Waiting> {
    let About {
        ctx,
        key,
        config,
        wanted,
        last,
        case,
    } = *about;
    let keep = || Ok(last.map(|_| Placed::default()));
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
    let document = match document(config, wanted, &annotations, policy, &snapshot) {
        Ok(document) => document,
        Err(problem) => {
            problems.push(problem);
            return keep();
        }
    };
    let known = annotations.get(annotation::SCHEDULING_TRIGGERS);
    let triggers = trigger::decide(known.map(String::as_str), &document, Some(&policy.policy));
    let ruled = consult::ruled(ctx, policy, &annotations);
    let ended = migration.ended && !policy.policy.rescheduling.sticky;
    let mut notes = notes(&triggers);
    notes.extend(migration.notes.into_iter().chain([estimates]));
    notes.extend(switches(&policy.policy));
    // What is placed nowhere has nothing to lose by being asked again whenever a cluster changes.
    let short = case.is_some_and(Case::is_short);
    if last.is_some_and(is_placed) && !(triggers.reschedule || ruled.reschedule || ended || short) {
        return Ok(Some(Placed {
            placing: None,
            notes,
            ..Placed::default()
        }));
    }
    notes.extend(ruled.note);
    let question = Question {
        asked: Asked {
            ctx,
            key,
            policy,
            document: &document,
        },
        config,
        wanted,
        last,
        case,
        annotations: &annotations,
    };
    answered(&question, notes, problems)
}

/// What the answer comes to, quotas being a part of the question. Without one, what is written stays.
fn answered(
    question: &Question<'_>,
    notes: BTreeMap<&'static str, Option<String>>,
    problems: &mut Vec<Refusal>,
) -> Result<Option<Placed>, Waiting> {
    let mut bounded = Bounded::default();
    let Some(decision) = ask(question, &mut bounded, problems)? else {
        return Ok(question.last.map(|_| Placed::default()));
    };
    let cut = bounded.is_cut(&decision.placement);
    problems.extend(bounded.problem);
    let rest = bounded.rest;
    if cut && !question.case.is_some_and(Case::takes_part) {
        // All of it or nothing; so it waits, and stays where it is.
        return Ok(question.last.map(|_| Placed {
            rest,
            ..Placed::default()
        }));
    }
    let placing = placing(question.config, question.asked.policy, decision);
    Ok(Some(Placed {
        placing: Some(placing),
        notes,
        rest,
    }))
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
pub(super) fn unreadable<'a>(
    ctx: &Context,
    mut clusters: impl Iterator<Item = &'a str>,
) -> Option<Refusal> {
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
        ..Placed::default()
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
    case: Option<&'a Case<'a>>,
    annotations: &'a BTreeMap<String, String>,
}

impl Question<'_> {
    /// Where the object is, with what its pods there were made to ask for.
    fn present<'a>(&'a self, clusters: &'a Placement) -> Present<'a> {
        let kind = unit::resource(self.config.spec());
        let request = self
            .last
            .and_then(|last| request::of_replica(&kind, &last.spec.template).ok());
        Present {
            clusters,
            template: self.last.map(|last| &last.spec.template),
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
fn ask(
    question: &Question<'_>,
    bounded: &mut Bounded,
    problems: &mut Vec<Refusal>,
) -> Result<Option<Decision>, Waiting> {
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
    let (mut unit, ignored) = match unit {
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
    if let Some(case) = question.case {
        *bounded = case.bound(&mut unit, &question.wanted.object);
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
