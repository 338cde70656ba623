//! The controllers end and start again: with nothing to do they write nothing, and after a crash in the middle of a
//! rollout everything still arrives.

use serde_json::{Value, json};

use super::manifests::{config_map, deployment, duplicate, equal_shares, service};
use crate::backend::Steer;
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, FEDERATED_OBJECT};
use crate::world::read::{has_ready, text};

/// A source that carries it gets no federated object.
const NO_FEDERATED: &str = "kubeadmiral.io/no-federated-resource";

pub(super) async fn writes_nothing(world: &World) -> Outcome {
    let manifests = [
        duplicate("everywhere", &[]),
        equal_shares("shares", world),
        config_map("anchor", "everywhere"),
        service("anchor", "everywhere"),
        deployment("anchor", 6, "shares"),
    ];
    world.apply_all(&manifests).await?;
    let anchor = world.target(DEPLOYMENT, "anchor");
    world
        .host()
        .until(&anchor, "is ready", |source| has_ready(source, 6))
        .await?;
    world.until_propagated(&anchor).await?;
    world.until_quiet().await?;

    restarts_in_silence(world).await
}

/// Ends the controllers in good order and starts them again: what stands is not written to.
pub(super) async fn restarts_in_silence(world: &World) -> Outcome {
    world.steer(Steer::Stop).await?;
    let places = || std::iter::once(world.host()).chain(world.members());
    let marks = places()
        .map(|place| world.mark(place))
        .collect::<Outcome<Vec<_>>>()?;
    world.steer(Steer::Start).await?;
    // They are at work again when a new object arrives; its own requests are all that there are.
    world.apply(&config_map("after", "everywhere")).await?;
    let after = world.target(CONFIG_MAP, "after");
    world.until_propagated(&after).await?;
    world.until_quiet().await?;
    for (place, mark) in places().zip(marks) {
        let writes = world.writes_since(place, mark)?;
        let others: Vec<_> = writes
            .iter()
            .filter(|write| !write.name.starts_with("after"))
            .collect();
        let own =
            |write: &&&crate::backend::Request| write.verb == "create" && write.name.is_empty();
        let made = others.iter().filter(own).count();
        // A create names its object only in the body: the new source and its federated object at most.
        let allowed = if place.name == world.host().name {
            2
        } else {
            0
        };
        let what = format!("no writes to {} but those of the new object", place.name);
        expect(others.len() == made && made <= allowed, what, &others)?;
    }
    Ok(())
}

pub(super) async fn crash_in_the_middle(world: &World) -> Outcome {
    let names: Vec<String> = (0..20).map(|number| format!("crate-{number}")).collect();
    let maps: String = names
        .iter()
        .map(|name| config_map(name, "everywhere"))
        .collect();
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            deployment("hold", 1, "everywhere"),
            maps,
        ])
        .await?;
    // Some are on their way, none is waited for.
    world.steer(Steer::Crash).await?;
    world.steer(Steer::Start).await?;
    for name in &names {
        world
            .in_every_member(&world.target(CONFIG_MAP, name), "is there", |_| true)
            .await?;
    }
    let hold = world.target(DEPLOYMENT, "hold");
    world
        .host()
        .until(&hold, "is ready", |source| has_ready(source, 3))
        .await?;

    // Again in the middle of changes and deletions.
    let (changed, deleted) = names.split_at(10);
    for name in changed {
        world
            .patch(
                &world.target(CONFIG_MAP, name),
                &json!({"data": {"greeting": "hello"}}),
            )
            .await?;
    }
    for name in deleted {
        world
            .host()
            .hands()
            .delete(&world.target(CONFIG_MAP, name))
            .await?;
    }
    world.steer(Steer::Crash).await?;
    world.steer(Steer::Start).await?;
    for name in changed {
        let hello = |copy: &serde_json::Value| text(copy, "/data/greeting") == "hello";
        world
            .in_every_member(&world.target(CONFIG_MAP, name), "has the change", hello)
            .await?;
    }
    for name in deleted {
        let target = world.target(CONFIG_MAP, name);
        world.host().until_gone(&target).await?;
        world.in_no_member(&target).await?;
    }
    let left = world.host().list(FEDERATED_OBJECT).await?;
    expect_equal("federated objects that are left", &left.len(), &11)
}

/// The federated objects are lost (a host that was restored without them) and are made again only when the copies have
/// been seen: a look at these is enough.
pub(super) async fn federated_objects_made_anew(world: &World) -> Outcome {
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            config_map("anchor", "everywhere"),
        ])
        .await?;
    let anchor = world.target(CONFIG_MAP, "anchor");
    world.until_propagated(&anchor).await?;
    world.until_quiet().await?;

    world.steer(Steer::Stop).await?;
    let left_alone = |value: Value| json!({"metadata": {"annotations": {NO_FEDERATED: value}}});
    world.patch(&anchor, &left_alone(json!("true"))).await?;
    let federated = anchor.federated();
    world
        .patch(&federated, &json!({"metadata": {"finalizers": null}}))
        .await?;
    world.host().hands().delete(&federated).await?;
    world.host().until_gone(&federated).await?;

    let marks = world.members().iter().map(|member| world.mark(member));
    let marks = marks.collect::<Outcome<Vec<_>>>()?;
    world.steer(Steer::Start).await?;
    // Where another ConfigMap arrives, those that were there have been seen.
    world.apply(&config_map("after", "everywhere")).await?;
    world
        .until_propagated(&world.target(CONFIG_MAP, "after"))
        .await?;
    world.patch(&anchor, &left_alone(Value::Null)).await?;
    world.until_propagated(&anchor).await?;
    world.until_quiet().await?;
    for (member, mark) in world.members().iter().zip(marks) {
        let mut writes = world.writes_since(member, mark)?;
        writes.retain(|write| write.name == "anchor");
        let what = format!("no write to a copy in {} that is in place", member.name);
        expect(writes.is_empty(), what, &writes)?;
    }
    Ok(())
}
