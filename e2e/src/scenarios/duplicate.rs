//! A policy gives whole copies to the members that it names, and to no other.

use super::manifests::{deployment, duplicate};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;
use crate::world::read::{has_ready, placement};

pub(super) async fn to_named_members(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    let policy = duplicate("two", &[&first.name, &third.name]);
    world
        .apply_all(&[policy, deployment("buoy", 2, "two")])
        .await?;
    let buoy = world.target(DEPLOYMENT, "buoy");
    for member in [first, third] {
        member
            .until(&buoy, "has two ready replicas", |copy| has_ready(copy, 2))
            .await?;
    }
    world
        .host()
        .until(&buoy, "tells of four", |source| has_ready(source, 4))
        .await?;
    let federated = world.until_propagated(&buoy).await?;
    expect_equal(
        "the placement",
        &placement(&federated),
        &vec![&*first.name, &*third.name],
    )?;
    expect(
        second.find(&buoy).await?.is_none(),
        "no copy in the member that is not named",
        &second.name,
    )
}
