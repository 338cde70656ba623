//! One decision: filter, score, select, split. The order and the rules between the points are those
//! of KubeAdmiral's `pkg/controllers/scheduler/core`; what differs is that a failure of a plugin
//! fails the decision instead of counting as a refusal.

use std::sync::Arc;

use jiff::Timestamp;

use super::profile::Profile;
use super::registry::Named;
use super::traits::{Candidate, ClusterContext, Normalise, ReplicasContext, Score, SelectContext};
use crate::placement::{Decision, Outcome, Placement, Rejected, Scored};
use crate::policy::Mode;
use crate::snapshot::{Cluster, Snapshot};
use crate::unit::Unit;
use crate::verdict::{Broken, PluginError, Verdict};

/// Best score of a plugin after normalising.
const BEST: i64 = 100;

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
    let fitting = filter(unit, snapshot, profile, now, &mut decision)?;
    if fitting.is_empty() {
        decision.outcome = Outcome::NothingFits;
        return Ok(decision);
    }
    let candidates = score(unit, snapshot, profile, now, fitting, &mut decision)?;
    let selected = select(unit, snapshot, profile, now, candidates)?;
    decision.selected = selected.iter().map(|one| one.cluster.clone()).collect();
    match unit.mode {
        Mode::Duplicate => {
            decision.placement = by_name(selected.iter().map(|one| (one, None)));
        }
        Mode::Divide => split(unit, profile, now, &selected, &mut decision)?,
    }
    Ok(decision)
}

fn filter(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
    decision: &mut Decision,
) -> Result<Vec<Arc<Cluster>>, Broken> {
    let mut fitting = Vec::with_capacity(snapshot.clusters().len());
    'clusters: for cluster in snapshot.clusters() {
        let context = ClusterContext {
            unit,
            cluster,
            snapshot,
            now,
        };
        for named in &profile.filters {
            let (reason, wakes) = match named.plugin.filter(&context) {
                Verdict::Fits => continue,
                Verdict::Never(reason) => (reason, [].as_slice()),
                Verdict::NotNow(reason, wakes) => (reason, wakes),
                Verdict::Broken(error) => return Err(broken(&named.name, Some(cluster), error)),
            };
            let (cluster, plugin) = (cluster.clone(), named.name.clone());
            decision.rejected.push(Rejected {
                cluster,
                plugin,
                reason,
                wakes,
            });
            continue 'clusters;
        }
        fitting.push(cluster.clone());
    }
    Ok(fitting)
}

fn score(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
    fitting: Vec<Arc<Cluster>>,
    decision: &mut Decision,
) -> Result<Vec<Candidate>, Broken> {
    let mut totals = vec![0_i64; fitting.len()];
    for named in &profile.scores {
        let scores = scores_of(named, unit, snapshot, now, &fitting)?;
        for (total, score) in totals.iter_mut().zip(&scores) {
            *total = total.saturating_add(*score);
        }
        decision.score_plugins.push((named.name.clone(), scores));
    }
    let scored = fitting.iter().zip(&totals);
    decision.scored = scored
        .map(|(cluster, total)| Scored {
            cluster: cluster.clone(),
            total: *total,
        })
        .collect();
    let candidates = fitting.into_iter().zip(totals).enumerate();
    Ok(candidates
        .map(|(position, (cluster, score))| Candidate {
            cluster,
            position,
            score,
        })
        .collect())
}

fn scores_of(
    named: &Named<dyn Score>,
    unit: &Unit,
    snapshot: &Snapshot,
    now: Timestamp,
    fitting: &[Arc<Cluster>],
) -> Result<Vec<i64>, Broken> {
    let mut scores = Vec::with_capacity(fitting.len());
    for cluster in fitting {
        let score = named.plugin.score(&ClusterContext {
            unit,
            cluster,
            snapshot,
            now,
        });
        scores.push(score.map_err(|error| broken(&named.name, Some(cluster), error))?);
    }
    normalise(&mut scores, named.plugin.normalise());
    Ok(scores)
}

fn normalise(scores: &mut [i64], how: Normalise) {
    let downward = match how {
        Normalise::Keep => return,
        Normalise::Upward => false,
        Normalise::Downward => true,
    };
    let highest = scores.iter().copied().max().unwrap_or(0).max(0);
    for score in scores {
        let scaled = match highest {
            0 if downward => 0,
            0 => *score,
            _ => score.saturating_mul(BEST).checked_div(highest).unwrap_or(0),
        };
        *score = if downward {
            BEST.saturating_sub(scaled)
        } else {
            scaled
        };
    }
}

fn select(
    unit: &Unit,
    snapshot: &Snapshot,
    profile: &Profile,
    now: Timestamp,
    mut candidates: Vec<Candidate>,
) -> Result<Vec<Candidate>, Broken> {
    for named in &profile.selects {
        let context = SelectContext {
            unit,
            candidates,
            snapshot,
            now,
        };
        candidates = named
            .plugin
            .select(context)
            .map_err(|error| broken(&named.name, None, error))?;
    }
    Ok(candidates)
}

fn split(
    unit: &Unit,
    profile: &Profile,
    now: Timestamp,
    selected: &[Candidate],
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
    let clusters = selected.iter().map(|one| one.cluster.clone());
    decision.shares = clusters.zip(shares).collect();
    Ok(())
}

/// Sorting numbers and then building the map in order is a tenth of the work of inserting names in
/// the order of preference.
fn by_name<'a>(placed: impl Iterator<Item = (&'a Candidate, Option<i64>)>) -> Placement {
    let mut placed: Vec<(&Candidate, Option<i64>)> = placed.collect();
    placed.sort_unstable_by_key(|(candidate, _)| candidate.position);
    placed
        .into_iter()
        .map(|(candidate, replicas)| (candidate.cluster.name().clone(), replicas))
        .collect()
}

fn broken(plugin: &str, cluster: Option<&Arc<Cluster>>, error: PluginError) -> Broken {
    Broken {
        plugin: plugin.to_owned(),
        cluster: cluster.map(|cluster| cluster.name().as_str().to_owned()),
        error,
    }
}

#[cfg(test)]
#[path = "cycle_tests.rs"]
mod tests;

#[cfg(test)]
pub(crate) fn scores_for_test(
    plugin: impl Score + 'static,
    unit: &Unit,
    clusters: &[Cluster],
) -> Vec<i64> {
    let clusters: Vec<Arc<Cluster>> = clusters.iter().cloned().map(Arc::new).collect();
    let snapshot = Snapshot::new(clusters.clone(), 0);
    let named = Named {
        name: "plugin".into(),
        plugin: Arc::new(plugin) as Arc<dyn Score>,
    };
    scores_of(&named, unit, &snapshot, Timestamp::UNIX_EPOCH, &clusters).unwrap()
}
