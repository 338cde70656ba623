//! Global quotas: who fits runs, who does not waits and is told why, and nobody who runs is hurt by a limit.

use serde_json::{Value, json};

use super::manifests::{deployment, duplicate, equal_shares};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{DEPLOYMENT, GLOBAL_QUOTA, Target};
use crate::world::read::{has_ready, number, text};

/// A quota for objects of this story's namespace; what of them, `more` says (YAML under `spec`).
pub(super) fn quota(world: &World, name: &str, more: &str) -> String {
    format!(
        "---
apiVersion: navarch.dev/v1alpha1
kind: GlobalQuota
metadata: {{name: {}}}
spec:
  selector: {{namespaces: [{}]}}
{more}",
        quota_name(world, name),
        world.namespace()
    )
}

/// A quota has no namespace, and other stories have theirs.
pub(super) fn quota_name(world: &World, name: &str) -> String {
    format!("{}-{name}", world.namespace())
}

fn quota_target(world: &World, name: &str) -> Target {
    Target::new(GLOBAL_QUOTA, "", &quota_name(world, name))
}

/// A Deployment of a team, whose pods ask for a tenth of a processor each.
pub(super) fn workload(name: &str, replicas: i64, policy: &str, team: &str) -> String {
    deployment(name, replicas, policy)
        .replacen("labels: {", &format!("labels: {{team: {team}, "), 1)
        .replace("{cpu: 10m, memory: 16Mi}", "{cpu: 100m}")
}

/// The replicas of all copies together.
async fn running(world: &World, target: &Target) -> Outcome<i64> {
    let mut sum = 0;
    for member in world.members() {
        if let Some(copy) = member.find(target).await? {
            sum += number(&copy, "/spec/replicas");
        }
    }
    Ok(sum)
}

/// Waits until a workload is refused for its quota, and returns what it is told.
async fn refused(world: &World, target: &Target) -> Outcome<String> {
    let reserved = |object: &Value| reserved(object).0 == "False";
    let federated = world
        .host()
        .until(&target.federated(), "waits for its quota", reserved)
        .await?;
    Ok(self::reserved(&federated).1.to_owned())
}

/// Status and message of the condition.
fn reserved(federated: &Value) -> (&str, &str) {
    let conditions = federated.pointer("/status/conditions");
    let conditions = conditions.and_then(Value::as_array);
    let found = conditions
        .into_iter()
        .flatten()
        .find(|condition| text(condition, "/type") == "QuotaReserved");
    found.map_or(("", ""), |found| {
        (text(found, "/status"), text(found, "/message"))
    })
}

async fn until_runs(world: &World, target: &Target, replicas: i64) -> Outcome {
    let ready = |source: &Value| has_ready(source, replicas);
    world
        .host()
        .until(target, "runs", ready)
        .await
        .map(|_source| ())
}

/// What a quota says it uses of processors.
fn used(quota: &Value) -> &str {
    let resources = quota.pointer("/status/resources").and_then(Value::as_array);
    let found = resources
        .into_iter()
        .flatten()
        .find(|resource| text(resource, "/name") == "requests.cpu");
    found.map_or("", |found| text(found, "/used"))
}

pub(super) async fn those_who_wait_come_in_order(world: &World) -> Outcome {
    let limit = "  resources: [{name: cpu, limit: 400m}]\n";
    world
        .apply_all(&[
            quota(world, "team", limit),
            equal_shares("shares", world),
            workload("first", 3, "shares", "a"),
        ])
        .await?;
    let [first, second, third] =
        ["first", "second", "third"].map(|name| world.target(DEPLOYMENT, name));
    until_runs(world, &first, 3).await?;

    world.apply(&workload("second", 3, "shares", "a")).await?;
    let why = refused(world, &second).await?;
    for part in [
        quota_name(world, "team").as_str(),
        "requests.cpu",
        "300m",
        "100m",
        "400m",
    ] {
        expect(why.contains(part), format!("a reason with {part}"), &why)?;
    }
    world
        .host()
        .until_event(&second, "QuotaExceeded", "requests.cpu")
        .await?;
    world.apply(&workload("third", 4, "shares", "a")).await?;
    let why = refused(world, &third).await?;
    expect(why.contains("place 2 of 2"), "its place in line", &why)?;
    world.in_no_member(&second).await?;

    // Room for one of them comes free, and the one that came first has it.
    world.host().hands().delete(&first).await?;
    until_runs(world, &second, 3).await?;
    world.in_no_member(&third).await?;
    let federated = world.host().get(&second.federated()).await?;
    expect_equal("told when it fits", &reserved(&federated).0, &"True")?;
    world.host().hands().delete(&second).await?;
    until_runs(world, &third, 4).await
}

