//! The ledger against a server in the process: what is stored, and everything that can go wrong with an answer.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use navarch_crds::keys::navarch::FENCE;
use navarch_sandbox::faults::{Fault, Matching};
use navarch_sandbox::request_log::Entry;
use navarch_sandbox::server::{ApiServer, ServerOptions};
use serde_json::json;

use super::super::record::{self, NAME};
use super::*;
use crate::fleet::limits;
use crate::fleet::request::Kind;
use crate::runtime::lease::Term;

struct Host {
    server: ApiServer,
    requests: Requests,
}

/// One process with its ledger.
struct Process {
    ledger: Ledger,
    metrics: Arc<Metrics>,
    tasks: Tasks,
}

impl Host {
    async fn start() -> Self {
        let host = Self::bare().await;
        crate::install::install(&host.client().await).await.unwrap();
        host
    }

    /// Without any definition.
    async fn bare() -> Self {
        let server = ApiServer::start(ServerOptions::default()).await.unwrap();
        let client = client(&server).await;
        let requests = Requests::new(client, Term::without_election(), limits::REQUEST);
        Self { server, requests }
    }

    async fn client(&self) -> Client {
        client(&self.server).await
    }

    async fn process(&self, identity: &str) -> Process {
        let backoff = Backoff {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(10),
        };
        let requests = Requests::new(
            self.client().await,
            Term::without_election(),
            limits::REQUEST,
        );
        let metrics = Arc::new(Metrics::new());
        let tasks = Tasks::new(CancellationToken::new());
        let ledger = Ledger::start(requests, identity, backoff, Arc::clone(&metrics), &tasks);
        Process {
            ledger,
            metrics,
            tasks,
        }
    }

    async fn leader(&self, identity: &str) -> Process {
        let process = self.process(identity).await;
        process.ledger.take_over().await.unwrap();
        process
    }

    async fn object(&self, name: &str) -> Value {
        let object = json!({
            "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedObject",
            "metadata": { "namespace": "default", "name": name },
            "spec": { "template": { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } } },
        });
        self.requests
            .create(&federated(), Some("default"), &object)
            .await
            .unwrap()
    }

    async fn read(&self, name: &str) -> Value {
        self.requests
            .get(&federated(), Some("default"), name)
            .await
            .unwrap()
            .unwrap()
    }

    /// Names in the stored ledger.
    async fn names(&self) -> Option<Vec<String>> {
        let ledger = self.requests.get(&record::kind(), None, NAME).await;
        let stored = record::read(&ledger.unwrap()?).unwrap();
        let open = stored.content.open.into_iter();
        Some(open.map(|object| object.name).collect())
    }

    fn fault(&self, verb: &str, resource: &str, times: u32, fault: Fault) {
        let matching = Matching {
            times: Some(times),
            ..Matching::new(verb, resource)
        };
        self.server.faults().add(matching, fault);
    }

    fn ledger_writes(&self) -> usize {
        let entries = self.server.request_log().entries();
        let of_ledger = |entry: &&Entry| entry.is_write() && entry.resource == "quotaledgers";
        entries.iter().filter(of_ledger).count()
    }
}

async fn client(server: &ApiServer) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn federated() -> Kind {
    Kind::new(
        "core.kubeadmiral.io",
        "v1alpha1",
        "FederatedObject",
        "federatedobjects",
        true,
    )
}

/// The same with a charge.
fn grown(object: &Value, charge: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["annotations"]["navarch.dev/charge"] = json!(charge);
    object
}

fn charge(object: &Value) -> Option<&str> {
    text(object, "/metadata/annotations/navarch.dev~1charge")
}

fn open(metrics: &Metrics) -> String {
    let text = metrics.render();
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with("navarch_quota_ledger_open "));
    line.unwrap().to_owned()
}

