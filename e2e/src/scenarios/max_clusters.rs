//! A policy or an object says in how many clusters it is to be at most.

use serde_json::json;

use super::manifests::{
    WITHOUT_SCORES, also, config_map, deployment, duplicate, equal_shares, profile, with_profile,
};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, POLICY};

pub(super) async fn of_a_policy_and_an_object(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    let at_most_two = |policy: &str| with_profile(world, &also(policy, &["maxClusters: 2"]));
    world
        .apply_all(&[
            profile(world, WITHOUT_SCORES),
            at_most_two(&equal_shares("shares", world)),
            deployment("fleet", 6, "shares"),
            at_most_two(&duplicate("copies", &[])),
            config_map("chart", "copies"),
        ])
        .await?;
    let fleet = world.target(DEPLOYMENT, "fleet");
    let chart = world.target(CONFIG_MAP, "chart");
    world.until_shares(&fleet, &[3, 3, 0]).await?;
    world.until_in(&chart, &[first, second]).await?;
    let before = world.stamps(&chart).await?;

    // The object's own number counts before the policy's, as long as it has one.
    let own = "kubeadmiral.io/maxClusters";
    world.annotate(&fleet, own, Some("1")).await?;
    world.until_shares(&fleet, &[6, 0, 0]).await?;
    world.annotate(&fleet, own, None).await?;
    world.until_shares(&fleet, &[3, 3, 0]).await?;

    // Without a number there is no end but that of the clusters.
    for name in ["shares", "copies"] {
        let endless = json!({"spec": {"maxClusters": null}});
        world.patch(&world.target(POLICY, name), &endless).await?;
    }
    world.until_shares(&fleet, &[2, 2, 2]).await?;
    world.until_in(&chart, &[first, second, third]).await?;
    world.untouched(&chart, &before, [first, second]).await
}
