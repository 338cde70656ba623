//! A member is cut off: nothing is moved or forgotten, the others go on, and what was decided meanwhile holds when it is
//! back.

use serde_json::json;

use super::manifests::{config_map, deployment, duplicate, equal_shares};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT};
use crate::world::read::{cluster_states, has_ready, number, placement, text};

pub(super) async fn and_back(world: &World) -> Outcome {
    let manifests = [
        equal_shares("shares", world),
        deployment("ferry", 6, "shares"),
        duplicate("everywhere", &[]),
        config_map("timetable", "everywhere"),
    ];
    world.apply_all(&manifests).await?;
    let (ferry, timetable) = (
        world.target(DEPLOYMENT, "ferry"),
        world.target(CONFIG_MAP, "timetable"),
    );
    world
        .host()
        .until(&ferry, "is ready", |source| has_ready(source, 6))
        .await?;
    world.until_propagated(&timetable).await?;
    let lost = world.member(1)?;
    world.cut_off(lost).await?;

    // A change goes where it can, and the host says where it could not.
    world
        .patch(&timetable, &json!({"data": {"greeting": "late"}}))
        .await?;
    for member in [world.member(0)?, world.member(2)?] {
        member
            .until(&timetable, "has the change", |copy| {
                text(copy, "/data/greeting") == "late"
            })
            .await?;
    }
    let states = |object: &serde_json::Value| {
        cluster_states(object).get(&*lost.name) == Some(&"ClusterNotReady")
    };
    world
        .host()
        .until(&timetable.federated(), "names the lost member", states)
        .await?;
    let federated = world.host().get(&ferry.federated()).await?;
    expect_equal("the placement", &placement(&federated).len(), &3)?;
    for member in [world.member(0)?, world.member(2)?] {
        let copy = member.get(&ferry).await?;
        expect_equal(
            "the share of a reachable member",
            &number(&copy, "/spec/replicas"),
            &2,
        )?;
    }

    world.restore(lost).await?;
    lost.until(&timetable, "has the change", |copy| {
        text(copy, "/data/greeting") == "late"
    })
    .await?;
    let copy = lost.get(&ferry).await?;
    expect(has_ready(&copy, 2), "the workload as it was", &copy)?;
    world.until_propagated(&timetable).await.map(|_object| ())
}

pub(super) async fn withdrawn_meanwhile(world: &World) -> Outcome {
    let (first, lost) = (world.member(0)?, world.member(1)?);
    let both = duplicate("near", &[&first.name, &lost.name]);
    world
        .apply_all(&[
            both,
            config_map("timetable", "near"),
            config_map("gone", "near"),
        ])
        .await?;
    let (timetable, gone) = (
        world.target(CONFIG_MAP, "timetable"),
        world.target(CONFIG_MAP, "gone"),
    );
    for target in [&timetable, &gone] {
        world.until_propagated(target).await?;
    }
    world.cut_off(lost).await?;

    // The policy leaves the lost member out; another object is deleted as a whole.
    world.apply(&duplicate("near", &[&first.name])).await?;
    let left = |object: &serde_json::Value| placement(object) == [&*first.name];
    world
        .host()
        .until(&timetable.federated(), "is placed in the first only", left)
        .await?;
    world.host().hands().delete(&gone).await?;
    first.until_gone(&gone).await?;
    let source = world.host().get(&gone).await?;
    expect(
        !text(&source, "/metadata/deletionTimestamp").is_empty(),
        "a source that waits for the lost copy",
        &source,
    )?;

    world.restore(lost).await?;
    lost.until_gone(&timetable).await?;
    lost.until_gone(&gone).await?;
    world.host().until_gone(&gone).await?;
    first.get(&timetable).await.map(|_copy| ())
}
