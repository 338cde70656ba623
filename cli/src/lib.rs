//! The command `navarch` (also installed as `kubectl-navarch`): parses what the user typed, hands it to
//! one file under `commands/`, and turns the answer into an exit status. No decision is made here.
//! `playground` is public because the scenarios stand on it too.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to its user on standard output and standard error"
)]

mod commands;
mod documents;
pub mod error;
mod features;
mod federation;
mod host_state;
mod kubeconfig;
mod logging;
mod manifests;
mod member_access;
mod output;
pub mod playground;

use std::process::ExitCode;

use clap::Parser;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    let talk = match arguments.command {
        commands::Command::Demo(_) => logging::Talk::Errors,
        commands::Command::ControllerManager(_) => logging::Talk::Changes,
        _ => logging::Talk::Warnings,
    };
    logging::start(arguments.verbosity, arguments.log_format, talk);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("navarch: starting the asynchronous runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::run(arguments.command));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match outcome {
        Ok(code) => code,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::FAILURE
        }
    }
}
