//! What keeps a cluster in order whether or not anything runs in it: the objects that are there from the start,
//! namespaces that come and go, garbage collection, the tokens of service accounts, addresses of Services. Acts on a
//! [`Cluster`] in the process; never over HTTP.

mod accounts;
mod addresses;
mod bootstrap;
mod garbage;
mod graph;
mod limits;
mod namespaces;
mod pods;
mod quota;
#[cfg(test)]
mod tests;
mod volumes;

use crate::auth::authentication::Authentication;
use crate::cluster::{Cluster, WatchEvent, WatchOptions};
use crate::object::Gvr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Who writes, as it stands in managed fields.
pub(crate) const MANAGER: &str = "kube-controller-manager";

/// Prepares an empty cluster: admission steps first, then the objects every cluster has.
pub fn prepare(cluster: &Cluster) {
    cluster.add_admission(Arc::new(addresses::Addresses::default()));
    cluster.add_admission(Arc::new(limits::LimitsOfPods));
    cluster.add_admission(Arc::new(pods::ServiceAccountOfPods));
    cluster.add_admission(Arc::new(quota::Quotas::default()));
    bootstrap::create(cluster);
}

/// Runs the controllers until `stop`; the tracker tells when they have ended.
pub fn start(
    cluster: &Cluster,
    authentication: &Arc<Authentication>,
    stop: &CancellationToken,
) -> TaskTracker {
    let tasks = TaskTracker::new();
    let ca = authentication.authority.pem().to_owned();
    let namespaces = follow(cluster.clone(), Gvr::new("", "v1", "namespaces"), {
        let cluster = cluster.clone();
        move |event| accounts::namespace(&cluster, &ca, event)
    });
    tasks.spawn(until(stop.clone(), namespaces));
    let secrets = follow(cluster.clone(), Gvr::new("", "v1", "secrets"), {
        let (cluster, authentication) = (cluster.clone(), authentication.clone());
        move |event| accounts::token_secret(&cluster, &authentication, event)
    });
    tasks.spawn(until(stop.clone(), secrets));
    tasks.spawn(until(
        stop.clone(),
        garbage::collect(cluster.clone(), stop.clone()),
    ));
    tasks.close();
    tasks
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

/// Calls `handle` for every event of a resource, beginning with what there is; again from the start after a gap.
async fn follow(cluster: Cluster, gvr: Gvr, mut handle: impl FnMut(&WatchEvent)) {
    loop {
        let Ok(mut watch) = cluster.watch(&gvr, "", &WatchOptions::default()) else {
            return;
        };
        while let Some(event) = watch.next().await {
            handle(&event);
        }
        // The history was compacted under the watch: the next one begins with what there is.
        tokio::task::yield_now().await;
    }
}
