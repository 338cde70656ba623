//! What a benchmark found, as data: written as JSON, shown as tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kinds::Kind;
use crate::requests::PerObject;
use crate::statistics::Spread;

/// Everything of one command.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) runs: Vec<Run>,
}

/// Where it ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) api_server: String,
    pub(crate) date: String,
}

/// One contestant with one kind on one fresh control plane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) contestant: String,
    pub(crate) kind: Kind,
    pub(crate) members: usize,
    /// Its resident memory before the first bulk.
    pub(crate) idle_mib: Option<f64>,
    pub(crate) idle: Option<Idle>,
    pub(crate) sizes: Vec<Size>,
    /// Why the run ended before its end.
    pub(crate) trouble: Option<String>,
}

/// Single objects on an idle system, one after the other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Idle {
    /// From sending the request until all copies are there.
    pub(crate) create: Option<Spread>,
    /// The same, from the answer to the request.
    pub(crate) create_since_answer: Option<Spread>,
    /// From sending the request until the host's status is complete.
    pub(crate) status: Option<Spread>,
    pub(crate) update: Option<Spread>,
    pub(crate) delete: Option<Spread>,
    /// From the answer to a copy's deletion until it is back.
    pub(crate) drift: Option<Spread>,
    /// The same, from sending the deletion.
    pub(crate) drift_since_sent: Option<Spread>,
}

/// One bulk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) objects: usize,
    pub(crate) create: Option<Round>,
    pub(crate) other_namespace: Option<OtherNamespace>,
    pub(crate) update: Option<Round>,
    /// 100 copies deleted at once (or half of the objects', where there are fewer than 200).
    pub(crate) drift: Option<Spread>,
    pub(crate) delete: Option<Round>,
    /// The contestant's resident memory after the creates, and the most so far.
    pub(crate) after_mib: Option<f64>,
    pub(crate) peak_mib: Option<f64>,
}

impl Size {
    pub(crate) fn new(objects: usize) -> Self {
        Self {
            objects,
            create: None,
            other_namespace: None,
            update: None,
            drift: None,
            delete: None,
            after_mib: None,
            peak_mib: None,
        }
    }
}

/// All objects created, updated or deleted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Round {
    /// Objects a second, from the first request until the last copy is as it should be.
    pub(crate) per_second: Option<f64>,
    /// From sending the request until all copies are as they should be.
    pub(crate) copies: Option<Spread>,
    /// Until the host's status is complete; of a deletion: until the source is gone.
    pub(crate) host: Option<Spread>,
    /// From the last copy's ready pod to the host's status.
    pub(crate) status_after_ready: Option<Spread>,
    pub(crate) host_requests: PerObject,
    pub(crate) member_requests: PerObject,
    /// Milliseconds of CPU for each object: the contestant's, the control plane's (all servers, controllers, kubelets).
    pub(crate) own_cpu_ms: Option<f64>,
    pub(crate) servers_cpu_ms: f64,
    /// The benchmark's own, which both share.
    pub(crate) observer_cpu_ms: f64,
    /// All of it by role, until the last copy is as it should be, and until all is complete.
    #[serde(default)]
    pub(crate) cpu_until_copies_ms: BTreeMap<String, f64>,
    #[serde(default)]
    pub(crate) cpu_ms: BTreeMap<String, f64>,
    /// Cores that something else kept busy meanwhile: with more than a tenth or so the round says little.
    pub(crate) others_cores: f64,
}

impl Round {
    /// Contestant and servers together.
    pub(crate) fn all_cpu_ms(&self) -> f64 {
        self.own_cpu_ms.unwrap_or(0.0) + self.servers_cpu_ms
    }
}

/// The single object of another namespace during a bulk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OtherNamespace {
    /// When it came, and how many of the bulk had no copies yet.
    pub(crate) after_seconds: f64,
    pub(crate) bulk_pending: usize,
    pub(crate) copies_ms: Option<f64>,
}
