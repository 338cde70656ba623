//! A standing application of the size that people run: the software of a harbour, twelve Deployments and what belongs to
//! them, in `testdata/harbour`. All of it is Ready in the members, and the host says so.

use futures::future::try_join_all;

use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE, SERVICE_ACCOUNT};
use crate::world::read::{condition, has_ready, number, text};

const MANIFESTS: &[&str] = &[
    include_str!("../../testdata/harbour/policies.yaml"),
    include_str!("../../testdata/harbour/shared.yaml"),
    include_str!("../../testdata/harbour/quay.yaml"),
    include_str!("../../testdata/harbour/traffic.yaml"),
    include_str!("../../testdata/harbour/office.yaml"),
];

pub(super) async fn is_ready_everywhere(world: &World) -> Outcome {
    world.apply(&MANIFESTS.join("---\n")).await?;
    let deployments = world.host().list(DEPLOYMENT).await?;
    let services = world.host().list(SERVICE).await?;
    expect(
        deployments.len() >= 10 && services.len() >= 10,
        "ten Deployments and Services",
        deployments.len(),
    )?;
    try_join_all(
        deployments
            .iter()
            .map(|deployment| tells_the_truth(world, text(deployment, "/metadata/name"))),
    )
    .await?;
    for kind in [SERVICE, CONFIG_MAP, SECRET, SERVICE_ACCOUNT] {
        for object in world.host().list(kind).await? {
            if object.pointer("/metadata/finalizers").is_some() {
                let target = world.target(kind, text(&object, "/metadata/name"));
                world.in_every_member(&target, "is there", |_| true).await?;
            }
        }
    }
    Ok(())
}

/// The rollout ends, and what the host says then is what the members have.
async fn tells_the_truth(world: &World, name: &str) -> Outcome {
    let target = world.target(DEPLOYMENT, name);
    world.host().hands().rollout_ends(&target).await?;
    let source = world.host().get(&target).await?;
    let mut sum = 0;
    for member in world.members() {
        // Divided by what members have free, one may get nothing.
        if let Some(copy) = member.find(&target).await? {
            let share = number(&copy, "/spec/replicas");
            expect(
                has_ready(&copy, share),
                format!("{name} ready in {}", member.name),
                &copy["status"],
            )?;
            sum += share;
        }
    }
    expect(
        sum > 0 && sum >= number(&source, "/spec/replicas"),
        format!("{name}: all replicas somewhere"),
        sum,
    )?;
    expect(
        has_ready(&source, sum),
        format!("{name}: {sum} ready replicas on the host"),
        &source["status"],
    )?;
    expect_equal(
        "condition Available",
        &condition(&source, "Available"),
        &"True",
    )?;
    let column = world.host().hands().ready_column(&target).await?;
    expect_equal(
        "column READY",
        &column,
        &format!("{sum}/{}", number(&source, "/spec/replicas")),
    )
}
