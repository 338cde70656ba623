//! A user gives a workload up without ending it: the annotation makes the copies stay.

use serde_json::json;

use super::manifests::{config_map, duplicate};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::CONFIG_MAP;
use crate::world::read::{annotation, label, text};

pub(super) async fn copies_stay(world: &World) -> Outcome {
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            config_map("wreck", "everywhere"),
        ])
        .await?;
    let wreck = world.target(CONFIG_MAP, "wreck");
    world.until_propagated(&wreck).await?;
    world
        .patch(
            &wreck,
            &json!({"metadata": {"annotations": {"kubeadmiral.io/orphan": "all"}}}),
        )
        .await?;
    let knows =
        |object: &serde_json::Value| annotation(object, "kubeadmiral.io/orphan") == Some("all");
    world
        .host()
        .until(&wreck.federated(), "knows of it", knows)
        .await?;

    world.host().hands().delete(&wreck).await?;
    world.host().until_gone(&wreck).await?;
    for member in world.members() {
        let copy = member.get(&wreck).await?;
        expect(
            text(&copy, "/metadata/deletionTimestamp").is_empty(),
            "a copy that stays",
            &copy,
        )?;
        expect_equal("the content", &text(&copy, "/data/greeting"), &"ahoy")?;
        expect_equal(
            "the label of managed copies",
            &label(&copy, "kubeadmiral.io/managed"),
            &None,
        )?;
    }
    Ok(())
}
