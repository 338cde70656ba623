//! Starting and stopping a server, and what is asked of a running one.

use crate::auth::User;
use crate::auth::authentication::Authentication;
use crate::auth::authority::{Authority, CertificateError, ClientCredentials};
use crate::auth::tokens::{TokenIssuer, TokenKeyError};
use crate::cluster::Cluster;
use crate::faults::Faults;
use crate::http::transport;
use crate::lifecycle;
use crate::request_log::RequestLog;
use crate::simulate::{self, Simulation, SimulationOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What is wanted of a server.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Its name, for kubeconfig contexts.
    pub name: String,
    /// Simulated nodes, pods and workloads; `None`: nothing runs in it.
    pub simulation: Option<SimulationOptions>,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No port to listen on.
    #[error("cannot listen on 127.0.0.1 for sandbox server {name}: {source}")]
    Listen {
        /// The server.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// Certificates.
    #[error("cannot make the certificates of a sandbox server: {0}")]
    Certificates(#[from] CertificateError),
    /// The key that signs tokens.
    #[error("cannot make the token key of a sandbox server: {0}")]
    TokenKey(#[from] TokenKeyError),
}

/// What all parts of a running server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) authentication: Arc<Authentication>,
    pub(crate) cluster: Cluster,
    pub(crate) log: RequestLog,
    pub(crate) faults: Faults,
    pub(crate) partition: watch::Sender<bool>,
    pub(crate) stop: CancellationToken,
}

/// A running server.
#[derive(Debug)]
pub struct ApiServer {
    shared: Arc<Shared>,
    admin: ClientCredentials,
    listening: JoinHandle<()>,
    controllers: TaskTracker,
    simulation: Option<Simulation>,
}

impl ApiServer {
    /// Starts a server on a free port of 127.0.0.1, with TLS and a certificate authority of its own.
    pub async fn start(options: ServerOptions) -> Result<Self, SandboxError> {
        let name = options.name;
        let listen = |source| SandboxError::Listen {
            name: name.clone(),
            source,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let authority = Authority::new(&name)?;
        let admin = authority.issue(&User::administrator())?;
        let tls = authority.server_tls()?;
        let shared = Arc::new(Shared {
            name,
            address,
            authentication: Arc::new(Authentication {
                authority,
                tokens: TokenIssuer::new()?,
            }),
            cluster: Cluster::in_memory(),
            log: RequestLog::default(),
            faults: Faults::default(),
            partition: watch::Sender::new(false),
            stop: CancellationToken::new(),
        });
        lifecycle::prepare(&shared.cluster);
        // A real server's cache begins when it starts: what was before is too old to be watched.
        shared.cluster.compact();
        let controllers = lifecycle::start(&shared.cluster, &shared.authentication, &shared.stop);
        let simulation = options
            .simulation
            .map(|options| simulate::start(shared.cluster.clone(), options, &shared.stop));
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listening = tokio::spawn(transport::listen(shared.clone(), listener, acceptor));
        Ok(Self {
            shared,
            admin,
            listening,
            controllers,
            simulation,
        })
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// The server's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.shared.address)
    }

    /// The certificate authority, in PEM.
    pub fn ca_pem(&self) -> &str {
        self.shared.authentication.authority.pem()
    }

    /// A kubeconfig with one context, named after the server.
    pub fn kubeconfig(&self) -> String {
        crate::kubeconfig::merge(&[self])
    }

    /// The client certificate of user `admin` in group `system:masters`.
    pub fn admin(&self) -> &ClientCredentials {
        &self.admin
    }

    /// The cluster behind it.
    pub fn cluster(&self) -> &Cluster {
        &self.shared.cluster
    }

    /// The nodes and workloads that run in it: how pods behave, which nodes are up.
    pub fn simulation(&self) -> Option<&Simulation> {
        self.simulation.as_ref()
    }

    /// What was asked of it.
    pub fn request_log(&self) -> RequestLog {
        self.shared.log.clone()
    }

    /// The faults it is to have.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Cuts the server off, or lets it be reached again: connections are reset, new ones refused, data kept.
    pub fn partition(&self, cut_off: bool) {
        self.shared.partition.send_replace(cut_off);
    }

    /// Stops it: watches end, connections close.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.controllers.wait().await;
        if let Some(simulation) = self.simulation {
            simulation.stop().await;
        }
        if let Err(error) = self.listening.await {
            tracing::warn!(%error, name = self.shared.name, "the sandbox server did not end well");
        }
    }
}
