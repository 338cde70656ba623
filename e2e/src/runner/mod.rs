//! The test program `scenarios`: reads what `cargo test` and users say (`arguments`), opens the stage, plays stories
//! at the same time where they bear it, and tells how they went. What a story is, is not decided here.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program tells on standard output what it does"
)]

mod arguments;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use clap::Parser as _;
use futures::future::FutureExt as _;
use futures::stream::{self, StreamExt as _};

use self::arguments::Arguments;
use crate::backend::{Backend, act_as_navarch};
use crate::failure::{Failure, Outcome};
use crate::scenarios::{ALL, Played, Scenario};

/// Plays the stories that the command line names.
pub fn main() -> ExitCode {
    if let Some(code) = act_as_navarch() {
        return code;
    }
    let arguments = Arguments::parse();
    let chosen: Vec<&Scenario> = ALL
        .iter()
        .filter(|scenario| arguments.chooses(scenario.name))
        .collect();
    if arguments.list {
        for scenario in &chosen {
            println!("{}: test", scenario.name);
        }
        return ExitCode::SUCCESS;
    }
    // Says what the controllers say when RUST_LOG asks for it.
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    if chosen.is_empty() {
        println!("\nrunning 0 stories\n");
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(|error| Failure::Backend(format!("starting the asynchronous runtime: {error}")))
        .and_then(|runtime| runtime.block_on(run(&arguments, &chosen)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scenarios: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How a story went.
struct Account {
    name: &'static str,
    outcome: Outcome<Played>,
}

/// Whether all went well.
async fn run(arguments: &Arguments, chosen: &[&Scenario]) -> Outcome<bool> {
    let stage = arguments.stage()?;
    println!("\nrunning {} stories on {}", chosen.len(), stage.name());
    let begun = Instant::now();
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::Backend(format!("making a temporary folder: {error}")))?;
    let shared = stage.open(scratch.path()).await?;
    if shared.is_some() {
        println!(
            "the stage is ready after {:.1} s",
            begun.elapsed().as_secs_f32()
        );
    }
    let playing = play_all(chosen, shared.clone(), arguments.threads());
    let accounts = tokio::select! {
        accounts = playing => Some(accounts),
        _interrupted = tokio::signal::ctrl_c() => None,
    };
    let mut left = Vec::new();
    if let Some(backend) = shared {
        left = backend.stop().await;
    }
    let Some(accounts) = accounts else {
        return Err(Failure::Backend("interrupted".to_owned()));
    };
    let failed: Vec<&Account> = accounts
        .iter()
        .filter(|account| account.outcome.is_err())
        .collect();
    for failure in &left {
        println!("\n---- at the end ----\n{failure}");
    }
    let skipped = accounts
        .iter()
        .filter(|account| matches!(account.outcome, Ok(Played::Skipped(_))))
        .count();
    let well = failed.is_empty() && left.is_empty();
    if !failed.is_empty() {
        let names: Vec<&str> = failed.iter().map(|account| account.name).collect();
        println!("\nfailed: {}", names.join(", "));
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; {skipped} skipped; finished in {:.1} s\n",
        if well { "ok" } else { "FAILED" },
        accounts.len() - failed.len() - skipped,
        failed.len(),
        begun.elapsed().as_secs_f32()
    );
    Ok(well)
}

/// Plays them: with a stage for each story as many at a time as threads; on a shared one first those that do not mind
/// each other, then the others one after another.
async fn play_all(
    chosen: &[&Scenario],
    shared: Option<Rc<dyn Backend>>,
    threads: usize,
) -> Vec<Account> {
    let (alone, together): (Vec<&Scenario>, Vec<&Scenario>) = chosen
        .iter()
        .partition(|scenario| shared.is_some() && scenario.is_alone());
    let play = |scenario| play(scenario, shared.clone());
    let mut accounts: Vec<Account> = stream::iter(together)
        .map(play)
        .buffer_unordered(threads)
        .collect()
        .await;
    accounts.extend(stream::iter(alone).then(play).collect::<Vec<_>>().await);
    accounts
}

async fn play(scenario: &Scenario, shared: Option<Rc<dyn Backend>>) -> Account {
    let begun = Instant::now();
    let caught = AssertUnwindSafe(scenario.play(shared)).catch_unwind().await;
    let outcome = caught.unwrap_or_else(|_panic| {
        Err(Failure::Backend(
            "the story panicked; standard error says where".to_owned(),
        ))
    });
    let seconds = begun.elapsed().as_secs_f32();
    let how = match &outcome {
        Ok(Played::Through) => "ok".to_owned(),
        Ok(Played::Skipped(need)) => format!("skipped, the backend lacks {need:?}"),
        Err(_failure) => "FAILED".to_owned(),
    };
    println!("test {} ... {how} ({seconds:.1} s)", scenario.name);
    if let Err(failure) = &outcome {
        println!("---- {} ----\n{failure}\n", scenario.name);
    }
    Account {
        name: scenario.name,
        outcome,
    }
}
