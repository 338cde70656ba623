//! What acts in a cluster that has nodes: a scheduler, kubelets and the workload controllers, simulated. One task looks at
//! every change through watches of the [`Cluster`] and writes what the real components would write. No containers run.
//!
//! One controller is one file and one line in `controllers()`. Controllers never block, never wait and read only from the
//! caches of the `World`, which are brought up to date before each of them is called.

mod budgets;
mod cache;
mod clock;
mod controllers;
mod cron_job;
mod cron_schedule;
mod daemon_set;
mod deployment;
mod endpoints;
mod engine;
mod events;
mod field;
mod hash;
mod job;
mod kinds;
mod kubelet;
mod nodes;
mod options;
mod pods;
mod queue;
mod replica_set;
mod revisions;
mod scheduler;
mod stateful_set;
mod stepper;
mod switches;
mod world;

pub use options::{Behaviour, Delays, NodeCapacity, SimulationOptions};
pub use stepper::Stepper;
pub use switches::Rule;

use crate::cluster::Cluster;
use std::sync::Arc;
use switches::Switches;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The annotation of a pod (or of a pod template) that says how its containers behave: `crash`, `never-ready`, `slow`,
/// `image-error`, `run` or `complete`.
pub const BEHAVIOUR: &str = "sandbox.dev/behaviour";

/// A running simulation. It ends when its token is cancelled, when it is stopped, or when it is dropped.
#[derive(Debug)]
pub struct Simulation {
    switches: Arc<Switches>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// Starts nodes, scheduler, kubelets and workload controllers for this cluster. Nodes are there when this returns.
pub fn start(
    cluster: Cluster,
    options: SimulationOptions,
    shutdown: &CancellationToken,
) -> Simulation {
    let stop = shutdown.child_token();
    let switches = Arc::new(Switches::default());
    nodes::register(&cluster, &options);
    let engine = engine::Engine::new(
        cluster,
        options,
        switches.clone(),
        clock::Clock::of_machine(),
    );
    let task = tokio::spawn(engine.run(stop.clone()));
    Simulation {
        switches,
        stop,
        task: Some(task),
    }
}

impl Simulation {
    /// Makes pods that match the rule behave so from now on, also those that run already. Later rules win.
    pub fn behave(&self, rule: Rule) {
        self.switches.add(rule);
    }

    /// Forgets all rules.
    pub fn behave_normally(&self) {
        self.switches.clear();
    }

    /// Takes a node down (its kubelet no longer reports, its pods are no longer ready) or brings it back.
    pub fn set_node_running(&self, node: &str, running: bool) {
        self.switches.set_node(node, running);
    }

    /// Ends it and waits until nothing of it runs any more.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the simulation did not end well");
        }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests;
