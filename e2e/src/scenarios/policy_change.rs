//! A policy changes: what runs under it moves, and nothing else.

use super::manifests::{config_map, deployment, divide, duplicate};
use crate::failure::{Outcome, expect};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT};
use crate::world::read::{has_ready, text};

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
    for target in [&moves, &stays, &fleet] {
        world.until_propagated(target).await?;
    }
    let before = first.get(&stays).await?;

    let changes = [
        duplicate("here", &[&second.name, &third.name]),
        divide(
            "shares",
            &[(&first.name, "{weight: 3}"), (&third.name, "{weight: 1}")],
        ),
    ];
    world.apply(&changes.concat()).await?;
    third.until_there(&moves).await?;
    first.until_gone(&moves).await?;
    second.get(&moves).await?;
    first
        .until(&fleet, "has three replicas", |copy| has_ready(copy, 3))
        .await?;
    third
        .until(&fleet, "has one replica", |copy| has_ready(copy, 1))
        .await?;
    second.until_gone(&fleet).await?;
    world
        .host()
        .until(&fleet, "tells of four", |source| has_ready(source, 4))
        .await?;
    let after = first.get(&stays).await?;
    let same =
        text(&after, "/metadata/resourceVersion") == text(&before, "/metadata/resourceVersion");
    expect(same, "an object of another policy untouched", &after)
}
