//! Listening, TLS, HTTP/1.1 and HTTP/2, and cutting connections.

use super::exchange::Reply;
use crate::server::Shared;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The other end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The client certificates it proved to have, its own first.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

/// Requests a client may have open on one HTTP/2 connection, as a 1.34 server allows.
const STREAMS: u32 = 100;
/// A client that does not finish its handshake is dropped.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Accepts connections until the server stops.
pub(crate) async fn listen(shared: Arc<Shared>, listener: TcpListener, tls: TlsAcceptor) {
    let connections = tokio_util::task::TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => break,
        };
        let Ok((stream, address)) = accepted else {
            // Out of file descriptors, mostly: wait for some to be freed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if *shared.partition.borrow() {
            reset(&stream);
            continue;
        }
        let (shared, tls) = (shared.clone(), tls.clone());
        connections.spawn(async move {
            let mut partition = shared.partition.subscribe();
            let stop = shared.stop.clone();
            // In this order: what happens after the cut must not go out any more.
            tokio::select! {
                biased;
                _ = partition.wait_for(|cut| *cut) => {}
                () = stop.cancelled() => {}
                () = connection(shared, stream, address, tls) => {}
            }
        });
    }
    connections.close();
    connections.wait().await;
}

/// The next close sends a reset instead of an orderly end.
fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "a refused connection ends orderly instead of by a reset");
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, address: SocketAddr, tls: TlsAcceptor) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small answers may be delayed on this connection");
    }
    let stream = match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, %address, "TLS handshake failed");
            return;
        }
        Err(_) => return,
    };
    let certificates = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec);
    let peer = Arc::new(Peer {
        certificates: certificates.unwrap_or_default(),
    });
    let service = service_fn(move |request| {
        let (shared, peer) = (shared.clone(), peer.clone());
        async move { Box::pin(super::serve(shared, peer, request)).await as Result<Reply, _> }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .max_concurrent_streams(STREAMS)
        .timer(TokioTimer::new());
    builder.http1().timer(TokioTimer::new());
    let served = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, %address, "connection ended");
    }
}
