//! Scheduler webhooks: what they say is done, what they fail to say changes nothing, and edits count at once.

use navarch_sandbox::stub::{Call, Reply, Stub};
use serde_json::{Value, json};

use super::harness::{Federation, config_map, federated, placed, policy};

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap()
}

/// Lets only this member pass.
fn only(name: &'static str) -> impl Fn(&Call) -> Reply + Send + Sync + 'static {
    move |call| {
        let selected = body(call)["cluster"]["metadata"]["name"] == name;
        Reply::ok(json!({ "selected": selected, "error": "" }).to_string())
    }
}

fn configuration(stub: &Stub) -> Value {
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "SchedulerPluginWebhookConfiguration",
        "metadata": { "name": "licences" },
        "spec": { "payloadVersions": ["v1alpha1"], "urlPrefix": stub.url(), "filterPath": "/filter",
            "httpTimeout": "300ms" } })
}

fn profile() -> Value {
    json!({ "apiVersion": "core.kubeadmiral.io/v1alpha1", "kind": "SchedulingProfile",
        "metadata": { "name": "licensed" },
        "spec": { "plugins": { "filter": { "enabled": [{ "type": "Webhook", "name": "licences" }] } } } })
}

/// Two members, and a namespace whose policy goes by the profile.
async fn federation(stub: &Stub) -> Federation {
    let federation = Federation::start(2).await;
    federation.host.create(configuration(stub)).await;
    federation.host.create(profile()).await;
    federation.namespace("shop").await;
    let profiled = json!({ "spec": { "schedulingProfile": "licensed" } });
    federation
        .host
        .merge(&policy("shop", &json!([])), profiled)
        .await;
    federation
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_fails_in_the_middle_evicts_nothing_and_its_recovery_goes_on() {
    let stub = Stub::start(only("member-1")).await.unwrap();
    let federation = federation(&stub).await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let object = federated("shop", "settings-configmaps");
    federation
        .host
        .until(&object, "it is where the webhook says", |object| {
            placed(object) == ["member-1"]
        })
        .await;
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;

    for (what, reply) in [
        ("an error", Reply::status(500, "")),
        ("another content", Reply::ok(r#"{"message":"hello"}"#)),
        ("silence", Reply::never()),
    ] {
        stub.answer_with(move |_| reply.clone());
        // A reason to decide again, and a change that does not wait for the decision.
        let changed = json!({ "metadata": { "annotations": {
            "kubeadmiral.io/tolerations": json!([{ "key": what, "operator": "Exists" }]).to_string() } },
            "data": { "key": what } });
        federation.host.merge(&map, changed).await;
        federation.members[0]
            .until(&map, "the change arrives", |copy| {
                copy["data"]["key"] == what
            })
            .await;
        let object = federation.host.get(&object).await.unwrap();
        assert_eq!(placed(&object), ["member-1"], "{what}");
    }
    let note = federation
        .host
        .until_event("shop", "SchedulingFailed")
        .await;
    assert!(note.contains("licences"), "{note}");

    stub.answer_with(only("member-2"));
    federation.members[1]
        .until(&map, "the copy is where the webhook says now", |_| true)
        .await;
    federation.members[0].until_gone(&map).await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_of_configuration_and_profile_count_at_once() {
    let stub = Stub::start(|call| {
        let name = if call.path == "/filter" {
            "member-1"
        } else {
            "member-2"
        };
        only(name)(call)
    })
    .await
    .unwrap();
    let federation = federation(&stub).await;
    let map = config_map("shop", "settings");
    federation.host.create(map.clone()).await;
    let object = federated("shop", "settings-configmaps");
    let until = async |what: &str, expected: &[&str]| {
        federation
            .host
            .until(&object, what, |object| placed(object) == expected)
            .await;
    };
    until("by the first path", &["member-1"]).await;
    let path = json!({ "spec": { "filterPath": "/other" } });
    federation.host.merge(&configuration(&stub), path).await;
    until("by the second path", &["member-2"]).await;
    let bare = json!({ "spec": { "plugins": null } });
    federation.host.merge(&profile(), bare).await;
    until("by no webhook at all", &["member-1", "member-2"]).await;

    // A webhook that is enabled and not there keeps what is placed, until it comes.
    let plugins = profile()["spec"]["plugins"].clone();
    federation.host.delete(&configuration(&stub)).await;
    federation
        .host
        .merge(&profile(), json!({ "spec": { "plugins": plugins } }))
        .await;
    federation.host.until_event("shop", "ProfileInvalid").await;
    let kept = federation.host.get(&object).await.unwrap();
    assert_eq!(placed(&kept), ["member-1", "member-2"]);
    federation.host.create(configuration(&stub)).await;
    until("by the webhook again", &["member-1"]).await;
    federation.members[1].until_gone(&map).await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_hangs_holds_up_nobody_else() {
    let stub = Stub::start(|_| Reply::never()).await.unwrap();
    let federation = federation(&stub).await;
    let patience = json!({ "spec": { "httpTimeout": "10m" } });
    federation.host.merge(&configuration(&stub), patience).await;
    // More than there are workers.
    for index in 0..20 {
        let map = config_map("shop", &format!("waiting-{index}"));
        federation.host.create(map).await;
    }
    federation.namespace("other").await;
    let map = config_map("other", "settings");
    federation.host.create(map.clone()).await;
    federation.members[0]
        .until(&map, "the copy exists", |_| true)
        .await;
    // And nobody waits for the time-out once the configuration leads elsewhere.
    let better = Stub::start(only("member-2")).await.unwrap();
    let moved = json!({ "spec": { "urlPrefix": better.url() } });
    federation.host.merge(&configuration(&stub), moved).await;
    let map = config_map("shop", "waiting-19");
    federation.members[1]
        .until(&map, "the copy exists", |_| true)
        .await;
    federation.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_cannot_be_used_is_told_on_itself() {
    let stub = Stub::start(only("member-1")).await.unwrap();
    let federation = Federation::start(1).await;
    let mut wrong = configuration(&stub);
    wrong["spec"]["payloadVersions"] = json!(["v9"]);
    federation.host.create(wrong.clone()).await;
    let note = federation
        .host
        .until_event("default", "WebhookConfigurationError")
        .await;
    assert!(note.contains("payloadVersions"), "{note}");
    let right = json!({ "spec": { "payloadVersions": ["v1alpha1"] } });
    federation.host.merge(&wrong, right).await;
    federation
        .host
        .until_event("default", "WebhookRegistered")
        .await;
    federation.stop().await;
}
