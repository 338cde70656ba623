//! From the members back to the user: the status of the source, and of the federated object. At most
//! one write each a window, and none when nothing differs.

mod quotas;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{
    GenericFederatedObjectCondition, GenericFederatedObjectStatus, PropagationStatus,
    PropagationStatusType as Status,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::copies::aggregate::aggregate;
use crate::copies::observe::Observed;
use crate::copies::settled::is_settled;
use crate::federated::Federated;
use crate::fleet::records::{Outcome, State};
use crate::fleet::request::{Part, RequestError};
use crate::host;
use crate::host::context::Context;
use crate::host::io::Words;
use crate::host::scheduled::{QUOTA_RESERVED, SCHEDULED};
use crate::host::stores::FederatedEntry;
use crate::host::take::{federated_kind, take_federated, take_source};
use crate::runtime::key::Key;
use crate::runtime::patch::merge_patch;
use crate::runtime::rush::Courtesy;
use crate::status::scheduled;

const WORDS: Words = Words {
    room: "status",
    failed: "the status could not be written",
    panicked: "the status panicked",
};

/// Starts the workers.
pub(crate) fn start(ctx: &Arc<Context>) {
    let workers = ctx.timings.workers;
    host::io::start(ctx, workers, &ctx.report, WORDS, |ctx, key| async move {
        report(&ctx, &key).await
    });
    quotas::start(ctx);
}

/// What is known of the copy in one cluster.
struct Seen {
    cluster: ClusterName,
    placed: bool,
    /// `None`: the cluster has not been looked at for this generation.
    state: Option<State>,
    observed: Option<Observed>,
    generation: i64,
    /// The cluster is well, and after a start it has not yet said what it holds.
    unlisted: bool,
}

fn gather(ctx: &Context, key: &Key, entry: &FederatedEntry) -> Vec<Seen> {
    let clusters = entry.placed.iter().map(|name| (name, true));
    let leaving = entry.leaving.iter().map(|name| (name, false));
    let mut seen: Vec<Seen> = clusters
        .chain(leaving)
        .filter_map(|(name, placed)| look(ctx, key, entry, name, placed))
        .collect();
    seen.sort_by(|left, right| left.cluster.cmp(&right.cluster));
    seen
}

fn look(
    ctx: &Context,
    key: &Key,
    entry: &FederatedEntry,
    name: &ClusterName,
    placed: bool,
) -> Option<Seen> {
    let Some(cluster) = ctx.clusters.get(name) else {
        // A cluster that is unknown to the federation has no state to report.
        return ctx.clusters.exists(name).then(|| Seen {
            cluster: name.clone(),
            placed,
            state: Some(State::Known(Status::ClusterNotReady)),
            observed: None,
            generation: 0,
            unlisted: true,
        });
    };
    let member = ctx.fleet.get(name);
    let record = member.as_ref().and_then(|member| member.record(key));
    let current = |outcome: &Outcome| {
        outcome.uid == entry.object.uid && outcome.generation == entry.object.generation
    };
    let state = match &member {
        // Not connected yet, after a start, is not the same as not reachable.
        None if cluster.object.is_ready() => None,
        None => Some(State::Known(Status::ClusterNotReady)),
        Some(member) => member
            .outcome(key)
            .filter(current)
            .map(|outcome| outcome.state),
    };
    let generation = record
        .as_ref()
        .map_or(0, |record| record.observed.generation);
    let unlisted = cluster.object.is_ready()
        && member.as_ref().is_none_or(|member| {
            let listing = entry.type_config.as_ref().map(|name| member.listing(name));
            let answers = member.is_ready() || !member.was_probed();
            answers && listing.is_some_and(|listing| listing.is_awaited())
        });
    Some(Seen {
        cluster: name.clone(),
        placed,
        state,
        observed: record.map(|record| record.observed),
        generation,
        unlisted,
    })
}

async fn report(ctx: &Context, key: &Key) -> Result<(), RequestError> {
    let Some(entry) = ctx.federated.get(key) else {
        ctx.pace.forget(key);
        ctx.rush.forget(key);
        ctx.scheduled.written(key, None);
        ctx.reserved.written(key, None);
        return Ok(());
    };
    warn_of_unknown_clusters(ctx, key, &entry);
    let seen = gather(ctx, key, &entry);
    report_source(ctx, key, &entry, &seen).await?;
    if !entry.object.terminating {
        report_federated(ctx, key, &entry, &seen).await?;
    }
    Ok(())
}

fn warn_of_unknown_clusters(ctx: &Context, key: &Key, entry: &FederatedEntry) {
    let unknown: Vec<&str> = entry
        .placed
        .iter()
        .filter(|name| !ctx.clusters.exists(name))
        .map(ClusterName::as_str)
        .collect();
    if unknown.is_empty() || entry.object.terminating {
        return;
    }
    let about = ctx.subject(key, &entry.object.value());
    let note = format!(
        "placed in clusters that do not exist: {}",
        unknown.join(", ")
    );
    ctx.events.warn(&about, "PlacedInUnknownCluster", "", &note);
}

// === the source ===

async fn report_source(
    ctx: &Context,
    key: &Key,
    entry: &FederatedEntry,
    seen: &[Seen],
) -> Result<(), RequestError> {
    let Some(source) = ctx.sources.get(key) else {
        return Ok(());
    };
    let Some(config) = ctx.type_configs.get(&source.type_config) else {
        return Ok(());
    };
    if !config.spec().aggregates_status() || source.object.terminating || entry.object.terminating {
        return Ok(());
    }
    // Sums over the members that were faster than the others are wrong: after a start they would be written and taken
    // back. The end of each listing asks for another look.
    if seen.iter().any(|seen| seen.placed && seen.unlisted) {
        return Ok(());
    }
    let value = source.object.value();
    // A federated object that is behind its source says nothing about the source's generation; the
    // write that brings it up asks for another look.
    let template = entry.object.value();
    let current = template.pointer("/spec/template/metadata/generation")
        == value.pointer("/metadata/generation");
    let members: Vec<(ClusterName, Option<&Observed>, bool)> = seen
        .iter()
        .filter(|seen| seen.placed)
        .map(|seen| {
            let in_sync = current && seen.state == Some(State::Known(Status::Ok));
            (seen.cluster.clone(), seen.observed.as_ref(), in_sync)
        })
        .collect();
    let Some(status) = aggregate(config.spec(), &value, &members) else {
        return Ok(());
    };
    let before = value.get("status").cloned().unwrap_or_else(|| json!({}));
    let Some(change) = merge_patch(&before, &status) else {
        return Ok(());
    };
    if members.is_empty() || is_settled(&value, &status) {
        ctx.pace.forget(key);
    } else if let Some(wait) = progress_waits(ctx, key) {
        ctx.report.push_after(key.clone(), wait);
        return Ok(());
    }
    let name = value
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let patch = json!({ "metadata": { "uid": &*source.object.uid }, "status": change });
    let written = ctx
        .host
        .merge(&config.kind, key.namespace(), name, Part::Status, &patch)
        .await;
    match written {
        Ok(object) => {
            take_source(ctx, &config, object, &status);
            Ok(())
        }
        // Gone, or another object of that name, or a kind without the subresource.
        Err(error) if error.is_not_found() || error.is_conflict() || error.is_rejection() => {
            tracing::debug!(object = %key, error = error.message(), "the source takes no status");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// How long news of a workload that is still on its way has to wait.
fn progress_waits(ctx: &Context, key: &Key) -> Option<Duration> {
    let now = Instant::now();
    let rush = ctx.rush.wait(key, Courtesy::Progress, now);
    rush.or_else(|| ctx.pace.wait(key, now))
}

// === the federated object ===

async fn report_federated(
    ctx: &Context,
    key: &Key,
    entry: &FederatedEntry,
    seen: &[Seen],
) -> Result<(), RequestError> {
    if seen
        .iter()
        .any(|seen| seen.state.is_none() || is_pending(seen.state.as_ref()))
    {
        return Ok(());
    }
    let value = entry.object.value();
    let undecided = || Federated::from_value(value.clone()).is_ok_and(|own| !own.is_settled());
    let (word, quota) = (ctx.scheduled.get(key), ctx.reserved.get(key));
    let before: GenericFederatedObjectStatus = value
        .get("status")
        .cloned()
        .and_then(|status| serde_json::from_value(status).ok())
        .unwrap_or_default();
    let now = Timestamp::now();
    let after = if seen.is_empty() && entry.direct && undecided() {
        // Without placements yet it would look as if all was done.
        scheduled::with(
            SCHEDULED,
            &before,
            before.clone(),
            word.as_ref(),
            false,
            now,
        )
    } else {
        let after = status_of(&before, entry.object.generation, seen, now);
        let asked = scheduled::is_decided(&value);
        scheduled::with(SCHEDULED, &before, after, word.as_ref(), asked, now)
    };
    let after = scheduled::with(QUOTA_RESERVED, &before, after, quota.as_ref(), false, now);
    if after == before {
        return Ok(());
    }
    if let Some(wait) = ctx.rush.wait(key, Courtesy::Propagation, Instant::now()) {
        ctx.report.push_after(key.clone(), wait);
        return Ok(());
    }
    let (Ok(from), Ok(to)) = (serde_json::to_value(&before), serde_json::to_value(&after)) else {
        return Ok(());
    };
    let Some(change) = merge_patch(&from, &to) else {
        return Ok(());
    };
    let patch = json!({ "metadata": { "uid": &*entry.object.uid }, "status": change });
    let kind = federated_kind(key);
    let written = ctx
        .host
        .merge(&kind, key.namespace(), &key.name, Part::Status, &patch)
        .await;
    match written {
        Ok(object) => {
            ctx.scheduled.written(key, word.as_ref());
            ctx.reserved.written(key, quota.as_ref());
            take_federated(ctx, object, &to);
            Ok(())
        }
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_pending(state: Option<&State>) -> bool {
    matches!(state, Some(State::Known(Status::PendingCreate)))
}

/// The status after a look: times move only when something else does.
fn status_of(
    before: &GenericFederatedObjectStatus,
    generation: i64,
    seen: &[Seen],
    now: Timestamp,
) -> GenericFederatedObjectStatus {
    let clusters: Vec<PropagationStatus> = seen
        .iter()
        .filter_map(|seen| match &seen.state {
            Some(State::Known(status)) => Some(PropagationStatus {
                cluster: seen.cluster.to_string(),
                status: status.clone(),
                last_observed_generation: last_generation(before, seen),
            }),
            Some(State::Absent) | None => None,
        })
        .collect();
    let well = clusters.iter().all(|cluster| cluster.status == Status::Ok);
    let (value, reason) = if well {
        ("True", "")
    } else {
        ("False", "CheckClusters")
    };
    let mut condition = before
        .conditions
        .iter()
        .find(|condition| condition.condition_type == "Propagated")
        .cloned()
        .unwrap_or_else(|| GenericFederatedObjectCondition {
            condition_type: "Propagated".to_owned(),
            ..GenericFederatedObjectCondition::default()
        });
    let changed = condition.status != value || condition.reason != reason;
    if condition.status != value {
        condition.last_transition_time = Some(Time(now));
    }
    if changed || clusters != before.clusters {
        condition.last_update_time = Some(Time(now));
    }
    value.clone_into(&mut condition.status);
    reason.clone_into(&mut condition.reason);
    let mut conditions = before.conditions.clone();
    scheduled::put(&mut conditions, condition);
    GenericFederatedObjectStatus {
        synced_generation: generation,
        conditions,
        clusters,
    }
}

/// The generation of a copy is reported when its status changes; a copy whose own controllers only bump
/// it would otherwise cost a write each time.
fn last_generation(before: &GenericFederatedObjectStatus, seen: &Seen) -> i64 {
    match before
        .clusters
        .iter()
        .find(|known| known.cluster == seen.cluster.as_str())
    {
        Some(known) if seen.generation == 0 => known.last_observed_generation,
        _ => seen.generation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, status: Status) -> Seen {
        Seen {
            cluster: ClusterName::new(name).unwrap(),
            placed: true,
            state: Some(State::Known(status)),
            observed: None,
            generation: 1,
            unlisted: false,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_equal_look_changes_nothing() {
        let all = [seen("a", Status::Ok), seen("b", Status::Ok)];
        let first = status_of(&GenericFederatedObjectStatus::default(), 3, &all, at(1));
        assert_eq!(first.conditions[0].status, "True");
        assert_eq!(status_of(&first, 3, &all, at(2)), first);
    }

    #[test]
    fn one_cluster_that_is_not_well_is_named_and_the_condition_turns() {
        let well = [seen("a", Status::Ok), seen("b", Status::Ok)];
        let first = status_of(&GenericFederatedObjectStatus::default(), 3, &well, at(1));
        let ill = [seen("a", Status::Ok), seen("b", Status::ClusterNotReady)];
        let second = status_of(&first, 3, &ill, at(5));
        let condition = &second.conditions[0];
        assert_eq!(
            (condition.status.as_str(), condition.reason.as_str()),
            ("False", "CheckClusters")
        );
        assert_eq!(condition.last_transition_time, Some(Time(at(5))));
        assert_eq!(second.clusters[1].status, Status::ClusterNotReady);
    }
}
