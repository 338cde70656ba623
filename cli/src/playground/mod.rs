//! A federation in one process: sandbox API servers, the API installed in the host, the members joined, the
//! controllers running against them through the network as they would anywhere else. `demo`, `sandbox` and the
//! scenarios stand on it; nothing in production does.

mod controllers;
mod join;

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::try_join_all;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use navarch_sandbox::control;
use navarch_sandbox::server::{ApiServer, ServerOptions};
use navarch_sandbox::simulate::SimulationOptions;
use navarch_scheduler::unit::Features;
use tokio::task::JoinHandle;

use self::controllers::Running;
use crate::error::CliError;
use crate::kubeconfig::Target;

/// Whether the controllers run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controllers {
    /// They do.
    On,
    /// Everything is in place and nothing reconciles it.
    Off,
}

/// Whether the members are joined to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// FederatedClusters and Secrets are made for all of them.
    On,
    /// They run, and that is all.
    Off,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct PlaygroundOptions {
    /// Number of members, named `member-1` and so on.
    pub members: usize,
    /// Simulated nodes in each.
    pub nodes: usize,
    /// Where the kubeconfig goes; `None`: a temporary folder.
    pub dir: Option<PathBuf>,
    /// Run the controllers?
    pub controllers: Controllers,
    /// Join the members?
    pub joining: Joining,
}

impl Default for PlaygroundOptions {
    fn default() -> Self {
        Self {
            members: 3,
            nodes: 2,
            dir: None,
            controllers: Controllers::On,
            joining: Joining::On,
        }
    }
}

/// A running federation. Stop it with [`Playground::stop`].
pub struct Playground {
    host: ApiServer,
    members: Vec<ApiServer>,
    options: PlaygroundOptions,
    kubeconfig: PathBuf,
    /// Locked as long as it holds, so that no second playground writes into the same folder.
    _kubeconfig_lock: File,
    /// Removes the temporary folder, if there is one.
    _folder: Option<tempfile::TempDir>,
    clients: Vec<Target>,
    controllers: Option<Running>,
    /// Listens for `navarch fault`.
    orders: JoinHandle<()>,
}

impl std::fmt::Debug for Playground {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Playground")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Playground {
    /// Starts everything that `options` names and writes the kubeconfig.
    ///
    /// # Errors
    /// When a server cannot be started, a file cannot be written or the host refuses the API.
    pub async fn start(options: PlaygroundOptions) -> Result<Self, CliError> {
        let host = serve("host".to_owned(), None);
        let members = try_join_all((1..=options.members).map(|number| {
            serve(
                format!("member-{number}"),
                Some(SimulationOptions {
                    nodes: options.nodes,
                    ..SimulationOptions::default()
                }),
            )
        }));
        let (host, members) = futures::try_join!(host, members)?;
        let (kubeconfig, lock, folder) = write_kubeconfig(&options, &host, &members)?;
        let mut clients = Vec::new();
        for server in std::iter::once(&host).chain(&members) {
            clients.push(target(&kubeconfig, server.name()).await?);
        }
        let servers = std::iter::once(&host).chain(&members);
        let orders = control::listen(
            &kubeconfig.with_file_name(control::SOCKET),
            servers.map(control::Handle::from).collect(),
        )
        .map_err(|error| CliError::Refused {
            message: error.to_string(),
            advice: "Give a shorter --dir, on a file system that has sockets.".to_owned(),
        })?;
        let mut playground = Self {
            host,
            members,
            options,
            kubeconfig,
            _kubeconfig_lock: lock,
            _folder: folder,
            clients,
            controllers: None,
            orders,
        };
        playground.federate().await?;
        Ok(playground)
    }

    async fn federate(&mut self) -> Result<(), CliError> {
        let host = &self.clients[0];
        navarch_controllers::install::install(&host.client)
            .await
            .map_err(|error| CliError::Controllers(Box::new(error)))?;
        if self.options.joining == Joining::On {
            for server in &self.members {
                join::announce(host, server).await?;
            }
        }
        if self.options.controllers == Controllers::On {
            self.start_controllers()?;
        }
        Ok(())
    }

    /// Starts the controllers, if they do not run.
    ///
    /// # Errors
    /// When the machine has no threads left.
    pub fn start_controllers(&mut self) -> Result<(), CliError> {
        self.start_controllers_with(Features::default())
    }

    /// The same, with parts of the control plane that are not on everywhere.
    ///
    /// # Errors
    /// As there.
    pub fn start_controllers_with(&mut self, features: Features) -> Result<(), CliError> {
        if self.controllers.is_none() {
            let mut options = navarch_controllers::RunOptions::new(self.clients[0].config.clone());
            options.features = features;
            // Everything is near: notice an outage in a second instead of minutes.
            options.timings.health_check_period = Duration::from_secs(1);
            options.timings.unreachable_after = Duration::from_millis(500);
            self.controllers = Some(Running::start(options)?);
        }
        Ok(())
    }

    /// Asks the controllers to end and waits until they have.
    pub async fn stop_controllers(&mut self) {
        if let Some(controllers) = self.controllers.take() {
            controllers.stop().await;
        }
    }

    /// Kills the controllers wherever they are: what a crash does. Nothing of them is left afterwards.
    pub async fn crash_controllers(&mut self) {
        if let Some(controllers) = self.controllers.take() {
            controllers.crash().await;
        }
    }

    /// Waits until every member that was to be joined is Ready; at once where nothing will join them.
    ///
    /// # Errors
    /// When one is not Ready in time, with what its conditions say.
    pub async fn wait_until_joined(&self) -> Result<(), CliError> {
        if self.options.joining == Joining::Off || self.options.controllers == Controllers::Off {
            return Ok(());
        }
        let waiting = self
            .members
            .iter()
            .map(|server| crate::commands::wait_until_ready(&self.clients[0], server.name(), 60));
        try_join_all(waiting).await.map(|_clusters| ())
    }

