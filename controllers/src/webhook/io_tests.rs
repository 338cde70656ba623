//! Tests of `io` against a server in the process: what is sent, and everything that can go wrong with an answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use navarch_crds::v1alpha1::SchedulingProfileSpec;
use navarch_sandbox::auth::User;
use navarch_sandbox::auth::authority::Authority;
use navarch_sandbox::stub::{Call as Arrived, Reply, Stub};
use navarch_scheduler::snapshot::Cluster;
use serde_json::{Value, json};

use super::*;
use crate::runtime::queue::Queue;
use crate::runtime::retry::Backoff;
use crate::runtime::shutdown::Tasks;

fn spec(points: &[&str]) -> SchedulingProfileSpec {
    let set = json!({ "enabled": [{ "name": "hook" }], "disabled": [{ "name": "*" }] });
    let mut plugins = json!({ "filter": { "disabled": [{ "name": "*" }] }, "score": { "disabled": [{ "name": "*" }] },
        "select": { "disabled": [{ "name": "*" }] } });
    for point in points {
        plugins[*point] = set.clone();
    }
    serde_json::from_value(json!({ "plugins": plugins })).unwrap()
}

fn desk(configuration: Value) -> Webhooks {
    let backoff = Backoff {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(1),
    };
    let desk = Webhooks::new(Tasks::new(CancellationToken::new()), Queue::new(backoff));
    let spec = serde_json::from_value(configuration).map_err(|error| error.to_string());
    let _ = desk.put("hook", &spec);
    desk
}

/// Decides about an object on clusters `a` and `b` with the webhook at these points.
async fn decided(configuration: Value, points: &[&str]) -> Result<Vec<String>, String> {
    let rules = desk(configuration)
        .rules(
            Some(&spec(points)),
            navarch_scheduler::unit::Features::default(),
        )
        .unwrap();
    let outside = rules.outside.unwrap();
    let objects = ["a", "b"].map(|name| {
        let object = json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "FederatedCluster",
            "metadata": { "name": name }, "spec": { "apiEndpoint": "x", "secretRef": { "name": name } },
            "status": { "conditions": [{ "type": "Joined", "status": "True" }] } });
        serde_json::from_value::<FederatedCluster>(object).unwrap()
    });
    let clusters = objects
        .iter()
        .map(|object| Arc::new(Cluster::new(object).unwrap()));
    let consultation = Consultation {
        unit: Unit {
            name: "web".to_owned(),
            ..Unit::default()
        },
        texts: UnitTexts::default(),
        snapshot: Arc::new(Snapshot::new(clusters, 0)),
        profile: rules.profile,
        answers: outside.answers,
        hooks: outside.hooks,
        clusters: objects
            .into_iter()
            .map(|object| {
                let name = ClusterName::new(object.metadata.name.as_deref().unwrap()).unwrap();
                (name, Arc::new(object))
            })
            .collect(),
        now: Timestamp::UNIX_EPOCH,
        metrics: Arc::new(Metrics::new()),
    };
    let decision = run(Arc::new(consultation)).await;
    let placed = decision.map_err(|broken| format!("{broken}: {}", broken.error))?;
    Ok(placed.placement.keys().map(ToString::to_string).collect())
}

fn configuration(url: &str) -> Value {
    json!({ "payloadVersions": ["v1alpha1"], "urlPrefix": url, "filterPath": "/filter", "scorePath": "score",
        "selectPath": "select/", "httpTimeout": "5s" })
}

fn asked(call: &Arrived) -> Value {
    serde_json::from_slice(&call.body).unwrap()
}

/// Lets `a` pass, scores it 3, and chooses whatever is there.
fn agreeable(call: &Arrived) -> Reply {
    let body = asked(call);
    let named = |cluster: &Value| cluster["metadata"]["name"].clone();
    let answer = match call.path.trim_matches('/') {
        "filter" => json!({ "selected": named(&body["cluster"]) == "a", "error": "" }),
        "score" => json!({ "score": 3, "error": "" }),
        _ => {
            let scores = body["clusterScores"].as_array().unwrap().iter();
            let names: Vec<Value> = scores.map(|entry| named(&entry["cluster"])).collect();
            json!({ "selectedClusterNames": names, "error": "" })
        }
    };
    Reply::ok(answer.to_string())
}

