//! Where log lines go: standard error, filtered by `-v` or `RUST_LOG`. The filter silences kube's own
//! lines that could hold bodies (a Secret may be in one) or repeat for every request to a member that is down.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

/// What a command says in its log when no `-v` is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// It shows on purpose what would be a warning elsewhere.
    Errors,
    /// It answers and ends.
    Warnings,
    /// It runs for long, and its log is all there is to see of it.
    Changes,
}

/// Starts logging once for the process. `verbosity` counts the `-v` flags.
pub(crate) fn start(verbosity: u8, format: LogFormat, talk: Talk) {
    let level = match verbosity {
        0 if talk == Talk::Errors => "error",
        0 if talk == Talk::Warnings => "warn",
        0 | 1 => "info",
        2 => "debug",
        _ => "trace",
    };
    // kube_client logs the whole body of an answer it cannot decode at `warn`, and each failed request at
    // `error` in its client builder: a Secret could end in the log, or a dead member flood it.
    let directives = format!(
        "{level},kube_client=error,kube_client::client::builder=off,hyper=warn,h2=warn,rustls=warn"
    );
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start (tests in one process) finds a subscriber in place: that one stays.
    let _already_started = match format {
        LogFormat::Text => builder.with_target(false).try_init().is_err(),
        LogFormat::Json => builder.json().try_init().is_err(),
    };
}
