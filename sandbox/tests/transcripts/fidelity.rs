//! The list of what does not hold, in `sandbox/FIDELITY.md`.

use crate::recording::{Command, Request};
use crate::replay::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const BEGIN: &str = "```fidelity\n";
const END: &str = "```\n";
/// Where the section of the other comparison begins.
const CORPUS: &str = "\n## The request corpus\n";

/// Kinds of differences with what is behind them.
const CLASSES: &[(&str, &str)] = &[
    (
        "upgrade",
        "connections that are upgraded (exec, attach, port-forward, cp): there are no containers to connect to",
    ),
    ("logs", "logs of containers: there are none"),
    (
        "components",
        "what other programs of a control plane would answer or write: component statuses, metrics, API services, flow control",
    ),
    ("certificates", "signing of certificate requests"),
    ("admission", "admission webhooks and policies, Pod Security"),
    ("events", "events that controllers of a real cluster write"),
    (
        "autoscaling",
        "status of horizontal pod autoscalers: no controller writes it",
    ),
    (
        "placement",
        "pods of one node: which node a pod is put on is up to the scheduler",
    ),
    (
        "pages",
        "pages of pods: which pods are on one depends on the names that the server makes up",
    ),
    (
        "deletion",
        "deletions on their way: garbage collection and the ends of namespaces and definitions are over here before the next request",
    ),
    (
        "moment",
        "states on the way: a pod, a workload or a watch that does not come through the very states that were recorded, or not as soon",
    ),
    (
        "order",
        "managed fields with other managers or another number of entries",
    ),
    ("headers", "another header"),
    ("status", "another status code"),
    ("text", "the same status code with another message"),
    ("body", "the same status code with another body"),
];

/// What is listed.
pub(crate) struct List {
    known: BTreeSet<String>,
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("FIDELITY.md")
}

impl List {
    /// As it stands in the file.
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        let block = text
            .split_once(BEGIN)
            .and_then(|(_, rest)| rest.split_once(END));
        let lines = block.map_or("", |(block, _)| block).lines();
        let keys = lines.filter_map(|line| line.split_once(": "));
        let known = keys.flat_map(|(_, keys)| keys.split(' ').map(str::to_owned));
        Self {
            known: known.collect(),
        }
    }

    /// Those of the differences that are not listed.
    pub(crate) fn news<'a>(&self, different: &'a [Outcome]) -> Vec<&'a Outcome> {
        let news = different.iter().filter(|o| !self.has(&o.key));
        news.collect()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.known.contains(key)
    }

    /// Listed requests that are answered alike now.
    pub(crate) fn not_in(&self, different: &[Outcome]) -> Vec<String> {
        let found: BTreeSet<&String> = different.iter().map(|o| &o.key).collect();
        self.known
            .iter()
            .filter(|key| !found.contains(key))
            .cloned()
            .collect()
    }
}

fn order(key: &str) -> (u64, u64) {
    let (command, request) = key.split_once('/').unwrap_or((key, "0"));
    (command.parse().unwrap_or(0), request.parse().unwrap_or(0))
}

/// Writes the list anew.
pub(crate) fn write(different: &[Outcome], total: usize) {
    let mut classes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for outcome in different {
        classes.entry(outcome.class).or_default().push(&outcome.key);
    }
    let mut block = String::from(BEGIN);
    let mut table = String::from("| class | requests | what it is |\n|---|---|---|\n");
    for (class, meaning) in CLASSES {
        let Some(keys) = classes.get_mut(class) else {
            continue;
        };
        keys.sort_by_key(|key| order(key));
        block.push_str(&format!("{class}: {}\n", keys.join(" ")));
        table.push_str(&format!("| {class} | {} | {meaning} |\n", keys.len()));
    }
    block.push_str(END);
    let text = format!(
        "# How like a real server the sandbox answers\n\
         `tests/transcripts.rs` replays what 721 recorded kubectl 1.32 commands asked of a Kubernetes API server 1.34 and compares status codes, \
         headers and bodies, but for what must differ (uids, times, versions, generated names, addresses, tokens, the order of managed fields).\n\n\
         {} of {total} requests are answered alike. The other {} are listed here; the test fails when this list would grow. \
         `NAVARCH_WRITE_FIDELITY=1 cargo test -p navarch-sandbox --test transcripts` writes it anew.\n\n{table}\n\
         Each entry is the number of a command and of a request in it, counted from 0.\n\n{block}",
        total - different.len(),
        different.len()
    );
    // What follows belongs to `tests/corpus.rs`.
    let old = std::fs::read_to_string(path()).unwrap_or_default();
    let corpus = old.find(CORPUS).map_or("", |at| old.split_at(at).1);
    std::fs::write(path(), text + corpus).unwrap();
}

