//! Many workloads at once that each fit everywhere and all of them nowhere: each is decided about before any pod of the
//! others is to be seen, and they fill the members' room all the same. The room is an extended resource of the story's
//! own, as a device plugin would announce it.

use serde_json::Value;

use super::manifests::{also, deployment_that_takes, duplicate, profile, with_profile};
use super::room::announce;
use crate::failure::{Outcome, expect_equal};
use crate::world::World;
use crate::world::kinds::{DEPLOYMENT, Target};
use crate::world::read::has_ready;

/// So many a member can take.
const BERTHS: usize = 2;

/// The resource; one for each run, so that nobody else asks for it.
fn resource(world: &World) -> String {
    format!("example.com/{}", world.namespace())
}

/// A policy that gives a workload to one member that has room, and the profile that looks at room.
fn rules(world: &World) -> String {
    let policy = also(&duplicate("one-with-room", &[]), &["maxClusters: 1"]);
    let looks_at_room = "filter: {enabled: [{name: ClusterResourcesFit}]}";
    profile(world, looks_at_room) + &with_profile(world, &policy)
}

/// A workload that takes one berth.
fn boat(world: &World, name: &str) -> String {
    deployment_that_takes(&resource(world), name, 1, "one-with-room")
}

pub(super) async fn fills_the_room(world: &World) -> Outcome {
    for member in world.members() {
        announce(world, member, &resource(world), Some(BERTHS)).await?;
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
    announce(world, last, &resource(world), Some(BERTHS + 1)).await?;
    last.until_there(&late).await?;
    let ready = |source: &Value| has_ready(source, 1);
    world.host().until(&late, "runs", ready).await?;
    for member in world.members() {
        announce(world, member, &resource(world), None).await?;
    }
    Ok(())
}
