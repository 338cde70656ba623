//! The server as kube's client and runtime see it.

#![expect(clippy::expect_used, reason = "tests say what they need")]

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Client, Config, ResourceExt};
use navarch_sandbox::faults::{Fault, Matching};
use navarch_sandbox::server::{ApiServer, ServerOptions};
use serde_json::json;
use std::time::Duration;

async fn start() -> (ApiServer, Client) {
    let options = ServerOptions {
        name: "test".to_owned(),
        simulation: None,
    };
    let server = ApiServer::start(options).await.expect("the server starts");
    let client = client(&server).await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let shop = serde_json::from_value(json!({"metadata": {"name": "shop"}})).expect("a namespace");
    namespaces
        .create(&PostParams::default(), &shop)
        .await
        .expect("namespace created");
    (server, client)
}

async fn client(server: &ApiServer) -> Client {
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&server.kubeconfig()).expect("kubeconfig");
    let options = kube::config::KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options);
    Client::try_from(config.await.expect("config")).expect("client")
}

fn config_map(name: &str, value: &str) -> ConfigMap {
    let object =
        json!({"metadata": {"name": name, "labels": {"app": name}}, "data": {"key": value}});
    serde_json::from_value(object).expect("a config map")
}

fn deployment(name: &str) -> Deployment {
    serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "nginx:1.27"}]},
            },
        },
    }))
    .expect("a deployment")
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it happens soon")
}

