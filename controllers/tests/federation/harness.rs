//! A host, members, a running manager, and ways to act as a user and to wait for what a user sees.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use navarch_controllers::{LeaderElection, RunOptions, Timings, install, run};
use navarch_sandbox::object::Gvr;
use navarch_sandbox::request_log::Entry;
use navarch_sandbox::server::{ApiServer, ServerOptions};
use navarch_scheduler::unit::Features;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Only a test that fails waits so long; a machine under load is no reason to fail.
const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const SYSTEM: &str = "kube-admiral-system";

/// A server with a client of an administrator.
pub(crate) struct Cluster {
    pub(crate) server: ApiServer,
    pub(crate) client: Client,
}

impl Cluster {
    pub(crate) async fn start(name: &str) -> Self {
        #[allow(
            clippy::needless_update,
            reason = "a server may be asked for more one day"
        )]
        let options = ServerOptions {
            name: name.to_owned(),
            ..ServerOptions::default()
        };
        let server = ApiServer::start(options).await.unwrap();
        let client = Client::try_from(config(&server).await).unwrap();
        Self { server, client }
    }

    pub(crate) async fn create(&self, object: Value) -> Value {
        let api = self.api(&object);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let made = api.create(&PostParams::default(), &object).await.unwrap();
        serde_json::to_value(made).unwrap()
    }

    pub(crate) async fn merge(&self, target: &Value, patch: Value) {
        let name = target["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::default();
        self.api(target)
            .patch(name, &params, &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    pub(crate) async fn merge_status(&self, target: &Value, patch: Value) {
        let name = target["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::default();
        self.api(target)
            .patch_status(name, &params, &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    pub(crate) async fn delete(&self, target: &Value) {
        let name = target["metadata"]["name"].as_str().unwrap();
        self.api(target)
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// Deletes objects while nobody reaches the server, which afterwards does not know any more what happened.
    pub(crate) async fn vanish(&self, targets: &[Value]) {
        self.server.partition(true);
        let cluster = self.server.cluster();
        for target in targets {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let resource = resource(target);
            let gvr = Gvr::new(&resource.group, &resource.version, &resource.plural);
            let metadata = &target["metadata"];
            let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
            cluster
                .delete(&gvr, &namespace, &name, &Default::default())
                .unwrap();
        }
        cluster.compact();
        self.server.partition(false);
        // Connections of before may still be in the client's hands.
        while self.client.apiserver_version().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn get(&self, target: &Value) -> Option<Value> {
        let name = target["metadata"]["name"].as_str().unwrap();
        let found = self.api(target).get_opt(name).await.ok().flatten()?;
        Some(serde_json::to_value(found).unwrap())
    }

    pub(crate) async fn list(&self, like: &Value) -> Vec<Value> {
        let list = self
            .api(like)
            .list(&kube::api::ListParams::default())
            .await
            .unwrap();
        list.items
            .into_iter()
            .map(|item| serde_json::to_value(item).unwrap())
            .collect()
    }

    pub(crate) fn api(&self, object: &Value) -> Api<DynamicObject> {
        let resource = resource(object);
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    /// Waits until the object satisfies `wanted`.
    pub(crate) async fn until(
        &self,
        target: &Value,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut last = None;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            last = self.get(target).await;
            if let Some(found) = last.as_ref().filter(|found| wanted(found)) {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "waited in vain until {what}; last seen: {}",
            last.unwrap_or_default()
        );
    }

    /// Waits until the object is gone.
    pub(crate) async fn until_gone(&self, target: &Value) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            if self.get(target).await.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "still there: {}",
            self.get(target).await.unwrap_or_default()
        );
    }

    /// Waits until an event with this reason was published; returns its note.
    pub(crate) async fn until_event(&self, namespace: &str, reason: &str) -> String {
        self.until_note(namespace, reason, |_| true).await
    }

    /// The same about the object of this name.
    pub(crate) async fn until_event_about(
        &self,
        namespace: &str,
        name: &str,
        reason: &str,
    ) -> String {
        self.until_note(namespace, reason, |event| {
            event["regarding"]["name"] == name
        })
        .await
    }

    async fn until_note(
        &self,
        namespace: &str,
        reason: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            let notes = self.notes(namespace, reason, &wanted).await;
            if let Some(note) = notes.into_iter().next() {
                return note;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no event {reason}");
    }

    /// The notes of every event with this reason.
    pub(crate) async fn events(&self, namespace: &str, reason: &str) -> Vec<String> {
        self.notes(namespace, reason, |_| true).await
    }

    async fn notes(
        &self,
        namespace: &str,
        reason: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Vec<String> {
        let like = json!({ "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": { "namespace": namespace } });
        let events = self.list(&like).await.into_iter();
        events
            .filter(|event| event["reason"] == reason && wanted(event))
            .map(|event| event["note"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Writes by the manager: neither events nor leases.
    pub(crate) fn writes(&self) -> Vec<Entry> {
        self.server
            .request_log()
            .entries()
            .into_iter()
            .filter(|entry| entry.is_write() && entry.field_manager == "navarch")
            .collect()
    }
}

fn resource(object: &Value) -> ApiResource {
    let api_version = object["apiVersion"].as_str().unwrap();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = object["kind"].as_str().unwrap();
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        plural: plural(kind),
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "PropagationPolicy" => "propagationpolicies".to_owned(),
        "ClusterPropagationPolicy" => "clusterpropagationpolicies".to_owned(),
        "OverridePolicy" => "overridepolicies".to_owned(),
        "ClusterOverridePolicy" => "clusteroverridepolicies".to_owned(),
        other => format!("{}s", other.to_lowercase()),
    }
}

async fn config(server: &ApiServer) -> Config {
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig()).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap()
}

/// What ends a manager, and its end.
type Manager = (CancellationToken, tokio::task::JoinHandle<()>);

/// A federation.
pub(crate) struct Federation {
    pub(crate) host: Cluster,
    pub(crate) members: Vec<Cluster>,
    /// Of managers that are started from now on.
    pub(crate) features: Features,
    stop: CancellationToken,
    manager: Option<tokio::task::JoinHandle<()>>,
}

pub(crate) fn timings() -> Timings {
    Timings {
        health_check_period: Duration::from_millis(300),
        unreachable_after: Duration::from_millis(500),
        status_window: Duration::from_millis(30),
        retry_first: Duration::from_millis(50),
        retry_longest: Duration::from_secs(1),
        ..Timings::default()
    }
}

impl Federation {
    /// A host and `members` joined members, all ready.
    pub(crate) async fn start(members: usize) -> Self {
        Self::start_with(members, false).await
    }

    /// The same, with or without a service account of its own in each member.
    pub(crate) async fn start_with(members: usize, use_service_account: bool) -> Self {
        let host = Cluster::start("host").await;
        install::install(&host.client).await.unwrap();
        let mut federation = Self {
            host,
            members: Vec::new(),
            features: Features::default(),
            stop: CancellationToken::new(),
            manager: None,
        };
        for index in 1..=members {
            let member = Cluster::start(&format!("member-{index}")).await;
            federation.join(&member, use_service_account).await;
            federation.members.push(member);
        }
        federation.start_manager().await;
        for index in 1..=members {
            federation.until_ready(&format!("member-{index}")).await;
        }
        federation
    }

    pub(crate) async fn start_manager(&mut self) {
        let (stop, manager) = self.spawn(None).await;
        self.stop = stop;
        self.manager = Some(manager);
    }

    pub(crate) async fn start_elected(&mut self, election: LeaderElection) {
        let (stop, manager) = self.spawn(Some(election)).await;
        self.stop = stop;
        self.manager = Some(manager);
    }

    /// One more manager beside the first.
    pub(crate) async fn spawn_elected(&self, election: LeaderElection) -> Manager {
        self.spawn(Some(election)).await
    }

    async fn spawn(&self, election: Option<LeaderElection>) -> Manager {
        let mut options = RunOptions::new(config(&self.host.server).await);
        options.timings = timings();
        options.features = self.features;
        options.leader_election = election;
        let stop = CancellationToken::new();
        let shutdown = stop.clone();
        (
            stop,
            tokio::spawn(async move { run(options, shutdown).await.unwrap() }),
        )
    }

    pub(crate) async fn stop_manager(&mut self) {
        self.stop.cancel();
        if let Some(manager) = self.manager.take() {
            manager.await.unwrap();
        }
    }

    pub(crate) async fn stop(mut self) {
        self.stop_manager().await;
        for member in self.members {
            member.server.stop().await;
        }
        self.host.server.stop().await;
    }

    async fn join(&self, member: &Cluster, use_service_account: bool) {
        self.host.create(credentials(member)).await;
        self.host
            .create(announcement(member, use_service_account))
            .await;
    }

    /// Forgets what was asked of all servers.
    pub(crate) fn clear_logs(&self) {
        self.host.server.request_log().clear();
        for member in &self.members {
            member.server.request_log().clear();
        }
    }

    /// Waits for a condition of a cluster; returns its message.
    pub(crate) async fn until_condition(&self, name: &str, kind: &str, reason: &str) -> String {
        let condition = |cluster: &Value| {
            let all = cluster["status"]["conditions"].as_array().cloned();
            all.unwrap_or_default()
                .into_iter()
                .find(|condition| condition["type"] == kind && condition["reason"] == reason)
        };
        let what = format!("{name} has {kind} for {reason}");
        let found = self
            .host
            .until(&cluster(name), &what, |cluster| {
                condition(cluster).is_some()
            })
            .await;
        let found = condition(&found).unwrap_or_default();
        found["message"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn until_ready(&self, name: &str) {
        self.until_cluster(name, "True").await;
    }

    pub(crate) async fn until_cluster(&self, name: &str, ready: &str) {
        self.host
            .until(
                &cluster(name),
                &format!("{name} is Ready={ready}"),
                |cluster| {
                    cluster["status"]["conditions"]
                        .as_array()
                        .is_some_and(|conditions| {
                            conditions.iter().any(|condition| {
                                condition["type"] == "Ready" && condition["status"] == ready
                            })
                        })
                },
            )
            .await;
    }

    /// A namespace on the host with a policy that duplicates to every cluster.
    pub(crate) async fn namespace(&self, name: &str) {
        self.host
            .create(
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }),
            )
            .await;
        self.host.create(policy(name, &json!([]))).await;
    }
}

pub(crate) fn cluster(name: &str) -> Value {
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
        "metadata": { "name": name } })
}

/// A policy named `everywhere`; clusters by name, or all.
pub(crate) fn policy(namespace: &str, clusters: &Value) -> Value {
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": { "name": "everywhere", "namespace": namespace },
        "spec": { "schedulingMode": "Duplicate", "placement": clusters } })
}

pub(crate) fn deployment(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "namespace": namespace,
            "labels": { "kubeadmiral.io/propagation-policy-name": "everywhere" } },
        "spec": { "replicas": 2, "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "main", "image": "nginx:1" }] } } } })
}

pub(crate) fn config_map(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": namespace,
            "labels": { "kubeadmiral.io/propagation-policy-name": "everywhere" } },
        "data": { "key": "value" } })
}

pub(crate) fn federated(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedObject",
        "metadata": { "name": name, "namespace": namespace } })
}

