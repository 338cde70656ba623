//! One pass over what was gathered: template, placement, overrides, federated object. No requests, and
//! no failure withdraws anything: a problem is an entry in the list and the last placement stays.

use std::collections::{BTreeMap, BTreeSet};

use navarch_crds::keys::{controller, navarch};
use navarch_crds::names::ClusterName;
use serde_json::Value;

use super::consult::Waiting;
use super::fold::{Fold, FoldInputs, Placing, fold};
use super::following;
use super::gather;
use super::place::{About, Placed, place, unreadable};
use super::quota::{self, Case, Ruling};
use super::resolve::{OverrideFailure, OverrideSource, OverrideTarget, Resolved, resolve};
use super::template::{Template, given, template};
use crate::federated::Federated;
use crate::follow::Following;
use crate::host::context::Context;
use crate::host::stores::TypeConfig;
use crate::runtime::key::Key;

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
    "QuotaExceeded",
    "QuotaInactive",
    "QuotaAmbiguous",
    "QuotaNotReady",
    "QuotaWarning",
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
    pub(super) again: bool,
}

impl Refusal {
    pub(super) fn new(reason: &'static str, message: impl Into<String>) -> Self {
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
    /// The charge is another than before: the write has to go through the ledger.
    pub(crate) recharges: bool,
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
    let last = match last.cloned().map(Federated::from_value).transpose() {
        Ok(last) => last,
        Err(error) => {
            let problem = Refusal::new("FederatedObjectInvalid", error.to_string());
            return Ok(nothing(vec![problem]));
        }
    };
    let mut problems = Vec::new();
    let wanted = match (source, &last) {
        (Some(source), _) => template(source),
        (None, Some(last)) => given(last),
        (None, None) => return Ok(nothing(problems)),
    };
    let own = last.as_ref().filter(|_| source.is_none());
    if let Some(why) = own.and_then(|own| own.misfit(config.spec())) {
        return Ok(nothing(vec![Refusal::new("FederatedObjectInvalid", why)]));
    }
    let following = following::following(ctx, key, config, &wanted, last.as_ref());
    let case = Case::of(ctx, key, config, &wanted, last.as_ref(), absent);
    let about = About {
        ctx,
        key,
        config,
        wanted: &wanted,
        last: last.as_ref(),
        case: case.as_ref(),
    };
    let placed = place(&about, &mut problems)?;
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
    let names: BTreeSet<String> = absent.iter().map(ToString::to_string).collect();
    let inputs = FoldInputs {
        source,
        type_config: &config.object,
        template: &wanted,
        placing: placed.placing.as_ref(),
        following: following.as_ref(),
        notes: &placed.notes,
        overrides: overrides.as_ref(),
        absent: &names,
    };
    let ruling = ruled(&about, inputs, &placed.rest)?;
    problems.extend(said(&ruling));
    let write = match ruling.fold {
        Fold::Unchanged => Write::Nothing,
        Fold::Create(federated) => written(&federated, Write::Create, &mut problems),
        Fold::Update(federated) => written(&federated, Write::Update, &mut problems),
    };
    Ok(Decided {
        write,
        problems,
        asked: placed.placing.is_some(),
        recharges: ruling.recharges,
    })
}

/// What may be written of what was decided.
fn ruled(
    about: &About<'_>,
    inputs: FoldInputs<'_>,
    rest: &BTreeMap<String, i64>,
) -> Result<Ruling, Waiting> {
    let none = BTreeMap::new();
    let without_placing = FoldInputs {
        placing: None,
        notes: &none,
        ..inputs
    };
    Ok(match (about.case, about.last) {
        (None, last) => Ruling::unlimited(quota::uncharged(fold(last, inputs), last)),
        (Some(_), None) => {
            // Only a write that names the version it rests on can be kept from coming late (decision 0030): first the
            // object, with nothing placed and nothing charged.
            let charge = BTreeMap::from([(navarch::CHARGE, Some("{}".to_owned()))]);
            let first = FoldInputs {
                following: None,
                notes: &charge,
                ..without_placing
            };
            Ruling::unlimited(fold(None, first))
        }
        (Some(case), Some(last)) => {
            let kept = || {
                let differs = inputs.placing.is_some();
                differs.then(|| fold(Some(last), without_placing))
            };
            case.rule(&fold(Some(last), inputs), kept, rest)?
        }
    })
}

/// What quotas have to say.
fn said(ruling: &Ruling) -> impl Iterator<Item = Refusal> + use<> {
    let refused = ruling.refused.as_ref().map(|refused| Refusal {
        reason: refused.reason,
        message: refused.message.clone(),
        again: refused.reason == "QuotaNotReady",
    });
    let warning = ruling.warning.as_ref();
    let warning = warning.map(|warning| Refusal::new("QuotaWarning", warning));
    refused.into_iter().chain(warning)
}

fn nothing(problems: Vec<Refusal>) -> Decided {
    Decided {
        write: Write::Nothing,
        problems,
        asked: false,
        recharges: false,
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
