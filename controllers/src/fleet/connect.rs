//! Clients: HTTP/2 with keep-alive pings, a time-out on every response head, a cap on every answer, no
//! hidden retries.
//!
//! kube's stock client speaks HTTP/1.1 only, so a burst of 200 writes makes 200 handshakes. This one
//! multiplexes. A member gets two clients, because bursts of writes stall events that share their
//! connection (`docs/decisions/0012-connections.md`).

use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use tower::{BoxError, Service, ServiceBuilder};

use super::capped::{Cap, Capped, capped};
use super::limits;
use crate::runtime::options::MEMBER_WORKERS;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The credentials or certificates cannot be used.
    #[error("preparing the connection to {url}: check the certificates, key and token")]
    Credentials {
        /// The server.
        url: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The TLS server name is not a name.
    #[error("preparing the connection to {url}: the TLS server name {name:?} is not a name")]
    ServerName {
        /// The server.
        url: String,
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: rustls::pki_types::InvalidDnsNameError,
    },
}

/// The two clients of a cluster.
#[derive(Clone)]
pub(crate) struct Clients {
    /// For requests that end.
    pub(crate) requests: Client,
    /// For watches.
    pub(crate) watches: Client,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clients")
    }
}

impl Clients {
    /// Makes both clients; nothing is sent yet.
    pub(crate) fn new(config: &Config) -> Result<Self, ConnectError> {
        Ok(Self {
            requests: client(config)?,
            watches: client(config)?,
        })
    }
}

fn client(config: &Config) -> Result<Client, ConnectError> {
    let url = config.cluster_url.to_string();
    let failed = |source: kube::Error| ConnectError::Credentials {
        url: url.clone(),
        source: Box::new(source),
    };
    let mut tls = config.rustls_client_config().map_err(failed)?;
    // hyper-rustls sets the protocols itself and asserts that nobody did before.
    tls.alpn_protocols.clear();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(config.connect_timeout.unwrap_or(limits::CONNECT)));
    let mut https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    if let Some(name) = &config.tls_server_name {
        let fixed = rustls::pki_types::ServerName::try_from(name.clone()).map_err(|source| {
            ConnectError::ServerName {
                url: url.clone(),
                name: name.clone(),
                source,
            }
        })?;
        https = https.with_server_name_resolver(hyper_rustls::FixedServerNameResolver::new(fixed));
    }
    let connector = https.enable_all_versions().wrap_connector(tcp);
    let http: hyper_util::client::legacy::Client<_, Body> =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(MEMBER_WORKERS)
            .http2_keep_alive_interval(limits::PING_EVERY)
            .http2_keep_alive_timeout(limits::PING_TIMEOUT)
            .http2_keep_alive_while_idle(true)
            .http2_initial_stream_window_size(limits::STREAM_WINDOW)
            .http2_initial_connection_window_size(limits::CONNECTION_WINDOW)
            .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(failed)?)
        .layer(config.extra_headers_layer().map_err(failed)?)
        .map_err(BoxError::from)
        .service(HeadTimeout {
            inner: http,
            limit: limits::RESPONSE_HEAD,
        });
    Ok(Client::new(service, config.default_namespace.clone()))
}

/// Ends a request whose response head does not come in time. The body may take as long as it wants (a
/// watch is a body), but not grow as large as it wants.
#[derive(Clone)]
struct HeadTimeout<S> {
    inner: S,
    limit: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
struct NoAnswer(Duration);

impl<S, B> Service<Request<Body>> for HeadTimeout<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Capped<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Capped<B>>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let limit = self.limit;
        let cap = Cap::of(&request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout(limit, answer).await {
                Ok(answer) => answer.map(|answer| capped(answer, cap)).map_err(Into::into),
                Err(_) => Err(NoAnswer(limit).into()),
            }
        })
    }
}
