//! `navarch plan`: what would move if documents were applied. Reads the host and files, decides by the library that
//! decides, prints; writes nothing.

use std::path::PathBuf;

use clap::Args;
use navarch_controllers::offline::plan::{self, ClusterMove, Move, Plan};

use crate::documents;
use crate::error::CliError;
use crate::features::FeatureFlags;
use crate::host_state;
use crate::kubeconfig::HostFlags;
use crate::output::{self, Format, table};

#[derive(Args, Debug)]
pub(crate) struct PlanFlags {
    /// Files with policies, profiles, clusters, type configs or objects as they would be applied (`-`: standard input)
    #[arg(short, long = "filename", required = true, num_args = 1.., value_name = "FILE")]
    filename: Vec<PathBuf>,
    /// Print one JSON or YAML document instead of tables
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    #[command(flatten)]
    features: FeatureFlags,
    #[command(flatten)]
    host: HostFlags,
}

pub(crate) async fn run(flags: PlanFlags) -> Result<(), CliError> {
    let manifests = documents::read(&flags.filename)?;
    let changed: Vec<serde_json::Value> = manifests
        .iter()
        .map(|manifest| manifest.object.clone())
        .collect();
    let target = flags.host.target().await?;
    let live = host_state::everything(&target).await?;
    let now = jiff::Timestamp::now();
    let is_quota = |document: &serde_json::Value| document["kind"] == "GlobalQuota";
    let beside = if live.iter().chain(&changed).any(is_quota) {
        host_state::namespaces(&target).await?
    } else {
        Vec::new()
    };
    let plan = plan::plan(&live, changed, &beside, flags.features.features(), now)
        .map_err(|error| documents::place(&manifests, &error))?;
    match flags.output {
        Some(format) => output::print_value(&plan, format),
        None => output::print(&text(&plan)),
    }
}

fn text(plan: &Plan) -> String {
    let mut blocks: Vec<String> = plan.moves.iter().map(block).collect();
    for deferred in &plan.deferred {
        blocks.push(format!(
            "{}: stays, because of {} in its policy's reschedulePolicy",
            deferred.object.shown(),
            deferred.reason
        ));
    }
    for problem in &plan.problems {
        blocks.push(format!("cannot be decided and stays: {}", problem.message));
    }
    blocks.extend(super::quota::tell::plan(&plan.quota));
    if !plan.totals.is_empty() {
        let rows: Vec<Vec<String>> = plan
            .totals
            .iter()
            .map(|total| {
                vec![
                    total.name.clone(),
                    arrow(total.before.objects, total.after.objects),
                    arrow(total.before.replicas, total.after.replicas),
                ]
            })
            .collect();
        blocks.push(table::render(&["CLUSTER", "OBJECTS", "REPLICAS"], &rows));
    }
    let replicas =
        |load: fn(&plan::ClusterTotal) -> i64| -> i64 { plan.totals.iter().map(load).sum() };
    blocks.push(format!(
        "Total: {} of {} objects would move; replicas in these clusters {}.",
        plan.moves.len(),
        plan.moves.len() + plan.unchanged + plan.problems.len(),
        arrow(
            replicas(|total| total.before.replicas),
            replicas(|total| total.after.replicas)
        )
    ));
    blocks.join("\n\n")
}

fn arrow(before: i64, after: i64) -> String {
    if before == after {
        before.to_string()
    } else {
        format!("{before} -> {after}")
    }
}

fn block(one: &Move) -> String {
    let mut notes = Vec::new();
    if one.unschedulable {
        notes.push(" nothing fits: it would be withdrawn everywhere.");
    }
    if one.already {
        notes.push(" It would move without this change, too.");
    }
    let title = format!(
        "{} (policy {}):{}",
        one.object.shown(),
        one.policy,
        notes.concat()
    );
    let rows: Vec<Vec<String>> = one
        .clusters
        .iter()
        .map(|cluster| {
            let why = one.reasons.get(&cluster.name).cloned().unwrap_or_default();
            vec![
                cluster.name.clone(),
                count(cluster.placed_before, cluster.before),
                count(cluster.placed_after, cluster.after),
                change(cluster).to_owned(),
                why,
            ]
        })
        .collect();
    format!(
        "{title}\n{}",
        table::render(&["CLUSTER", "NOW", "THEN", "CHANGE", "WHY"], &rows)
    )
}

fn count(placed: bool, replicas: Option<i64>) -> String {
    match (placed, replicas) {
        (false, _) => String::new(),
        (true, None) => "whole".to_owned(),
        (true, Some(count)) => count.to_string(),
    }
}

fn change(cluster: &ClusterMove) -> &'static str {
    match (cluster.placed_before, cluster.placed_after) {
        (false, true) => "comes",
        (true, false) => "goes",
        _ if cluster.before == cluster.after => "stays",
        _ if cluster.before < cluster.after => "grows",
        _ => "shrinks",
    }
}