/// The clusters that a federated object is placed in.
pub(crate) fn placed(federated: &Value) -> Vec<&str> {
    placements(federated, |_| true)
}

/// Those that one controller placed it in.
pub(crate) fn placed_by<'a>(federated: &'a Value, controller: &str) -> Vec<&'a str> {
    placements(federated, |entry| entry["controller"] == controller)
}

fn placements(federated: &Value, wanted: impl Fn(&Value) -> bool) -> Vec<&str> {
    let entries = federated["spec"]["placements"].as_array();
    entries
        .into_iter()
        .flatten()
        .filter(|entry| wanted(entry))
        .flat_map(|entry| entry["placement"].as_array().unwrap())
        .map(|reference| reference["cluster"].as_str().unwrap())
        .collect()
}

/// What a member's FederatedCluster says.
pub(crate) fn announcement(member: &Cluster, use_service_account: bool) -> Value {
    let name = member.server.name();
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
        "metadata": { "name": name },
        "spec": { "apiEndpoint": member.server.url(), "secretRef": { "name": name },
            "useServiceAccount": use_service_account } })
}

/// The Secret with an administrator's credentials for a member.
pub(crate) fn credentials(member: &Cluster) -> Value {
    let kubeconfig = Kubeconfig::from_yaml(&member.server.kubeconfig()).unwrap();
    let user = serde_json::to_value(&kubeconfig.auth_infos[0].auth_info).unwrap();
    let mut data = serde_json::Map::new();
    data.insert(
        "certificate-authority-data".to_owned(),
        json!(STANDARD.encode(member.server.ca_pem())),
    );
    for key in ["client-certificate-data", "client-key-data"] {
        if let Some(value) = user.get(key).filter(|value| value.is_string()) {
            data.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(token) = user.get("token").and_then(Value::as_str) {
        data.insert(
            "bootstrap-token-data".to_owned(),
            json!(STANDARD.encode(token)),
        );
    }
    json!({ "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": member.server.name(), "namespace": SYSTEM }, "data": data })
}
