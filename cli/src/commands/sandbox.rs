//! `navarch sandbox`: a host and members in this process, for as long as the user (or a command) needs them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::process::Command;

use crate::commands::interrupted;
use crate::error::CliError;
use crate::output;
use crate::playground::{Controllers, Joining, Playground, PlaygroundOptions};

#[derive(Args, Debug)]
pub(crate) struct SandboxFlags {
    /// How many members: member-1, member-2, …
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    members: usize,
    /// Simulated nodes in each member
    #[arg(long, default_value_t = 2, value_name = "COUNT")]
    nodes: usize,
    /// Where the kubeconfig and the socket for `navarch fault` are; default: a temporary folder, removed at the end
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Do not run the controllers: everything is in place and nothing reconciles it, so any manager can be started by hand
    #[arg(long)]
    no_controllers: bool,
    /// Run the members without joining them
    #[arg(long)]
    no_join: bool,
    /// Run this once everything is ready, with KUBECONFIG set, and end with its exit status
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) async fn run(flags: SandboxFlags) -> Result<ExitCode, CliError> {
    let options = PlaygroundOptions {
        members: flags.members,
        nodes: flags.nodes,
        dir: flags.dir,
        controllers: if flags.no_controllers {
            Controllers::Off
        } else {
            Controllers::On
        },
        joining: if flags.no_join {
            Joining::Off
        } else {
            Joining::On
        },
    };
    let playground = Playground::start(options).await?;
    let outcome = tokio::select! {
        outcome = use_it(&playground, &flags.command) => outcome,
        () = interrupted() => Ok(ExitCode::SUCCESS),
    };
    playground.stop().await;
    outcome
}

async fn use_it(playground: &Playground, command: &[String]) -> Result<ExitCode, CliError> {
    playground.wait_until_joined().await?;
    let Some((program, arguments)) = command.split_first() else {
        output::print(&playground.how_to_use())?;
        output::print("Ctrl-C ends it and removes everything.")?;
        std::future::pending::<()>().await;
        return Ok(ExitCode::SUCCESS);
    };
    let status = Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", playground.kubeconfig_path())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(|source| CliError::Start {
            command: program.clone(),
            source,
        })?;
    // A command that a signal ended has no status of its own: shells say 128 and the signal.
    let code = status.code().unwrap_or_else(|| {
        use std::os::unix::process::ExitStatusExt as _;
        128 + status.signal().unwrap_or(0)
    });
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
