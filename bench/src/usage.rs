//! What a round cost: requests and CPU between two snapshots.

use std::time::Instant;

use crate::contestant::running::Running;
use crate::error::BenchError;
use crate::plane::Plane;
use crate::processes;
use crate::requests::{self, Counts};
use crate::results::Round;
use crate::run::each;

/// Counters at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    host: Counts,
    members: Counts,
    own_cpu: Option<f64>,
    servers_cpu: f64,
    observer_cpu: f64,
    machine_cpu: f64,
    at: Instant,
}

impl Snapshot {
    pub(crate) async fn take(plane: &Plane, running: Option<&Running>) -> Result<Self, BenchError> {
        // CPU first: reading metrics costs the servers some.
        let own_cpu = running.map(|running| running.usage().cpu_seconds);
        let servers_cpu = plane.usage().cpu_seconds;
        let observer_cpu = processes::usage(&[std::process::id()]).cpu_seconds;
        let (machine_cpu, at) = (processes::machine_cpu(), Instant::now());
        let host = requests::scrape(&plane.host.client).await?;
        let mut members = Counts::default();
        for member in &plane.members {
            members.add(&requests::scrape(&member.client).await?);
        }
        Ok(Self {
            host,
            members,
            own_cpu,
            servers_cpu,
            observer_cpu,
            machine_cpu,
            at,
        })
    }

    /// Fills in what came since `before`, for each object.
    pub(crate) fn since(&self, before: &Self, objects: usize, round: &mut Round) {
        const MILLISECONDS: f64 = 1000.0;
        let milliseconds = |now: f64, then: f64| each((now - then) * MILLISECONDS, objects);
        round.host_requests = self.host.since(&before.host, objects);
        round.member_requests = self.members.since(&before.members, objects);
        round.own_cpu_ms = self
            .own_cpu
            .zip(before.own_cpu)
            .map(|(now, then)| milliseconds(now, then));
        round.servers_cpu_ms = milliseconds(self.servers_cpu, before.servers_cpu);
        let ours = self.own_cpu.unwrap_or(0.0) - before.own_cpu.unwrap_or(0.0)
            + (self.servers_cpu - before.servers_cpu)
            + (self.observer_cpu - before.observer_cpu);
        let seconds = self.at.saturating_duration_since(before.at).as_secs_f64();
        let others = self.machine_cpu - before.machine_cpu - ours;
        round.others_cores = (others / seconds.max(0.001)).max(0.0);
        round.observer_cpu_ms = milliseconds(self.observer_cpu, before.observer_cpu);
    }
}
