//! A user rolls out a new image: every member gets it, and the host says when that is over.

use serde_json::json;

use super::manifests::{deployment, duplicate};
use crate::failure::{Outcome, expect};
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;
use crate::world::read::{has_ready, text};

const IMAGE: &str = "/spec/template/spec/containers/0/image";

pub(super) async fn a_new_image(world: &World) -> Outcome {
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            deployment("crane", 2, "everywhere"),
        ])
        .await?;
    let crane = world.target(DEPLOYMENT, "crane");
    world.host().hands().rollout_ends(&crane).await?;

    let image = "registry.example.com/crane:2.0";
    let change = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "main", "image": image, "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}},
    ]}}}});
    world.patch(&crane, &change).await?;
    world.host().hands().rollout_ends(&crane).await?;
    // The rollout is over: nothing has to be waited for.
    for member in world.members() {
        let copy = member.get(&crane).await?;
        expect(
            text(&copy, IMAGE) == image,
            "the new image in every member when the rollout is over",
            &copy,
        )?;
        expect(
            has_ready(&copy, 2),
            "two new replicas in every member when the rollout is over",
            &copy,
        )?;
        // The variable was taken out of the source, so it goes from the copies, too.
        let variables = copy.pointer("/spec/template/spec/containers/0/env");
        expect(
            variables.is_none(),
            "no variable that the source has no more",
            variables,
        )?;
    }
    Ok(())
}
