//! Somebody changes copies in members: what is ours is put back, what is theirs is left alone.

use serde_json::json;

use super::manifests::{config_map, deployment, duplicate, service};
use crate::failure::{Outcome, expect_equal};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, SERVICE};
use crate::world::read::{annotation, has_ready, label, number, text};

pub(super) async fn is_put_back(world: &World) -> Outcome {
    let manifests = [
        duplicate("everywhere", &[]),
        config_map("chart", "everywhere"),
        deployment("tug", 1, "everywhere"),
    ];
    world.apply_all(&manifests).await?;
    let (chart, tug) = (
        world.target(CONFIG_MAP, "chart"),
        world.target(DEPLOYMENT, "tug"),
    );
    world.in_every_member(&chart, "is there", |_| true).await?;
    world
        .in_every_member(&tug, "is ready", |copy| has_ready(copy, 1))
        .await?;
    let member = world.member(1)?;

    // A field is changed.
    member
        .hands()
        .patch(&chart, &json!({"data": {"greeting": "begone"}}))
        .await?;
    member
        .until(&chart, "greets again", |copy| {
            text(copy, "/data/greeting") == "ahoy"
        })
        .await?;
    member.hands().scale(&tug, 4).await?;
    member
        .until(&tug, "has one replica again", |copy| has_ready(copy, 1))
        .await?;

    // The label by which copies are known is taken off.
    member
        .hands()
        .patch(
            &chart,
            &json!({"metadata": {"labels": {"kubeadmiral.io/managed": null}}}),
        )
        .await?;
    member
        .until(&chart, "is labelled again", |copy| {
            label(copy, "kubeadmiral.io/managed") == Some("true")
        })
        .await?;

    // The object is deleted.
    let old = member.get(&tug).await?;
    member.hands().delete(&tug).await?;
    let is_new =
        |copy: &serde_json::Value| text(copy, "/metadata/uid") != text(&old, "/metadata/uid");
    member.until(&tug, "is there again", is_new).await?;
    member
        .until(&tug, "is ready again", |copy| has_ready(copy, 1))
        .await
        .map(|_copy| ())
}

pub(super) async fn of_others_is_kept(world: &World) -> Outcome {
    let with_port = service("gate", "everywhere").replace("spec:\n", "spec:\n  type: NodePort\n");
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            config_map("chart", "everywhere"),
            with_port,
        ])
        .await?;
    let (chart, gate) = (
        world.target(CONFIG_MAP, "chart"),
        world.target(SERVICE, "gate"),
    );
    let member = world.member(0)?;
    member.until_there(&chart).await?;
    member
        .until(&gate, "has a node port", |copy| {
            number(copy, "/spec/ports/0/nodePort") > 0
        })
        .await?;
    // The member's administrators choose another port.
    member.hands().patch(&gate, &json!({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30777}]}})).await?;
    let before = member.get(&gate).await?;

    member
        .hands()
        .patch(
            &chart,
            &json!({"metadata": {"annotations": {"pilot": "anna"}}}),
        )
        .await?;
    member
        .hands()
        .patch(&chart, &json!({"data": {"depth": "12"}}))
        .await?;
    // A change of the source passes over both.
    world
        .patch(&chart, &json!({"data": {"greeting": "hello"}}))
        .await?;
    let copy = member
        .until(&chart, "has the new greeting", |copy| {
            text(copy, "/data/greeting") == "hello"
        })
        .await?;
    expect_equal(
        "the annotation that was made in the member",
        &annotation(&copy, "pilot"),
        &Some("anna"),
    )?;
    expect_equal(
        "the key that was made in the member",
        &text(&copy, "/data/depth"),
        &"12",
    )?;

    // Ports and addresses are each member's own.
    world
        .patch(&gate, &json!({"spec": {"sessionAffinity": "ClientIP"}}))
        .await?;
    let is_new = |copy: &serde_json::Value| text(copy, "/spec/sessionAffinity") == "ClientIP";
    let after = member.until(&gate, "has the new affinity", is_new).await?;
    for field in ["/spec/clusterIP", "/spec/ports/0/nodePort"] {
        expect_equal(field, &after.pointer(field), &before.pointer(field))?;
    }
    Ok(())
}
