//! `navarch-bench`: drives federation controller managers from outside and measures them beside the floor.
//! It knows Kubernetes objects, API servers' metrics and /proc; it may not know how any contestant works inside.

mod contestant;
mod error;
mod flags;
mod kinds;
mod ledger;
mod load;
mod measure;
mod plane;
mod processes;
mod report;
mod requests;
mod results;
mod run;
mod statistics;
mod usage;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use error::BenchError;
use flags::{Entrant, Flags};
use ledger::Ledger;
use report::{files, tables};
use results::Results;

/// Progress, for whoever waits.
pub(crate) fn say(line: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "{line}");
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(|source| BenchError::Start {
            command: "the runtime".to_owned(),
            source,
        })
        .and_then(|runtime| runtime.block_on(bench(&flags)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("navarch-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Everything; `false` when a run did not come to its end.
async fn bench(flags: &Flags) -> Result<bool, BenchError> {
    flags.check()?;
    let entrants = flags.entrants()?;
    let mut results = Results {
        machine: files::machine(),
        runs: Vec::new(),
    };
    if flags.from.is_empty() {
        let ledger = Ledger::new(&flags.control_plane, flags.realcp.as_deref(), flags.keep);
        let outcome = tokio::select! {
            outcome = measure(flags, &entrants, &ledger, &mut results) => outcome,
            () = interrupted() => Err(BenchError::Interrupted),
        };
        ledger.end_all().await;
        outcome?;
    }
    for (index, path) in flags.from.iter().enumerate() {
        let earlier = files::read_json(path)?;
        if index == 0 {
            results.machine = earlier.machine;
        }
        results.runs.extend(earlier.runs);
    }
    let text = tables::markdown(&results);
    if let Some(path) = &flags.document {
        files::write_document(path, &text)?;
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(BenchError::file("writing", "standard output"))?;
    Ok(results.runs.iter().all(|run| run.trouble.is_none()))
}

async fn measure(
    flags: &Flags,
    entrants: &[Entrant],
    ledger: &Ledger,
    results: &mut Results,
) -> Result<(), BenchError> {
    for kind in &flags.kinds {
        for entrant in entrants {
            say(&format!(
                "{}: {kind}, {} members",
                entrant.name(),
                flags.members
            ));
            let run = run::run(flags, entrant, *kind, ledger).await;
            if let Some(trouble) = &run.trouble {
                say(&format!("  {} ended early: {trouble}", entrant.name()));
            }
            results.runs.push(run);
            if let Some(path) = &flags.json {
                files::write_json(path, results)?;
            }
        }
    }
    Ok(())
}

async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
