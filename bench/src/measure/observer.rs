//! The watches: one a cluster, read into the board. API servers end the watch of a slow reader; it goes on from the
//! last version that was seen, and with a list where that is too old.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use http::Request;
use kube::Client;
use kube::core::WatchEvent;
use tokio::task::JoinSet;

use super::board::Board;
use super::seen::{Seen, SeenList};
use crate::error::BenchError;
use crate::kinds::{Kind, MARK};

/// The board, shared by the watches and whoever waits.
#[derive(Clone, Debug)]
pub(crate) struct SharedBoard(Arc<Mutex<Board>>);

impl SharedBoard {
    pub(crate) fn new(board: Board) -> Self {
        Self(Arc::new(Mutex::new(board)))
    }

    /// Held for a moment, never across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs as long as it is kept.
#[derive(Debug)]
pub(crate) struct Observer {
    _watches: JoinSet<()>,
}

impl Observer {
    /// Watches host and members; returns when every watch has its start.
    pub(crate) async fn start(
        kind: Kind,
        clients: Vec<Client>,
        board: SharedBoard,
    ) -> Result<Self, BenchError> {
        let mut watches = JoinSet::new();
        for (cluster, client) in clients.into_iter().enumerate() {
            let mut watch = Watch {
                kind,
                cluster,
                client,
                board: board.clone(),
                version: String::new(),
            };
            watch
                .list()
                .await
                .map_err(BenchError::request(format!("listing {kind} to watch them")))?;
            watches.spawn(async move { watch.run().await });
        }
        Ok(Self { _watches: watches })
    }
}

struct Watch {
    kind: Kind,
    cluster: usize,
    client: Client,
    board: SharedBoard,
    version: String,
}

impl Watch {
    async fn run(&mut self) {
        loop {
            if let Err(error) = self.follow().await {
                let gone = matches!(&error, kube::Error::Api(status) if status.code == 410);
                if gone && self.list().await.is_ok() {
                    continue;
                }
                // The server may be going down; the run's own waiting notices when it never comes back.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn list(&mut self) -> Result<(), kube::Error> {
        let address = format!("{}?labelSelector={MARK}", self.kind.everywhere());
        let list: SeenList = self.client.request(get(&address)?).await?;
        let now = Instant::now();
        let copies: BTreeMap<_, _> = list
            .items
            .iter()
            .map(|seen| (seen.id(), seen.copy()))
            .collect();
        self.board.lock().replace(self.cluster, copies, now);
        list.resource_version().clone_into(&mut self.version);
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), kube::Error> {
        let address = format!(
            "{}?labelSelector={MARK}&watch=true&allowWatchBookmarks=true&resourceVersion={}",
            self.kind.everywhere(),
            self.version
        );
        let events = self.client.request_events::<Seen>(get(&address)?).await?;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            let now = Instant::now();
            match event? {
                WatchEvent::Added(seen) | WatchEvent::Modified(seen) => {
                    let copy = Some(seen.copy());
                    self.board.lock().see(self.cluster, &seen.id(), copy, now);
                    seen.resource_version().clone_into(&mut self.version);
                }
                WatchEvent::Deleted(seen) => {
                    self.board.lock().see(self.cluster, &seen.id(), None, now);
                    seen.resource_version().clone_into(&mut self.version);
                }
                WatchEvent::Bookmark(mark) => self.version = mark.metadata.resource_version,
                WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
            }
        }
        Ok(())
    }
}

fn get(address: &str) -> Result<Request<Vec<u8>>, kube::Error> {
    Request::get(address)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)
}