pub(super) async fn what_is_idle_is_borrowed(world: &World) -> Outcome {
    let team = |name: &str| {
        quota(
            world,
            name,
            &format!(
                "  parentName: {}\n  resources: [{{name: cpu, guaranteed: 300m}}]\n",
                quota_name(world, "company")
            ),
        )
        .replace(
            "selector: {",
            &format!("selector: {{objectSelector: {{matchLabels: {{team: {name}}}}}, "),
        )
    };
    let company = quota(
        world,
        "company",
        "  resources: [{name: cpu, limit: 600m}]\n",
    )
    .lines()
    .filter(|line| !line.contains("selector:"))
    .map(|line| format!("{line}\n"))
    .collect();
    world
        .apply_all(&[
            company,
            team("a"),
            team("b"),
            equal_shares("shares", world),
            workload("of-a", 5, "shares", "a"),
        ])
        .await?;
    let (of_a, of_b) = (
        world.target(DEPLOYMENT, "of-a"),
        world.target(DEPLOYMENT, "of-b"),
    );
    until_runs(world, &of_a, 5).await?;
    let borrows = |quota: &Value| {
        crate::world::read::condition(quota, "Borrowing") == "True" && used(quota) == "500m"
    };
    let host = world.host();
    host.until(&quota_target(world, "a"), "borrows", borrows)
        .await?;

    // What team a has borrowed, team b lacks until it is given back.
    world.apply(&workload("of-b", 3, "shares", "b")).await?;
    refused(world, &of_b).await?;
    world.in_no_member(&of_b).await?;
    host.hands().scale(&of_a, 3).await?;
    until_runs(world, &of_b, 3).await?;
    expect_equal("what team a runs", &running(world, &of_a).await?, &3)
}

pub(super) async fn a_cap_of_a_cluster_shapes_the_division(world: &World) -> Outcome {
    let capped = world.member(0)?;
    let caps = format!(
        "  clusters:\n  - names: [{}]\n    resources: [{{name: nvidia.com/gpu, limit: 1}}]\n",
        capped.name
    );
    let job = workload("train", 6, "shares", "a")
        .replace("requests: {cpu: 100m}", "limits: {nvidia.com/gpu: 1}");
    world
        .apply_all(&[
            quota(world, "gpus", &caps),
            equal_shares("shares", world),
            job,
        ])
        .await?;
    let train = world.target(DEPLOYMENT, "train");
    let replicas = |copy: &Value| number(copy, "/spec/replicas");
    let of_the_others: i64 = 5;
    for (index, member) in world.members().iter().enumerate() {
        let copy = member.until_there(&train).await?;
        if index == 0 {
            expect_equal("replicas within the cap", &replicas(&copy), &1)?;
        }
    }
    expect_equal(
        "all replicas",
        &running(world, &train).await?,
        &(of_the_others + 1),
    )?;
    let quota = quota_target(world, "gpus");
    let says = |quota: &Value| {
        let clusters = quota.pointer("/status/clusters").and_then(Value::as_array);
        clusters.into_iter().flatten().any(|cluster| {
            text(cluster, "/name") == capped.name
                && text(cluster, "/used/requests.nvidia.com~1gpu") == "1"
                && text(cluster, "/limit/requests.nvidia.com~1gpu") == "1"
        })
    };
    world
        .host()
        .until(&quota, "says what each cluster uses", says)
        .await
        .map(|_quota| ())
}

pub(super) async fn a_template_over_the_limit_reaches_no_member(world: &World) -> Outcome {
    let limit = "  resources: [{name: cpu, limit: 400m}]\n";
    world
        .apply_all(&[
            quota(world, "team", limit),
            equal_shares("shares", world),
            workload("engine", 3, "shares", "a"),
        ])
        .await?;
    let engine = world.target(DEPLOYMENT, "engine");
    until_runs(world, &engine, 3).await?;
    let of_pods =
        |change: Value| json!({ "spec": { "template": { "spec": { "containers": [change] } } } });
    let larger = of_pods(json!({
        "name": "main", "image": "registry.example.com/engine:2.0",
        "resources": { "requests": { "cpu": "200m" } },
    }));
    world.patch(&engine, &larger).await?;
    refused(world, &engine).await?;
    for member in world.members() {
        let copy = member.get(&engine).await?;
        let image = text(&copy, "/spec/template/spec/containers/0/image");
        expect_equal(
            "the image in a member",
            &image,
            &"registry.example.com/engine:1.0",
        )?;
    }
    // A revision that fits goes.
    let fits = of_pods(json!({
        "name": "main", "image": "registry.example.com/engine:3.0",
        "resources": { "requests": { "cpu": "100m" } },
    }));
    world.patch(&engine, &fits).await?;
    let is_new = |copy: &Value| {
        text(copy, "/spec/template/spec/containers/0/image") == "registry.example.com/engine:3.0"
    };
    world
        .in_every_member(&engine, "runs the revision that fits", is_new)
        .await
        .map(|_copies| ())
}

