//! Policies that are wrong: refused where they can be, reported where they cannot, and never a reason to withdraw.

use serde_json::json;

use super::manifests::{config_map, deployment, duplicate};
use crate::failure::{Failure, Outcome, expect};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, POLICY};
use crate::world::read::{has_ready, placement};

pub(super) async fn is_refused_by_the_api(world: &World) -> Outcome {
    for (wrong, names) in [
        (
            duplicate("wrong", &[]).replace("Duplicate", "Multiply"),
            "schedulingMode",
        ),
        (
            duplicate("wrong", &[]).replace(
                "schedulingMode: Duplicate",
                "schedulingMode: Divide\n  maxClusters: many",
            ),
            "maxClusters",
        ),
        (
            format!(
                "{}  placement:\n  - preferences: {{weight: 1}}\n",
                duplicate("wrong", &[])
            ),
            "cluster",
        ),
    ] {
        match world.apply(&wrong).await {
            Err(Failure::Request { message, .. }) => {
                expect(
                    message.contains(names),
                    format!("a refusal that names {names}"),
                    &message,
                )?;
            }
            other => return expect(false, "a refusal", &(other, wrong)),
        }
    }
    expect(
        world
            .host()
            .find(&world.target(POLICY, "wrong"))
            .await?
            .is_none(),
        "no such policy",
        "",
    )
}

pub(super) async fn that_comes_later(world: &World) -> Outcome {
    world.apply(&deployment("early", 1, "late")).await?;
    let early = world.target(DEPLOYMENT, "early");
    world
        .host()
        .until_event(&early, "PolicyNotFound", "late")
        .await?;
    for member in world.members() {
        expect(
            member.find(&early).await?.is_none(),
            "no copy before the policy is there",
            &member.name,
        )?;
    }
    world.apply(&duplicate("late", &[])).await?;
    world
        .in_every_member(&early, "is ready", |copy| has_ready(copy, 1))
        .await
        .map(|_copies| ())
}

pub(super) async fn that_goes_evicts_nothing(world: &World) -> Outcome {
    world
        .apply_all(&[duplicate("fleeting", &[]), config_map("still", "fleeting")])
        .await?;
    let still = world.target(CONFIG_MAP, "still");
    world.until_propagated(&still).await?;
    world
        .host()
        .hands()
        .delete(&world.target(POLICY, "fleeting"))
        .await?;
    world
        .host()
        .until_event(&still, "PolicyNotFound", "fleeting")
        .await?;
    // A change of the source still arrives, where the object last was.
    world
        .patch(&still, &json!({"data": {"greeting": "still"}}))
        .await?;
    world
        .in_every_member(&still, "has the change", |copy| {
            copy["data"]["greeting"] == "still"
        })
        .await?;
    let federated = world.host().get(&still.federated()).await?;
    expect(
        placement(&federated).len() == 3,
        "the last placement",
        &federated["spec"]["placements"],
    )
}
