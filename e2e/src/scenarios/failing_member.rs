//! A member that answers with errors, and one that refuses an object: reported, tried again, and nobody else's trouble.

use serde_json::json;

use super::custom_resource::{BERTH, TYPE_CONFIG, berth, definition};
use super::manifests::{config_map, duplicate};
use crate::backend::Breakage;
use crate::failure::{Outcome, expect};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEFINITION};
use crate::world::read::{cluster_states, condition, number, text};

pub(super) async fn answers_500(world: &World) -> Outcome {
    let ill = world.member(0)?;
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            config_map("earlier", "everywhere"),
        ])
        .await?;
    let earlier = world.target(CONFIG_MAP, "earlier");
    world.until_propagated(&earlier).await?;
    for verb in ["apply", "create", "update", "patch"] {
        let breakage = Breakage {
            verb: Some(verb),
            kind: CONFIG_MAP,
            name: None,
            status: 500,
        };
        world.break_requests(ill, &breakage).await?;
    }

    world.apply(&config_map("parcel", "everywhere")).await?;
    world
        .patch(&earlier, &json!({"data": {"greeting": "later"}}))
        .await?;
    let parcel = world.target(CONFIG_MAP, "parcel");
    for member in &world.members()[1..] {
        member.until_there(&parcel).await?;
        member
            .until(&earlier, "has the change", |copy| {
                text(copy, "/data/greeting") == "later"
            })
            .await?;
    }
    world
        .host()
        .until_event(&parcel, "CreateInClusterFailed", &ill.name)
        .await?;
    world
        .host()
        .until_event(&earlier, "UpdateInClusterFailed", &ill.name)
        .await?;
    let said = |object: &serde_json::Value| {
        cluster_states(object).get(&*ill.name) == Some(&"CreationFailed")
    };
    let federated = world
        .host()
        .until(&parcel.federated(), "reports the failure", said)
        .await?;
    expect(
        condition(&federated, "Propagated") == "False",
        "condition Propagated=False",
        &federated["status"],
    )?;
    let old = ill.get(&earlier).await?;
    expect(
        text(&old, "/data/greeting") == "ahoy",
        "nothing lost where nothing can be written",
        &old,
    )?;

    world.mend_requests(ill).await?;
    ill.until_there(&parcel).await?;
    ill.until(&earlier, "has the change", |copy| {
        text(copy, "/data/greeting") == "later"
    })
    .await?;
    world.until_propagated(&parcel).await.map(|_object| ())
}

pub(super) async fn rejects_an_object(world: &World) -> Outcome {
    // The first member's definition allows less depth than the others' and the host's.
    let shallow = world.member(0)?;
    for (place, maximum) in std::iter::once(world.host())
        .chain(world.members())
        .map(|place| (place, if place.name == shallow.name { 10 } else { 100 }))
    {
        place.apply(&definition("origin: by-hand", maximum)).await?;
        let berths = world.target(DEFINITION, "berths.harbour.example.com");
        place
            .until(&berths, "is established", |object| {
                condition(object, "Established") == "True"
            })
            .await?;
    }
    world.until_members_serve(BERTH).await?;
    let manifests = [
        TYPE_CONFIG.to_owned(),
        duplicate("everywhere", &[]),
        berth("deep", 50, "everywhere"),
        berth("flat", 5, "everywhere"),
    ];
    world.apply_all(&manifests).await?;
    let (deep, flat) = (world.target(BERTH, "deep"), world.target(BERTH, "flat"));
    world.in_every_member(&flat, "is there", |_| true).await?;
    for member in &world.members()[1..] {
        member.until_there(&deep).await?;
    }
    let said = |object: &serde_json::Value| {
        cluster_states(object).get(&*shallow.name) == Some(&"CreationFailed")
    };
    world
        .host()
        .until(&deep.federated(), "reports the refusal", said)
        .await?;
    // The member's own words reach the user.
    world
        .host()
        .until_event(&deep, "CreateInClusterFailed", "spec.depth")
        .await?;
    expect(
        shallow.find(&deep).await?.is_none(),
        "nothing where it is refused",
        &shallow.name,
    )?;

    world.patch(&deep, &json!({"spec": {"depth": 8}})).await?;
    world
        .in_every_member(&deep, "is as deep as allowed", |copy| {
            number(copy, "/spec/depth") == 8
        })
        .await?;
    world.until_propagated(&deep).await.map(|_object| ())
}

pub(super) async fn has_an_immutable_field(world: &World) -> Outcome {
    let manifest = |value: &str| {
        config_map("seal", "everywhere").replace("greeting: ahoy", &format!("greeting: {value}"))
    };
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            manifest("first"),
            config_map("other", "everywhere"),
        ])
        .await?;
    let seal = world.target(CONFIG_MAP, "seal");
    world.until_propagated(&seal).await?;
    // Somebody seals the copy of one member.
    let sealed = world.member(2)?;
    sealed
        .hands()
        .patch(&seal, &json!({"immutable": true}))
        .await?;

    world.apply(&manifest("second")).await?;
    for member in &world.members()[..2] {
        member
            .until(&seal, "has the change", |copy| {
                text(copy, "/data/greeting") == "second"
            })
            .await?;
    }
    world
        .host()
        .until_event(&seal, "UpdateInClusterFailed", &sealed.name)
        .await?;
    let copy = sealed.get(&seal).await?;
    expect(
        text(&copy, "/data/greeting") == "first",
        "the sealed copy as it was",
        &copy,
    )?;
    world
        .patch(
            &world.target(CONFIG_MAP, "other"),
            &json!({"data": {"greeting": "hello"}}),
        )
        .await?;
    sealed
        .until(
            &world.target(CONFIG_MAP, "other"),
            "has its change",
            |copy| text(copy, "/data/greeting") == "hello",
        )
        .await?;

    // The copy is thrown away by hand: the new one is as it should be.
    sealed.hands().delete(&seal).await?;
    sealed
        .until(&seal, "has the change", |copy| {
            text(copy, "/data/greeting") == "second"
        })
        .await
        .map(|_copy| ())
}