pub(super) async fn duplicate_over_the_limit_reaches_no_member(world: &World) -> Outcome {
    let limit = format!(
        "  resources: [{{name: pods, limit: {}}}]\n",
        world.members().len()
    );
    world
        .apply_all(&[
            quota(world, "team", &limit),
            duplicate("everywhere", &[]),
            workload("agent", 1, "everywhere", "a"),
        ])
        .await?;
    let agent = world.target(DEPLOYMENT, "agent");
    let everywhere = i64::try_from(world.members().len()).unwrap_or(i64::MAX);
    until_runs(world, &agent, everywhere).await?;
    world.host().hands().scale(&agent, 2).await?;
    refused(world, &agent).await?;
    expect_equal(
        "replicas in all members",
        &running(world, &agent).await?,
        &everywhere,
    )?;
    let raised = json!({ "spec": { "resources": [{ "name": "pods", "limit": 2 * everywhere }] } });
    world.patch(&quota_target(world, "team"), &raised).await?;
    until_runs(world, &agent, 2 * everywhere).await
}

pub(super) async fn a_part_runs_where_that_is_asked(world: &World) -> Outcome {
    let limit = "  onExceeded: Partial\n  resources: [{name: cpu, limit: 400m}]\n";
    world
        .apply_all(&[
            quota(world, "team", limit),
            equal_shares("shares", world),
            workload("crowd", 9, "shares", "a"),
        ])
        .await?;
    let crowd = world.target(DEPLOYMENT, "crowd");
    let why = refused(world, &crowd).await?;
    expect(why.contains("4 of 9"), "how many fit", &why)?;
    let four = |federated: &Value| crate::world::read::placement(federated).len() > 1;
    let host = world.host();
    host.until(&crowd.federated(), "is placed in part", four)
        .await?;
    let ready = |source: &Value| number(source, "/status/readyReplicas") == 4;
    host.until(&crowd, "runs in part", ready).await?;
    expect_equal(
        "replicas in all members",
        &running(world, &crowd).await?,
        &4,
    )?;
    let raised = json!({ "spec": { "resources": [{ "name": "cpu", "limit": "900m" }] } });
    world.patch(&quota_target(world, "team"), &raised).await?;
    until_runs(world, &crowd, 9).await
}

pub(super) async fn a_limit_below_what_is_used_kills_nothing(world: &World) -> Outcome {
    let limit = "  resources: [{name: cpu, limit: 600m}]\n";
    world
        .apply_all(&[
            quota(world, "team", limit),
            equal_shares("shares", world),
            workload("old", 6, "shares", "a"),
        ])
        .await?;
    let old = world.target(DEPLOYMENT, "old");
    until_runs(world, &old, 6).await?;
    let team = quota_target(world, "team");
    let lowered = json!({ "spec": { "resources": [{ "name": "cpu", "limit": "200m" }] } });
    world.patch(&team, &lowered).await?;
    let over = |quota: &Value| {
        let conditions = quota
            .pointer("/status/conditions")
            .and_then(Value::as_array);
        conditions.into_iter().flatten().any(|condition| {
            text(condition, "/type") == "OverLimit"
                && text(condition, "/status") == "True"
                && text(condition, "/message").contains("600m used of 200m")
        })
    };
    world.host().until(&team, "says by how much", over).await?;
    world.host().hands().scale(&old, 7).await?;
    refused(world, &old).await?;
    expect_equal("replicas in all members", &running(world, &old).await?, &6)?;
    world.host().hands().scale(&old, 2).await?;
    until_runs(world, &old, 2).await?;
    let within = |quota: &Value| used(quota) == "200m";
    world
        .host()
        .until(&team, "is within its limit", within)
        .await
        .map(|_quota| ())
}

pub(super) async fn a_wrong_quota_says_so(world: &World) -> Outcome {
    let limit = "  resources: [{name: cpu, limit: 900m}]\n";
    world
        .apply_all(&[
            quota(world, "team", limit),
            equal_shares("shares", world),
            workload("steady", 3, "shares", "a"),
        ])
        .await?;
    let steady = world.target(DEPLOYMENT, "steady");
    until_runs(world, &steady, 3).await?;
    let team = quota_target(world, "team");
    let inactive = |reason: &'static str| {
        move |quota: &Value| {
            let conditions = quota
                .pointer("/status/conditions")
                .and_then(Value::as_array);
            conditions.into_iter().flatten().any(|condition| {
                text(condition, "/type") == "Active"
                    && text(condition, "/status") == "False"
                    && text(condition, "/reason") == reason
            })
        }
    };
    let host = world.host();
    let lost = json!({ "spec": { "parentName": "nobody" } });
    world.patch(&team, &lost).await?;
    host.until(&team, "misses its parent", inactive("ParentMissing"))
        .await?;
    host.hands().scale(&steady, 6).await?;
    refused(world, &steady).await?;
    expect_equal(
        "replicas in all members",
        &running(world, &steady).await?,
        &3,
    )?;
    let itself = json!({ "spec": { "parentName": quota_name(world, "team") } });
    world.patch(&team, &itself).await?;
    host.until(&team, "is its own parent", inactive("Cycle"))
        .await?;
    let mended = json!({ "spec": { "parentName": null } });
    world.patch(&team, &mended).await?;
    until_runs(world, &steady, 6).await
}
