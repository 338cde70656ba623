//! `navarch schedule`: where objects would go and why, offline, by the very code that decides. Reads files, prints.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use navarch_controllers::offline::schedule::{self, Answer, Answers};
use navarch_controllers::offline::scheduled::Scheduled;
use navarch_scheduler::explain;

use crate::documents;
use crate::error::CliError;
use crate::features::FeatureFlags;
use crate::manifests::Manifest;
use crate::output::{self, Format, table};

#[derive(Args, Debug)]
pub(crate) struct ScheduleFlags {
    /// Files with objects, policies, profiles, clusters, type configs (`-`: standard input)
    #[arg(short, long = "filename", required = true, num_args = 1.., value_name = "FILE")]
    filename: Vec<PathBuf>,
    /// Print one JSON or YAML document instead of tables
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    #[command(flatten)]
    features: FeatureFlags,
}

pub(crate) fn run(flags: &ScheduleFlags) -> Result<(), CliError> {
    let manifests = documents::read(&flags.filename)?;
    let objects = manifests
        .iter()
        .map(|manifest| manifest.object.clone())
        .collect();
    let now = jiff::Timestamp::now();
    let answers = schedule::decide(objects, flags.features.features(), now)
        .map_err(|error| documents::place(&manifests, &error))?;
    warn(&manifests, &answers);
    match flags.output {
        Some(format) => output::print_value(&Scheduled::of(&answers), format),
        None => output::print(&text(&answers)),
    }
}

/// What does not change whether there is an answer goes where it does not disturb a script.
fn warn(manifests: &[Manifest], answers: &Answers) {
    for (document, note) in &answers.warnings {
        let place = document
            .checked_sub(1)
            .and_then(|index| manifests.get(index));
        let place = place.map_or_else(String::new, |manifest| {
            format!("{}, document {}: ", manifest.file, manifest.document)
        });
        // Nobody may be listening.
        let _written = writeln!(std::io::stderr(), "warning: {place}{note}");
    }
}

fn text(answers: &Answers) -> String {
    let blocks: Vec<String> = answers.answers.iter().map(block).collect();
    if blocks.is_empty() {
        return "Nothing to schedule: the input has no object that is federated, such as a Deployment with a policy label.".to_owned();
    }
    blocks.join("\n\n")
}

/// One object: a line that sums up, then a table of its clusters.
fn block(answer: &Answer) -> String {
    let title = answer.object.shown();
    let Some(asked) = &answer.asked else {
        return format!("{title}: it names no policy, so nobody schedules it");
    };
    let policy = answer.policy.as_deref().unwrap_or_default();
    let summary = explain::summary(&asked.decision);
    let rows: Vec<Vec<String>> = explain::rows(&asked.decision)
        .into_iter()
        .map(|row| vec![row.cluster, row.answer, row.why])
        .collect();
    let mut text = format!("{title} (policy {policy}): {summary}");
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table::render(&["CLUSTER", "ANSWER", "WHY"], &rows));
    }
    if let Some(quota) = &answer.quota {
        text.push_str(&format!("\n\n{}", super::quota::tell::answer(quota)));
    }
    text
}
