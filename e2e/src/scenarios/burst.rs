//! Many workloads at once that each fit everywhere and all of them nowhere: each is decided about before any pod of the
//! others is to be seen, and they fill the members' room all the same. The room is an extended resource of the story's
//! own, as a device plugin would announce it.

use serde_json::{Value, json};

use super::manifests::{POLICY_LABEL, duplicate};
use crate::failure::{Outcome, expect_equal};
use crate::world::World;
use crate::world::kinds::{CLUSTER, DEPLOYMENT, NODE, Target};
use crate::world::place::Place;
use crate::world::read::{has_ready, text};

/// So many a member can take.
const BERTHS: usize = 2;

/// The resource; one for each run, so that nobody else asks for it.
fn resource(world: &World) -> String {
    format!("example.com/{}", world.namespace())
}

/// What the first node of a member has of it; `None`: nothing any more.
async fn announce(world: &World, member: &Place, berths: Option<usize>) -> Outcome {
    let nodes = member.list(NODE).await?;
    let name = nodes
        .first()
        .map_or("", |node| text(node, "/metadata/name"));
    let amount = json!({ resource(world): berths.map(|berths| berths.to_string()) });
    let change = json!({"status": {"capacity": amount, "allocatable": amount}});
    let node = world.target(NODE, name);
    member.patch_status(&node, &change).await?;
    let Some(berths) = berths else { return Ok(()) };
    // The controllers see it, too.
    let path = format!(
        "/status/resources/allocatable/{}",
        resource(world).replace('/', "~1")
    );
    let knows = |cluster: &Value| text(cluster, &path) == berths.to_string();
    world
        .host()
        .until(&world.target(CLUSTER, &member.name), "tells of it", knows)
        .await
        .map(drop)
}

/// A policy that gives a workload to one member that has room, and the profile that looks at room.
fn rules(world: &World) -> String {
    let name = world.namespace();
    let policy = duplicate("one-with-room", &[]).replace(
        "schedulingMode: Duplicate",
        &format!("schedulingMode: Duplicate\n  maxClusters: 1\n  schedulingProfile: {name}"),
    );
    format!(
        "---
apiVersion: core.kubeadmiral.io/v1alpha1
kind: SchedulingProfile
metadata: {{name: {name}}}
spec:
  plugins:
    filter:
      enabled: [{{name: ClusterResourcesFit}}]
{policy}"
    )
}

/// A workload that takes one berth.
fn boat(world: &World, name: &str) -> String {
    let resource = resource(world);
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{{POLICY_LABEL}: one-with-room}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: main
        image: \"registry.example.com/boat:1.0\"
        resources: {{limits: {{{resource}: 1}}}}
"
    )
}

pub(super) async fn fills_the_room(world: &World) -> Outcome {
    for member in world.members() {
        announce(world, member, Some(BERTHS)).await?;
    }
    world.apply(&rules(world)).await?;
    let names: Vec<String> = (1..=BERTHS * world.members().len())
        .map(|number| format!("boat-{number}"))
        .collect();
    let boats: String = names.iter().map(|name| boat(world, name)).collect();
    world.host().create_all(DEPLOYMENT, &boats).await?;
    for name in &names {
        let target: Target = world.target(DEPLOYMENT, name);
        let ready = |source: &Value| has_ready(source, 1);
        world.host().until(&target, "runs", ready).await?;
    }
    for member in world.members() {
        let here = member.list(DEPLOYMENT).await?.len();
        expect_equal(&format!("the boats of {}", member.name), &here, &BERTHS)?;
    }

    // One more has no room, until there is some.
    world.apply(&boat(world, "late")).await?;
    let late = world.target(DEPLOYMENT, "late");
    world
        .host()
        .until_event(&late, "NothingFits", &resource(world))
        .await?;
    let last = world.member(world.members().len() - 1)?;
    announce(world, last, Some(BERTHS + 1)).await?;
    last.until_there(&late).await?;
    let ready = |source: &Value| has_ready(source, 1);
    world.host().until(&late, "runs", ready).await?;
    for member in world.members() {
        announce(world, member, None).await?;
    }
    Ok(())
}
