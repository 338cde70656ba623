//! The sandbox: a host and three members in this process, with every power.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::future::LocalBoxFuture;
use navarch_cli::playground::{Playground, PlaygroundOptions};
use navarch_sandbox::faults::{Fault, Faults, Matching};
use navarch_sandbox::request_log::{Entry, RequestLog};
use navarch_sandbox::server::ApiServer;
use navarch_scheduler::unit::Features;
use tokio::sync::Mutex;

use super::{Backend, Breakage, Need, Request, Steer};
use crate::failure::{Failure, Outcome};

/// As it is asked for.
pub(super) const NAME: &str = "sandbox";

/// What is watched and broken of one server.
#[derive(Debug)]
struct Server {
    log: RequestLog,
    faults: Faults,
}

impl Server {
    fn of(server: &ApiServer) -> Self {
        Self {
            log: server.request_log(),
            faults: server.faults().clone(),
        }
    }
}

/// A playground, used by one story.
#[derive(Debug)]
pub(super) struct Sandbox {
    kubeconfig: PathBuf,
    host: String,
    members: Vec<String>,
    servers: BTreeMap<String, Server>,
    playground: Mutex<Option<Playground>>,
}

impl Sandbox {
    /// Starts it and waits until the members are Ready.
    pub(super) async fn start() -> Outcome<Self> {
        let playground = Playground::start(PlaygroundOptions::default())
            .await
            .map_err(failed)?;
        if let Err(error) = playground.wait_until_joined().await {
            playground.stop().await;
            return Err(failed(error));
        }
        let all = std::iter::once(playground.host()).chain(playground.members());
        Ok(Self {
            kubeconfig: playground.kubeconfig_path().to_owned(),
            host: playground.host().name().to_owned(),
            members: playground
                .members()
                .iter()
                .map(|server| server.name().to_owned())
                .collect(),
            servers: all
                .map(|server| (server.name().to_owned(), Server::of(server)))
                .collect(),
            playground: Mutex::new(Some(playground)),
        })
    }

    fn server(&self, name: &str) -> Outcome<&Server> {
        self.servers
            .get(name)
            .ok_or_else(|| Failure::Backend(format!("there is no cluster {name:?}")))
    }
}

/// An error of the playground, with its causes.
fn failed<E: std::error::Error>(error: E) -> Failure {
    Failure::Backend(told(&error))
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Backend for Sandbox {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    fn host(&self) -> String {
        self.host.clone()
    }

    fn members(&self) -> Vec<String> {
        self.members.clone()
    }

    fn can(&self, _need: Need) -> bool {
        true
    }

    fn cut_off(&self, member: &str, cut: bool) -> Outcome {
        // Only the controllers' steering holds the lock for long, and no story does both at once.
        let playground = self
            .playground
            .try_lock()
            .map_err(|_busy| Failure::Backend("the controllers are being steered".to_owned()))?;
        let playground = playground.as_ref().ok_or_else(ended)?;
        playground.partition(member, cut).map_err(failed)
    }

    fn break_requests<'a>(
        &'a self,
        cluster: &'a str,
        breakage: &'a Breakage<'_>,
    ) -> LocalBoxFuture<'a, Outcome> {
        let matching = Matching {
            verb: breakage.verb.map(str::to_owned),
            resource: Some(breakage.kind.plural.to_owned()),
            name: breakage.name.map(str::to_owned),
            ..Matching::default()
        };
        let broken = self.server(cluster).map(|server| {
            server.faults.add(matching, Fault::Status(breakage.status));
        });
        Box::pin(async move { broken })
    }

    fn mend_requests<'a>(&'a self, cluster: &'a str) -> LocalBoxFuture<'a, Outcome> {
        let mended = self.server(cluster).map(|server| server.faults.clear());
        Box::pin(async move { mended })
    }

    fn mark(&self, cluster: &str) -> Outcome<usize> {
        Ok(self.server(cluster)?.log.count(|_any| true))
    }

    fn requests(&self, cluster: &str, mark: usize) -> Outcome<Vec<Request>> {
        let entries = self.server(cluster)?.log.since(mark).into_iter();
        Ok(entries.map(request).collect())
    }

    fn steer(&self, how: Steer) -> LocalBoxFuture<'_, Outcome> {
        Box::pin(async move {
            let mut playground = self.playground.lock().await;
            let playground = playground.as_mut().ok_or_else(ended)?;
            match how {
                Steer::Stop => playground.stop_controllers().await,
                Steer::Start => playground.start_controllers().map_err(failed)?,
                Steer::StartBounded(object_overrides) => {
                    let features = Features {
                        object_overrides,
                        ..Features::default()
                    };
                    playground
                        .start_controllers_with(features)
                        .map_err(failed)?;
                }
                Steer::Crash => playground.crash_controllers().await,
            }
            Ok(())
        })
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn stop(&self) -> LocalBoxFuture<'_, Vec<Failure>> {
        Box::pin(async move {
            if let Some(playground) = self.playground.lock().await.take() {
                playground.stop().await;
            }
            Vec::new()
        })
    }
}

fn ended() -> Failure {
    Failure::Backend("the sandbox has ended".to_owned())
}

fn request(entry: Entry) -> Request {
    Request {
        write: entry.is_write(),
        verb: entry.verb,
        resource: entry.resource,
        subresource: entry.subresource,
        namespace: entry.namespace,
        name: entry.name,
        status: entry.status,
    }
}
