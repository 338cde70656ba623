//! Where stories play: clusters with a kubeconfig, and the powers that one backend has and another lacks. A new
//! backend is a file here and a line in [`start`].

mod sandbox;

use std::path::Path;

use futures::future::LocalBoxFuture;

use crate::failure::{Failure, Outcome};

/// What a story may need beside clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Members can be cut off from everybody and come back.
    Partition,
    /// Requests of one kind can be made to fail.
    Faults,
    /// What was asked of each API server can be read.
    RequestLog,
    /// The controllers can be stopped, started and killed.
    Controllers,
}

/// What is done to the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steer {
    /// They end in good order.
    Stop,
    /// They start again.
    Start,
    /// They are gone from one moment to the next.
    Crash,
}

/// Requests that are to fail.
#[derive(Clone, Debug)]
pub(crate) struct Breakage<'a> {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `apply` or `delete`; `None`: all of them.
    pub(crate) verb: Option<&'a str>,
    /// Plural name of the kind.
    pub(crate) resource: &'a str,
    /// Name of the object; `None`: all of them.
    pub(crate) name: Option<&'a str>,
    /// The status code that is answered.
    pub(crate) status: u16,
}

/// One request that an API server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) verb: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) status: u16,
    /// Whether it was to change something.
    pub(crate) write: bool,
}

impl Request {
    /// Leases, events and what members have left say nothing about an object.
    pub(crate) fn is_bookkeeping(&self) -> bool {
        matches!(self.resource.as_str(), "leases" | "events")
            || (self.resource == "federatedclusters" && self.subresource == "status")
    }
}

/// A federation that is up: a host with the controllers at work, members joined and Ready.
pub(crate) trait Backend {
    /// Its name, as [`start`] takes it.
    fn name(&self) -> &'static str;
    /// A kubeconfig with a context for each cluster.
    fn kubeconfig(&self) -> &Path;
    /// The context of the host.
    fn host(&self) -> String;
    /// The members: their contexts, which are also their names in the federation.
    fn members(&self) -> Vec<String>;
    /// Whether it has a power.
    fn can(&self, need: Need) -> bool;
    /// Cuts a member off, or lets it be reached again.
    fn cut_off(&self, _member: &str, _cut: bool) -> Outcome {
        Err(self.lacks("cut members off"))
    }
    /// Makes requests fail until they are mended.
    fn break_requests(&self, _cluster: &str, _breakage: &Breakage<'_>) -> Outcome {
        Err(self.lacks("make requests fail"))
    }
    /// Ends every failing of a cluster.
    fn mend_requests(&self, _cluster: &str) -> Outcome {
        Err(self.lacks("make requests fail"))
    }
    /// Every request that a cluster was asked, the oldest first.
    fn requests(&self, _cluster: &str) -> Outcome<Vec<Request>> {
        Err(self.lacks("tell what was asked"))
    }
    /// Stops, starts or kills the controllers.
    fn steer(&self, _how: Steer) -> LocalBoxFuture<'_, Outcome> {
        let lacks = self.lacks("steer the controllers");
        Box::pin(async move { Err(lacks) })
    }
    /// Whether what a story leaves behind would stay.
    fn outlives_the_story(&self) -> bool;
    /// Ends it.
    fn stop(self: Box<Self>) -> LocalBoxFuture<'static, ()>;
    /// The error of a power that is not there.
    fn lacks(&self, power: &'static str) -> Failure {
        Failure::Lacks {
            backend: self.name(),
            power,
        }
    }
}

/// Starts the backend that `NAVARCH_E2E_BACKEND` names; the sandbox where it names none.
pub(crate) async fn start() -> Outcome<Box<dyn Backend>> {
    let name = std::env::var("NAVARCH_E2E_BACKEND").unwrap_or_default();
    match name.as_str() {
        "" | sandbox::NAME => Ok(Box::new(sandbox::Sandbox::start().await?)),
        other => Err(Failure::Backend(format!(
            "NAVARCH_E2E_BACKEND={other}: there is only {}",
            sandbox::NAME
        ))),
    }
}
