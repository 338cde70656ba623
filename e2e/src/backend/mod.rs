//! Where stories play: clusters with a kubeconfig, and the powers that one backend has and another lacks. A new
//! backend is a file here and a variant of [`Stage`].

mod audit;
mod kubeconfig;
mod process;
mod proxy;
mod real;
mod sandbox;
mod standing;
mod uninstall;
mod webhook;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use navarch_scheduler::unit::ObjectOverrides;

use crate::failure::{Failure, Outcome};
use crate::world::kinds::Kind;

pub(crate) use process::{act_as_navarch, join, navarch, unjoin};

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
    /// No other story plays at the same time: this one makes things outside its namespace.
    Alone,
}

/// What is done to the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steer {
    /// They end in good order.
    Stop,
    /// They start again.
    Start,
    /// They start again, and set bounds to what annotations of an object may do to its policy.
    StartBounded(ObjectOverrides),
    /// They are gone from one moment to the next.
    Crash,
}

/// Requests that are to fail.
#[derive(Clone, Debug)]
pub(crate) struct Breakage<'a> {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `apply` or `delete`; `None`: all of them.
    pub(crate) verb: Option<&'a str>,
    /// Of which objects.
    pub(crate) kind: Kind,
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
    /// Its name, as `--backend` takes it.
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
    fn break_requests<'a>(
        &'a self,
        _cluster: &'a str,
        _breakage: &'a Breakage<'_>,
    ) -> LocalBoxFuture<'a, Outcome> {
        let lacks = self.lacks("make requests fail");
        Box::pin(async move { Err(lacks) })
    }
    /// Ends every failing of a cluster.
    fn mend_requests<'a>(&'a self, _cluster: &'a str) -> LocalBoxFuture<'a, Outcome> {
        let lacks = self.lacks("make requests fail");
        Box::pin(async move { Err(lacks) })
    }
    /// How many requests a cluster has been asked so far: where to count from.
    fn mark(&self, _cluster: &str) -> Outcome<usize> {
        Err(self.lacks("tell what was asked"))
    }
    /// Every request that a cluster has been asked since a mark, the oldest first.
    fn requests(&self, _cluster: &str, _mark: usize) -> Outcome<Vec<Request>> {
        Err(self.lacks("tell what was asked"))
    }
    /// Stops, starts or kills the controllers.
    fn steer(&self, _how: Steer) -> LocalBoxFuture<'_, Outcome> {
        let lacks = self.lacks("steer the controllers");
        Box::pin(async move { Err(lacks) })
    }
    /// Undoes whatever a story that failed in the middle left: nothing is cut off or broken, the controllers run as they
    /// did.
    fn restore(&self) -> LocalBoxFuture<'_, Outcome> {
        Box::pin(async { Ok(()) })
    }
    /// Whether other stories play in the same clusters, beside this one and after it.
    fn is_shared(&self) -> bool;
    /// Ends it. What could not be ended or removed.
    fn stop(&self) -> LocalBoxFuture<'_, Vec<Failure>>;
    /// The error of a power that is not there.
    fn lacks(&self, power: &'static str) -> Failure {
        Failure::Lacks {
            backend: self.name(),
            power,
        }
    }
}

/// Where a run is to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A sandbox for each story.
    Sandbox,
    /// Real API servers: those that are up in a folder, or new ones.
    Real(Option<PathBuf>),
    /// Clusters that exist already.
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// The context of the host.
        host: String,
        /// The contexts of the members.
        members: Vec<String>,
    },
}

impl Stage {
    /// As a user names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sandbox => sandbox::NAME,
            Self::Real(_) => real::NAME,
            Self::Kubeconfig { .. } => kubeconfig::NAME,
        }
    }

    /// What all stories share; nothing where each gets its own. `scratch`: a folder for the run.
    pub(crate) async fn open(&self, scratch: &Path) -> Outcome<Option<Rc<dyn Backend>>> {
        let standing = match self {
            Self::Sandbox => return Ok(None),
            Self::Real(up) => real::federate(up.as_deref(), scratch).await?,
            Self::Kubeconfig {
                file,
                host,
                members,
            } => kubeconfig::federate(file, host, members, scratch).await?,
        };
        Ok(Some(Rc::new(standing)))
    }
}

/// A backend for one story alone.
pub(crate) async fn own() -> Outcome<Rc<dyn Backend>> {
    Ok(Rc::new(sandbox::Sandbox::start().await?))
}
