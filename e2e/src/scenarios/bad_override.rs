//! An override that cannot be applied: said on the object, and what runs is left as it is.

use serde_json::json;

use super::manifests::{config_map, duplicate};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::CONFIG_MAP;
use crate::world::read::text;

fn override_policy(path: &str) -> String {
    format!(
        "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: OverridePolicy
metadata: {{name: touch}}
spec:
  overrideRules:
  - overriders:
      jsonpatch:
      - {{operator: replace, path: {path}, value: hello}}
"
    )
}

pub(super) async fn leaves_what_runs(world: &World) -> Outcome {
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            config_map("sail", "everywhere"),
        ])
        .await?;
    let sail = world.target(CONFIG_MAP, "sail");
    world.until_propagated(&sail).await?;

    world.apply(&override_policy("/nowhere/at/all")).await?;
    let label = json!({"metadata": {"labels": {"kubeadmiral.io/override-policy-name": "touch"}}});
    world.patch(&sail, &label).await?;
    world
        .host()
        .until_event(&sail, "OverridePolicyFailed", "/nowhere/at/all")
        .await?;
    world
        .in_every_member(&sail, "is as it was", |copy| {
            text(copy, "/data/greeting") == "ahoy"
        })
        .await?;

    world.apply(&override_policy("/data/greeting")).await?;
    world
        .in_every_member(&sail, "has the override", |copy| {
            text(copy, "/data/greeting") == "hello"
        })
        .await?;
    world.until_propagated(&sail).await.map(|_object| ())
}
