//! An HTTP server that says what a test wants it to say, with or without TLS: the other end for whatever calls out of
//! a cluster. It keeps what it was asked. Knows nothing of Kubernetes.

use crate::auth::authority::{Authority, CertificateError};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Why a stub could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StubError {
    /// No port.
    #[error("listening on 127.0.0.1")]
    Listen(#[from] std::io::Error),
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A request that arrived.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Its headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
    /// The user whose certificate the client showed.
    pub client: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the answer is held back.
    pub delay: Duration,
}

impl Reply {
    /// An answer with status 200.
    #[must_use]
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    /// An answer with a status.
    #[must_use]
    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    /// An answer that takes longer than anybody waits.
    #[must_use]
    pub fn never() -> Self {
        Self {
            delay: Duration::from_secs(86_400),
            ..Self::ok("")
        }
    }
}

type Answering = Arc<dyn Fn(&Call) -> Reply + Send + Sync>;

struct Shared {
    calls: Mutex<Vec<Call>>,
    answering: Mutex<Answering>,
    authority: Option<Arc<Authority>>,
    stop: CancellationToken,
}

/// The server. It ends when it is dropped.
pub struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Stub {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Stub({})", self.address)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stub {
    /// Starts a server without TLS on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start(
        answering: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Result<Self, StubError> {
        Self::listen(None, Arc::new(answering)).await
    }

    /// The same with TLS: a certificate of the authority for 127.0.0.1 and localhost, clients with a certificate of it
    /// are known by name, others are let in without.
    ///
    /// # Errors
    /// If there is no port, or no certificate could be made.
    pub async fn start_tls(
        authority: Arc<Authority>,
        answering: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Result<Self, StubError> {
        Self::listen(Some(authority), Arc::new(answering)).await
    }

    async fn listen(
        authority: Option<Arc<Authority>>,
        answering: Answering,
    ) -> Result<Self, StubError> {
        let tls = authority
            .as_ref()
            .map(|authority| authority.server_tls())
            .transpose()?
            .map(|tls| TlsAcceptor::from(Arc::new(tls)));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            calls: Mutex::default(),
            answering: Mutex::new(answering),
            authority,
            stop: CancellationToken::new(),
        });
        let shared_of_task = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = shared_of_task.stop.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(Arc::clone(&shared_of_task), stream, tls.clone()));
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// `127.0.0.1` and the port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.shared.authority {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Answers otherwise from now on.
    pub fn answer_with(&self, answering: impl Fn(&Call) -> Reply + Send + Sync + 'static) {
        *locked(&self.shared.answering) = Arc::new(answering);
    }

    /// What arrived so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.shared.calls).clone()
    }

    /// Forgets what arrived.
    pub fn clear(&self) {
        locked(&self.shared.calls).clear();
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, tls: Option<TlsAcceptor>) {
    let Some(tls) = tls else {
        serve(shared, stream, None).await;
        return;
    };
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let shown = stream.get_ref().1.peer_certificates();
    let shown = shown.and_then(<[_]>::first);
    let authority = shared.authority.as_ref();
    let client = shown
        .zip(authority)
        .and_then(|(shown, authority)| authority.owner(shown))
        .map(|user| user.name);
    serve(shared, stream, client).await;
}

async fn serve(
    shared: Arc<Shared>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Option<String>,
) {
    let shared_of_service = Arc::clone(&shared);
    let service = service_fn(move |request| {
        let (shared, client) = (Arc::clone(&shared_of_service), client.clone());
        async move { Ok::<_, Infallible>(answer(&shared, request, client).await) }
    });
    let builder = Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = shared.stop.cancelled() => {}
        // However a client goes away is its own matter.
        _ = serving => {}
    }
}

async fn answer(
    shared: &Shared,
    request: http::Request<Incoming>,
    client: Option<String>,
) -> http::Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec());
    let path = parts.uri.path_and_query();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let call = Call {
        method: parts.method.to_string(),
        path: path.map(ToString::to_string).unwrap_or_default(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: body.unwrap_or_default(),
        client,
    };
    let answering = Arc::clone(&locked(&shared.answering));
    let reply = answering(&call);
    locked(&shared.calls).push(call);
    tokio::time::sleep(reply.delay).await;
    let mut response = http::Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(Bytes::from(reply.body)))
        .unwrap_or_default()
}
