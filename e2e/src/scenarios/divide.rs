//! A policy divides replicas: by weight, and within a minimum and a maximum.

use super::manifests::{deployment, divide};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;

/// Applies a policy and a Deployment, and waits until the members have their shares.
async fn shares(
    world: &World,
    name: &str,
    replicas: i64,
    preferences: [&str; 3],
    wanted: [i64; 3],
) -> Outcome {
    let names: Vec<&str> = world
        .members()
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    let placement: Vec<(&str, &str)> = names.into_iter().zip(preferences).collect();
    world
        .apply_all(&[divide(name, &placement), deployment(name, replicas, name)])
        .await?;
    let target = world.target(DEPLOYMENT, name);
    world.until_shares(&target, &wanted).await
}

pub(super) async fn by_weight(world: &World) -> Outcome {
    shares(
        world,
        "weights",
        10,
        ["{weight: 3}", "{weight: 1}", "{weight: 1}"],
        [6, 2, 2],
    )
    .await?;
    shares(
        world,
        "one-has-none",
        4,
        ["{weight: 1}", "{weight: 1}", "{weight: 0}"],
        [2, 2, 0],
    )
    .await
}

pub(super) async fn within_limits(world: &World) -> Outcome {
    let weight = "{weight: 1}";
    shares(
        world,
        "least",
        6,
        ["{weight: 0, minReplicas: 4}", weight, weight],
        [4, 1, 1],
    )
    .await?;
    shares(
        world,
        "most",
        9,
        ["{weight: 7, maxReplicas: 1}", weight, weight],
        [1, 4, 4],
    )
    .await
}
