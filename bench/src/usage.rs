//! What a round cost: requests and CPU between two snapshots.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::contestant::running::Running;
use crate::error::BenchError;
use crate::plane::Plane;
use crate::processes;
use crate::requests::{self, Counts};
use crate::results::Round;
use crate::run::each;

/// Seconds of CPU by role: the servers', the contestant's, the benchmark's.
#[derive(Clone, Debug)]
pub(crate) struct Cpu(BTreeMap<String, f64>);

/// The contestant's role, and the benchmark's.
const CONTESTANT: &str = "contestant";
const OBSERVER: &str = "benchmark";

impl Cpu {
    pub(crate) fn now(plane: &Plane, running: Option<&Running>) -> Self {
        let mut by_role = plane.cpu_seconds();
        if let Some(running) = running {
            by_role.insert(CONTESTANT.to_owned(), running.usage().cpu_seconds);
        }
        let observer = processes::usage(&[std::process::id()]).cpu_seconds;
        by_role.insert(OBSERVER.to_owned(), observer);
        Self(by_role)
    }

    /// Milliseconds for each object, by role.
    pub(crate) fn since(&self, before: &Self, objects: usize) -> BTreeMap<String, f64> {
        const MILLISECONDS: f64 = 1000.0;
        let spent = |(role, now): (&String, &f64)| {
            let then = before.0.get(role).unwrap_or(&0.0);
            (role.clone(), each((now - then) * MILLISECONDS, objects))
        };
        self.0.iter().map(spent).collect()
    }

    fn total(&self) -> f64 {
        self.0.values().sum()
    }
}

/// Counters at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    host: Counts,
    members: Counts,
    pub(crate) cpu: Cpu,
    machine_cpu: f64,
    at: Instant,
}

impl Snapshot {
    pub(crate) async fn take(plane: &Plane, running: Option<&Running>) -> Result<Self, BenchError> {
        // CPU first: reading metrics costs the servers some.
        let cpu = Cpu::now(plane, running);
        let (machine_cpu, at) = (processes::machine_cpu(), Instant::now());
        let host = requests::scrape(&plane.host.client).await?;
        let mut members = Counts::default();
        for member in &plane.members {
            members.add(&requests::scrape(&member.client).await?);
        }
        Ok(Self {
            host,
            members,
            cpu,
            machine_cpu,
            at,
        })
    }

    /// Fills in what came since `before`, for each object.
    pub(crate) fn since(&self, before: &Self, objects: usize, round: &mut Round) {
        round.host_requests = self.host.since(&before.host, objects);
        round.member_requests = self.members.since(&before.members, objects);
        let mut by_role = self.cpu.since(&before.cpu, objects);
        round.cpu_ms.clone_from(&by_role);
        round.own_cpu_ms = by_role.remove(CONTESTANT);
        round.observer_cpu_ms = by_role.remove(OBSERVER).unwrap_or_default();
        round.servers_cpu_ms = by_role.values().sum();
        let ours = self.cpu.total() - before.cpu.total();
        let seconds = self.at.saturating_duration_since(before.at).as_secs_f64();
        let others = self.machine_cpu - before.machine_cpu - ours;
        round.others_cores = (others / seconds.max(0.001)).max(0.0);
    }
}
