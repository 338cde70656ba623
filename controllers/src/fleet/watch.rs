//! One watch of one kind as a stream of plain calls, with back-off, that never ends by itself.
//! Objects come whole, as values, or as the few fields that their reader has asked for (`slim`).

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::capped::is_too_large;
use super::limits;
use super::request::Kind;
use super::streamed::{Identified, Streamed};
use crate::runtime::retry::Backoff;

/// What a watch tells. `Start` … `Listed` encloses a full listing; objects that were known before and
/// do not come in between were not in the list, which is not proof that they are gone.
#[derive(Debug)]
pub(crate) enum Seen<T = Value> {
    /// A listing begins.
    Start,
    /// An object of the listing.
    Present(T),
    /// The listing is complete.
    Listed,
    /// An object was created or changed.
    Changed(T),
    /// An object was deleted; its last state.
    Deleted(T),
    /// The watch failed and will be tried again.
    Failed {
        message: String,
        not_served: bool,
        /// The server said nothing at all; the other watches of it fail alike.
        silent: bool,
    },
}

/// Follows `kind` until shutdown and hands everything to `see`, in order.
pub(crate) async fn follow(
    client: Client,
    kind: &Kind,
    labels: Option<&str>,
    shutdown: &CancellationToken,
    see: impl FnMut(Seen),
) {
    let api: Api<Streamed<Value>> = Api::all_with(client, &kind.api_resource());
    follow_api(api, labels, shutdown, with_kind(kind, see)).await;
}

/// The same for objects of which only a part is read.
pub(crate) async fn follow_slim<T>(
    client: Client,
    kind: &Kind,
    shutdown: &CancellationToken,
    see: impl FnMut(Seen<T>),
) where
    T: Identified + DeserializeOwned + Clone + Debug + Send + 'static,
{
    let api = Api::all_with(client, &kind.api_resource());
    follow_api(api, None, shutdown, see).await;
}

/// The same for a kind that may not be served: while it is not, nothing is asked until `types` tells
/// that the server's types changed.
pub(crate) async fn follow_when_served(
    client: Client,
    kind: &Kind,
    labels: Option<&str>,
    mut types: watch::Receiver<u64>,
    shutdown: &CancellationToken,
    mut see: impl FnMut(Seen),
) {
    loop {
        types.mark_unchanged();
        let attempt = shutdown.child_token();
        let not_served = attempt.clone();
        follow(client.clone(), kind, labels, &attempt, |seen| {
            if matches!(
                seen,
                Seen::Failed {
                    not_served: true,
                    ..
                }
            ) {
                not_served.cancel();
            }
            see(seen);
        })
        .await;
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = types.changed() => if changed.is_err() { return },
        }
    }
}

/// The same for one namespace.
pub(crate) async fn follow_namespace(
    client: Client,
    kind: &Kind,
    namespace: &str,
    shutdown: &CancellationToken,
    see: impl FnMut(Seen),
) {
    let api: Api<Streamed<Value>> = Api::namespaced_with(client, namespace, &kind.api_resource());
    follow_api(api, None, shutdown, with_kind(kind, see)).await;
}

/// Items of a list do not name their kind; it is filled in.
fn with_kind(kind: &Kind, mut see: impl FnMut(Seen)) -> impl FnMut(Seen) {
    let api_version = kind.api_version();
    move |mut seen| {
        let object = match &mut seen {
            Seen::Present(object) | Seen::Changed(object) | Seen::Deleted(object) => Some(object),
            Seen::Start | Seen::Listed | Seen::Failed { .. } => None,
        };
        if let Some(map) = object.and_then(Value::as_object_mut) {
            map.insert("apiVersion".to_owned(), api_version.as_str().into());
            map.insert("kind".to_owned(), (&*kind.kind).into());
        }
        see(seen);
    }
}

async fn follow_api<T>(
    api: Api<Streamed<T>>,
    labels: Option<&str>,
    shutdown: &CancellationToken,
    mut see: impl FnMut(Seen<T>),
) where
    T: Identified + DeserializeOwned + Clone + Debug + Send + 'static,
{
    let mut pages = limits::PAGES.into_iter().peekable();
    while let Some(page) = pages.next() {
        let mut config = watcher::Config::default()
            .timeout(limits::WATCH_SECONDS)
            .page_size(page);
        if let Some(labels) = labels {
            config = config.labels(labels);
        }
        let stream = watcher(api.clone(), config).backoff(WatchBackoff::default());
        let mut stream = std::pin::pin!(stream);
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                event = stream.next() => event,
            };
            let Some(event) = event else { return };
            match event {
                Ok(watcher::Event::Init) => see(Seen::Start),
                Ok(watcher::Event::InitApply(one)) => see(Seen::Present(one.object)),
                Ok(watcher::Event::InitDone) => see(Seen::Listed),
                Ok(watcher::Event::Apply(one)) => see(Seen::Changed(one.object)),
                Ok(watcher::Event::Delete(one)) => see(Seen::Deleted(one.object)),
                Err(error) => {
                    let smaller = is_large_list(&error) && pages.peek().is_some();
                    see(failed(&error));
                    if smaller {
                        break;
                    }
                }
            }
        }
    }
}

/// A page of a list was cut off because of its size: smaller pages may come through.
fn is_large_list(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(cause) if is_too_large(cause))
}

/// Between attempts to watch: from a fifth of a second to ten seconds, so that a member that was away
/// is noticed soon after it is back.
#[derive(Debug, Default)]
struct WatchBackoff {
    failures: u32,
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let backoff = Backoff {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(10),
        };
        Some(backoff.delay(self.failures))
    }
}

impl kube::runtime::utils::Backoff for WatchBackoff {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

fn failed<T>(error: &watcher::Error) -> Seen<T> {
    let not_served = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        watcher::Error::WatchError(status) => status.code == 404,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => false,
    };
    let silent = match error {
        watcher::Error::InitialListFailed(cause)
        | watcher::Error::WatchStartFailed(cause)
        | watcher::Error::WatchFailed(cause) => {
            matches!(cause, kube::Error::Service(_) | kube::Error::HyperError(_))
                && !is_too_large(cause)
        }
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => false,
    };
    Seen::Failed {
        message: error.to_string(),
        not_served,
        silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::Resource;
    use serde_json::json;

    #[test]
    fn nothing_of_an_object_is_lost_and_its_kind_is_filled_in() {
        let item = json!({ "metadata": { "name": "a", "uid": "u", "resourceVersion": "7",
            "managedFields": [{ "manager": "m" }] }, "data": { "k": "v" } });
        let one: Streamed<Value> = serde_json::from_value(item.clone()).unwrap();
        assert_eq!(one.meta().resource_version.as_deref(), Some("7"));
        let kind = Kind::new("", "v1", "ConfigMap", "configmaps", true);
        let mut wanted = item;
        wanted["apiVersion"] = json!("v1");
        wanted["kind"] = json!("ConfigMap");
        let mut told = Vec::new();
        with_kind(&kind, |seen| told.push(seen))(Seen::Present(one.object));
        assert!(matches!(&told[..], [Seen::Present(object)] if *object == wanted));
    }
}
