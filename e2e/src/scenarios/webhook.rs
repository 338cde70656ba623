//! A scheduler webhook decides, fails in the middle, and comes back. It listens in this process.

use navarch_sandbox::stub::{Call, Reply, Stub};
use serde_json::{Value, json};

use super::manifests::{config_map, duplicate, profile, with_profile};
use crate::failure::{Failure, Outcome, expect};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, PROFILE, WEBHOOK};
use crate::world::read::{placement, text};

/// Lets only this member pass, in whichever protocol it is asked.
fn only(member: &str) -> impl Fn(&Call) -> Reply + Send + Sync + use<> {
    let member = member.to_owned();
    move |call| {
        let question: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let passes = |cluster: &Value| text(cluster, "/metadata/name") == member;
        let answer = match question.get("clusters").and_then(Value::as_array) {
            Some(clusters) => {
                let answers = clusters.iter().map(|cluster| {
                    json!({"name": text(cluster, "/metadata/name"), "selected": passes(cluster), "reason": "not there"})
                });
                json!({"clusters": answers.collect::<Vec<_>>()})
            }
            None => {
                let cluster = question.get("cluster").unwrap_or(&Value::Null);
                json!({"selected": passes(cluster), "error": ""})
            }
        };
        Reply::ok(answer.to_string())
    }
}

/// The webhook, a profile that enables it and a policy `asks` that names the profile. Names outside namespaces hold
/// the story's own.
fn manifests(world: &World, stub: &Stub, protocol: &str) -> String {
    let (name, url) = (world.namespace(), stub.url());
    let asks = format!("filter: {{enabled: [{{type: Webhook, name: {name}}}]}}");
    format!(
        "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: SchedulerPluginWebhookConfiguration
metadata: {{name: {name}}}
spec:
  payloadVersions: [{protocol}]
  urlPrefix: {url}/scheduler
  filterPath: /filter
  httpTimeout: 1s
{}{}",
        profile(world, &asks),
        with_profile(world, &duplicate("asks", &[]))
    )
}

async fn stub(member: &str) -> Outcome<Stub> {
    let started = Stub::start(only(member)).await;
    started.map_err(|error| Failure::Backend(format!("starting a webhook: {error}")))
}

pub(super) async fn fails_and_comes_back(world: &World) -> Outcome {
    let (first, second) = (world.member(0)?, world.member(1)?);
    let stub = stub(&first.name).await?;
    world.apply(&manifests(world, &stub, "v1alpha1")).await?;
    world.apply(&config_map("settings", "asks")).await?;
    let settings = world.target(CONFIG_MAP, "settings");
    world.until_propagated(&settings).await?;
    first.until_there(&settings).await?;
    expect(
        second.find(&settings).await?.is_none(),
        "nothing where the webhook refused",
        &second.name,
    )?;

    stub.answer_with(|_| Reply::status(503, "{}"));
    // Reason enough to decide again, and a change that has to arrive all the same.
    let tolerations = json!([{"key": "any", "operator": "Exists"}]).to_string();
    let change = json!({"metadata": {"annotations": {"kubeadmiral.io/tolerations": tolerations}},
        "data": {"greeting": "meanwhile"}});
    world.patch(&settings, &change).await?;
    world
        .host()
        .until_event(&settings, "SchedulingFailed", "status 503")
        .await?;
    first
        .until(&settings, "has the change", |copy| {
            text(copy, "/data/greeting") == "meanwhile"
        })
        .await?;
    let federated = world.host().get(&settings.federated()).await?;
    expect(
        placement(&federated) == [first.name.as_str()],
        "the last placement",
        &federated["spec"]["placements"],
    )?;

    stub.answer_with(only(&second.name));
    second.until_there(&settings).await?;
    first.until_gone(&settings).await
}

pub(super) async fn edits_count_at_once(world: &World) -> Outcome {
    let (first, third) = (world.member(0)?, world.member(2)?);
    let (here, there) = (stub(&first.name).await?, stub(&third.name).await?);
    let batched = "navarch.dev/v1";
    world.apply(&manifests(world, &here, batched)).await?;
    world.apply(&config_map("settings", "asks")).await?;
    let settings = world.target(CONFIG_MAP, "settings");
    first.until_there(&settings).await?;
    let all_at_once = |call: &Call| {
        let question: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let clusters = question.get("clusters").and_then(Value::as_array);
        clusters.is_some_and(|clusters| clusters.len() == world.members().len())
    };
    expect(
        here.calls().iter().all(all_at_once),
        "one call for all clusters",
        here.calls().len(),
    )?;
    let elsewhere = json!({"spec": {"urlPrefix": there.url()}});
    let hook = world.target(WEBHOOK, world.namespace());
    world.patch(&hook, &elsewhere).await?;
    third.until_there(&settings).await?;
    first.until_gone(&settings).await?;

    // Without the webhook in it, the profile is like none.
    let profile = world.target(PROFILE, world.namespace());
    world
        .patch(&profile, &json!({"spec": {"plugins": null}}))
        .await?;
    world
        .in_every_member(&settings, "is there", |_copy| true)
        .await
        .map(|_copies| ())
}
