//! Every kind of fault, ordered on the socket as `navarch fault` does it, and seen by a client.

#![expect(clippy::unwrap_used, reason = "tests say what they need")]

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, PostParams, WatchParams};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::{Client, Error};
use navarch_sandbox::control::{self, ControlError, FaultKind, Handle, Order, Selection};
use navarch_sandbox::server::{ApiServer, ServerOptions};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A server, its socket, and a client.
struct Bench {
    server: ApiServer,
    socket: PathBuf,
    maps: Api<ConfigMap>,
}

impl Bench {
    async fn start() -> Self {
        let options = ServerOptions {
            name: "member-1".to_owned(),
            simulation: None,
        };
        let server = ApiServer::start(options).await.unwrap();
        let port = server.url().rsplit(':').next().unwrap().to_owned();
        let socket = std::env::temp_dir().join(format!("navarch-faults-{port}.sock"));
        control::listen(&socket, vec![Handle::from(&server)]).unwrap();
        let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig()).unwrap();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .unwrap();
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(2));
        let maps = Api::namespaced(Client::try_from(config).unwrap(), "default");
        Self {
            server,
            socket,
            maps,
        }
    }

    async fn order(&self, fault: FaultKind, verb: &str) {
        let when = Selection {
            verb: Some(verb.to_owned()).filter(|v| !v.is_empty()),
            resource: Some("configmaps".to_owned()).filter(|_| fault != FaultKind::Partition),
            ..Selection::default()
        };
        let server = "member-1".to_owned();
        let order = Order::Add {
            server,
            fault,
            when,
        };
        control::order(&self.socket, &order).await.unwrap();
    }

    async fn mend(&self) {
        let order = Order::Mend {
            server: None,
            id: None,
        };
        assert_eq!(control::order(&self.socket, &order).await.unwrap(), []);
    }

    async fn create(&self, name: &str) -> Result<ConfigMap, Error> {
        let map = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        self.maps.create(&PostParams::default(), &map).await
    }

    async fn end(self) {
        self.server.stop().await;
        std::fs::remove_file(&self.socket).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_fault_strikes_and_is_mended() {
    let bench = Bench::start().await;
    bench.order(FaultKind::Status(503), "create").await;
    assert!(matches!(bench.create("a").await, Err(Error::Api(status)) if status.code == 503));
    assert!(bench.maps.get_opt("a").await.unwrap().is_none());
    bench.mend().await;

    bench.order(FaultKind::Delay(300), "get").await;
    let before = Instant::now();
    bench.maps.get_opt("a").await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(300));
    bench.mend().await;

    bench.order(FaultKind::Reset, "create").await;
    assert!(!matches!(
        bench.create("b").await,
        Ok(_) | Err(Error::Api(_))
    ));
    bench.mend().await;
    assert!(bench.maps.get_opt("b").await.unwrap().is_none());

    bench.order(FaultKind::LoseAnswer, "create").await;
    assert!(!matches!(
        bench.create("c").await,
        Ok(_) | Err(Error::Api(_))
    ));
    bench.mend().await;
    assert!(bench.maps.get_opt("c").await.unwrap().is_some());

    bench.order(FaultKind::StaleList, "").await;
    bench.create("d").await.unwrap();
    let names = |list: kube::api::ObjectList<ConfigMap>| {
        let names = list.items.into_iter().filter_map(|m| m.metadata.name);
        names.collect::<Vec<_>>()
    };
    let stale = names(bench.maps.list(&ListParams::default()).await.unwrap());
    bench.mend().await;
    let fresh = names(bench.maps.list(&ListParams::default()).await.unwrap());
    assert!(!stale.contains(&"d".to_owned()) && stale.contains(&"c".to_owned()));
    assert!(fresh.contains(&"d".to_owned()));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_are_cut_and_servers_cut_off() {
    use futures::StreamExt as _;
    let bench = Bench::start().await;
    bench.create("a").await.unwrap();
    bench.order(FaultKind::CutWatch(1), "").await;
    let all = bench
        .maps
        .watch(&WatchParams::default(), "0")
        .await
        .unwrap();
    let events: Vec<_> = tokio::time::timeout(Duration::from_secs(20), all.collect())
        .await
        .unwrap();
    assert_eq!(events.iter().filter(|e| e.is_ok()).count(), 1);
    bench.mend().await;

    bench.order(FaultKind::Partition, "").await;
    assert!(bench.maps.get_opt("a").await.is_err());
    bench.mend().await;
    let back = tokio::time::timeout(Duration::from_secs(20), async {
        while bench.maps.get_opt("a").await.ok().flatten().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    back.await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn wrong_orders_are_refused_with_what_there_is() {
    let bench = Bench::start().await;
    let add = |server: &str, fault: FaultKind, when: Selection| Order::Add {
        server: server.to_owned(),
        fault,
        when,
    };
    let verb = |verb: &str| Selection {
        verb: Some(verb.to_owned()),
        ..Selection::default()
    };
    let resource = Selection {
        resource: Some("configmap".to_owned()),
        ..Selection::default()
    };
    let here = "member-1";
    let cases = [
        (
            add("member-9", FaultKind::Reset, verb("get")),
            "there are member-1",
        ),
        (
            add(here, FaultKind::Reset, verb("read")),
            "there are get, list",
        ),
        (add(here, FaultKind::Reset, resource), "in the plural"),
        (add(here, FaultKind::Status(200), verb("get")), "no error"),
        (
            add(here, FaultKind::CutWatch(1), verb("get")),
            "the verb watch only",
        ),
        (
            add(here, FaultKind::Partition, verb("get")),
            "takes no verb",
        ),
        (
            Order::Mend {
                server: Some(here.to_owned()),
                id: Some(7),
            },
            "no fault 7",
        ),
    ];
    for (order, expected) in cases {
        let refused = control::order(&bench.socket, &order).await.unwrap_err();
        assert!(
            refused.to_string().contains(expected),
            "{order:?}: {refused}"
        );
    }
    let nowhere = control::order(Path::new("/nowhere/faults.sock"), &Order::List).await;
    assert!(matches!(nowhere, Err(ControlError::Reach { .. })));
    bench.end().await;
}
