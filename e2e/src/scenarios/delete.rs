//! A user deletes: copies go first, and the source only when they are surely gone.

use serde_json::json;

use super::manifests::{config_map, deployment, duplicate};
use crate::failure::{Outcome, expect};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT};
use crate::world::read::{has_ready, text};

pub(super) async fn copies_go_first(world: &World) -> Outcome {
    let manifests = [
        duplicate("everywhere", &[]),
        deployment("barge", 1, "everywhere"),
        config_map("cargo", "everywhere"),
    ];
    world.apply_all(&manifests).await?;
    let (barge, cargo) = (
        world.target(DEPLOYMENT, "barge"),
        world.target(CONFIG_MAP, "cargo"),
    );
    world
        .host()
        .until(&barge, "is ready", |source| has_ready(source, 3))
        .await?;
    world.in_every_member(&cargo, "is there", |_| true).await?;
    let member = world.member(2)?;
    // Somebody in a member holds the copy back.
    let hold = |finalizers: serde_json::Value| json!({"metadata": {"finalizers": finalizers}});
    member
        .hands()
        .patch(&cargo, &hold(json!(["harbour.example.com/customs"])))
        .await?;

    world.host().hands().delete(&barge).await?;
    world.host().until_gone(&barge).await?;
    for member in world.members() {
        expect(
            member.find(&barge).await?.is_none(),
            "no copy when the source is gone",
            &member.name,
        )?;
    }
    expect(
        world.host().find(&barge.federated()).await?.is_none(),
        "no federated object when the source is gone",
        "",
    )?;

    world.host().hands().delete(&cargo).await?;
    member
        .until(&cargo, "is being deleted", |copy| {
            !text(copy, "/metadata/deletionTimestamp").is_empty()
        })
        .await?;
    for other in &world.members()[..2] {
        other.until_gone(&cargo).await?;
    }
    let source = world.host().get(&cargo).await?;
    expect(
        !text(&source, "/metadata/deletionTimestamp").is_empty(),
        "a source that waits for its copy",
        &source,
    )?;
    member.hands().patch(&cargo, &hold(json!(null))).await?;
    world.host().until_gone(&cargo).await?;
    expect(
        member.find(&cargo).await?.is_none(),
        "no copy when the source is gone",
        &member.name,
    )
}
