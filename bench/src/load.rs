//! The load: what a user's tools send to the host, as fast as it is taken, with a bounded number in flight.
//! The floor's loop is the same, with the copies sent to the members beside it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, future, stream};
use http::{Method, Request};
use kube::Client;
use serde_json::Value;

use crate::error::BenchError;
use crate::kinds::{Kind, ObjectId};
use crate::measure::observer::SharedBoard;

/// A request that was refused for a passing reason is repeated so often.
const ATTEMPTS: u32 = 5;

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Update { round: u32 },
    Delete,
}

/// Sends the load of one run.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    pub(crate) host: Client,
    /// Written to as well: all members for the floor, none for a federation.
    pub(crate) copies: Vec<Client>,
    pub(crate) members: usize,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) concurrency: usize,
    pub(crate) board: SharedBoard,
}

impl Load {
    /// Does it to every object; returns when all requests were answered.
    pub(crate) async fn all(&self, ids: &[ObjectId], action: Action) -> Result<(), BenchError> {
        stream::iter(ids)
            .map(|id| self.one(id, action))
            .buffer_unordered(self.concurrency)
            .try_collect::<()>()
            .await
    }

    /// Does it to one object and notes when.
    pub(crate) async fn one(&self, id: &ObjectId, action: Action) -> Result<(), BenchError> {
        let host = self.request(id, action, self.members);
        let copy = self.request(id, action, 1);
        self.board.lock().sent(id, Instant::now());
        let members = self.copies.iter().map(|client| send(client, &copy));
        let (host, members) =
            future::join(send(&self.host, &host), future::try_join_all(members)).await;
        let doing = || format!("{action:?} of {} {}/{}", self.kind, id.namespace, id.name);
        host.map_err(BenchError::request(doing()))?;
        members.map_err(BenchError::request(doing()))?;
        self.board.lock().answered(id, Instant::now());
        Ok(())
    }

    /// Deletes a copy behind the federation's back.
    pub(crate) async fn delete_copy(
        &self,
        member: &Client,
        id: &ObjectId,
    ) -> Result<(), BenchError> {
        self.board.lock().sent(id, Instant::now());
        send(member, &self.request(id, Action::Delete, 1))
            .await
            .map_err(BenchError::request(format!(
                "deleting the copy {}/{}",
                id.namespace, id.name
            )))?;
        self.board.lock().answered(id, Instant::now());
        Ok(())
    }

    fn request(&self, id: &ObjectId, action: Action, replicas: usize) -> Asked {
        let collection = self.kind.collection(&id.namespace);
        let address = format!("{collection}/{}", id.name);
        match action {
            Action::Create => Asked {
                method: Method::POST,
                address: collection,
                content: "application/json",
                body: Some(self.kind.object(id, &self.labels, replicas)),
            },
            Action::Update { round } => Asked {
                method: Method::PATCH,
                address,
                content: "application/merge-patch+json",
                body: Some(self.kind.change(round)),
            },
            Action::Delete => Asked {
                method: Method::DELETE,
                address: format!("{address}?propagationPolicy=Background"),
                content: "application/json",
                body: None,
            },
        }
    }
}

/// Makes a namespace; one that exists is fine.
pub(crate) async fn make_namespace(client: &Client, name: &str) -> Result<(), BenchError> {
    let asked = Asked {
        method: Method::POST,
        address: "/api/v1/namespaces".to_owned(),
        content: "application/json",
        body: Some(
            serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        ),
    };
    match send(client, &asked).await {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        other => other.map_err(BenchError::request(format!("creating namespace {name}"))),
    }
}

#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    address: String,
    content: &'static str,
    body: Option<Value>,
}

/// Sends a request, again where the server was busy or the connection broke. Something that a delete does not find is gone.
async fn send(client: &Client, asked: &Asked) -> Result<(), kube::Error> {
    let body = match &asked.body {
        Some(body) => serde_json::to_vec(body).map_err(kube::Error::SerdeError)?,
        None => Vec::new(),
    };
    let mut attempt = 1;
    loop {
        let request = Request::builder()
            .method(asked.method.clone())
            .uri(&asked.address)
            .header(http::header::CONTENT_TYPE, asked.content)
            .body(body.clone())
            .map_err(kube::Error::HttpError)?;
        let error = match client.request_text(request).await {
            Ok(_answer) => return Ok(()),
            Err(error) => error,
        };
        let is_passing = match &error {
            kube::Error::Api(status) if status.code == 404 && asked.method == Method::DELETE => {
                return Ok(());
            }
            kube::Error::Api(status) => status.code == 429 || status.code >= 500,
            _ => true,
        };
        if !is_passing || attempt == ATTEMPTS {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(50 * u64::from(attempt))).await;
        attempt += 1;
    }
}
