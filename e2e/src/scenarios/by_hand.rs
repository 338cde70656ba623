//! A user writes a federated object without a source: the policy on it is followed, and its end takes the copies along.

use serde_json::json;

use super::manifests::duplicate;
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, FEDERATED_OBJECT, Target};
use crate::world::read::text;

/// A federated object of a config map, named as federation itself would name it.
fn federated(namespace: &str) -> String {
    format!(
        "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: FederatedObject
metadata:
  name: chart-configmaps
  labels: {{kubeadmiral.io/propagation-policy-name: two}}
spec:
  template:
    apiVersion: v1
    kind: ConfigMap
    metadata: {{name: chart, namespace: {namespace}}}
    data: {{depth: \"3\"}}
"
    )
}

pub(super) async fn is_scheduled_too(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    let policy = duplicate("two", &[&first.name, &third.name]);
    world
        .apply_all(&[policy, federated(world.namespace())])
        .await?;
    let chart = world.target(CONFIG_MAP, "chart");
    for member in [first, third] {
        let copy = member.until_there(&chart).await?;
        expect_equal("the depth", &text(&copy, "/data/depth"), &"3")?;
    }
    expect(
        second.find(&chart).await?.is_none(),
        "no copy in the member that is not named",
        &second.name,
    )?;
    expect(
        world.host().find(&chart).await?.is_none(),
        "no source on the host",
        &chart.name,
    )?;

    let own = Target::new(FEDERATED_OBJECT, world.namespace(), "chart-configmaps");
    let deeper = json!({"spec": {"template": {"data": {"depth": "4"}}}});
    world.patch(&own, &deeper).await?;
    for member in [first, third] {
        let changed = |copy: &serde_json::Value| text(copy, "/data/depth") == "4";
        member.until(&chart, "is changed", changed).await?;
    }
    world.host().hands().delete(&own).await?;
    world.host().until_gone(&own).await?;
    world.in_no_member(&chart).await
}
