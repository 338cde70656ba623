//! What goes wrong in a benchmark: what was being done, to what, and what to do now.

use std::path::PathBuf;

/// Every way in which a measurement does not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("{doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{what}\n{advice}")]
    Refused { what: String, advice: String },
    #[error("the control plane did not start: {what}\nLast of {}:\n{tail}", log.display())]
    ControlPlane {
        what: String,
        log: PathBuf,
        tail: String,
    },
    #[error(
        "starting {command:?}: {source}\nIs the program there? Paths in contestant.yaml are relative to the folder in which navarch-bench runs."
    )]
    Start {
        command: String,
        source: std::io::Error,
    },
    #[error("{command:?} of {contestant} {how}\nLast of {}:\n{tail}", log.display())]
    Command {
        contestant: String,
        command: String,
        how: String,
        log: PathBuf,
        tail: String,
    },
    #[error("{doing}: {source}")]
    Request {
        doing: String,
        source: Box<kube::Error>,
    },
    #[error(
        "{doing}: nothing more happened for {patience} s; done: {done} of {of}, last in the log of the contestant:\n{tail}"
    )]
    Stalled {
        doing: String,
        patience: u64,
        done: usize,
        of: usize,
        tail: String,
    },
    #[error("interrupted; what was started has been ended")]
    Interrupted,
}

impl BenchError {
    /// For `map_err` of a request.
    pub(crate) fn request(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Request {
            doing,
            source: Box::new(source),
        }
    }

    /// For `map_err` of a file operation.
    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            doing,
            path,
            source,
        }
    }
}

/// The last lines of a log, for messages.
pub(crate) fn tail(path: &std::path::Path, lines: usize) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let from = all.len().saturating_sub(lines);
    all.get(from..)
        .unwrap_or_default()
        .iter()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