/// Prints how many of each class there are, and the classes asked for in full.
pub(crate) fn summarize(different: &[Outcome]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in different {
        *counts.entry(outcome.class).or_default() += 1;
    }
    println!("{counts:?}");
    let shown = std::env::var("NAVARCH_REPLAY_SHOW").unwrap_or_default();
    for outcome in different
        .iter()
        .filter(|o| shown.split(',').any(|c| c == o.class || c == "all"))
    {
        println!("[{}] {}", outcome.class, outcome.describe());
    }
}

/// The kind of difference.
pub(crate) fn classify(
    command: &Command,
    request: &Request,
    differences: &[String],
) -> &'static str {
    let path = request.path.as_str();
    let any = |part: &str| differences.iter().any(|d| d.contains(part));
    if request.is_upgrade() {
        "upgrade"
    } else if path.contains("/log?") {
        "logs"
    } else if [
        "componentstatuses",
        "/metrics",
        "apiservices",
        "flowcontrol",
    ]
    .iter()
    .any(|p| path.contains(p))
    {
        "components"
    } else if path.contains("certificatesigningrequests") {
        "certificates"
    } else if by_admission(command) {
        "admission"
    } else if path.contains("/horizontalpodautoscalers") {
        "autoscaling"
    } else if on_a_node(path) {
        "placement"
    } else if is_page(path) {
        "pages"
    } else if is_deletion(command) {
        "deletion"
    } else if path.contains("/events") {
        "events"
    } else if by_controllers(path, differences) {
        "moment"
    } else if any("status: recorded") && differences.len() == 1 {
        "status"
    } else if differences.iter().all(|d| d.starts_with("header")) {
        "headers"
    } else if differences
        .iter()
        .all(|d| d.starts_with("/message") || d.starts_with("/details") || d.starts_with("/reason"))
    {
        "text"
    } else if differences.iter().all(|d| d.contains("managedFields")) {
        "order"
    } else if !path.contains("reviews") && differences.iter().all(|d| moving(d)) {
        "moment"
    } else {
        "body"
    }
}

/// What is refused or warned about by Pod Security and by admission policies.
fn by_admission(command: &Command) -> bool {
    matches!(command.number, 661..=665 | 673..=675) || command.text.contains("podsec")
}

/// Whether pods are asked for by their node, or moved away from it.
fn on_a_node(path: &str) -> bool {
    path.contains("spec.nodeName%3D")
}

/// Whether a few of many pods are asked for.
pub(crate) fn is_page(path: &str) -> bool {
    let (path, query) = path.split_once('?').unwrap_or_default();
    path.ends_with("/pods")
        && query
            .split('&')
            .any(|part| matches!(part, "limit=2" | "limit=3"))
}

/// Whether a command deletes, or waits for a deletion.
fn is_deletion(command: &Command) -> bool {
    command.text.contains("kubectl delete ")
        || command.text.contains("--for=delete")
        || matches!(command.number, 720)
}

/// What controllers write to while commands run.
const WORKLOADS: [&str; 7] = [
    "/deployments",
    "/replicasets",
    "/statefulsets",
    "/daemonsets",
    "/jobs",
    "/nodes",
    "/endpoint",
];

/// Whether all differences are in what controllers make, or write, in their own time.
fn by_controllers(path: &str, differences: &[String]) -> bool {
    let theirs = |d: &String| moving(d) || remade(d) || d.contains("/managedFields");
    let pods = path.contains("/pods")
        && differences.iter().all(|d| {
            !d.starts_with("header") && !d.starts_with("/message") && !d.starts_with("/details")
        });
    pods || (WORKLOADS.iter().any(|w| path.contains(w)) && differences.iter().all(theirs))
}

/// Whether a difference comes of a pod that its controller has made anew, or not yet, or that is gone already.
fn remade(difference: &str) -> bool {
    difference.starts_with("status: recorded 200, ours 404")
        || difference.starts_with("status: recorded 404, ours 200")
        || difference.contains("/metadata/uid: ")
        || difference.contains("/uid: recorded")
}

/// Whether a difference is in what controllers write, in their own time.
fn moving(difference: &str) -> bool {
    [
        "/status",
        "/f:status",
        "/cells",
        "events:",
        "/items: ",
        "/rows: ",
        "/spec/nodeName",
        "/spec/replicas",
        "/metadata/generation",
        "another version",
        "deployment.kubernetes.io/",
        "kube-controller-manager",
        "taints",
        "disruption budget",
    ]
    .iter()
    .any(|part| difference.contains(part))
}
