//! A profile says which plugins decide: without a filter, without a choice, with other scores. One that cannot be used
//! moves nothing.

use serde_json::{Value, json};

use super::manifests::{
    WITHOUT_SCORES, also, config_map, deployment_that_takes, duplicate, profile, with_profile,
};
use super::room::announce;
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, Target};
use crate::world::read::{condition, text};

pub(super) async fn without_plugins(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    let (chart, plain) = (
        world.target(CONFIG_MAP, "chart"),
        world.target(CONFIG_MAP, "plain"),
    );
    let one_of_two = also(
        &duplicate("one-of-two", &[&first.name, &second.name]),
        &["maxClusters: 1"],
    );
    world
        .apply_all(&[
            duplicate("plain", &[&first.name]),
            config_map("plain", "plain"),
            profile(world, WITHOUT_SCORES),
            with_profile(world, &one_of_two),
            config_map("chart", "one-of-two"),
        ])
        .await?;
    world.until_in(&plain, &[first]).await?;
    world.until_in(&chart, &[first]).await?;
    let (others, before) = (world.stamps(&plain).await?, world.stamps(&chart).await?);

    // Nobody counts the clusters any more, then nobody asks which ones the policy names.
    let uncounted = format!("{WITHOUT_SCORES}, select: {{disabled: [{{name: MaxCluster}}]}}");
    world.apply(&profile(world, &uncounted)).await?;
    world.until_in(&chart, &[first, second]).await?;
    let unnamed = format!("{uncounted}, filter: {{disabled: [{{name: PlacementFilter}}]}}");
    world.apply(&profile(world, &unnamed)).await?;
    world.until_in(&chart, &[first, second, third]).await?;
    world.untouched(&chart, &before, [first]).await?;

    // A profile with a mistake: it is said, the last placement stays, and other changes arrive.
    let wrong = "filter: {enabled: [{name: NoSuchPlugin}]}";
    world.apply(&profile(world, wrong)).await?;
    world
        .host()
        .until_event(&chart, "ProfileInvalid", "NoSuchPlugin")
        .await?;
    world
        .patch(&chart, &json!({"data": {"greeting": "meanwhile"}}))
        .await?;
    world
        .in_every_member(&chart, "has the change", |copy| {
            text(copy, "/data/greeting") == "meanwhile"
        })
        .await?;
    until_scheduled(world, &chart, "False").await?;
    let before = world.stamps(&chart).await?;

    // Mended, everybody is asked again.
    world.apply(&profile(world, WITHOUT_SCORES)).await?;
    world.until_in(&chart, &[first]).await?;
    until_scheduled(world, &chart, "True").await?;
    world.untouched(&chart, &before, [first]).await?;
    world.untouched(&plain, &others, [first]).await
}

/// Waits for a condition of the federated object that says whether it could be decided.
async fn until_scheduled(world: &World, target: &Target, status: &str) -> Outcome {
    let says = |federated: &Value| condition(federated, "Scheduled") == status;
    let what = format!("has the condition Scheduled={status}");
    let federated = target.federated();
    world.host().until(&federated, &what, says).await.map(drop)
}

pub(super) async fn with_other_scores(world: &World) -> Outcome {
    const RESOURCE: &str = "nvidia.com/gpu";
    for (member, amount) in world.members().iter().zip([8, 4, 2]) {
        announce(world, member, RESOURCE, Some(amount)).await?;
    }
    let one = also(&duplicate("one", &[]), &["maxClusters: 1"]);
    world
        .apply_all(&[
            one.clone(),
            deployment_that_takes(RESOURCE, "crane", 1, "one"),
        ])
        .await?;
    // By default where most is left, by the profile where least is.
    let crane = world.target(DEPLOYMENT, "crane");
    world.until_shares(&crane, &[1, 0, 0]).await?;
    let packs = "score: {
      disabled: [{name: ClusterResourcesBalancedAllocation}, {name: ClusterResourcesLeastAllocated}],
      enabled: [{name: ClusterResourcesMostAllocated}]}";
    world
        .apply_all(&[profile(world, packs), with_profile(world, &one)])
        .await?;
    world.until_shares(&crane, &[0, 0, 1]).await?;
    for member in world.members() {
        announce(world, member, RESOURCE, None).await?;
    }
    Ok(())
}
