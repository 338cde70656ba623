//! Leader election over a `coordination.k8s.io/v1` Lease, and [`Term`], the right to write.
//!
//! Expiry is counted from the local monotonic time at which a change of the lease was *seen*, never by
//! comparing clocks of different machines. A term ends by itself, before anybody else can lead, when
//! renewals stop getting through. Until then a renewal that was refused or lost is tried again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::repeats::Repeats;

/// How leaders are elected. The defaults are those of Kubernetes' own controllers.
#[derive(Clone, Debug)]
pub struct LeaderElection {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Who this process is; must differ between replicas.
    pub identity: String,
    /// Others wait this long after the last renewal they saw.
    pub lease_duration: Duration,
    /// The leader stops by itself when it could not renew for this long.
    pub renew_deadline: Duration,
    /// Time between attempts.
    pub retry_period: Duration,
}

impl LeaderElection {
    /// Election in `namespace` under the name that KubeAdmiral uses for its own, so that the two never
    /// lead at once (KubeAdmiral: `cmd/controller-manager/app/options`).
    #[must_use]
    pub fn new(namespace: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: "federation-controller-manager".to_owned(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

fn epoch() -> Instant {
    // The zero of a monotonic scale; it carries no state of any manager.
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn now_ms() -> u64 {
    u64::try_from(epoch().elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The right to write, for as long as the lease is surely ours.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    valid_until_ms: Arc<AtomicU64>,
    given_up: Arc<AtomicBool>,
}

impl Term {
    /// A process that runs alone by configuration always has the right.
    pub(crate) fn without_election() -> Self {
        Self {
            valid_until_ms: Arc::new(AtomicU64::new(u64::MAX)),
            given_up: Arc::new(AtomicBool::new(false)),
        }
    }

    fn until(valid_until_ms: u64) -> Self {
        let term = Self::without_election();
        term.valid_until_ms.store(valid_until_ms, Ordering::Release);
        term
    }

    /// Whether writes are still allowed at this moment.
    pub(crate) fn is_current(&self) -> bool {
        !self.given_up.load(Ordering::Acquire)
            && now_ms() < self.valid_until_ms.load(Ordering::Acquire)
    }

    /// How long writes are still allowed: one that takes longer must be given up, because somebody else
    /// may lead when it arrives.
    pub(crate) fn left(&self) -> Duration {
        if self.given_up.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        let until = self.valid_until_ms.load(Ordering::Acquire);
        Duration::from_millis(until.saturating_sub(now_ms()))
    }

    fn extend(&self, valid_until_ms: u64) {
        self.valid_until_ms.store(valid_until_ms, Ordering::Release);
    }

    fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }
}

/// What was last seen of the lease, with the local time of seeing it.
struct Seen {
    version: Option<String>,
    at: Instant,
}

/// A lease that is being held.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) term: Term,
    api: Api<Lease>,
    config: LeaderElection,
}

/// Waits until this process leads; `None` at shutdown.
pub(crate) async fn acquire(
    client: Client,
    config: LeaderElection,
    shutdown: &CancellationToken,
) -> Option<Held> {
    let api: Api<Lease> = Api::namespaced(client, &config.namespace);
    let mut seen = Seen {
        version: None,
        at: Instant::now(),
    };
    let mut repeats = Repeats::default();
    loop {
        let started = now_ms();
        match attempt(&api, &config, &mut seen).await {
            Ok(Attempt::Ours) => {
                let until = started.saturating_add(millis(config.renew_deadline));
                return Some(Held {
                    term: Term::until(until),
                    api,
                    config,
                });
            }
            Ok(Attempt::Theirs | Attempt::Contested) => {
                tracing::debug!(lease = config.name, "another process leads");
            }
            Err(error) => {
                let error = error.to_string();
                if repeats.meet(&error, Instant::now()).is_some() {
                    tracing::warn!(
                        lease = config.name,
                        error,
                        "the lease could not be read or written; it is tried again"
                    );
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return None,
            () = tokio::time::sleep(config.retry_period) => {}
        }
    }
}

impl Held {
    /// Renews until shutdown (then the lease is released) or until the term ends. Returns `true`
    /// when leadership was lost: another process holds the lease, or no renewal got through before the
    /// deadline.
    pub(crate) async fn keep(self, shutdown: &CancellationToken) -> bool {
        let mut seen = Seen {
            version: None,
            at: Instant::now(),
        };
        let mut said = false;
        loop {
            let pause = self.config.retry_period.min(self.term.left());
            tokio::select! {
                () = shutdown.cancelled() => {
                    self.release().await;
                    return false;
                }
                () = tokio::time::sleep(pause) => {}
            }
            if !self.term.is_current() {
                self.term.give_up();
                return true;
            }
            let started = now_ms();
            let trouble = match attempt(&self.api, &self.config, &mut seen).await {
                Ok(Attempt::Ours) => {
                    self.term
                        .extend(started.saturating_add(millis(self.config.renew_deadline)));
                    said = false;
                    continue;
                }
                Ok(Attempt::Theirs) => {
                    self.term.give_up();
                    return true;
                }
                Ok(Attempt::Contested) => "the lease was written in between".to_owned(),
                Err(error) => error.to_string(),
            };
            if !said {
                said = true;
                let left = self.term.left();
                tracing::warn!(
                    trouble,
                    ?left,
                    "the lease could not be renewed; it is tried again until the term ends"
                );
            }
        }
    }

    async fn release(&self) {
        self.term.give_up();
        let release = async {
            let mut lease = self.api.get(&self.config.name).await?;
            if let Some(spec) = lease.spec.as_mut()
                && spec.holder_identity.as_deref() == Some(self.config.identity.as_str())
            {
                spec.holder_identity = None;
                spec.lease_duration_seconds = Some(1);
                self.api
                    .replace(&self.config.name, &PostParams::default(), &lease)
                    .await?;
            }
            Ok::<(), kube::Error>(())
        };
        if !matches!(
            tokio::time::timeout(self.config.retry_period, release).await,
            Ok(Ok(()))
        ) {
            tracing::debug!("the lease was not released; it will expire");
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What an attempt to hold the lease found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// It is ours now.
    Ours,
    /// Another process holds it, and it has not expired.
    Theirs,
    /// Somebody wrote between our read and our write, which says nothing of who holds it.
    Contested,
}

/// One read and, if the lease is free or ours, one write.
async fn attempt(
    api: &Api<Lease>,
    config: &LeaderElection,
    seen: &mut Seen,
) -> Result<Attempt, Box<dyn std::error::Error + Send + Sync>> {
    // So short that one request that hangs leaves time for another attempt before the term ends.
    let limit = config.renew_deadline.max(Duration::from_millis(100)) / 4;
    let present = tokio::time::timeout(limit, api.get_opt(&config.name)).await??;
    let time = MicroTime(jiff::Timestamp::now());
    let Some(mut lease) = present else {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(config.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(held_by(config, None, time)),
        };
        let post = PostParams::default();
        let created = api.create(&post, &lease);
        return match tokio::time::timeout(limit, created).await? {
            Ok(_) => Ok(Attempt::Ours),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Attempt::Contested),
            Err(error) => Err(error.into()),
        };
    };
    let version = lease.metadata.resource_version.clone();
    if seen.version != version {
        *seen = Seen {
            version,
            at: Instant::now(),
        };
    }
    let spec = lease.spec.clone().unwrap_or_default();
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let ours = holder == config.identity;
    if !ours && !holder.is_empty() && seen.at.elapsed() < config.lease_duration {
        return Ok(Attempt::Theirs);
    }
    lease.spec = Some(held_by(config, Some((&spec, ours)), time));
    let post = PostParams::default();
    let written = api.replace(&config.name, &post, &lease);
    match tokio::time::timeout(limit, written).await? {
        Ok(written) => {
            *seen = Seen {
                version: written.metadata.resource_version,
                at: Instant::now(),
            };
            Ok(Attempt::Ours)
        }
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Attempt::Contested),
        Err(error) => Err(error.into()),
    }
}

fn held_by(
    config: &LeaderElection,
    before: Option<(&LeaseSpec, bool)>,
    time: MicroTime,
) -> LeaseSpec {
    let transitions = before
        .and_then(|(spec, _)| spec.lease_transitions)
        .unwrap_or(0);
    let ours = before.is_some_and(|(_, ours)| ours);
    let acquired = before
        .and_then(|(spec, _)| spec.acquire_time.clone())
        .filter(|_| ours);
    LeaseSpec {
        holder_identity: Some(config.identity.clone()),
        lease_duration_seconds: Some(
            i32::try_from(config.lease_duration.as_secs().max(1)).unwrap_or(i32::MAX),
        ),
        acquire_time: acquired.or_else(|| Some(time.clone())),
        renew_time: Some(time),
        lease_transitions: Some(if ours || before.is_none() {
            transitions
        } else {
            transitions.saturating_add(1)
        }),
        ..LeaseSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_term_ends_by_itself() {
        let term = Term::until(now_ms() + 1_000);
        assert!(term.is_current());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!term.is_current());
        assert_eq!(term.left(), Duration::ZERO);
        assert!(Term::without_election().is_current());
        assert!(Term::without_election().left() > Duration::from_secs(1_000));
    }

    #[test]
    fn a_renewal_keeps_the_time_of_acquiring_and_a_take_over_counts() {
        let config = LeaderElection::new("ns", "me");
        let time = MicroTime(jiff::Timestamp::UNIX_EPOCH);
        let first = held_by(&config, None, time.clone());
        let later = MicroTime(jiff::Timestamp::from_second(5).unwrap());
        let renewed = held_by(&config, Some((&first, true)), later.clone());
        assert_eq!(renewed.acquire_time, Some(time));
        assert_eq!(renewed.lease_transitions, Some(0));
        let taken = held_by(&config, Some((&first, false)), later.clone());
        assert_eq!(taken.acquire_time, Some(later));
        assert_eq!(taken.lease_transitions, Some(1));
    }
}
