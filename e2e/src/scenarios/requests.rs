//! What a new object costs, counted by the API servers: one write of its federated object, one apply in each member.

use super::manifests::{config_map, deployment, duplicate};
use crate::backend::Request;
use crate::failure::{Outcome, expect, expect_equal};
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT, Target};
use crate::world::read::has_ready;

/// Host writes of the controllers for one workload until it is Ready (finalizer, federated object, its status, one or two
/// of the source's status), beside the user's own.
const HOST_WRITES_MAX: usize = 5;

pub(super) async fn of_a_new_object(world: &World) -> Outcome {
    // The first object of a namespace makes the namespace in the members; that is not what is counted.
    world
        .apply_all(&[
            duplicate("everywhere", &[]),
            config_map("first", "everywhere"),
        ])
        .await?;
    let first = world.target(CONFIG_MAP, "first");
    world.until_propagated(&first).await?;
    world.until_quiet().await?;

    for (kind, name, manifest) in [
        (CONFIG_MAP, "note", config_map("note", "everywhere")),
        (
            DEPLOYMENT,
            "dredger",
            deployment("dredger", 1, "everywhere"),
        ),
    ] {
        let target = world.target(kind, name);
        let host_mark = world.mark(world.host())?;
        let marks = world
            .members()
            .iter()
            .map(|member| world.mark(member))
            .collect::<Outcome<Vec<_>>>()?;
        world.apply(&manifest).await?;
        world.until_propagated(&target).await?;
        if kind == DEPLOYMENT {
            world
                .host()
                .until(&target, "is ready", |source| has_ready(source, 3))
                .await?;
        }
        world.until_quiet().await?;
        host_costs(&target, &world.writes_since(world.host(), host_mark)?)?;
        for (member, mark) in world.members().iter().zip(marks) {
            let writes = world.writes_since(member, mark)?;
            let applied = writes
                .iter()
                .all(|write| write.verb == "apply" && write.name == name);
            expect(
                applied && writes.len() == 1,
                format!("one apply of {target} in {}", member.name),
                &writes,
            )?;
        }
    }
    Ok(())
}

fn host_costs(target: &Target, writes: &[Request]) -> Outcome {
    let federated: Vec<_> = writes
        .iter()
        .filter(|write| write.resource == "federatedobjects" && write.subresource.is_empty())
        .collect();
    expect(
        federated.len() == 1,
        format!("one write of the federated object of {target}"),
        &federated,
    )?;
    expect_equal("how it is written", &federated[0].verb.as_str(), &"create")?;
    // One of them is the user's.
    expect(
        writes.len() <= HOST_WRITES_MAX + 1,
        format!("at most {HOST_WRITES_MAX} host writes for {target}"),
        writes,
    )?;
    let refused: Vec<_> = writes.iter().filter(|write| write.status >= 400).collect();
    expect(
        refused.is_empty(),
        format!("no refused write for {target}"),
        &refused,
    )
}
