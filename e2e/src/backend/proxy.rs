//! A wire between everybody and one API server that can be cut: TCP in, the same TCP out; TLS passes through.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::{Failure, Outcome};

/// A wire to one server. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Lays a wire to `server`, for example `127.0.0.1:6443`.
    pub(super) async fn to(server: String) -> Outcome<Self> {
        let failed =
            |error: std::io::Error| Failure::Backend(format!("a wire to {server}: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (cut, is_cut) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _from)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), is_cut.clone()));
            }
        });
        Ok(Self {
            address,
            cut,
            accepting,
        })
    }

    /// Where it begins.
    pub(super) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Cuts it, or mends it.
    pub(super) fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries one connection until one side ends it or the wire is cut; at once where it is cut already.
async fn carry(mut client: TcpStream, server: String, mut is_cut: watch::Receiver<bool>) {
    let carrying = async {
        if let Ok(mut server) = TcpStream::connect(server).await {
            let _without_delay = (client.set_nodelay(true), server.set_nodelay(true));
            let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    };
    tokio::select! {
        biased;
        _ = is_cut.wait_for(|cut| *cut) => {}
        () = carrying => {}
    }
}
