//! What is wanted of a simulation.

use std::collections::BTreeMap;
use std::time::Duration;

/// How large each node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCapacity {
    /// CPUs, as a quantity.
    pub cpu: String,
    /// Memory, as a quantity.
    pub memory: String,
    /// Pods.
    pub pods: u32,
    /// Anything else, for example `nvidia.com/gpu`.
    pub extended: BTreeMap<String, String>,
}

impl Default for NodeCapacity {
    fn default() -> Self {
        Self {
            cpu: "8".to_owned(),
            memory: "32Gi".to_owned(),
            pods: 110,
            extended: BTreeMap::new(),
        }
    }
}

/// How long things take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delays {
    /// From a pod's binding to running and ready.
    pub start: Duration,
    /// Whether `start` counts from the last whole second (since the simulation began), as with a kubelet that goes by the
    /// timestamps of its pods.
    pub from_whole_second: bool,
    /// Pods that take longer than this to start say so: the state in between is written, too.
    pub worth_telling: Duration,
    /// The same for pods that are `slow`.
    pub slow: Duration,
    /// From running to succeeded, for pods of Jobs.
    pub complete: Duration,
    /// From a graceful deletion to the end of a pod.
    pub stop: Duration,
    /// Before a crashed container starts for the first time again; doubled each time, at most 32 times this.
    pub restart: Duration,
    /// Before a Job replaces a failed pod for the first time; doubled each time.
    pub job_retry: Duration,
}

impl Default for Delays {
    fn default() -> Self {
        let short = Duration::from_millis(30);
        Self {
            start: short,
            from_whole_second: false,
            worth_telling: Duration::from_millis(200),
            slow: Duration::from_secs(3),
            complete: short,
            stop: short,
            restart: Duration::from_secs(1),
            job_retry: Duration::from_millis(100),
        }
    }
}

/// What is wanted of a simulation.
#[derive(Debug, Clone)]
pub struct SimulationOptions {
    /// How many nodes.
    pub nodes: usize,
    /// Their names are this, a dash and a number from 0.
    pub node_prefix: String,
    /// How large each is.
    pub capacity: NodeCapacity,
    /// Labels of every node, besides those a kubelet sets.
    pub node_labels: BTreeMap<String, String>,
    /// How long things take.
    pub delays: Delays,
    /// Whether events (`kubectl describe`, `kubectl events`) are written.
    pub events: bool,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self {
            nodes: 1,
            node_prefix: "node".to_owned(),
            capacity: NodeCapacity::default(),
            node_labels: BTreeMap::new(),
            delays: Delays::default(),
            events: true,
        }
    }
}

impl SimulationOptions {
    /// So many nodes, everything else by default.
    pub fn nodes(nodes: usize) -> Self {
        Self {
            nodes,
            ..Self::default()
        }
    }

    /// The names of the nodes.
    pub fn node_names(&self) -> Vec<String> {
        (0..self.nodes)
            .map(|index| format!("{}-{index}", self.node_prefix))
            .collect()
    }
}

/// What a pod's containers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Run and become ready; pods of Jobs succeed.
    Normal,
    /// Exit with an error soon after they start, again and again.
    Crash,
    /// Run and never become ready.
    NeverReady,
    /// Take long to start.
    Slow,
    /// Their image cannot be pulled.
    ImageError,
    /// Run for ever, even for a Job.
    Run,
    /// Succeed, even when no Job owns the pod (if its restart policy lets it).
    Complete,
}

impl Behaviour {
    /// As it is written in the annotation.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "normal" => Self::Normal,
            "crash" => Self::Crash,
            "never-ready" => Self::NeverReady,
            "slow" => Self::Slow,
            "image-error" => Self::ImageError,
            "run" => Self::Run,
            "complete" => Self::Complete,
            _ => return None,
        })
    }
}
