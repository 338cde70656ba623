//! A policy changes: what runs under it moves, and nothing else.

use super::manifests::{config_map, deployment, divide, duplicate};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT};

pub(super) async fn moves_what_it_names(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    let manifests = [
        duplicate("here", &[&first.name, &second.name]),
        config_map("moves", "here"),
        duplicate("stays", &[&first.name]),
        config_map("stays", "stays"),
        divide(
            "shares",
            &[(&first.name, "{weight: 1}"), (&second.name, "{weight: 1}")],
        ),
        deployment("fleet", 4, "shares"),
    ];
    world.apply_all(&manifests).await?;
    let (moves, stays) = (
        world.target(CONFIG_MAP, "moves"),
        world.target(CONFIG_MAP, "stays"),
    );
    let fleet = world.target(DEPLOYMENT, "fleet");
    world.until_in(&moves, &[first, second]).await?;
    world.until_in(&stays, &[first]).await?;
    world.until_shares(&fleet, &[2, 2, 0]).await?;
    let (moved, stayed) = (world.stamps(&moves).await?, world.stamps(&stays).await?);

    let changes = [
        duplicate("here", &[&second.name, &third.name]),
        divide(
            "shares",
            &[(&first.name, "{weight: 3}"), (&third.name, "{weight: 1}")],
        ),
    ];
    world.apply(&changes.concat()).await?;
    world.until_in(&moves, &[second, third]).await?;
    world.until_shares(&fleet, &[3, 0, 1]).await?;
    world.untouched(&moves, &moved, [second]).await?;
    world.untouched(&stays, &stayed, [first]).await
}
