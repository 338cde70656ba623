//! One run of the manager: serve the admin endpoints, become the leader, open the rooms, end cleanly.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::fleet::changed::ChangedFigures;
use crate::fleet::connect::Clients;
use crate::fleet::limits;
use crate::fleet::request::Requests;
use crate::host::clusters::Clusters;
use crate::host::context::{Context, Fleet};
use crate::host::followings::Followings;
use crate::host::migrations::Migrations;
use crate::host::objects::{Inherited, Objects};
use crate::host::promised::Promised;
use crate::host::quotas::Quotas;
use crate::host::recent::Recent;
use crate::host::scheduled::{QUOTA_RESERVED, SCHEDULED, Words};
use crate::host::stores::{FederatedObjects, Sources, TypeConfigs};
use crate::host::unplaced::Unplaced;
use crate::quota::io::Ledger;
use crate::runtime::admin;
use crate::runtime::events::Events;
use crate::runtime::host_first::HostFirst;
use crate::runtime::lease::{self, Term};
use crate::runtime::metrics::Metrics;
use crate::runtime::options::RunOptions;
use crate::runtime::pace::Pace;
use crate::runtime::queue::Queue;
use crate::runtime::ready::Readiness;
use crate::runtime::repeats::HostTroubles;
use crate::runtime::rush::Rush;
use crate::runtime::shutdown::Tasks;
use crate::webhook::desk::Webhooks;

/// So long the first look at the ledger of quotas may take before the rooms open without it. The lease is not renewed in
/// the meantime.
const TAKE_OVER_PATIENCE: Duration = Duration::from_secs(5);

/// Why a run ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The admin address cannot be used.
    #[error("listening on {address}: choose another address or end what uses it")]
    Admin {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No client for the host.
    #[error("connecting to the host: check its kubeconfig")]
    Host {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process leads now.
    #[error(
        "leadership was lost: another process leads, or the lease could not be renewed in time"
    )]
    LeadershipLost,
}

/// Runs the manager until `shutdown`.
///
/// # Errors
/// When it cannot start, or must not go on because it does not lead any more.
pub async fn run(options: RunOptions, shutdown: CancellationToken) -> Result<(), RunError> {
    let mut host = options.host.clone();
    // The response-head time-out and our own queues replace the client's hidden retries.
    host.default_retry = false;
    let clients = Clients::new(&host).map_err(|error| RunError::Host {
        source: error.into(),
    })?;
    let tasks = Tasks::new(shutdown.child_token());
    // Whoever drops this run instead of asking it to end must not leave half a manager at work.
    let _ended_with_us = tasks.shutdown().clone().drop_guard();
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::default();
    if let Some(address) = options.admin_address {
        let listener = admin::bind(address)
            .await
            .map_err(|source| RunError::Admin { address, source })?;
        let stop = tasks.shutdown().clone();
        tasks.spawn(admin::serve(
            listener,
            readiness.clone(),
            Arc::clone(&metrics),
            stop,
        ));
    }
    let (term, held) = match options.leader_election.clone() {
        None => (Term::without_election(), None),
        Some(election) => {
            let client = clients.requests.clone();
            match lease::acquire(client, election, tasks.shutdown()).await {
                None => {
                    tasks.stop().await;
                    return Ok(());
                }
                Some(held) => (held.term.clone(), Some(held)),
            }
        }
    };
    metrics.set_leader(true);
    let ctx = context(
        &options,
        clients,
        term,
        tasks.clone(),
        readiness,
        Arc::clone(&metrics),
    );
    let in_time = took_over(&ctx).await;
    crate::rooms::open(&ctx);
    let ctx_of_task = Arc::clone(&ctx);
    tasks.spawn(async move { crate::propagate::io::quotas::open(&ctx_of_task, in_time).await });
    let lost = stay(held, &ctx, &shutdown).await;
    metrics.set_leader(false);
    tasks.stop().await;
    if lost {
        Err(RunError::LeadershipLost)
    } else {
        Ok(())
    }
}

