//! An object is in a member already: with the annotations it is taken over, without them it is reported and left alone.

use serde_json::json;

use super::manifests::{config_map, duplicate, plain_config_map};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::CONFIG_MAP;
use crate::world::read::{annotation, cluster_states, label, text};

pub(super) async fn when_asked(world: &World) -> Outcome {
    let (first, second) = (world.member(0)?, world.member(1)?);
    make_theirs(world, &["log"]).await?;
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            config_map("log", "everywhere"),
        ])
        .await?;
    let log = world.target(CONFIG_MAP, "log");
    let refused = |object: &serde_json::Value| {
        cluster_states(object).get(&*first.name) == Some(&"AlreadyExists")
    };
    world
        .host()
        .until(&log.federated(), "reports the member's own object", refused)
        .await?;

    // Only the first member is named; the second has none in the way.
    let change = json!({"metadata": {"annotations": {
        "kubeadmiral.io/conflict-resolution": "adopt",
        "kubeadmiral.io/clusters-to-adopt": json!({"clusters": [first.name]}).to_string(),
    }}});
    world.patch(&log, &change).await?;
    world.until_propagated(&log).await?;
    let copy = first.get(&log).await?;
    expect_equal(
        "the label of managed copies",
        &label(&copy, "kubeadmiral.io/managed"),
        &Some("true"),
    )?;
    expect_equal(
        "the mark of adoption",
        &annotation(&copy, "kubeadmiral.io/adopted"),
        &Some("true"),
    )?;
    expect_equal("the greeting", &text(&copy, "/data/greeting"), &"ahoy")?;
    expect_equal(
        "their own key",
        &text(&copy, "/data/owner"),
        &"harbour-master",
    )?;
    let made = second.get(&log).await?;
    expect_equal(
        "no mark of adoption where it was made",
        &annotation(&made, "kubeadmiral.io/adopted"),
        &None,
    )
}

pub(super) async fn not_when_not_asked(world: &World) -> Outcome {
    let first = world.member(0)?;
    let theirs = make_theirs(world, &["log"]).await?;
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            config_map("log", "everywhere"),
            config_map("other", "everywhere"),
        ])
        .await?;
    let log = world.target(CONFIG_MAP, "log");
    for member in &world.members()[1..] {
        member.until_there(&log).await?;
    }
    world
        .in_every_member(&world.target(CONFIG_MAP, "other"), "is there", |_| true)
        .await?;
    let states = |object: &serde_json::Value| {
        let states = cluster_states(object);
        states.get(&*first.name) == Some(&"AlreadyExists")
            && states.values().filter(|state| **state == "OK").count() == 2
    };
    world
        .host()
        .until(
            &log.federated(),
            "reports one conflict and two copies",
            states,
        )
        .await?;
    world
        .host()
        .until_event(&log, "AlreadyExists", &first.name)
        .await?;
    let now = first.get(&log).await?;
    expect(now == theirs, "their object untouched", &now)?;

    // They give way: ours takes the place by itself.
    first.hands().delete(&log).await?;
    first
        .until(&log, "is a copy", |copy| {
            text(copy, "/data/greeting") == "ahoy"
        })
        .await?;
    world.until_propagated(&log).await.map(|_object| ())
}

/// Makes a ConfigMap in the first member that is nobody's copy, and answers it.
async fn make_theirs(world: &World, names: &[&str]) -> Outcome<serde_json::Value> {
    let first = world.member(0)?;
    let namespace = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n",
        world.namespace()
    );
    first.apply(&namespace).await?;
    let mut last = serde_json::Value::Null;
    for name in names {
        first
            .apply(&plain_config_map(name).replace("greeting: ahoy", "owner: harbour-master"))
            .await?;
        last = first.get(&world.target(CONFIG_MAP, name)).await?;
    }
    Ok(last)
}
