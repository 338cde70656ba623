//! A cluster is tainted: `NoSchedule` takes no more and keeps what runs, `NoExecute` drives out, a toleration stays.

use serde_json::json;

use super::manifests::{also, config_map, deployment, duplicate, equal_shares};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT};
use crate::world::place::Place;

async fn taint(world: &World, member: &Place, effects: &[&str]) -> Outcome {
    let taints: Vec<_> = effects
        .iter()
        .map(|effect| json!({"key": "dredging", "value": "now", "effect": effect}))
        .collect();
    let change = json!({"spec": {"taints": taints}});
    world.patch(&world.cluster(member), &change).await
}

pub(super) async fn keep_and_drive_out(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    let tolerates = "tolerations: [{key: dredging, operator: Exists}]";
    world
        .apply_all(&[
            equal_shares("shares", world),
            deployment("fleet", 6, "shares"),
            also(&duplicate("tolerates", &[]), &[tolerates]),
            config_map("buoy", "tolerates"),
        ])
        .await?;
    let (fleet, late) = (
        world.target(DEPLOYMENT, "fleet"),
        world.target(DEPLOYMENT, "late"),
    );
    let buoy = world.target(CONFIG_MAP, "buoy");
    world.until_shares(&fleet, &[2, 2, 2]).await?;
    world.until_in(&buoy, &[first, second, third]).await?;
    let (fleet_before, buoy_before) = (world.stamps(&fleet).await?, world.stamps(&buoy).await?);

    // What runs stays; what is new does not come, nor does more of what runs.
    let basis = world.basis(&fleet).await?;
    taint(world, first, &["NoSchedule"]).await?;
    world.until_decided_again(&fleet, &basis).await?;
    world.until_shares(&fleet, &[2, 2, 2]).await?;
    world
        .untouched(&fleet, &fleet_before, world.members())
        .await?;
    world.apply(&deployment("late", 6, "shares")).await?;
    world.until_shares(&late, &[0, 3, 3]).await?;
    world.host().hands().scale(&fleet, 10).await?;
    world.until_shares(&fleet, &[2, 4, 4]).await?;
    world.unmoved(&fleet, &fleet_before, [first]).await?;
    // It may become less there.
    world.host().hands().scale(&fleet, 3).await?;
    world.until_shares(&fleet, &[1, 1, 1]).await?;

    let (late_before, basis) = (world.stamps(&late).await?, world.basis(&late).await?);
    taint(world, first, &["NoExecute"]).await?;
    world.host().hands().scale(&fleet, 4).await?;
    world.until_shares(&fleet, &[0, 2, 2]).await?;
    world.until_decided_again(&late, &basis).await?;
    world.until_shares(&late, &[0, 3, 3]).await?;
    world
        .untouched(&late, &late_before, [second, third])
        .await?;

    // Without taints it is like the others again. Who tolerates has noticed nothing of all this.
    taint(world, first, &[]).await?;
    world.until_shares(&late, &[2, 2, 2]).await?;
    world.host().hands().scale(&fleet, 6).await?;
    world.until_shares(&fleet, &[2, 2, 2]).await?;
    world.untouched(&buoy, &buoy_before, world.members()).await
}
