//! Before and after: `navarch plan` says what would move if a policy were applied, it then does so, and `navarch explain`
//! says why.

use serde_json::{Value, json};

use super::manifests::{deployment, divide};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{DEPLOYMENT, Target};
use crate::world::read::{number, text};

/// What a list of the answer says of a member.
fn of_member<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    let mut all = list.as_array().into_iter().flatten();
    all.find(|cluster| text(cluster, "/name") == name)
}

/// The replicas by which a plan says an object would change in each member, before and after.
fn moves(world: &World, plan: &Value, target: &Target) -> Vec<(i64, i64)> {
    let all = plan.pointer("/moves").and_then(Value::as_array);
    let about = |one: &&Value| {
        text(one, "/object/name") == target.name
            && text(one, "/object/namespace") == world.namespace()
    };
    let Some(found) = all.into_iter().flatten().find(about) else {
        return Vec::new();
    };
    let members = world.members().iter();
    let change = |cluster: Option<&Value>| {
        cluster.map_or((0, 0), |cluster| {
            (number(cluster, "/before"), number(cluster, "/after"))
        })
    };
    members
        .map(|member| change(of_member(&found["clusters"], &member.name)))
        .collect()
}

/// What is explained is what is there: replicas, and who refuses the cluster that has none.
async fn explained(world: &World, target: &Target, wanted: &[i64]) -> Outcome {
    let explained = world.explained(target).await?;
    let waiting = explained.pointer("/waiting");
    expect_equal("what waits", &waiting, &Some(&json!([])))?;
    for (member, share) in world.members().iter().zip(wanted) {
        let nothing = Value::Null;
        let cluster = of_member(&explained["clusters"], &member.name).unwrap_or(&nothing);
        let said = |field: &str| cluster.get(field).cloned().unwrap_or_default();
        let placed = *share > 0;
        let replicas = if placed { json!(share) } else { Value::Null };
        for (field, is) in [
            ("placed", &json!(placed)),
            ("replicas", &replicas),
            ("chosen", &json!(placed)),
            ("chosenReplicas", &replicas),
        ] {
            expect_equal(&format!("{field} in {}", member.name), &&said(field), &is)?;
        }
        let filters = said("filters");
        let mut filters = filters.as_array().into_iter().flatten();
        let refuses = filters.find(|filter| filter.get("reason").is_some());
        let refuses = refuses.map_or("", |filter| text(filter, "/plugin"));
        let by = if placed { "" } else { "PlacementFilter" };
        expect_equal(&format!("who refuses {}", member.name), &refuses, &by)?;
    }
    Ok(())
}

pub(super) async fn what_was_planned(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    let weight = "{weight: 1}";
    world
        .apply_all(&[
            divide(
                "shares",
                &[(&first.name, "{weight: 3}"), (&second.name, weight)],
            ),
            deployment("fleet", 4, "shares"),
            divide("others", &[(&first.name, weight)]),
            deployment("other", 1, "others"),
        ])
        .await?;
    let (fleet, other) = (
        world.target(DEPLOYMENT, "fleet"),
        world.target(DEPLOYMENT, "other"),
    );
    world.until_shares(&fleet, &[3, 1, 0]).await?;
    world.until_shares(&other, &[1, 0, 0]).await?;
    explained(world, &fleet, &[3, 1, 0]).await?;

    // Planned, nothing is written.
    let (before, basis) = (world.stamps(&fleet).await?, world.basis(&fleet).await?);
    let change = divide("shares", &[(&second.name, weight), (&third.name, weight)]).replace(
        "name: shares\n",
        &format!("name: shares\n  namespace: {}\n", world.namespace()),
    );
    let plan = world.planned(&change).await?;
    let wanted = vec![(3, 0), (1, 2), (0, 2)];
    expect_equal("the plan", &moves(world, &plan, &fleet), &wanted)?;
    expect(
        moves(world, &plan, &other).is_empty(),
        "no move of another policy",
        &plan,
    )?;
    expect_equal("the basis", &world.basis(&fleet).await?, &basis)?;
    world.untouched(&fleet, &before, [first, second]).await?;

    // Applied, it is as planned.
    world.apply(&change).await?;
    world.until_shares(&fleet, &[0, 2, 2]).await?;
    explained(world, &fleet, &[0, 2, 2]).await?;
    world.until_shares(&other, &[1, 0, 0]).await
}
