//! What annotations of an object may do to its policy: take its place, only narrow it, or nothing at all, as the
//! controllers are told when they start.

use navarch_scheduler::unit::ObjectOverrides;
use serde_json::json;

use super::manifests::{annotated, config_map, duplicate};
use crate::backend::Steer;
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, Target};
use crate::world::place::Place;

/// Two objects under a policy for the first two members: `narrow` wants to be in one of these only, `wide` elsewhere.
/// Answers both.
async fn objects(world: &World, suffix: &str) -> Outcome<(Target, Target)> {
    let elsewhere = |name: &str, member: &Place| {
        let placements = json!([{"cluster": member.name}]);
        let map = config_map(&format!("{name}-{suffix}"), "first-two");
        annotated(&map, "kubeadmiral.io/placements", &placements)
    };
    world
        .apply_all(&[
            elsewhere("narrow", world.member(1)?),
            elsewhere("wide", world.member(2)?),
        ])
        .await?;
    let target = |name: &str| world.target(CONFIG_MAP, &format!("{name}-{suffix}"));
    Ok((target("narrow"), target("wide")))
}

async fn restart(world: &World, bounds: ObjectOverrides) -> Outcome {
    world.steer(Steer::Stop).await?;
    world.steer(Steer::StartBounded(bounds)).await
}

pub(super) async fn of_annotations(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    world
        .apply(&duplicate("first-two", &[&first.name, &second.name]))
        .await?;
    let (narrow, wide) = objects(world, "allowed").await?;
    world.until_in(&narrow, &[second]).await?;
    world.until_in(&wide, &[third]).await?;
    let (narrow_before, wide_before) = (world.stamps(&narrow).await?, world.stamps(&wide).await?);

    restart(world, ObjectOverrides::Narrow).await?;
    let (new_narrow, new_wide) = objects(world, "narrowed").await?;
    world.until_in(&new_narrow, &[second]).await?;
    world.until_in(&new_wide, &[first, second]).await?;
    world
        .host()
        .until_event(&new_wide, "AnnotationIgnored", "may only narrow")
        .await?;

    restart(world, ObjectOverrides::Deny).await?;
    let (denied_narrow, denied_wide) = objects(world, "denied").await?;
    world.until_in(&denied_narrow, &[first, second]).await?;
    world.until_in(&denied_wide, &[first, second]).await?;
    world
        .host()
        .until_event(&denied_narrow, "AnnotationIgnored", "may not override")
        .await?;

    // The setting alone has moved nothing; it counts with the next decision.
    world.until_in(&narrow, &[second]).await?;
    world.until_in(&wide, &[third]).await?;
    world.untouched(&narrow, &narrow_before, [second]).await?;
    world.untouched(&wide, &wide_before, [third]).await?;
    world
        .annotate(&wide, "kubeadmiral.io/maxClusters", Some("9"))
        .await?;
    world.until_in(&wide, &[first, second]).await?;
    world.until_in(&narrow, &[second]).await?;
    world.untouched(&narrow, &narrow_before, [second]).await
}