#[tokio::test]
async fn a_name_stands_in_the_ledger_before_its_object_grows_and_leaves_later() {
    let host = Host::start().await;
    let me = host.leader("me").await;
    assert_eq!(host.names().await, None, "nothing grows yet");
    assert_eq!(host.ledger_writes(), 0);
    let web = host.object("web").await;
    let written = me.ledger.place(&grown(&web, "1")).await.unwrap();
    assert_eq!(charge(&written), Some("1"));
    assert_eq!(host.names().await, Some(vec!["web".to_owned()]));
    let shop = host.object("shop").await;
    me.ledger.place(&grown(&shop, "1")).await.unwrap();
    assert_eq!(host.names().await, Some(vec!["shop".to_owned()]));
    assert_eq!(open(&me.metrics), "navarch_quota_ledger_open 0");
    // Something else has written the object in between.
    let refused = me.ledger.place(&grown(&shop, "2")).await.unwrap_err();
    assert!(
        matches!(&refused, PlaceError::Refused(error) if error.is_conflict()),
        "{refused}"
    );
    assert_eq!(open(&me.metrics), "navarch_quota_ledger_open 0");
    let nothing = json!({ "metadata": { "name": "web", "uid": "1" } });
    let refused = me.ledger.place(&nothing).await.unwrap_err();
    assert!(matches!(
        refused,
        PlaceError::NotOpened(LedgerError::Unconditional)
    ));
    me.tasks.stop().await;
    let refused = me.ledger.place(&grown(&shop, "2")).await.unwrap_err();
    assert!(matches!(
        refused,
        PlaceError::NotOpened(LedgerError::NotReady(_))
    ));
}

#[tokio::test]
async fn before_it_is_taken_over_and_without_its_kind_nothing_grows() {
    let host = Host::bare().await;
    let me = host.process("me").await;
    let web = json!({ "metadata": { "namespace": "default", "name": "web", "uid": "1", "resourceVersion": "1" } });
    let refused = me.ledger.place(&web).await.unwrap_err();
    assert!(refused.to_string().contains("cleared up"), "{refused}");
    me.ledger.take_over().await.unwrap();
    let refused = me.ledger.place(&web).await.unwrap_err();
    assert!(
        refused.to_string().contains("run `navarch install`"),
        "{refused}"
    );
    // As soon as it is served, things grow.
    crate::install::install(&host.client().await).await.unwrap();
    let web = host.object("web").await;
    me.ledger.place(&grown(&web, "1")).await.unwrap();
}

#[tokio::test]
async fn an_answer_of_the_ledger_that_is_lost_is_looked_for() {
    let host = Host::start().await;
    let me = host.leader("me").await;
    let web = host.object("web").await;
    host.fault("create", "quotaledgers", 1, Fault::LoseAnswer);
    let web = me.ledger.place(&grown(&web, "1")).await.unwrap();
    host.fault("update", "quotaledgers", 1, Fault::LoseAnswer);
    let web = me.ledger.place(&grown(&web, "2")).await.unwrap();
    // Nobody knows whether a server that fails has done it.
    host.fault("update", "quotaledgers", 1, Fault::Status(500));
    let web = me.ledger.place(&grown(&web, "3")).await.unwrap();
    // One that says no has not.
    host.fault("update", "quotaledgers", 1, Fault::Status(403));
    let refused = me.ledger.place(&grown(&web, "4")).await.unwrap_err();
    assert!(
        matches!(&refused, PlaceError::NotOpened(LedgerError::Request(_))),
        "{refused}"
    );
    let web = me.ledger.place(&grown(&web, "4")).await.unwrap();
    assert_eq!(charge(&web), Some("4"));
}

#[tokio::test]
async fn a_growing_write_without_an_answer_is_fenced() {
    let host = Host::start().await;
    let me = host.leader("me").await;
    let web = host.object("web").await;
    let name = open_object(&web).unwrap();
    for (fault, expected) in [
        (Fault::Status(500), None),
        (Fault::Reset, None),
        (Fault::LoseAnswer, Some("1")),
    ] {
        host.fault("update", "federatedobjects", 1, fault);
        let web = host.read("web").await;
        let lost = me.ledger.place(&grown(&web, "1")).await.unwrap_err();
        assert!(matches!(lost, PlaceError::Unanswered(_)), "{lost}");
        assert!(me.ledger.in_doubt(&name));
        let web = host.read("web").await;
        let refused = me.ledger.place(&grown(&web, "2")).await.unwrap_err();
        assert!(
            matches!(refused, PlaceError::NotOpened(LedgerError::Unsettled(_))),
            "{refused}"
        );
        let fenced = me.ledger.fence(&name).await.unwrap();
        let Fenced::Written(present) = fenced else {
            panic!("{fenced:?}");
        };
        assert_eq!(charge(&present), expected);
        assert!(!me.ledger.in_doubt(&name));
    }
    // A fence whose answer is lost has worked; one that somebody overtakes need not.
    host.fault("patch", "federatedobjects", 1, Fault::LoseAnswer);
    assert!(me.ledger.fence(&name).await.is_err());
    host.fault(
        "patch",
        "federatedobjects",
        1,
        Fault::Delay(Duration::from_millis(300)),
    );
    let overtaking = async {
        let newer = grown(&host.read("web").await, "7");
        host.requests
            .replace(&federated(), Some("default"), "web", &newer)
            .await
    };
    let (fenced, _) = tokio::join!(me.ledger.fence(&name), overtaking);
    let fenced = fenced.unwrap();
    assert!(
        matches!(fenced, Fenced::Written(_) | Fenced::Newer(_)),
        "{fenced:?}"
    );
    let other = OpenObject {
        uid: "another".to_owned(),
        ..name.clone()
    };
    assert!(matches!(
        me.ledger.fence(&other).await.unwrap(),
        Fenced::Replaced(_)
    ));
    let gone = OpenObject {
        name: "gone".to_owned(),
        ..name
    };
    assert_eq!(me.ledger.fence(&gone).await.unwrap(), Fenced::Gone);
}

