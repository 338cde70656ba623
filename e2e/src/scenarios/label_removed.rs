//! A user takes the policy label off: the object is withdrawn everywhere and is an ordinary object of the host again.

use serde_json::json;

use super::manifests::{POLICY_LABEL, deployment, duplicate};
use crate::failure::{Outcome, expect};
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;
use crate::world::read::{has_ready, text};

pub(super) async fn withdraws(world: &World) -> Outcome {
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            deployment("launch", 1, "everywhere"),
        ])
        .await?;
    let launch = world.target(DEPLOYMENT, "launch");
    world
        .host()
        .until(&launch, "is ready", |source| has_ready(source, 3))
        .await?;

    world
        .patch(
            &launch,
            &json!({"metadata": {"labels": {POLICY_LABEL: null}}}),
        )
        .await?;
    world.in_no_member(&launch).await?;
    world.host().until_gone(&launch.federated()).await?;
    let free = |source: &serde_json::Value| source.pointer("/metadata/finalizers").is_none();
    let source = world
        .host()
        .until(&launch, "is held by nobody", free)
        .await?;
    expect(
        text(&source, "/metadata/deletionTimestamp").is_empty(),
        "a source that stays",
        &source,
    )?;

    // And it may come back.
    world
        .patch(
            &launch,
            &json!({"metadata": {"labels": {POLICY_LABEL: "everywhere"}}}),
        )
        .await?;
    world
        .in_every_member(&launch, "is ready", |copy| has_ready(copy, 1))
        .await
        .map(|_copies| ())
}
