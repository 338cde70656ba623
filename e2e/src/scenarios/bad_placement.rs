//! Clusters that do not exist, and annotations that cannot be read: the reason stands on the object, the rest goes on.

use serde_json::json;

use super::manifests::{config_map, duplicate};
use crate::failure::{Outcome, expect_equal};
use crate::world::World;
use crate::world::kinds::CONFIG_MAP;
use crate::world::read::placement;

pub(super) async fn of_an_unknown_cluster(world: &World) -> Outcome {
    let first = world.member(0)?;
    let policy = duplicate("astray", &[&first.name, "atlantis"]);
    world
        .apply_all(&[policy, config_map("letter", "astray")])
        .await?;
    let letter = world.target(CONFIG_MAP, "letter");
    first.until_there(&letter).await?;
    world
        .host()
        .until_event(&letter, "UnknownCluster", "atlantis")
        .await?;
    let federated = world.until_propagated(&letter).await?;
    expect_equal("the placement", &placement(&federated), &vec![&*first.name])?;

    // Nothing but clusters that do not exist: nothing fits, and it is said.
    world
        .apply_all(&[
            duplicate("lost", &["atlantis"]),
            config_map("bottle", "lost"),
        ])
        .await?;
    let bottle = world.target(CONFIG_MAP, "bottle");
    world
        .host()
        .until_event(&bottle, "UnknownCluster", "atlantis")
        .await?;
    world.in_no_member(&bottle).await
}

pub(super) async fn in_an_annotation_that_cannot_be_read(world: &World) -> Outcome {
    let first = world.member(0)?;
    let annotated = format!(
        "{}  annotations:\n    kubeadmiral.io/placements: \"not json\"\n    kubeadmiral.io/tolerations: \"[\"\n",
        config_map("scrawl", "one")
    );
    world
        .apply_all(&[
            duplicate("one", &[&first.name]),
            annotated,
            config_map("clear", "one"),
        ])
        .await?;
    let (scrawl, clear) = (
        world.target(CONFIG_MAP, "scrawl"),
        world.target(CONFIG_MAP, "clear"),
    );
    world
        .host()
        .until_event(&scrawl, "AnnotationIgnored", "kubeadmiral.io/placements")
        .await?;
    // The policy's value holds instead.
    first.until_there(&scrawl).await?;
    first.until_there(&clear).await?;
    let federated = world.until_propagated(&scrawl).await?;
    expect_equal("the placement", &placement(&federated), &vec![&*first.name])?;

    // Made readable, it counts.
    let second = world.member(1)?;
    let placements = json!([{"cluster": second.name}]).to_string();
    let change = json!({"metadata": {"annotations": {
        "kubeadmiral.io/placements": placements, "kubeadmiral.io/tolerations": null,
    }}});
    world.patch(&scrawl, &change).await?;
    second.until_there(&scrawl).await?;
    first.until_gone(&scrawl).await
}
