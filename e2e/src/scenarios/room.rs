//! Room that members tell of: extended resources of their nodes, as device plugins would announce them.

use serde_json::{Value, json};

use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::NODE;
use crate::world::place::Place;
use crate::world::read::text;

/// What the first node of a member has of a resource; `None`: nothing any more. Waits until the host knows.
pub(super) async fn announce(
    world: &World,
    member: &Place,
    resource: &str,
    amount: Option<usize>,
) -> Outcome {
    let nodes = member.list(NODE).await?;
    let name = nodes
        .first()
        .map_or("", |node| text(node, "/metadata/name"));
    let amounts = json!({ resource: amount.map(|amount| amount.to_string()) });
    let change = json!({"status": {"capacity": amounts, "allocatable": amounts}});
    let node = world.target(NODE, name);
    member.patch_status(&node, &change).await?;
    let amount = amount.map(|amount| amount.to_string());
    until_told(world, member, "allocatable", resource, amount.as_deref()).await
}

/// Waits until the host knows that so much of a resource is left in a member.
pub(super) async fn until_left(
    world: &World,
    member: &Place,
    resource: &str,
    amount: usize,
) -> Outcome {
    let amount = amount.to_string();
    until_told(world, member, "available", resource, Some(&amount)).await
}

async fn until_told(
    world: &World,
    member: &Place,
    which: &str,
    resource: &str,
    amount: Option<&str>,
) -> Outcome {
    let path = format!("/status/resources/{which}/{}", resource.replace('/', "~1"));
    let tells = |cluster: &Value| cluster.pointer(&path).and_then(Value::as_str) == amount;
    let what = format!("has {amount:?} of {resource} {which}");
    world
        .host()
        .until(&world.cluster(member), &what, tells)
        .await
        .map(drop)
}
