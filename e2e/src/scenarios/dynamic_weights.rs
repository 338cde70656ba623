//! Without weights of their own clusters get replicas in proportion to what they have left. The resource is one that
//! members are told to have for the story.

use super::manifests::{deployment_that_takes, divide};
use super::room::{announce, until_left};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;

/// What weights look at where a workload asks for it; processors elsewhere.
const RESOURCE: &str = "nvidia.com/gpu";

pub(super) async fn by_what_is_left(world: &World) -> Outcome {
    let third = world.member(2)?;
    for (member, amount) in world.members().iter().zip([8, 4, 4]) {
        announce(world, member, RESOURCE, Some(amount)).await?;
    }
    world
        .apply_all(&[
            divide("by-room", &[]),
            deployment_that_takes(RESOURCE, "even", 8, "by-room"),
        ])
        .await?;
    let even = world.target(DEPLOYMENT, "even");
    world.until_shares(&even, &[4, 2, 2]).await?;
    let before = world.stamps(&even).await?;

    // More room counts for what comes, and moves nothing that runs.
    announce(world, third, RESOURCE, Some(8)).await?;
    for (member, left) in world.members().iter().zip([4, 2, 6]) {
        until_left(world, member, RESOURCE, left).await?;
    }
    world
        .apply(&deployment_that_takes(RESOURCE, "late", 6, "by-room"))
        .await?;
    let late = world.target(DEPLOYMENT, "late");
    world.until_shares(&late, &[2, 1, 3]).await?;
    world.until_shares(&even, &[4, 2, 2]).await?;
    world.untouched(&even, &before, world.members()).await?;
    for member in world.members() {
        announce(world, member, RESOURCE, None).await?;
    }
    Ok(())
}