    /// The kubeconfig with a context for the host and for each member.
    #[must_use]
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// The host's server: its request log, its faults.
    #[must_use]
    pub fn host(&self) -> &ApiServer {
        &self.host
    }

    /// The members' servers, in the order of their numbers.
    #[must_use]
    pub fn members(&self) -> &[ApiServer] {
        &self.members
    }

    /// A client for the host, as its administrator.
    #[must_use]
    pub fn host_client(&self) -> Client {
        self.clients[0].client.clone()
    }

    /// A client for each member, as its administrator. A new one each: a client that met an outage may hold dead connections.
    #[must_use]
    pub fn member_clients(&self) -> Vec<(String, Client)> {
        self.clients[1..]
            .iter()
            .map(|target| (target.context.clone(), target.client.clone()))
            .collect()
    }

    /// Cuts a member off, or lets it be reached again; its data stays.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn partition(&self, member: &str, cut: bool) -> Result<(), CliError> {
        let server = self
            .members
            .iter()
            .find(|server| server.name() == member)
            .ok_or_else(|| CliError::Refused {
                message: format!("the sandbox has no member {member:?}"),
                advice: format!("It has {}.", self.members.len()),
            })?;
        server.partition(cut);
        Ok(())
    }

    /// Applies manifests to the host, as `kubectl apply --server-side` does.
    ///
    /// # Errors
    /// When a document cannot be read or the host refuses it.
    pub async fn apply(&self, manifests: &str) -> Result<(), CliError> {
        crate::manifests::apply(&self.clients[0], "the manifests", manifests).await
    }

    /// What a user types to look around.
    #[must_use]
    pub fn how_to_use(&self) -> String {
        let members = match self.members.len() {
            0 => "no members".to_owned(),
            1 => "context member-1".to_owned(),
            count => format!("contexts member-1 … member-{count}"),
        };
        let path = self.kubeconfig.display();
        let mut next = vec![
            format!("export KUBECONFIG={path}"),
            "kubectl get federatedclusters".to_owned(),
        ];
        if !self.members.is_empty() {
            next.push("kubectl --context member-1 get nodes".to_owned());
        }
        if self.options.controllers == Controllers::Off {
            next.push("navarch controller-manager --context host    # nothing reconciles until a manager runs".to_owned());
        }
        if self.options.joining == Joining::Off && !self.members.is_empty() {
            next.push(
                "navarch join member-1 --host-context host --member-context member-1".to_owned(),
            );
        }
        next.push("navarch get clusters".to_owned());
        format!(
            "\nReady: context host and {members} in {path}\n\n  {}\n",
            next.join("\n  ")
        )
    }

    /// Ends the controllers, then the servers, and removes the kubeconfig: it leads nowhere now.
    pub async fn stop(mut self) {
        self.stop_controllers().await;
        self.orders.abort();
        self.host.stop().await;
        for server in self.members {
            server.stop().await;
        }
        let socket = self.kubeconfig.with_file_name(control::SOCKET);
        for path in [&self.kubeconfig, &socket] {
            if let Err(error) = std::fs::remove_file(path) {
                tracing::debug!(%error, path = %path.display(), "was gone already");
            }
        }
    }
}

async fn serve(name: String, simulation: Option<SimulationOptions>) -> Result<ApiServer, CliError> {
    ApiServer::start(ServerOptions { name, simulation })
        .await
        .map_err(|error| CliError::Sandbox(Box::new(error)))
}

fn write_kubeconfig(
    options: &PlaygroundOptions,
    host: &ApiServer,
    members: &[ApiServer],
) -> Result<(PathBuf, File, Option<tempfile::TempDir>), CliError> {
    let servers: Vec<&ApiServer> = std::iter::once(host).chain(members).collect();
    let text = navarch_sandbox::kubeconfig::merge(&servers);
    let (folder, temporary) = match &options.dir {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|source| CliError::WriteFile {
                path: folder.clone(),
                source,
            })?;
            let whole = std::path::absolute(folder).map_err(|source| CliError::WriteFile {
                path: folder.clone(),
                source,
            })?;
            (whole, None)
        }
        None => {
            let temporary = tempfile::Builder::new()
                .prefix("navarch-")
                .tempdir()
                .map_err(|source| CliError::WriteFile {
                    path: std::env::temp_dir(),
                    source,
                })?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    let path = folder.join("kubeconfig");
    let failed = |source| CliError::WriteFile {
        path: path.clone(),
        source,
    };
    let file = open_private(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(CliError::Refused {
                message: format!("another sandbox uses {}", folder.display()),
                advice: "Give each its own --dir, or none.".to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0)
        .and_then(|()| (&file).write_all(text.as_bytes()))
        .map_err(failed)?;
    Ok((path, file, temporary))
}

/// Credentials are for their owner alone, from the first byte.
fn open_private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

async fn target(kubeconfig: &Path, context: &str) -> Result<Target, CliError> {
    let from = kubeconfig.display().to_string();
    let failed = |source| CliError::Kubeconfig {
        from: from.clone(),
        source: Box::new(source),
    };
    let text = Kubeconfig::read_from(kubeconfig).map_err(failed)?;
    let options = KubeConfigOptions {
        context: Some(context.to_owned()),
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(text, &options)
        .await
        .map_err(failed)?;
    let client = Client::try_from(config.clone()).map_err(|source| CliError::Client {
        context: context.to_owned(),
        source: Box::new(source),
    })?;
    Ok(Target {
        context: context.to_owned(),
        config,
        client,
    })
}