#[tokio::test]
async fn what_an_earlier_leader_had_under_way_is_shut_out() {
    let host = Host::start().await;
    let first = host.leader("first").await;
    let web = host.object("web").await;
    let late = grown(&web, "1");
    host.fault("update", "federatedobjects", 1, Fault::Status(504));
    first.ledger.place(&late).await.unwrap_err();
    // Also when it takes some attempts.
    host.fault("get", "quotaledgers", 2, Fault::Status(503));
    host.fault("update", "quotaledgers", 1, Fault::LoseAnswer);
    host.fault("patch", "federatedobjects", 2, Fault::Status(500));
    let second = host.leader("second").await;
    let fenced = host.read("web").await;
    assert!(fenced["metadata"]["annotations"][FENCE].is_string());
    let carried_out = host
        .requests
        .replace(&federated(), Some("default"), "web", &late)
        .await;
    assert!(carried_out.unwrap_err().is_conflict());
    second.ledger.place(&grown(&fenced, "2")).await.unwrap();
    // The first one has slept, and finds out before anything of it arrives, even on what it reads now.
    let shop = host.object("shop").await;
    let refused = first.ledger.place(&grown(&shop, "1")).await.unwrap_err();
    assert!(
        refused.to_string().contains("belongs to second_"),
        "{refused}"
    );
    first.ledger.lost().await;
    assert_eq!(charge(&host.read("shop").await), None);
}

#[tokio::test]
async fn of_two_that_find_no_ledger_only_one_lets_anything_grow() {
    let host = Host::start().await;
    let first = host.leader("first").await;
    let second = host.leader("second").await;
    let web = host.object("web").await;
    let web = first.ledger.place(&grown(&web, "1")).await.unwrap();
    let refused = second.ledger.place(&grown(&web, "2")).await.unwrap_err();
    assert!(
        matches!(refused, PlaceError::NotOpened(LedgerError::Lost { .. })),
        "{refused}"
    );
    second.ledger.lost().await;
}

#[tokio::test]
async fn whoever_goes_while_it_waits_leaves_nothing_behind() {
    let host = Host::start().await;
    let me = host.leader("me").await;
    let web = grown(&host.object("web").await, "1");
    let shop = grown(&host.object("shop").await, "1");
    // While the name is written.
    host.fault(
        "create",
        "quotaledgers",
        1,
        Fault::Delay(Duration::from_millis(200)),
    );
    {
        let place = me.ledger.place(&web);
        tokio::pin!(place);
        assert!(futures::poll!(&mut place).is_pending());
    }
    me.ledger.place(&shop).await.unwrap();
    assert_eq!(host.names().await, Some(vec!["shop".to_owned()]));
    assert_eq!(charge(&host.read("web").await), None);
    assert_eq!(open(&me.metrics), "navarch_quota_ledger_open 0");
    // And while the object is: then somebody has to find out.
    host.fault(
        "update",
        "federatedobjects",
        1,
        Fault::Delay(Duration::from_secs(5)),
    );
    let name = open_object(&web).unwrap();
    let gone = tokio::time::timeout(Duration::from_millis(500), me.ledger.place(&web)).await;
    assert!(gone.is_err());
    assert!(me.ledger.in_doubt(&name));
    me.ledger.fence(&name).await.unwrap();
    let web = grown(&host.read("web").await, "1");
    me.ledger.place(&web).await.unwrap();
}

#[tokio::test]
async fn many_names_share_a_write() {
    let host = Host::start().await;
    let me = host.leader("me").await;
    let mut writes = Vec::new();
    for index in 0..40 {
        writes.push(grown(&host.object(&format!("web-{index}")).await, "1"));
    }
    let placed = writes.iter().map(|write| me.ledger.place(write));
    for placed in futures::future::join_all(placed).await {
        placed.unwrap();
    }
    assert!(host.ledger_writes() <= 3, "{}", host.ledger_writes());
}