#[tokio::test]
async fn each_point_is_asked_at_its_path_with_kubeadmirals_headers() {
    let stub = Stub::start(agreeable).await.unwrap();
    let placed = decided(configuration(&stub.url()), &["filter", "score", "select"]).await;
    assert_eq!(placed.unwrap(), ["a"]);
    let mut calls = stub.calls();
    calls.sort_by(|left, right| (&left.path, &left.body).cmp(&(&right.path, &right.body)));
    let paths: Vec<&str> = calls.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(paths, ["/filter", "/filter", "/score", "/select/"]);
    for call in &calls {
        assert_eq!(call.method, "POST");
        let header = |name: &str| call.headers.get(name).map(String::as_str);
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("accept"), Some("application/json"));
        assert_eq!(header("user-agent"), Some("kubeadmiral-scheduler"));
        assert_eq!(
            header("content-length"),
            Some(call.body.len().to_string().as_str())
        );
        assert_eq!(asked(call)["schedulingUnit"]["name"], "web");
    }
    assert_eq!(asked(&calls[3])["clusterScores"][0]["score"], 100);
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_failure_and_is_named() {
    let stub = Stub::start(agreeable).await.unwrap();
    let elsewhere = Stub::start(agreeable).await.unwrap();
    let redirect = Reply {
        headers: vec![("location", format!("{}/filter", elsewhere.url()))],
        ..Reply::status(307, "")
    };
    let large = format!(
        r#"{{"selected":true,"pad":"{}"}}"#,
        "x".repeat(ANSWER_BYTES)
    );
    for (name, reply, told) in [
        ("no answer", Reply::never(), "did not answer within 300ms"),
        (
            "an error",
            Reply::status(503, r#"{"selected":true}"#),
            "status 503",
        ),
        (
            "created",
            Reply::status(201, r#"{"selected":true}"#),
            "status 201",
        ),
        ("elsewhere", redirect, "redirects (status 307)"),
        ("no JSON", Reply::ok("<html>secret</html>"), "no JSON"),
        ("half", Reply::ok(r#"{"selected":tr"#), "no JSON"),
        ("nothing", Reply::ok(""), "no JSON"),
        (
            "other content",
            Reply::ok(r#"{"status":"ok"}"#),
            "does not say \"selected\"",
        ),
        (
            "its own error",
            Reply::ok(r#"{"error":"out of licences"}"#),
            "out of licences",
        ),
        ("too large", Reply::ok(large), "larger than"),
    ] {
        stub.answer_with(move |_| reply.clone());
        let mut configuration = configuration(&stub.url());
        configuration["httpTimeout"] = json!("300ms");
        let error = decided(configuration, &["filter"]).await.unwrap_err();
        assert!(error.contains(told), "{name}: {error}");
        assert!(
            error.contains("plugin hook for cluster a"),
            "{name}: {error}"
        );
        assert!(!error.contains("secret"), "{name}: {error}");
    }
    assert!(elsewhere.calls().is_empty(), "no redirect is followed");
}

#[tokio::test]
async fn nobody_there_no_path_and_a_wrong_configuration_are_failures() {
    let gone = Stub::start(agreeable).await.unwrap();
    let url = gone.url();
    drop(gone);
    let without = json!({ "payloadVersions": ["v1alpha1"], "urlPrefix": url });
    for (name, configuration, told) in [
        (
            "nobody listens",
            configuration("http://127.0.0.1:1"),
            "cannot be reached",
        ),
        ("no path", without, "has no filterPath"),
        ("no scheme", configuration("127.0.0.1:1"), "urlPrefix"),
        ("no form", json!({ "payloadVersions": 1 }), "cannot be read"),
    ] {
        let error = decided(configuration, &["filter"]).await.unwrap_err();
        assert!(error.contains(told), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_batch_asks_once_a_point() {
    let stub = Stub::start(|call| {
        let body = asked(call);
        assert_eq!(body["payloadVersion"], "navarch.dev/v1");
        if call.path != "/filter" && call.path != "/score" {
            return agreeable(call);
        }
        let clusters = body["clusters"].as_array().unwrap().iter();
        let answers: Vec<Value> = clusters
            .map(|cluster| {
                json!({ "name": cluster["metadata"]["name"], "selected": true, "score": 1 })
            })
            .collect();
        Reply::ok(json!({ "clusters": answers }).to_string())
    })
    .await
    .unwrap();
    let mut configuration = configuration(&stub.url());
    configuration["payloadVersions"] = json!(["navarch.dev/v1", "v1alpha1"]);
    let placed = decided(configuration, &["filter", "score", "select"]).await;
    assert_eq!(placed.unwrap(), ["a", "b"]);
    let paths: Vec<String> = stub.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/filter", "/score", "/select/"]);
}

/// A server with TLS that lets in whoever shows a certificate of its authority.
async fn secured(authority: &Arc<Authority>) -> Stub {
    Stub::start_tls(Arc::clone(authority), |call| match call.client.as_deref() {
        Some("scheduler") => agreeable(call),
        _ => Reply::status(401, ""),
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn both_sides_prove_who_they_are() {
    let authority = Arc::new(Authority::new("hooks").unwrap());
    let stranger = Authority::new("strangers").unwrap();
    let stub = secured(&authority).await;
    let own = authority.issue(&User::new("scheduler", &[])).unwrap();
    let text = |pem: &str| STANDARD.encode(pem);
    let tls = |changes: Value| {
        let mut tls = json!({ "caData": text(authority.pem()), "certData": text(&own.certificate_pem),
            "keyData": text(&own.key_pem) });
        json_patch::merge(&mut tls, &changes);
        tls
    };
    for (name, tls, expected) in [
        ("both", tls(json!({})), None),
        (
            "another name of the server",
            tls(json!({ "serverName": "kubernetes" })),
            None,
        ),
        (
            "nothing is verified",
            tls(json!({ "insecure": true, "caData": null })),
            None,
        ),
        (
            "no client certificate",
            tls(json!({ "certData": null, "keyData": null })),
            Some("status 401"),
        ),
        (
            "a name that the server does not have",
            tls(json!({ "serverName": "other.example" })),
            Some("cannot be reached"),
        ),
        (
            "another authority",
            tls(json!({ "caData": text(stranger.pem()) })),
            Some("cannot be reached"),
        ),
    ] {
        let mut configuration = configuration(&stub.url());
        configuration["tlsConfig"] = tls;
        let outcome = decided(configuration, &["filter"]).await;
        match (expected, outcome) {
            (None, outcome) => assert_eq!(outcome.unwrap(), ["a"], "{name}"),
            (Some(told), outcome) => {
                let error = outcome.unwrap_err();
                assert!(error.contains(told), "{name}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_user_in_the_address_is_sent_as_go_sends_it() {
    let stub = Stub::start(agreeable).await.unwrap();
    let url = stub.url().replace("http://", "http://me:word@");
    decided(configuration(&url), &["filter"]).await.unwrap();
    let sent = stub.calls()[0].headers.get("authorization").cloned();
    assert_eq!(sent, Some(format!("Basic {}", STANDARD.encode("me:word"))));
}

#[tokio::test]
async fn calls_to_one_webhook_are_bounded() {
    let stub = Stub::start(agreeable).await.unwrap();
    let desk = desk(configuration(&stub.url()));
    let hooks = desk
        .rules(
            Some(&spec(&["filter"])),
            navarch_scheduler::unit::Features::default(),
        )
        .unwrap()
        .outside
        .unwrap()
        .hooks;
    let usable = hooks["hook"].usable.as_ref().unwrap();
    let all = usable
        .permits
        .acquire_many(u32::try_from(CALLS_MAX).unwrap())
        .await
        .unwrap();
    let call = usable.post(Point::Filter, || Some("{}".to_owned()));
    assert!(call.now_or_never().is_none(), "it waits for its turn");
    assert!(stub.calls().is_empty());
    drop(all);
}
