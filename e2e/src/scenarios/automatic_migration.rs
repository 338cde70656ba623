//! A member has no room: replicas that find none there move to others, or run there besides, as the policy says; nothing
//! is concluded from a member that cannot be reached.

use std::fmt::Write as _;

use navarch_crds::go::quantity::Quantity;
use serde_json::{Value, json};

use super::manifests::deployment;
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{DEPLOYMENT, NODE, POD, POLICY};
use crate::world::place::Place;
use crate::world::read::{annotation, has_ready, number, placement, text};
use crate::world::waiting::{Look, until};

/// What auto migration found out.
const INFO: &str = "kubeadmiral.io/auto-migration-info";
/// What a pod of `manifests::deployment` asks for, in thousandths of a CPU.
const ONE_POD: i64 = 10;

/// Fills the nodes of a member, but for the room of so many pods in all.
async fn fill(world: &World, member: &Place, pods: i64) -> Outcome {
    let mut manifests = format!(
        "---
apiVersion: v1
kind: Namespace
metadata:
  name: {}
",
        world.namespace()
    );
    for (index, node) in member.list(NODE).await?.iter().enumerate() {
        let room = if index == 0 { pods } else { 0 };
        // Half a pod is no room.
        let left = room * ONE_POD + ONE_POD / 2;
        let cpu = text(node, "/status/allocatable/cpu");
        let cpu: Quantity = cpu.parse().unwrap_or_default();
        let _ = write!(
            manifests,
            "---
apiVersion: v1
kind: Pod
metadata:
  name: ballast-{index}
  namespace: {}
spec:
  nodeName: {}
  containers:
  - name: main
    image: registry.example.com/ballast:1.0
    resources:
      requests: {{cpu: {}m}}
",
            world.namespace(),
            text(node, "/metadata/name"),
            cpu.milli_value() - left
        );
    }
    member.apply(&manifests).await
}

/// Takes the ballast off again.
async fn empty(world: &World, member: &Place) -> Outcome {
    for pod in member.list(POD).await? {
        let name = text(&pod, "/metadata/name");
        if name.starts_with("ballast-") {
            member.hands().delete(&world.target(POD, name)).await?;
        }
    }
    Ok(())
}

/// A policy that divides equally among all members, and lets replicas move when a pod finds no room for so long.
/// Without weights a full member would get nothing in the first place.
fn policy(world: &World, name: &str, seconds: u32, keep: bool) -> String {
    let mut placement = String::new();
    for member in world.members() {
        let _ = writeln!(
            placement,
            "  - {{cluster: {}, preferences: {{weight: 1}}}}",
            member.name
        );
    }
    format!(
        "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: PropagationPolicy
metadata:
  name: {name}
spec:
  schedulingMode: Divide
  autoMigration:
    when: {{podUnschedulableFor: {seconds}s}}
    keepUnschedulableReplicas: {keep}
  placement:
{placement}"
    )
}

/// How many replicas a member is said to have room for.
fn room(federated: &Value, member: &Place) -> Option<i64> {
    let info: Value = serde_json::from_str(annotation(federated, INFO)?).ok()?;
    info.get("estimatedCapacity")?.get(&member.name)?.as_i64()
}

pub(super) async fn away_and_back(world: &World) -> Outcome {
    let full = world.member(0)?;
    fill(world, full, 1).await?;
    let ferry = world.target(DEPLOYMENT, "ferry");
    world
        .apply_all(&[
            policy(world, "moves", 2, false),
            deployment("ferry", 6, "moves"),
        ])
        .await?;
    // One of two finds room; the other one moves.
    world
        .host()
        .until(&ferry, "is ready as a whole", |source| has_ready(source, 6))
        .await?;
    let found = world.shares(&ferry).await?;
    expect_equal(
        "the replicas where there is room for one",
        &found.first(),
        &Some(&1),
    )?;
    expect_equal("all replicas", &found.iter().sum::<i64>(), &6)?;
    let federated = world.host().get(&ferry.federated()).await?;
    expect_equal("the room that was seen", &room(&federated, full), &Some(1))?;

    beside(world, full).await?;

    // Nothing is written of what does not migrate any more.
    world
        .patch(
            &world.target(POLICY, "moves"),
            &json!({"spec": {"autoMigration": null}}),
        )
        .await?;
    world
        .host()
        .until(&ferry.federated(), "does not migrate", |object| {
            annotation(object, INFO).is_none()
        })
        .await?;
    let found = world.shares(&ferry).await?;
    expect_equal("all replicas", &found.iter().sum::<i64>(), &6)
}

