//! What the host says of a Deployment is true: not earlier than the members, and not later.

use serde_json::json;

use super::manifests::{deployment, equal_shares};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{DEPLOYMENT, Target};
use crate::world::read::{condition, has_ready, number};

pub(super) async fn is_true(world: &World) -> Outcome {
    world
        .apply_all(&[
            equal_shares("shares", world),
            deployment("signal", 6, "shares"),
        ])
        .await?;
    let signal = world.target(DEPLOYMENT, "signal");
    world.host().hands().rollout_ends(&signal).await?;
    let source = world.host().get(&signal).await?;
    expect(
        has_ready(&source, 6),
        "six replicas ready when the rollout is over",
        &source["status"],
    )?;
    expect_equal(
        "condition Available",
        &condition(&source, "Available"),
        &"True",
    )?;
    expect_equal(
        "condition Progressing",
        &condition(&source, "Progressing"),
        &"True",
    )?;
    expect_equal(
        "column READY",
        &world.host().hands().ready_column(&signal).await?,
        &"6/6".to_owned(),
    )?;

    that_hangs(world, &signal).await
}

/// A rollout that cannot end, and its end.
async fn that_hangs(world: &World, signal: &Target) -> Outcome {
    // More than fits: cpu is short in every member, so the host must not say that it is done.
    let request = |cpu: &str| {
        json!({"spec": {"template": {"spec": {"containers": [
            {"name": "main", "image": "registry.example.com/signal:1.0", "resources": {"requests": {"cpu": cpu}}},
        ]}}}})
    };
    world.patch(signal, &request("4000")).await?;
    let behind = |source: &serde_json::Value| {
        number(source, "/status/observedGeneration") == number(source, "/metadata/generation")
            && number(source, "/status/updatedReplicas") > 0
            && number(source, "/status/unavailableReplicas") > 0
    };
    let source = world
        .host()
        .until(signal, "tells of replicas that cannot start", behind)
        .await?;
    let available = number(&source, "/status/availableReplicas");
    expect(
        (1..=6).contains(&available),
        "old replicas that stay available",
        available,
    )?;
    for member in world.members() {
        let copy = member.get(signal).await?;
        expect(
            !has_ready(&copy, 2),
            "a rollout that hangs in every member",
            &copy["status"],
        )?;
    }

    world.patch(signal, &request("20m")).await?;
    world.host().hands().rollout_ends(signal).await?;
    for member in world.members() {
        let copy = member.get(signal).await?;
        expect(
            has_ready(&copy, 2),
            "two replicas ready in each member when the rollout is over",
            &copy["status"],
        )?;
    }
    Ok(())
}
