//! Starting and stopping a server, and what is asked of a running one.

use crate::cluster::Cluster;
use crate::faults::Faults;
use crate::http::transport;
use crate::request_log::RequestLog;
use base64::Engine;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What is wanted of a server.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Its name, for kubeconfig contexts.
    pub name: String,
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
    #[error("cannot make the certificates of sandbox server {name}: {reason}")]
    Certificates {
        /// The server.
        name: String,
        /// Why.
        reason: String,
    },
}

/// What all parts of a running server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
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
    ca_pem: String,
    listening: JoinHandle<()>,
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
        let (tls, ca_pem) = interim_tls().map_err(|reason| SandboxError::Certificates {
            name: name.clone(),
            reason,
        })?;
        let shared = Arc::new(Shared {
            name,
            address,
            cluster: Cluster::in_memory(),
            log: RequestLog::default(),
            faults: Faults::default(),
            partition: watch::Sender::new(false),
            stop: CancellationToken::new(),
        });
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listening = tokio::spawn(transport::listen(shared.clone(), listener, acceptor));
        Ok(Self {
            shared,
            ca_pem,
            listening,
        })
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
        &self.ca_pem
    }

    /// A kubeconfig with one context, named after the server.
    pub fn kubeconfig(&self) -> String {
        let name = self.name();
        let ca = base64::engine::general_purpose::STANDARD.encode(&self.ca_pem);
        let value = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": name, "cluster": {
                "server": self.url(), "certificate-authority-data": ca,
            }}],
            "users": [{"name": name, "user": {"token": "interim"}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        });
        value.to_string()
    }

    /// The cluster behind it.
    pub fn cluster(&self) -> &Cluster {
        &self.shared.cluster
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
        if let Err(error) = self.listening.await {
            tracing::warn!(%error, name = self.shared.name, "the sandbox server did not end well");
        }
    }
}

fn interim_tls() -> Result<(rustls::ServerConfig, String), String> {
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(|e| e.to_string())?;
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .map_err(|e| e.to_string())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((config, made.cert.pem()))
}
