//! Replicas are packed: minima first, then cluster after cluster by priority, each up to its maximum; taken away from
//! the last.

use super::manifests::{also, deployment, divide};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;

/// A policy that packs, with these preferences of the members.
fn packs(world: &World, preferences: [&str; 3]) -> String {
    let members = world.members().iter().map(|member| &*member.name);
    let placement: Vec<(&str, &str)> = members.zip(preferences).collect();
    also(&divide("packs", &placement), &["replicasStrategy: Binpack"])
}

pub(super) async fn fills_one_after_the_other(world: &World) -> Outcome {
    let (second, third) = (world.member(1)?, world.member(2)?);
    let rules = packs(
        world,
        [
            "{priority: 2, maxReplicas: 4}",
            "{priority: 3, maxReplicas: 5}",
            "{priority: 1, minReplicas: 2}",
        ],
    );
    world
        .apply_all(&[rules, deployment("fleet", 10, "packs")])
        .await?;
    let fleet = world.target(DEPLOYMENT, "fleet");
    world.until_shares(&fleet, &[3, 5, 2]).await?;
    let before = world.stamps(&fleet).await?;

    world.host().hands().scale(&fleet, 11).await?;
    world.until_shares(&fleet, &[4, 5, 2]).await?;
    world.unmoved(&fleet, &before, [second, third]).await?;
    world.host().hands().scale(&fleet, 14).await?;
    world.until_shares(&fleet, &[4, 5, 5]).await?;
    world.unmoved(&fleet, &before, [second]).await?;
    world.host().hands().scale(&fleet, 6).await?;
    world.until_shares(&fleet, &[0, 4, 2]).await?;

    // Other priorities move nothing that may stay where it is.
    let (before, basis) = (world.stamps(&fleet).await?, world.basis(&fleet).await?);
    let calm = packs(world, ["{priority: 9}", "{}", "{}"])
        .replace("avoidDisruption: false", "avoidDisruption: true");
    world.apply(&calm).await?;
    world.until_decided_again(&fleet, &basis).await?;
    world.until_shares(&fleet, &[0, 4, 2]).await?;
    world.untouched(&fleet, &before, [second, third]).await?;
    // What is new goes by them.
    world.host().hands().scale(&fleet, 8).await?;
    world.until_shares(&fleet, &[2, 4, 2]).await?;
    world.unmoved(&fleet, &before, [second, third]).await
}
