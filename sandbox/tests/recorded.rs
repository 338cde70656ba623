//! What a real server answered, asked of this one: wrong requests with their exact answers, objects with their defaults.

#![expect(clippy::expect_used, reason = "tests say what they need")]

use flate2::read::GzDecoder;
use http::{Method, Request};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use navarch_sandbox::server::{ApiServer, ServerOptions};
use serde_json::{Value, json};
use std::io::Read;

fn unpack(bytes: &[u8]) -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(bytes)
        .read_to_string(&mut text)
        .expect("unpacks");
    serde_json::from_str(&text).expect("is JSON")
}

async fn start() -> (ApiServer, Client) {
    let options = ServerOptions {
        name: "test".to_owned(),
        simulation: None,
    };
    let server = ApiServer::start(options).await.expect("the server starts");
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig()).expect("kubeconfig");
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .expect("config");
    let client = Client::try_from(config).expect("client");
    (server, client)
}

async fn ask(
    client: &Client,
    method: &str,
    path: &str,
    content_type: &str,
    body: &Value,
) -> (u16, String) {
    use http_body_util::BodyExt;
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).expect("a method"))
        .uri(path)
        .header("content-type", content_type)
        .header("user-agent", "Python-urllib/3")
        .body(body.to_string().into_bytes().into())
        .expect("a request");
    let answer = client.send(request).await.expect("an answer");
    let code = answer.status().as_u16();
    let bytes = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (code, String::from_utf8_lossy(&bytes).into_owned())
}

async fn make(client: &Client, path: &str, object: Value) {
    let (code, text) = ask(client, "POST", path, "application/json", &object).await;
    assert!(code == 201 || code == 409, "{path}: {text}");
}

#[tokio::test]
async fn wrong_requests_are_refused_as_a_real_server_refuses_them() {
    let (server, client) = start().await;
    make(
        &client,
        "/api/v1/namespaces",
        json!({"metadata": {"name": "default"}}),
    )
    .await;
    let have = json!({"metadata": {"name": "have"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]}}}});
    make(
        &client,
        "/apis/apps/v1/namespaces/default/deployments",
        have,
    )
    .await;
    let mut wrong = Vec::new();
    for case in unpack(include_bytes!("../data/errors.json.gz")) {
        let text = |field: &str| case[field].as_str().unwrap_or_default();
        let (method, path) = (text("method"), text("path"));
        let (_, answer) = ask(&client, method, path, text("contentType"), &case["sent"]).await;
        let expected = &case["status"];
        let same = match expected["text"].as_str() {
            Some(text) => answer == text,
            None => {
                let answer: Value = serde_json::from_str(&answer).expect("a Status");
                // The object in this message has the order of Go's fields, which JSON maps here do not keep.
                let quotes_object = text("contentType").contains("merge-patch")
                    && expected["message"]
                        .as_str()
                        .is_some_and(|m| m.contains("unmarshal"));
                if quotes_object {
                    answer["code"] == expected["code"]
                } else {
                    answer == *expected
                }
            }
        };
        if !same {
            wrong.push(format!(
                "{method} {path}\n  expected {expected}\n  answered {answer}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.stop().await;
}

/// Takes away what differs from time to time, and what the simulated controllers (not running here) would add.
fn comparable(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in [
            "uid",
            "creationTimestamp",
            "resourceVersion",
            "managedFields",
        ] {
            metadata.remove(field);
        }
    }
    // A real server taints new nodes until its node controller has seen them ready.
    if object["kind"] == "Node" {
        object["spec"] = json!({});
    }
    let text = object.to_string();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("kube-api-access-") {
        out.push_str(before);
        out.push_str("kube-api-access");
        rest = after.get(5..).unwrap_or_default();
    }
    out.push_str(rest);
    serde_json::from_str(&out).expect("still JSON")
}

#[tokio::test]
async fn objects_are_stored_as_a_real_server_stores_them() {
    let (server, client) = start().await;
    make(
        &client,
        "/api/v1/namespaces",
        json!({"metadata": {"name": "default"}}),
    )
    .await;
    let mut wrong = Vec::new();
    for case in unpack(include_bytes!("../data/defaulting.json.gz")) {
        let path = format!(
            "{}?dryRun=All&fieldManager=example",
            case["path"].as_str().unwrap_or_default()
        );
        let (code, answer) = ask(&client, "POST", &path, "application/json", &case["sent"]).await;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let kind = case["sent"]["kind"].as_str().unwrap_or_default();
        // Addresses are allocated by the simulation; Jobs have their uid in labels.
        if matches!(kind, "Service" | "Job" | "PersistentVolume") && code == 201 {
            continue;
        }
        let (expected, answered) = (comparable(case["stored"].clone()), comparable(answer));
        if expected != answered {
            wrong.push(format!(
                "{path}\n  expected {expected}\n  answered {answered}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.stop().await;
}
