//! A plain HTTP/1.1 client over TLS: requests go out as they were recorded, and answers are taken as they come.

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An answer, read to its end or, for watches, as far as asked.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Who a connection belongs to.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: Option<(Vec<CertificateDer<'static>>, Arc<PrivateKeyDer<'static>>)>,
}

impl Identity {
    /// From a client certificate and its key in PEM.
    pub(crate) fn from_pem(certificate: &[u8], key: &[u8]) -> Self {
        let chain = CertificateDer::pem_slice_iter(certificate)
            .map(Result::unwrap)
            .collect();
        let key = PrivateKeyDer::from_pem_slice(key).unwrap();
        Self {
            certificate: Some((chain, Arc::new(key))),
        }
    }
}

/// One server, one identity, one connection that is kept.
pub(crate) struct Client {
    address: String,
    connector: TlsConnector,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(crate) fn new(url: &str, ca_pem: &str, identity: &Identity) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match &identity.certificate {
            Some((chain, key)) => config
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        Self {
            address: url.trim_start_matches("https://").to_owned(),
            connector: TlsConnector::from(Arc::new(config)),
            open: None,
        }
    }

    async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = self.connector.connect(name, stream).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        sender
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let mut sender = match self.open.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect().await,
        };
        sender.ready().await.map_err(|e| e.to_string())?;
        let response = tokio::time::timeout(Duration::from_secs(8), sender.send_request(request));
        let response = response
            .await
            .map_err(|e| e.to_string())?
            .map_err(|e| e.to_string())?;
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(Duration::from_secs(8), body.collect()).await;
        let body = body
            .map_err(|e| e.to_string())?
            .map_err(|e| e.to_string())?;
        self.open = Some(sender);
        let body = body.to_bytes().to_vec();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    /// Sends a watch on a connection of its own and waits until it is open.
    pub(crate) async fn watch(&self, request: Request<Full<Bytes>>) -> Result<Open, String> {
        let mut sender = self.connect().await;
        let response = tokio::time::timeout(Duration::from_secs(8), sender.send_request(request));
        let response = response
            .await
            .map_err(|e| e.to_string())?
            .map_err(|e| e.to_string())?;
        let (parts, incoming) = response.into_parts();
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: Vec::new(),
        };
        Ok(Open {
            answer,
            incoming,
            ended: false,
            _sender: sender,
        })
    }
}

/// A watch that goes on.
pub(crate) struct Open {
    pub(crate) answer: Answer,
    pub(crate) ended: bool,
    incoming: Incoming,
    _sender: SendRequest<Full<Bytes>>,
}

impl Open {
    /// Takes in what has come; waits for nothing.
    pub(crate) fn take(&mut self) {
        while !self.ended
            && let Some(frame) = self.incoming.frame().now_or_never()
        {
            self.add(frame);
        }
    }

    /// Waits for more.
    pub(crate) async fn more(&mut self, patience: Duration) {
        if !self.ended
            && let Ok(frame) = tokio::time::timeout(patience, self.incoming.frame()).await
        {
            self.add(frame);
        }
    }

    fn add(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) {
        match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.answer.body.extend_from_slice(data);
                }
            }
            _ => self.ended = true,
        }
    }
}
