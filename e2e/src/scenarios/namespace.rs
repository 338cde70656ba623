//! Namespaces follow what is placed in them: made where something lands, not elsewhere, and never deleted where they are
//! not ours.

use super::manifests::{config_map, duplicate, plain_config_map};
use crate::failure::{Outcome, expect};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, NAMESPACE};
use crate::world::read::text;

pub(super) async fn follows_its_content(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    // The second member has it already, and something of its own in it.
    let namespace = world.target(NAMESPACE, world.namespace());
    let manifest = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n",
        world.namespace()
    );
    second.apply(&manifest).await?;
    second.apply(&plain_config_map("theirs")).await?;
    let policy = duplicate("two", &[&first.name, &second.name]);
    world.apply_all(&[policy, config_map("map", "two")]).await?;
    let map = world.target(CONFIG_MAP, "map");
    world.until_propagated(&map).await?;
    first.get(&namespace).await?;
    expect(
        third.find(&namespace).await?.is_none(),
        "no namespace where nothing is placed",
        &third.name,
    )?;

    // What was placed goes; their namespace stays.
    world.host().hands().delete(&map).await?;
    world.host().until_gone(&map).await?;
    let kept = second.get(&namespace).await?;
    expect(
        text(&kept, "/metadata/deletionTimestamp").is_empty(),
        "a namespace that is not ours stays",
        &kept,
    )?;
    second
        .get(&world.target(CONFIG_MAP, "theirs"))
        .await
        .map(|_theirs| ())
}
