//! Clusters of the highest priority are chosen, among equals the first by name.

use super::manifests::{also, deployment, divide};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;

/// A policy for two clusters at most, of members with these priorities.
fn two_of(world: &World, priorities: [u32; 3]) -> String {
    let preferences = priorities.map(|priority| format!("{{weight: 1, priority: {priority}}}"));
    let members = world.members().iter().map(|member| &*member.name);
    let placement: Vec<(&str, &str)> = members
        .zip(preferences.iter().map(String::as_str))
        .collect();
    also(&divide("ranked", &placement), &["maxClusters: 2"])
}

pub(super) async fn choose_clusters(world: &World) -> Outcome {
    let second = world.member(1)?;
    world
        .apply_all(&[two_of(world, [1, 5, 3]), deployment("fleet", 4, "ranked")])
        .await?;
    let fleet = world.target(DEPLOYMENT, "fleet");
    world.until_shares(&fleet, &[0, 2, 2]).await?;
    let before = world.stamps(&fleet).await?;

    world.apply(&two_of(world, [9, 5, 3])).await?;
    world.until_shares(&fleet, &[2, 2, 0]).await?;
    world.untouched(&fleet, &before, [second]).await?;
    world.apply(&two_of(world, [3, 5, 9])).await?;
    world.until_shares(&fleet, &[0, 2, 2]).await?;
    world.untouched(&fleet, &before, [second]).await?;

    world.apply(&two_of(world, [7, 7, 7])).await?;
    world.until_shares(&fleet, &[2, 2, 0]).await?;
    world.untouched(&fleet, &before, [second]).await
}
