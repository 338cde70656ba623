//! A cluster joins a federation that is at work: what is to look again then spreads to it, the rest stays where it is
//! until something else is a reason.

use super::manifests::{also_when, config_map, deployment, duplicate, equal_shares};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT};

pub(super) async fn later(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    world.unjoin(third).await?;
    world
        .apply_all(&[
            also_when(&equal_shares("looks-again", world), "clusterJoined"),
            deployment("fleet", 6, "looks-again"),
            duplicate("everywhere", &[]),
            config_map("chart", "everywhere"),
        ])
        .await?;
    let fleet = world.target(DEPLOYMENT, "fleet");
    let chart = world.target(CONFIG_MAP, "chart");
    world.until_shares(&fleet, &[3, 3, 0]).await?;
    world.until_in(&chart, &[first, second]).await?;
    let before = world.stamps(&chart).await?;

    world.join(third).await?;
    world.until_shares(&fleet, &[2, 2, 2]).await?;
    world.until_deferred(&chart, "clusterJoined:false").await?;
    world.until_in(&chart, &[first, second]).await?;
    world.untouched(&chart, &before, [first, second]).await?;

    // A reason of the object's own, and what was put off counts, too.
    world
        .annotate(&chart, "kubeadmiral.io/maxClusters", Some("9"))
        .await?;
    world.until_in(&chart, &[first, second, third]).await?;
    world.untouched(&chart, &before, [first, second]).await
}
