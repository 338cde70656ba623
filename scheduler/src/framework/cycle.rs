//! One decision: filter, score, select, split. The order and the rules between the points are those
//! of KubeAdmiral's `pkg/controllers/scheduler/core`; what differs is that a failure of a plugin
//! fails the decision instead of counting as a refusal.

use std::sync::Arc;

use jiff::Timestamp;

use super::assessment::{Asked, Assessment, broken, places};
use super::kept::{Found, Shape};
use super::profile::Profile;
use super::traits::{Candidate, ReplicasContext};
use crate::placement::{Decision, Outcome, Placement};
use crate::policy::Mode;
use crate::snapshot::Snapshot;
use crate::unit::Unit;
use crate::verdict::Broken;

/// Decides where an object runs.
///
/// That no cluster fits is a decision (an empty placement with reasons).
///
/// # Errors
/// If a plugin could not answer. Nothing may be withdrawn then: the last placement stays.
pub fn schedule(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
) -> Result<Decision, Broken> {
    let decision = decide(unit, snapshot, profile, now)?;
    #[cfg(debug_assertions)]
    {
        // Every answer of every test and scenario is checked by code that makes none.
        let findings = crate::audit::audit(unit, snapshot, profile, now, &decision);
        debug_assert!(findings.is_empty(), "{}: {findings:?}", unit.key);
    }
    Ok(decision)
}

/// The answer that an object stays where it is, without asking anybody.
pub fn keep(unit: &Unit, snapshot: &Snapshot) -> Decision {
    let mut decision = Decision::new(snapshot.clusters().len());
    decision.outcome = Outcome::Sticky;
    // Replicas stay as they were recorded, and a record of none is no placement.
    let kept = unit
        .current
        .iter()
        .filter(|(_, replicas)| replicas.is_none_or(|count| count > 0));
    decision.placement = kept
        .map(|(name, replicas)| (name.clone(), *replicas))
        .collect();
    decision
}

fn decide(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
) -> Result<Decision, Broken> {
    if unit.sticky && !unit.current.is_empty() {
        return Ok(keep(unit, snapshot));
    }
    let mut decision = Decision::new(snapshot.clusters().len());
    decision.assessed = assess(unit, snapshot, profile, now)?;
    if decision.assessed.scored.is_empty() {
        decision.outcome = Outcome::NothingFits;
        return Ok(decision);
    }
    let assessed = Arc::clone(&decision.assessed);
    let (_, outlines) = snapshot.side_by_side();
    let selected = assessed.candidates(outlines);
    match unit.mode {
        Mode::Duplicate => {
            decision.placement = by_name(selected.iter().map(|one| (one, None)));
        }
        Mode::Divide => split(unit, profile, now, &selected, &mut decision)?,
    }
    Ok(decision)
}

/// What filters, scores and choices say: kept from an object of the same shape, brought up to date, or new.
fn assess(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
) -> Result<Arc<Assessment>, Broken> {
    let asked = Asked::new(unit, profile, now, snapshot);
    let common = snapshot.common();
    let Some(shared) = shared(unit, common.unwrap_or(snapshot), profile, now) else {
        return Ok(Arc::new(
            asked.assess(None, &places(unit, snapshot.clusters()))?,
        ));
    };
    // What an object runs on already is refused for less.
    let hanging = shared.hanging_on(unit);
    let Some(common) = common else {
        if hanging.is_empty() {
            return Ok(shared);
        }
        return Ok(Arc::new(asked.assess(Some(&shared), &hanging)?));
    };
    // Of clusters that look otherwise nobody has said yet what hangs on it.
    let seen = snapshot.clusters().iter().zip(common.clusters());
    let otherwise = seen
        .enumerate()
        .filter(|(_, (seen, known))| !Arc::ptr_eq(seen, known))
        .filter(|(_, (seen, _))| unit.current.contains_key(seen.name()))
        .map(|(place, _)| place);
    let mut placed = hanging;
    placed.extend(otherwise);
    placed.sort_unstable();
    placed.dedup();
    Ok(Arc::new(asked.assess(Some(&shared), &placed)?))
}

/// What is said of the clusters where the object is not placed, for all objects of its shape. `None`: a plugin's
/// answer is for this object alone, or one could not be given (then it has to be found out whether this object
/// needs it).
fn shared(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
) -> Option<Arc<Assessment>> {
    let shape = Shape::new(profile, profile.signature(unit)?);
    let (kept, state) = snapshot.kept();
    let before = match kept.find(&shape, state) {
        Found::Now(assessment) => return Some(assessment),
        Found::Before(assessment) => Some(assessment),
        Found::Nothing => None,
    };
    let asked = Asked::new(unit, profile, now, snapshot);
    let made = Arc::new(asked.assess(before.as_deref(), &[]).ok()?);
    kept.put(shape, state, &made);
    Some(made)
}

fn split(
    unit: &Unit,
    profile: &Profile,
    now: Timestamp,
    selected: &[Candidate<'_>],
    decision: &mut Decision,
) -> Result<(), Broken> {
    let total = unit.desired_replicas.unwrap_or(0);
    if selected.is_empty() || total <= 0 {
        decision.outcome = Outcome::NoReplicas;
        return Ok(());
    }
    let Some(named) = profile.replicas(unit) else {
        return Ok(());
    };
    let context = ReplicasContext {
        unit,
        clusters: selected,
        total,
        now,
    };
    let shares = named
        .plugin
        .replicas(&context)
        .map_err(|error| broken(&named.name, None, error))?;
    decision.replicas_plugin = Some(named.name.clone());
    // A cluster with no replicas is not placed, so that the object disappears there. Fewer than none come
    // of annotations that somebody wrote by hand.
    let placed = selected
        .iter()
        .zip(&shares)
        .filter(|(_, share)| share.replicas() > 0);
    decision.placement = by_name(placed.map(|(one, share)| (one, Some(share.replicas()))));
    decision.shares = shares;
    Ok(())
}

/// Sorting numbers and then building the map in order is a tenth of the work of inserting names in
/// the order of preference.
fn by_name<'a>(placed: impl Iterator<Item = (&'a Candidate<'a>, Option<i64>)>) -> Placement {
    let mut placed: Vec<(&Candidate<'_>, Option<i64>)> = placed.collect();
    placed.sort_unstable_by_key(|(candidate, _)| candidate.position);
    placed
        .into_iter()
        .map(|(candidate, replicas)| (candidate.view().name().clone(), replicas))
        .collect()
}

#[cfg(test)]
#[path = "cycle_tests.rs"]
mod tests;
