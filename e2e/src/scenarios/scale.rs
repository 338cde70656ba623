//! A user scales: the members' shares follow, up and down.

use super::manifests::{deployment, equal_shares};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;
use crate::world::read::has_ready;

pub(super) async fn up_and_down(world: &World) -> Outcome {
    world
        .apply_all(&[
            equal_shares("shares", world),
            deployment("pump", 3, "shares"),
        ])
        .await?;
    let pump = world.target(DEPLOYMENT, "pump");
    world
        .in_every_member(&pump, "has one ready replica", |copy| has_ready(copy, 1))
        .await?;

    world.host().hands().scale(&pump, 9).await?;
    world
        .in_every_member(&pump, "has three ready replicas", |copy| has_ready(copy, 3))
        .await?;
    world
        .host()
        .until(&pump, "tells of nine", |source| has_ready(source, 9))
        .await?;

    world.host().hands().scale(&pump, 6).await?;
    world
        .in_every_member(&pump, "has two ready replicas", |copy| has_ready(copy, 2))
        .await?;
    world
        .host()
        .until(&pump, "tells of six", |source| has_ready(source, 6))
        .await
        .map(|_source| ())
}