/// Replicas that are to be kept stay where they wait, and run elsewhere besides until there is room.
async fn beside(world: &World, full: &Place) -> Outcome {
    let barge = world.target(DEPLOYMENT, "barge");
    world
        .apply_all(&[
            policy(world, "stays", 2, true),
            deployment("barge", 3, "stays"),
        ])
        .await?;
    let placed = |object: &Value| room(object, full) == Some(0);
    world
        .host()
        .until(&barge.federated(), "is known to find no room", placed)
        .await?;
    let running = |copies: &[Value]| -> i64 {
        let ready = copies.iter();
        ready
            .map(|copy| number(copy, "/status/readyReplicas"))
            .sum()
    };
    until("three replicas run elsewhere", async || {
        let mut copies = Vec::new();
        for member in world.members().iter().skip(1) {
            copies.extend(member.find(&barge).await.ok().flatten());
        }
        match running(&copies) {
            3 => Look::Seen(()),
            ready => Look::NotYet(format!("{ready} are ready")),
        }
    })
    .await?;
    let found = world.shares(&barge).await?;
    expect_equal("the replicas that wait", &found.first(), &Some(&1))?;

    // There is room again: they run where they waited, and what ran besides goes.
    empty(world, full).await?;
    let over = |object: &Value| annotation(object, INFO).is_none();
    world
        .host()
        .until(&barge.federated(), "finds room", over)
        .await?;
    world
        .host()
        .until(&barge, "runs once", |source| has_ready(source, 3))
        .await?;
    let found = world.shares(&barge).await?;
    expect_equal("the replicas that waited", &found.first(), &Some(&1))?;
    expect_equal("all replicas", &found.iter().sum::<i64>(), &3)
}

pub(super) async fn not_while_down(world: &World) -> Outcome {
    const SECONDS: u32 = 15;
    let full = world.member(0)?;
    fill(world, full, 0).await?;
    let ferry = world.target(DEPLOYMENT, "ferry");
    world
        .apply_all(&[
            policy(world, "moves", SECONDS, false),
            deployment("ferry", 3, "moves"),
        ])
        .await?;
    let waits = |pod: &Value| {
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|condition| text(condition, "/reason") == "Unschedulable")
    };
    until("a pod finds no room", async || match full.list(POD).await {
        Ok(pods) if pods.iter().any(waits) => Look::Seen(()),
        Ok(pods) => Look::NotYet(format!("{} pods", pods.len())),
        Err(error) => Look::NotYet(error.to_string()),
    })
    .await?;
    let waiting_since = jiff::Timestamp::now();
    world.cut_off(full).await?;
    let due = waiting_since + jiff::SignedDuration::from_secs(i64::from(SECONDS) + 2);
    until("the pod's time has come", async || {
        let now = jiff::Timestamp::now();
        if now > due {
            Look::Seen(())
        } else {
            Look::NotYet(now.to_string())
        }
    })
    .await?;
    let federated = world.host().get(&ferry.federated()).await?;
    expect(
        annotation(&federated, INFO).is_none(),
        "nothing said of a member that nobody hears",
        &federated,
    )?;
    expect_equal("the placement", &placement(&federated).len(), &3)?;

    world.restore(full).await?;
    world
        .host()
        .until(&ferry, "is ready as a whole", |source| has_ready(source, 3))
        .await?;
    full.until_gone(&ferry).await?;
    let found = world.shares(&ferry).await?;
    expect_equal("all replicas", &found.iter().sum::<i64>(), &3)
}
