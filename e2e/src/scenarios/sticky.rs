//! An object stays where it was put, whatever becomes of its policy, until it is let go.

use serde_json::{Value, json};

use super::manifests::{annotated, config_map, deployment, divide, duplicate};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, POLICY};
use crate::world::read::{annotation, text};

pub(super) async fn stays_until_let_go(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    let sticky = |clusters: &[(&str, &str)]| {
        let block = "reschedulePolicy:\n";
        let more = format!("{block}    disableRescheduling: true\n");
        divide("sticks", clusters).replace(block, &more)
    };
    let weight = "{weight: 1}";
    world
        .apply_all(&[
            sticky(&[(&first.name, weight), (&second.name, weight)]),
            deployment("fleet", 4, "sticks"),
        ])
        .await?;
    let fleet = world.target(DEPLOYMENT, "fleet");
    world.until_shares(&fleet, &[2, 2, 0]).await?;
    let before = world.stamps(&fleet).await?;

    // Another policy content does not count, and another number of replicas changes no share.
    world
        .apply(&sticky(&[
            (&first.name, "{weight: 3}"),
            (&third.name, weight),
        ]))
        .await?;
    world
        .until_deferred(&fleet, "disableRescheduling:true")
        .await?;
    world.untouched(&fleet, &before, [first, second]).await?;
    let basis = world.basis(&fleet).await?;
    world.host().hands().scale(&fleet, 8).await?;
    world.until_decided_again(&fleet, &basis).await?;
    world.until_shares(&fleet, &[2, 2, 0]).await?;
    world.unmoved(&fleet, &before, [first, second]).await?;

    // The object's own word counts before the policy's.
    world
        .annotate(&fleet, "kubeadmiral.io/sticky-cluster", Some("false"))
        .await?;
    world.until_shares(&fleet, &[6, 0, 2]).await
}

pub(super) async fn without_scheduling(world: &World) -> Outcome {
    let (first, second) = (world.member(0)?, world.member(1)?);
    let no_scheduling = "kubeadmiral.io/no-scheduling";
    world
        .apply_all(&[
            duplicate("moves", &[&first.name]),
            config_map("kept", "moves"),
            config_map("moved", "moves"),
        ])
        .await?;
    let (kept, moved) = (
        world.target(CONFIG_MAP, "kept"),
        world.target(CONFIG_MAP, "moved"),
    );
    world.until_in(&kept, &[first]).await?;
    world.until_in(&moved, &[first]).await?;
    world.annotate(&kept, no_scheduling, Some("true")).await?;
    let noted = |federated: &Value| annotation(federated, no_scheduling) == Some("true");
    world
        .host()
        .until(&kept.federated(), "is kept", noted)
        .await?;
    let before = world.stamps(&kept).await?;

    let elsewhere = json!({"spec": {"placement": [{"cluster": second.name}]}});
    world
        .patch(&world.target(POLICY, "moves"), &elsewhere)
        .await?;
    world.until_in(&moved, &[second]).await?;
    // Nor does an object get anywhere that was never scheduled.
    let new = annotated(&config_map("new", "moves"), no_scheduling, &json!(true));
    world.apply(&new).await?;
    let new = world.target(CONFIG_MAP, "new");
    world.until_in(&new, &[]).await?;
    world.untouched(&kept, &before, [first]).await?;
    // Its content is still its user's.
    world
        .patch(&kept, &json!({"data": {"greeting": "hello"}}))
        .await?;
    first
        .until(&kept, "has the change", |copy| {
            text(copy, "/data/greeting") == "hello"
        })
        .await?;
    world.until_in(&kept, &[first]).await?;

    for target in [&kept, &new] {
        world.annotate(target, no_scheduling, None).await?;
        world.until_in(target, &[second]).await?;
    }
    Ok(())
}
