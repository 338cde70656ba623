//! What a user sees of simulated workloads, held against a cluster in the process.

mod batches;
mod deployments;
mod ordered;
mod places;

use super::{Simulation, SimulationOptions, start};
use crate::cluster::{
    Cluster, FieldSelector, LabelSelector, ListOptions, WatchEventKind, WatchOptions, WriteOptions,
};
use crate::object::{Gvr, Object};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A cluster with a namespace, and its simulation.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) simulation: Simulation,
}

const NAMESPACE: &str = "shop";
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn bench(options: SimulationOptions) -> Bench {
    let cluster = Cluster::in_memory();
    let namespaces = Gvr::new("", "v1", "namespaces");
    for name in ["default", "kube-node-lease", NAMESPACE] {
        let namespace = json!({"metadata": {"name": name}});
        let by = WriteOptions::by("test");
        cluster
            .create(&namespaces, "", namespace, &by)
            .expect("a namespace");
    }
    let simulation = start(cluster.clone(), options, &CancellationToken::new());
    Bench {
        cluster,
        simulation,
    }
}

pub(crate) fn apps(resource: &str) -> Gvr {
    Gvr::new("apps", "v1", resource)
}

pub(crate) fn batch(resource: &str) -> Gvr {
    Gvr::new("batch", "v1", resource)
}

pub(crate) fn core(resource: &str) -> Gvr {
    Gvr::new("", "v1", resource)
}

impl Bench {
    pub(crate) fn create(&self, gvr: &Gvr, object: Value) -> Object {
        let by = WriteOptions::by("test");
        self.cluster
            .create(gvr, NAMESPACE, object, &by)
            .expect("created")
            .object
    }

    pub(crate) fn change(&self, gvr: &Gvr, name: &str, mut change: impl FnMut(&mut Value)) {
        let by = WriteOptions::by("test");
        self.cluster
            .mutate(gvr, NAMESPACE, name, &by, |object| {
                change(object);
                Ok(())
            })
            .expect("changed");
    }

    pub(crate) fn list(&self, gvr: &Gvr, labels: &str) -> Vec<Object> {
        let options = ListOptions {
            labels: LabelSelector::parse(labels).expect("a selector"),
            ..ListOptions::default()
        };
        self.cluster
            .list(gvr, NAMESPACE, &options)
            .expect("a list")
            .items
    }

    /// Waits until an object is as wanted.
    pub(crate) async fn until(
        &self,
        gvr: &Gvr,
        name: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Object {
        let fields = FieldSelector::equal("metadata.name", name);
        let cluster_scoped = gvr.resource == "nodes";
        let namespace = if cluster_scoped { "" } else { NAMESPACE };
        let options = WatchOptions {
            fields,
            ..WatchOptions::default()
        };
        let mut watch = self
            .cluster
            .watch(gvr, namespace, &options)
            .expect("a watch");
        let mut last = None;
        let waiting = async {
            while let Some(event) = watch.next().await {
                if event.kind != WatchEventKind::Deleted && wanted(&event.object) {
                    return event.object;
                }
                last = Some(event.object);
            }
            panic!("the watch ended");
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(object) => object,
            Err(_) => panic!("{name} did not become {what}: {last:#?}"),
        }
    }

    /// Waits until the objects of a kind are as wanted.
    pub(crate) async fn until_all(
        &self,
        gvr: &Gvr,
        labels: &str,
        what: &str,
        wanted: impl Fn(&[Object]) -> bool,
    ) -> Vec<Object> {
        let options = WatchOptions::default();
        let mut watch = self
            .cluster
            .watch(gvr, NAMESPACE, &options)
            .expect("a watch");
        let waiting = async {
            loop {
                let listed = self.list(gvr, labels);
                if wanted(&listed) {
                    return listed;
                }
                watch.next().await.expect("the watch goes on");
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(listed) => listed,
            Err(_) => panic!("not {what}: {:#?}", self.list(gvr, labels)),
        }
    }

    pub(crate) fn events(&self, reason: &str) -> Vec<String> {
        let events = self.list(&core("events"), "");
        let said = events.iter().filter(|e| e["reason"] == reason);
        said.map(|e| e["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// A pod template with one container.
pub(crate) fn template(app: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    })
}

pub(crate) fn deployment(name: &str, replicas: i64) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, "registry.example/web:1"),
        },
    })
}

/// What `kubectl rollout status` waits for.
pub(crate) fn rolled_out(deployment: &Value) -> bool {
    let count = |path: &str| {
        deployment
            .pointer(path)
            .and_then(Value::as_i64)
            .unwrap_or(0)
    };
    let wanted = count("/spec/replicas");
    count("/status/observedGeneration") == count("/metadata/generation")
        && count("/status/updatedReplicas") == wanted
        && count("/status/replicas") == wanted
        && count("/status/availableReplicas") == wanted
}

pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let found = conditions.into_iter().flatten().find(|c| c["type"] == kind);
    found.unwrap_or(&Value::Null)
}
