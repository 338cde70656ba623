//! A user applies a small application with a policy: it runs in every member and the host tells of it.

use super::manifests::{config_map, deployment, duplicate, secret, service};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE};
use crate::world::read::{has_ready, label, placement, text};

pub(super) async fn an_application(world: &World) -> Outcome {
    let policy = "everywhere";
    let manifests = [
        duplicate(policy, &[]),
        config_map("settings", policy),
        secret("password", policy),
        service("shop", policy),
        deployment("shop", 2, policy),
    ];
    world.apply_all(&manifests).await?;

    let shop = world.target(DEPLOYMENT, "shop");
    for copy in world
        .in_every_member(&shop, "has two ready replicas", |copy| has_ready(copy, 2))
        .await?
    {
        expect_equal(
            "the label of managed copies",
            &label(&copy, "kubeadmiral.io/managed"),
            &Some("true"),
        )?;
        expect(
            label(&copy, super::manifests::POLICY_LABEL).is_none(),
            "no policy label on a copy",
            &copy,
        )?;
    }
    for (kind, name) in [
        (CONFIG_MAP, "settings"),
        (SECRET, "password"),
        (SERVICE, "shop"),
    ] {
        world
            .in_every_member(&world.target(kind, name), "is there", |_| true)
            .await?;
    }
    let settings = world
        .member(0)?
        .get(&world.target(CONFIG_MAP, "settings"))
        .await?;
    expect_equal(
        "the content of the copy",
        &text(&settings, "/data/greeting"),
        &"ahoy",
    )?;

    world
        .host()
        .until(&shop, "tells of six ready replicas", |source| {
            has_ready(source, 6)
        })
        .await?;
    let federated = world.until_propagated(&shop).await?;
    let members: Vec<&str> = world
        .members()
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    expect_equal("the placement", &placement(&federated), &members)
}
