//! An override policy makes copies differ: image, variable and label in one member, nothing in the others.

use super::manifests::{deployment, duplicate};
use crate::failure::{Outcome, expect_equal};
use crate::world::World;
use crate::world::kinds::DEPLOYMENT;
use crate::world::read::{has_ready, label, text};
use serde_json::json;

const IMAGE: &str = "/spec/template/spec/containers/0/image";
const TIDE: &str = "/spec/template/spec/containers/0/env/0/value";

/// Image, variable and label of one cluster.
fn policy(cluster: &str) -> String {
    format!(
        "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: OverridePolicy
metadata:
  name: first-is-different
spec:
  overrideRules:
  - targetClusters:
      clusters: [{cluster}]
    overriders:
      image:
      - operations:
        - {{imageComponent: Registry, operator: overwrite, value: near.example.com}}
        - {{imageComponent: Tag, operator: overwrite, value: \"1.1\"}}
      envs:
      - containerName: main
        operator: overwrite
        value:
        - {{name: TIDE, value: high}}
      labels:
      - operator: addIfAbsent
        value: {{quay: north}}
"
    )
}

pub(super) async fn for_one_member(world: &World) -> Outcome {
    let first = world.member(0)?;
    let labelled = deployment("lamp", 1, "everywhere").replace(
        "{app: lamp, ",
        "{app: lamp, kubeadmiral.io/override-policy-name: first-is-different, ",
    );
    world
        .apply_all(&[duplicate("everywhere", &[]), policy(&first.name), labelled])
        .await?;

    let lamp = world.target(DEPLOYMENT, "lamp");
    for copy in world
        .in_every_member(&lamp, "is ready", |copy| has_ready(copy, 1))
        .await?
        .iter()
        .skip(1)
    {
        expect_equal(
            "the image elsewhere",
            &text(copy, IMAGE),
            &"registry.example.com/lamp:1.0",
        )?;
        expect_equal("the variable elsewhere", &text(copy, TIDE), &"low")?;
        expect_equal("the label elsewhere", &label(copy, "quay"), &None)?;
    }
    let copy = first.get(&lamp).await?;
    expect_equal(
        "the image in the first member",
        &text(&copy, IMAGE),
        &"near.example.com/lamp:1.1",
    )?;
    expect_equal(
        "the variable in the first member",
        &text(&copy, TIDE),
        &"high",
    )?;
    expect_equal(
        "the label in the first member",
        &label(&copy, "quay"),
        &Some("north"),
    )?;

    // The label that names the override policy goes: all copies are equal again.
    let change = json!({"metadata": {"labels": {"kubeadmiral.io/override-policy-name": null}}});
    world.patch(&lamp, &change).await?;
    first
        .until(&lamp, "is like the others", |copy| {
            text(copy, IMAGE) == "registry.example.com/lamp:1.0" && label(copy, "quay").is_none()
        })
        .await
        .map(|_copy| ())
}
