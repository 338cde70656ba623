//! A user moves an object by its annotation: no more than so many replicas in one cluster, none at all in another until
//! a time has come.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::manifests::{config_map, deployment, duplicate, equal_shares};
use crate::failure::{Outcome, expect};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, Target};

/// What asks for a migration.
const MIGRATION: &str = "kubeadmiral.io/migration-configuration";

/// Asks for a migration.
async fn migrate(world: &World, target: &Target, configuration: &Value) -> Outcome {
    world
        .annotate(target, MIGRATION, Some(&configuration.to_string()))
        .await
}

pub(super) async fn limits_replicas(world: &World) -> Outcome {
    let first = world.member(0)?;
    world
        .apply_all(&[
            equal_shares("shares", world),
            deployment("fleet", 9, "shares"),
            deployment("other", 3, "shares"),
        ])
        .await?;
    let (fleet, other) = (
        world.target(DEPLOYMENT, "fleet"),
        world.target(DEPLOYMENT, "other"),
    );
    world.until_shares(&fleet, &[3, 3, 3]).await?;
    world.until_shares(&other, &[1, 1, 1]).await?;
    let others = world.stamps(&other).await?;
    let at_most = |most: i64| json!({"replicasMigrations": [{"cluster": first.name, "limitedCapacity": most}]});
    migrate(world, &fleet, &at_most(1)).await?;
    world.until_shares(&fleet, &[1, 4, 4]).await?;

    // One with a mistake is told of, and the last one holds, also for what comes later.
    let before = world.stamps(&fleet).await?;
    migrate(world, &fleet, &at_most(-1)).await?;
    world
        .host()
        .until_event(&fleet, "ParseMigrationConfiguration", "below zero")
        .await?;
    world.host().hands().scale(&fleet, 11).await?;
    world.until_shares(&fleet, &[1, 5, 5]).await?;
    world.unmoved(&fleet, &before, [first]).await?;

    migrate(world, &fleet, &at_most(0)).await?;
    world.host().hands().scale(&fleet, 6).await?;
    world.until_shares(&fleet, &[0, 3, 3]).await?;
    world.annotate(&fleet, MIGRATION, None).await?;
    world.until_shares(&fleet, &[2, 2, 2]).await?;
    world.untouched(&other, &others, world.members()).await
}

pub(super) async fn leaves_a_cluster_for_a_time(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    world
        .apply_all(&[
            equal_shares("shares", world),
            deployment("fleet", 6, "shares"),
            duplicate("copies", &[&first.name, &second.name]),
            config_map("chart", "copies"),
        ])
        .await?;
    let fleet = world.target(DEPLOYMENT, "fleet");
    let chart = world.target(CONFIG_MAP, "chart");
    world.until_shares(&fleet, &[2, 2, 2]).await?;
    world.until_in(&chart, &[first, second]).await?;
    let before = world.stamps(&chart).await?;
    let away_until = |time: Timestamp| json!({"workloadMigrations": [{"cluster": second.name, "validUntil": time}]});
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    for target in [&fleet, &chart] {
        migrate(world, target, &away_until(later)).await?;
    }
    world.until_shares(&fleet, &[3, 0, 3]).await?;
    world.until_in(&chart, &[first]).await?;

    // The time has come: nobody does anything, and both are back.
    let soon = Timestamp::now() + SignedDuration::from_secs(3);
    for target in [&fleet, &chart] {
        migrate(world, target, &away_until(soon)).await?;
    }
    world.until_shares(&fleet, &[2, 2, 2]).await?;
    world.until_in(&chart, &[first, second]).await?;
    // Times are kept in whole seconds.
    let back = Timestamp::now() + SignedDuration::from_secs(1);
    expect(
        back >= soon,
        "back no sooner than at its time",
        (back, soon),
    )?;
    world.untouched(&chart, &before, [first]).await?;
    expect(
        third.find(&chart).await?.is_none(),
        "no copy elsewhere",
        &third.name,
    )
}
