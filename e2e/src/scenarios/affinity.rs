//! Clusters are chosen by their labels and names: selector, required terms, preferences. A label that changes later
//! moves what is to look again, and nothing else.

use serde_json::json;

use super::manifests::{
    also, also_when, annotated, config_map, deployment, duplicate, equal_shares, profile,
    with_profile,
};
use crate::failure::Outcome;
use crate::world::World;
use crate::world::kinds::{CONFIG_MAP, DEPLOYMENT};
use crate::world::place::Place;

/// Which basin a member lies in.
const BASIN: &str = "navarch.dev/basin";

async fn label(world: &World, member: &Place, basin: &str) -> Outcome {
    let labels = json!({"metadata": {"labels": {BASIN: basin}}});
    world.patch(&world.cluster(member), &labels).await
}

/// Policies that choose by basin or by name, and an object of each.
fn manifests(world: &World, first: &Place) -> String {
    let inner = format!("clusterSelector: {{{BASIN}: inner}}");
    // One of two terms is enough.
    let outside_or_first = format!(
        "clusterAffinity: [
    {{matchExpressions: [{{key: {BASIN}, operator: NotIn, values: [inner]}}]}},
    {{matchFields: [{{key: metadata.name, operator: In, values: [{}]}}]}}]",
        first.name
    );
    let by_affinity = "score: {disabled: [{name: '*'}], enabled: [{name: ClusterAffinity}]}";
    let term = json!({"matchExpressions": [{"key": BASIN, "operator": "In", "values": ["outer"]}]});
    let prefers = json!({"clusterAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "preference": term}]}});
    [
        also(&duplicate("inner", &[]), &[&inner]),
        config_map("selected", "inner"),
        also(&equal_shares("terms", world), &[&outside_or_first]),
        deployment("fleet", 4, "terms"),
        also(
            &also_when(&equal_shares("looks-again", world), "clusterLabelsChanged"),
            &[&inner],
        ),
        deployment("convoy", 4, "looks-again"),
        profile(world, by_affinity),
        with_profile(world, &also(&duplicate("one", &[]), &["maxClusters: 1"])),
        config_map("indifferent", "one"),
        annotated(
            &config_map("prefers", "one"),
            "kubeadmiral.io/affinity",
            &prefers,
        ),
    ]
    .concat()
}

pub(super) async fn by_labels_and_names(world: &World) -> Outcome {
    let (first, second, third) = (world.member(0)?, world.member(1)?, world.member(2)?);
    for (member, basin) in [(first, "inner"), (second, "inner"), (third, "outer")] {
        label(world, member, basin).await?;
    }
    // Found by the last label: whoever comes now finds all of them.
    let outer = format!("clusterSelector: {{{BASIN}: outer}}");
    world
        .apply_all(&[
            also(&duplicate("outer", &[]), &[&outer]),
            config_map("outside", "outer"),
        ])
        .await?;
    let outside = world.target(CONFIG_MAP, "outside");
    world.until_in(&outside, &[third]).await?;
    world.apply(&manifests(world, first)).await?;
    let selected = world.target(CONFIG_MAP, "selected");
    let fleet = world.target(DEPLOYMENT, "fleet");
    let convoy = world.target(DEPLOYMENT, "convoy");
    world.until_in(&selected, &[first, second]).await?;
    world.until_shares(&fleet, &[2, 0, 2]).await?;
    world.until_shares(&convoy, &[2, 2, 0]).await?;
    let indifferent = world.target(CONFIG_MAP, "indifferent");
    world.until_in(&indifferent, &[first]).await?;
    let prefers = world.target(CONFIG_MAP, "prefers");
    world.until_in(&prefers, &[third]).await?;

    let (selected_before, fleet_before) =
        (world.stamps(&selected).await?, world.stamps(&fleet).await?);
    label(world, second, "outer").await?;
    world.until_shares(&convoy, &[4, 0, 0]).await?;
    let reason = "clusterLabelsChanged:false";
    world.until_deferred(&selected, reason).await?;
    world.until_in(&selected, &[first, second]).await?;
    world
        .untouched(&selected, &selected_before, [first, second])
        .await?;
    world.until_deferred(&fleet, reason).await?;
    world.until_shares(&fleet, &[2, 0, 2]).await?;
    world.untouched(&fleet, &fleet_before, [first, third]).await
}