#[tokio::test]
async fn objects_are_created_read_changed_and_deleted() {
    let (server, client) = start().await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    let created = maps
        .create(&PostParams::default(), &config_map("a", "1"))
        .await
        .expect("created");
    assert!(created.uid().is_some());
    let conflict = maps
        .create(&PostParams::default(), &config_map("a", "1"))
        .await;
    assert!(matches!(conflict, Err(kube::Error::Api(s)) if s.reason == "AlreadyExists"));
    let patch = Patch::Merge(json!({"data": {"key": "2"}}));
    let patched = maps
        .patch("a", &PatchParams::default(), &patch)
        .await
        .expect("patched");
    assert_ne!(patched.resource_version(), created.resource_version());
    let again = maps
        .patch("a", &PatchParams::default(), &patch)
        .await
        .expect("patched");
    assert_eq!(
        again.resource_version(),
        patched.resource_version(),
        "no effect, no new version"
    );
    let stale = maps.replace("a", &PostParams::default(), &created).await;
    assert!(matches!(stale, Err(kube::Error::Api(s)) if s.reason == "Conflict"));
    maps.delete("a", &DeleteParams::default())
        .await
        .expect("deleted");
    let gone = maps.get("a").await;
    assert!(matches!(gone, Err(kube::Error::Api(s)) if s.code == 404));
    server.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages_of_one_revision() {
    let (server, client) = start().await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    // Every namespace gets one by itself, a moment later.
    let own = kube::runtime::wait::await_condition(
        maps.clone(),
        "kube-root-ca.crt",
        |m: Option<&ConfigMap>| m.is_some(),
    );
    soon(own).await.expect("there");
    for name in ["a", "b", "c"] {
        maps.create(&PostParams::default(), &config_map(name, "1"))
            .await
            .expect("created");
    }
    let first = maps
        .list(&ListParams::default().limit(2))
        .await
        .expect("listed");
    assert_eq!(
        (first.items.len(), first.metadata.remaining_item_count),
        (2, Some(2))
    );
    maps.create(&PostParams::default(), &config_map("d", "1"))
        .await
        .expect("created");
    let token = first.metadata.continue_.expect("more");
    let rest = maps
        .list(&ListParams::default().limit(2).continue_token(&token))
        .await;
    assert_eq!(
        rest.expect("listed").items.len(),
        2,
        "what came later is not in it"
    );
    server.cluster().compact();
    let expired = maps
        .list(&ListParams::default().limit(2).continue_token(&token))
        .await;
    assert!(matches!(expired, Err(kube::Error::Api(s)) if s.code == 410));
    let selected = maps
        .list(&ListParams::default().labels("app in (a,d)"))
        .await
        .expect("listed");
    assert_eq!(selected.items.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_watch_tells_what_changes_and_ends_with_410_when_history_is_gone() {
    let (server, client) = start().await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    let from = maps
        .list(&ListParams::default())
        .await
        .expect("listed")
        .metadata
        .resource_version;
    let from = from.expect("a version");
    let mut events = maps
        .watch(&WatchParams::default(), &from)
        .await
        .expect("watching")
        .boxed();
    maps.create(&PostParams::default(), &config_map("a", "1"))
        .await
        .expect("created");
    let event = soon(events.try_next()).await.expect("an event");
    assert!(matches!(event, Some(WatchEvent::Added(map)) if map.name_any() == "a"));
    maps.delete("a", &DeleteParams::default())
        .await
        .expect("deleted");
    let event = soon(events.try_next()).await.expect("an event");
    assert!(matches!(event, Some(WatchEvent::Deleted(_))));
    server.cluster().compact();
    let mut events = maps
        .watch(&WatchParams::default(), &from)
        .await
        .expect("watching")
        .boxed();
    let event = soon(events.try_next()).await.expect("an event");
    assert!(matches!(event, Some(WatchEvent::Error(status)) if status.code == 410));
    server.stop().await;
}

#[tokio::test]
async fn reflectors_follow_by_list_and_watch_and_by_streamed_lists() {
    let (server, client) = start().await;
    let maps: Api<ConfigMap> = Api::all(client);
    let shop: Api<ConfigMap> = Api::namespaced(maps.clone().into_client(), "shop");
    shop.create(&PostParams::default(), &config_map("a", "1"))
        .await
        .expect("created");
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
    ] {
        let (reader, writer) = reflector::store();
        let events = reflector(writer, watcher(maps.clone(), config)).applied_objects();
        let following = tokio::spawn(events.for_each(|_| async {}));
        soon(reader.wait_until_ready()).await.expect("ready");
        assert!(reader.state().iter().any(|m| m.name_any() == "a"));
        shop.create(&PostParams::default(), &config_map("b", "1"))
            .await
            .expect("created");
        soon(async {
            while !reader.state().iter().any(|m| m.name_any() == "b") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        following.abort();
        shop.delete("b", &DeleteParams::default())
            .await
            .expect("deleted");
    }
    server.stop().await;
}

#[tokio::test]
async fn server_side_apply_owns_fields_and_finds_conflicts() {
    let (server, client) = start().await;
    let deployments: Api<Deployment> = Api::namespaced(client, "shop");
    let mine = PatchParams::apply("mine");
    let applied = deployments
        .patch("web", &mine, &Patch::Apply(deployment("web")))
        .await;
    let applied = applied.expect("applied");
    assert_eq!(
        applied.spec.as_ref().and_then(|s| s.replicas),
        Some(1),
        "defaulted"
    );
    let again = deployments
        .patch("web", &mine, &Patch::Apply(deployment("web")))
        .await;
    assert_eq!(
        again.expect("applied").resource_version(),
        applied.resource_version()
    );
    let mut other = deployment("web");
    if let Some(spec) = other.spec.as_mut().and_then(|s| s.template.spec.as_mut()) {
        spec.containers[0].image = Some("nginx:2".to_owned());
    }
    let theirs = PatchParams::apply("theirs");
    let refused = deployments
        .patch("web", &theirs, &Patch::Apply(&other))
        .await;
    assert!(matches!(refused, Err(kube::Error::Api(s)) if s.reason == "Conflict"));
    let forced = deployments
        .patch("web", &theirs.force(), &Patch::Apply(&other))
        .await;
    assert_eq!(forced.expect("forced").metadata.generation, Some(2));
    let log = server.request_log();
    assert_eq!(
        log.count(|e| e.verb == "apply" && e.resource == "deployments"),
        4
    );
    server.stop().await;
}

#[tokio::test]
async fn a_status_write_changes_nothing_else() {
    let (server, client) = start().await;
    let deployments: Api<Deployment> = Api::namespaced(client, "shop");
    deployments
        .create(&PostParams::default(), &deployment("web"))
        .await
        .expect("created");
    let patch = json!({"spec": {"replicas": 9}, "status": {"replicas": 3, "readyReplicas": 3}});
    let patched = deployments
        .patch_status("web", &PatchParams::default(), &Patch::Merge(patch))
        .await;
    let patched = patched.expect("patched");
    assert_eq!(patched.spec.and_then(|s| s.replicas), Some(1));
    assert_eq!(patched.status.and_then(|s| s.ready_replicas), Some(3));
    assert_eq!(patched.metadata.generation, Some(1));
    let scale = deployments.get_scale("web").await.expect("a scale");
    assert_eq!(
        scale.status.and_then(|s| s.selector).as_deref(),
        Some("app=web")
    );
    let patch = Patch::Merge(json!({"spec": {"replicas": 4}}));
    deployments
        .patch_scale("web", &PatchParams::default(), &patch)
        .await
        .expect("scaled");
    let scaled = deployments.get("web").await.expect("there");
    assert_eq!(
        (
            scaled.spec.and_then(|s| s.replicas),
            scaled.metadata.generation
        ),
        (Some(4), Some(2))
    );
    server.stop().await;
}

#[tokio::test]
async fn finalizers_hold_an_object_until_they_are_gone() {
    let (server, client) = start().await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    let mut held = config_map("held", "1");
    held.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
    maps.create(&PostParams::default(), &held)
        .await
        .expect("created");
    let deleted = maps
        .delete("held", &DeleteParams::default())
        .await
        .expect("deleted");
    let pending = deleted.left().expect("still there");
    assert!(pending.metadata.deletion_timestamp.is_some());
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &patch)
        .await
        .expect("let go");
    assert!(maps.get_opt("held").await.expect("asked").is_none());
    server.stop().await;
}

#[tokio::test]
async fn a_custom_resource_lives_and_dies_with_its_definition() {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    let (server, client) = start().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = serde_json::from_value(json!({
        "metadata": {"name": "widgets.shop.example"},
        "spec": {
            "group": "shop.example", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 1}}},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    }))
    .expect("a definition");
    definitions
        .create(&PostParams::default(), &definition)
        .await
        .expect("created");
    let established = kube::runtime::conditions::is_crd_established();
    let waiting = kube::runtime::wait::await_condition(
        definitions.clone(),
        "widgets.shop.example",
        established,
    );
    soon(waiting).await.expect("established");
    let gvk = kube::core::GroupVersionKind::gvk("shop.example", "v1", "Widget");
    let (resource, _) = kube::discovery::pinned_kind(&client, &gvk)
        .await
        .expect("discovered");
    let widgets: Api<kube::core::DynamicObject> = Api::namespaced_with(client, "shop", &resource);
    let widget = kube::core::DynamicObject::new("w", &resource).data(json!({"spec": {"size": 3}}));
    let widget = widgets
        .create(&PostParams::default(), &widget)
        .await
        .expect("created");
    assert_eq!(widget.metadata.generation, Some(1));
    definitions
        .delete("widgets.shop.example", &DeleteParams::default())
        .await
        .expect("deleted");
    assert!(matches!(widgets.get("w").await, Err(kube::Error::Api(s)) if s.code == 404));
    server.stop().await;
}

#[tokio::test]
async fn faults_and_partitions_strike_and_pass() {
    let (server, client) = start().await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    let once = Matching {
        times: Some(1),
        ..Matching::new("create", "configmaps")
    };
    server.faults().add(once, Fault::Status(500));
    let failed = maps
        .create(&PostParams::default(), &config_map("a", "1"))
        .await;
    assert!(matches!(failed, Err(kube::Error::Api(s)) if s.code == 500));
    maps.create(&PostParams::default(), &config_map("a", "1"))
        .await
        .expect("created");
    server.partition(true);
    assert!(maps.get("a").await.is_err());
    server.partition(false);
    maps.get("a").await.expect("data is kept");
    server.stop().await;
}

#[tokio::test]
async fn writes_into_a_missing_namespace_are_refused() {
    let (server, client) = start().await;
    let pods: Api<Pod> = Api::namespaced(client, "nowhere");
    let pod =
        json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let pod = serde_json::from_value(pod).expect("a pod");
    let refused = pods.create(&PostParams::default(), &pod).await;
    assert!(
        matches!(refused, Err(kube::Error::Api(s)) if s.message == "namespaces \"nowhere\" not found")
    );
    server.stop().await;
}

#[tokio::test]
async fn a_controller_sees_every_object_and_its_own_writes() {
    use kube::runtime::controller::{Action, Controller};
    use std::sync::Arc;
    let (server, client) = start().await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    for index in 0..20 {
        let name = format!("map-{index}");
        maps.create(&PostParams::default(), &config_map(&name, "1"))
            .await
            .expect("created");
    }
    let controller = Controller::new(maps.clone(), watcher::Config::default()).run(
        |map: Arc<ConfigMap>, maps: Arc<Api<ConfigMap>>| async move {
            let done = json!({"metadata": {"annotations": {"done": "yes"}}});
            let params = PatchParams::apply("controller");
            maps.patch(&map.name_any(), &params, &Patch::Merge(done))
                .await?;
            Ok::<_, kube::Error>(Action::await_change())
        },
        |_, _, _| Action::requeue(Duration::from_millis(50)),
        Arc::new(maps.clone()),
    );
    let running = tokio::spawn(controller.for_each(|_| async {}));
    soon(async {
        loop {
            let listed = maps
                .list(&ListParams::default().labels("app"))
                .await
                .expect("listed");
            let done = |m: &ConfigMap| m.annotations().contains_key("done");
            if listed.items.iter().filter(|m| done(m)).count() == 20 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    running.abort();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_watches_see_thousands_of_changes() {
    let (server, _client) = start().await;
    let cluster = server.cluster().clone();
    let gvr = navarch_sandbox::object::Gvr::new("", "v1", "configmaps");
    let mut watching = Vec::new();
    for _ in 0..200 {
        let options = navarch_sandbox::cluster::WatchOptions {
            labels: navarch_sandbox::cluster::LabelSelector::equal("made", "here"),
            ..Default::default()
        };
        let mut watch = cluster.watch(&gvr, "shop", &options).expect("watching");
        watching.push(tokio::spawn(async move {
            for _ in 0..2000 {
                watch.next().await.expect("an event");
            }
        }));
    }
    let by = navarch_sandbox::cluster::WriteOptions::by("test");
    for index in 0..2000 {
        let metadata = json!({"name": format!("map-{index}"), "labels": {"made": "here"}});
        let object = json!({"metadata": metadata});
        cluster.create(&gvr, "shop", object, &by).expect("created");
    }
    soon(futures::future::join_all(watching)).await;
    server.stop().await;
}
