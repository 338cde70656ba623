//! What a command says when it cannot do what was asked: what was being done, why it failed, what to do now.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Every way in which a command ends without having done what was asked.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant says in its message what it is about"
)]
pub enum CliError {
    #[error("reading {}", path.display())]
    ReadFile {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("writing {}", path.display())]
    WriteFile {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("writing to standard output")]
    Output(#[source] std::io::Error),
    #[error("{file}, document {document}: {message}")]
    Document {
        file: String,
        document: usize,
        message: String,
    },
    #[error("reading the kubeconfig {from}")]
    Kubeconfig {
        from: String,
        source: Box<kube::config::KubeconfigError>,
    },
    #[error("there is no context {context:?} in the kubeconfig {from}")]
    NoContext {
        context: String,
        from: String,
        known: Vec<String>,
    },
    #[error("building a client for context {context:?}")]
    Client {
        context: String,
        source: Box<kube::Error>,
    },
    #[error("{doing}")]
    Request {
        doing: String,
        source: Box<kube::Error>,
    },
    #[error("{message}")]
    Refused { message: String, advice: String },
    #[error("{doing}: not done after {seconds} s; last seen: {last}")]
    TimedOut {
        doing: String,
        seconds: u64,
        last: String,
        advice: String,
    },
    #[error("starting the sandbox")]
    Sandbox(#[source] Box<dyn Error + Send + Sync>),
    #[error("running the controllers")]
    Controllers(#[source] Box<dyn Error + Send + Sync>),
    #[error("installing into context {context:?}")]
    Install {
        context: String,
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("starting {command:?}")]
    Start {
        command: String,
        source: std::io::Error,
    },
    #[error("the demo did not go as it should: {0}")]
    Demo(String),
}

impl CliError {
    /// A failed request, with what it was for.
    pub(crate) fn request(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Request {
            doing,
            source: Box::new(source),
        }
    }

    /// Whether the reader of our output went away (`navarch … | head`): that is success.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The text for standard error: the sentence, its causes, and what to do.
    pub(crate) fn report(&self) -> String {
        let mut text = format!("navarch: {}", self.sentence());
        if let Some(advice) = self.advice() {
            let _written = write!(text, "\n  {advice}");
        }
        text
    }

    /// What was being done and why it failed, causes included.
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.to_string();
        if let Self::Request { source, .. } = self
            && let kube::Error::Api(status) = source.as_ref()
        {
            // kube shows its parsed answer inside out; the message and the code are what a user needs.
            let _written = write!(text, ": {} ({})", status.message.trim(), status.code);
            return text;
        }
        let mut cause = self.source();
        let mut last = self.to_string();
        while let Some(error) = cause {
            let message = error.to_string();
            if !last.contains(&message) {
                let _written = write!(text, ": {message}");
                last = message;
            }
            cause = error.source();
        }
        text
    }

    fn advice(&self) -> Option<String> {
        match self {
            Self::Kubeconfig { .. } => Some(
                "Give a readable file with --kubeconfig, or set KUBECONFIG. `navarch sandbox` makes one to try things on.".to_owned(),
            ),
            Self::NoContext { known, .. } if known.is_empty() => {
                Some("The file names no context at all.".to_owned())
            }
            Self::NoContext { known, .. } => Some(format!("It has: {}.", known.join(", "))),
            Self::Refused { advice, .. } | Self::TimedOut { advice, .. } => Some(advice.clone()),
            Self::Request { source, .. } => request_advice(source),
            Self::Document { .. } => Some("Mend that document; nothing was printed for the others.".to_owned()),
            Self::WriteFile { .. } => Some("Name a folder that exists or can be made, and that you may write to.".to_owned()),
            Self::Install { .. } => Some(
                "Is the API server of this context reachable, and may its credentials create resource definitions? Run `navarch install` again then: it goes on where it stopped.".to_owned(),
            ),
            Self::ReadFile { .. } => Some("Check the path; `-` reads standard input.".to_owned()),
            Self::Start { .. } => Some("Check that the command exists and is on PATH.".to_owned()),
            _ => None,
        }
    }
}

fn request_advice(error: &kube::Error) -> Option<String> {
    match error {
        kube::Error::Api(status) if status.code == 403 => Some(
            "The credentials of this context lack that right: use another context, or ask the cluster's administrator.".to_owned(),
        ),
        kube::Error::Api(status) if status.code == 401 => {
            Some("The API server does not accept the credentials of this context.".to_owned())
        }
        kube::Error::Api(status) if status.code == 404 => Some(
            "If Navarch's resource definitions are missing there, run `navarch install` first.".to_owned(),
        ),
        kube::Error::HyperError(_) | kube::Error::Service(_) => {
            Some("Is the API server of this context running and reachable from here?".to_owned())
        }
        _ => None,
    }
}