/// Where there are quotas, nothing of an earlier leader may be on its way when the federated objects are listed: what is
/// listed then holds all that was ever charged (decision 0030). `false`: it is not so yet. A host that cannot tell in time
/// must not keep the rooms shut: they open, and nothing grows under a quota until it is known. Where there are none, the
/// ledger is left alone, so that a start with nothing to do writes nothing.
async fn took_over(ctx: &Context) -> bool {
    let patience = TAKE_OVER_PATIENCE.min(ctx.term.left() / 2);
    let taken = tokio::time::timeout(patience, async {
        crate::propagate::io::quotas::exist(ctx).await && ctx.ledger.take_over().await.is_ok()
    });
    taken.await.unwrap_or(false)
}

/// Until shutdown or the loss of leadership (`true`). The lease is kept until the work has stopped, and
/// released then.
async fn stay(held: Option<lease::Held>, ctx: &Context, shutdown: &CancellationToken) -> bool {
    let tasks = &ctx.tasks;
    let Some(held) = held else {
        return tokio::select! {
            () = ctx.ledger.lost() => true,
            () = shutdown.cancelled() => false,
        };
    };
    let release = CancellationToken::new();
    let keep = held.keep(&release);
    tokio::pin!(keep);
    tokio::select! {
        lost = &mut keep => lost,
        () = ctx.ledger.lost() => true,
        () = shutdown.cancelled() => {
            tasks.stop().await;
            release.cancel();
            keep.await;
            false
        }
    }
}

fn context(
    options: &RunOptions,
    clients: Clients,
    term: Term,
    tasks: Tasks,
    readiness: Readiness,
    metrics: Arc<Metrics>,
) -> Arc<Context> {
    let (events, publisher) = Events::start(clients.requests.clone(), tasks.shutdown().clone());
    tasks.spawn(publisher);
    let backoff = Context::backoff(&options.timings);
    let propagate = Queue::new(backoff);
    let changed = Arc::new(ChangedFigures::default());
    let host = Requests::new(clients.requests.clone(), term.clone(), limits::REQUEST);
    let election = options.leader_election.as_ref();
    let identity = election.map_or("", |election| election.identity.as_str());
    let ledger = Ledger::start(
        host.clone(),
        identity,
        backoff,
        Arc::clone(&metrics),
        &tasks,
    );
    Arc::new(Context {
        host,
        ledger,
        quotas: Quotas::default(),
        quota_news: Notify::new(),
        quota_made: Notify::new(),
        host_clients: clients,
        term,
        system_namespace: options.system_namespace.clone(),
        timings: options.timings.clone(),
        webhooks: Webhooks::new(tasks.clone(), propagate.clone()),
        tasks,
        readiness,
        metrics,
        events,
        troubles: HostTroubles::default(),
        type_configs: TypeConfigs::default(),
        followings: Followings::default(),
        sources: Sources::default(),
        federated: FederatedObjects::default(),
        recent: Recent::default(),
        inherited: Inherited::default(),
        clusters: Clusters::new(Arc::clone(&changed)),
        promised: Promised::new(Arc::clone(&changed)),
        changed,
        turn: Mutex::default(),
        policies: Objects::default(),
        cluster_policies: Objects::default(),
        overrides: Objects::default(),
        cluster_overrides: Objects::default(),
        profiles: Objects::default(),
        migrations: Migrations::new(backoff),
        unplaced: Unplaced::default(),
        fleet: Fleet::default(),
        host_types: watch::Sender::new(0),
        federated_types: watch::Sender::new(0),
        propagate,
        holds: Queue::new(backoff),
        report: Queue::new(backoff),
        scheduled: Words::new(SCHEDULED),
        reserved: Words::new(QUOTA_RESERVED),
        features: options.features,
        node_filters: options.node_filters.clone(),
        pace: Pace::default(),
        rush: Rush::default(),
        host_first: HostFirst::default(),
    })
}
