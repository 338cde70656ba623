//! Every command a user types. A new command is one file here, one variant of [`Command`] and one arm of [`run`].

mod completion;
mod controller_manager;
mod crds;
mod demo;
mod explain;
mod fault;
mod forget;
mod get;
mod install;
mod join;
mod plan;
mod quota;
mod render;
mod sandbox;
mod schedule;
mod unjoin;
mod version;

pub(crate) use join::wait_until_ready;

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};

use crate::error::CliError;
use crate::logging::LogFormat;

/// Navarch federates Kubernetes clusters: apply ordinary objects and a PropagationPolicy to one host, run
/// them in many members.
#[derive(Debug, Parser)]
#[command(
    name = "navarch",
    version,
    propagate_version = false,
    max_term_width = 110
)]
pub(crate) struct Arguments {
    /// More log lines on standard error: -v what changed, -vv what was decided, -vvv everything
    #[arg(short = 'v', long = "verbose", action = ArgAction::Count, global = true)]
    pub(crate) verbosity: u8,
    /// Shape of the log lines
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        value_name = "FORMAT"
    )]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work: a sandbox with three members, an application, a move, a repair, an outage
    Demo(demo::DemoFlags),
    /// Start a host and member clusters in this process, to try things with kubectl
    Sandbox(sandbox::SandboxFlags),
    /// Make things go wrong in a running sandbox: errors, delays, cut watches, partitions
    Fault(fault::FaultFlags),
    /// Put resource definitions, system namespace and default type configs into a host
    Install(install::InstallFlags),
    /// Run the controllers against a host API server
    ControllerManager(controller_manager::ControllerManagerFlags),
    /// Join a member cluster to a host
    Join(join::JoinFlags),
    /// Let a member cluster go; its workloads stay
    Unjoin(unjoin::UnjoinFlags),
    /// Let go of a member that will not come back
    Forget(forget::ForgetFlags),
    /// Show clusters or federated objects
    Get(get::GetFlags),
    /// Show why an object is where it is
    Explain(explain::ExplainFlags),
    /// Show what would move if files were applied
    Plan(plan::PlanFlags),
    /// Show the global quotas: what is used, and who waits for room
    Quota(quota::QuotaFlags),
    /// Show offline what each member would get
    Render(render::RenderFlags),
    /// Show offline where objects would run, and why
    Schedule(schedule::ScheduleFlags),
    /// Print the resource definitions
    Crds(crds::CrdsFlags),
    /// Print a completion script for a shell
    Completion(completion::CompletionFlags),
    /// Print the version
    Version(version::VersionFlags),
}

/// Runs one command to its end.
pub(crate) async fn run(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Demo(flags) => Box::pin(demo::run(flags)).await,
        Command::Sandbox(flags) => Box::pin(sandbox::run(flags)).await,
        Command::Fault(flags) => fault::run(flags).await.map(done),
        Command::Install(flags) => install::run(flags).await.map(done),
        Command::ControllerManager(flags) => {
            Box::pin(controller_manager::run(flags)).await.map(done)
        }
        Command::Join(flags) => Box::pin(join::run(flags)).await.map(done),
        Command::Unjoin(flags) => Box::pin(unjoin::run(flags)).await.map(done),
        Command::Forget(flags) => Box::pin(forget::run(flags)).await.map(done),
        Command::Get(flags) => get::run(flags).await.map(done),
        Command::Explain(flags) => explain::run(flags).await.map(done),
        Command::Plan(flags) => plan::run(flags).await.map(done),
        Command::Quota(flags) => quota::run(flags).await.map(done),
        Command::Render(flags) => render::run(&flags).map(done),
        Command::Schedule(flags) => schedule::run(&flags).map(done),
        Command::Crds(flags) => crds::run(&flags).map(done),
        Command::Completion(flags) => completion::run(&flags).map(done),
        Command::Version(flags) => version::run(&flags).map(done),
    }
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// Completes when the user presses Ctrl-C or the process is asked to end.
pub(crate) async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_no_handler) => {
            let _interrupted = interrupt.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
