//! Many workloads at once against a quota that has room for some of them: at every moment no more run than fit.

use std::collections::BTreeSet;

use serde_json::Value;

use super::manifests::divide;
use super::quota::{quota, workload};
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{DEPLOYMENT, FEDERATED_OBJECT};
use crate::world::read::text;
use crate::world::waiting::{self, Look};

const WORKLOADS: usize = 500;
const ROOM: usize = 100;
/// So long all of them may take.
const SECONDS: u64 = 120;

/// The workloads of which any member has a copy.
async fn admitted(world: &World) -> Outcome<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for member in world.members() {
        for copy in member.list(DEPLOYMENT).await? {
            names.insert(text(&copy, "/metadata/name").to_owned());
        }
    }
    Ok(names)
}

/// The workloads that surely ran at one moment: members are read one after the other, so what one look shows may have ended
/// before what it shows last has begun. What two looks show was there in between.
async fn admitted_at_once(world: &World) -> Outcome<BTreeSet<String>> {
    let before = admitted(world).await?;
    let after = admitted(world).await?;
    Ok(before.intersection(&after).cloned().collect())
}

fn waits(federated: &Value) -> bool {
    let conditions = federated.pointer("/status/conditions");
    let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
    let mut found = conditions.filter(|one| text(one, "/type") == "QuotaReserved");
    found.any(|one| text(one, "/status") == "False")
}

pub(super) async fn exactly_what_fits(world: &World) -> Outcome {
    let limit = format!("  resources: [{{name: cpu, limit: {}m}}]\n", ROOM * 100);
    world
        .apply_all(&[quota(world, "team", &limit), divide("shares", &[])])
        .await?;
    let names: Vec<String> = (1..=WORKLOADS)
        .map(|number| format!("boat-{number}"))
        .collect();
    let boats: String = names
        .iter()
        .map(|name| workload(name, 1, "shares", "a"))
        .collect();
    world.host().create_all(DEPLOYMENT, &boats).await?;
    let mut most = 0;
    let all_said = waiting::until_within(SECONDS, "every workload runs or waits", async || {
        let here = match admitted(world).await {
            Ok(here) => here,
            Err(failure) => return Look::NotYet(failure.to_string()),
        };
        most = most.max(here.len());
        let federated = match world.host().list(FEDERATED_OBJECT).await {
            Ok(federated) => federated,
            Err(failure) => return Look::NotYet(failure.to_string()),
        };
        let waiting = federated.iter().filter(|one| waits(one)).count();
        if here.len() == ROOM && waiting == WORKLOADS - ROOM {
            Look::Seen(())
        } else {
            Look::NotYet(format!("{} run, {waiting} wait", here.len()))
        }
    });
    all_said.await?;
    expect(most <= ROOM, format!("never more than {ROOM}"), most)?;

    // Ten go, ten others come.
    let before = admitted(world).await?;
    for name in before.iter().take(10) {
        let target = world.target(DEPLOYMENT, name);
        world.host().hands().delete(&target).await?;
    }
    let gone: BTreeSet<String> = before.iter().take(10).cloned().collect();
    waiting::until_within(SECONDS, "others take their place", async || {
        let here = match admitted_at_once(world).await {
            Ok(here) => here,
            Err(failure) => return Look::NotYet(failure.to_string()),
        };
        most = most.max(here.len());
        if here.len() == ROOM && here.is_disjoint(&gone) {
            Look::Seen(())
        } else {
            Look::NotYet(format!("{} run", here.len()))
        }
    })
    .await?;
    expect_equal("the most that ran at any moment", &most.max(ROOM), &ROOM)
}
