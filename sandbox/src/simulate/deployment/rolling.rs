//! Rolling updates: the new ReplicaSet grows and the old ones shrink within `maxSurge` and `maxUnavailable`.

use super::sets::{Sets, size, sum};
use super::{bounds, status, wanted};
use crate::object::{self, Object};
use crate::simulate::engine::Again;
use crate::simulate::field;
use crate::simulate::world::World;
use crate::status::Status;

pub(super) fn roll(
    deployment: &Object,
    sets: &mut Sets,
    world: &mut World,
) -> Result<Again, Status> {
    sets.find_new(deployment, true, world)?;
    if grow(deployment, sets, world)? || shrink(deployment, sets, world)? {
        return status::write(deployment, sets, world);
    }
    if status::is_complete(deployment, sets) {
        sets.clean_up(deployment, world)?;
    }
    status::write(deployment, sets, world)
}

/// Scales the new ReplicaSet, up as far as allowed or down to what is wanted.
fn grow(deployment: &Object, sets: &mut Sets, world: &mut World) -> Result<bool, Status> {
    let Some(new) = sets.new.clone() else {
        return Ok(false);
    };
    let wanted = wanted(deployment);
    let to = match size(&new).cmp(&wanted) {
        std::cmp::Ordering::Equal => return Ok(false),
        std::cmp::Ordering::Greater => wanted,
        std::cmp::Ordering::Less => sets.first_size(deployment),
    };
    sets.scale(deployment, object::name(&new), to, world)
}

/// Scales old ReplicaSets down: first what is not healthy, then as much as availability allows.
fn shrink(deployment: &Object, sets: &mut Sets, world: &mut World) -> Result<bool, Status> {
    if sets.old.iter().map(size).sum::<i64>() == 0 {
        return Ok(false);
    }
    let Some(new) = sets.new.clone() else {
        return Ok(false);
    };
    let (_, unavailable) = bounds(deployment);
    let least = wanted(deployment) - unavailable;
    let new_unavailable = size(&new) - field::count(&new, "/status/availableReplicas");
    let total: i64 = sets.all().map(size).sum();
    let spare = total - least - new_unavailable;
    if spare <= 0 {
        return Ok(false);
    }
    let unhealthy = drop_unhealthy(deployment, sets, spare, world)?;
    let healthy = drop_healthy(deployment, sets, least, world)?;
    Ok(unhealthy + healthy > 0)
}

fn drop_unhealthy(
    deployment: &Object,
    sets: &mut Sets,
    most: i64,
    world: &mut World,
) -> Result<i64, Status> {
    let mut dropped = 0;
    for set in sets.old.clone() {
        let unhealthy = size(&set) - field::count(&set, "/status/availableReplicas");
        let now = unhealthy.min(most - dropped);
        if now > 0 {
            let to = size(&set) - now;
            sets.scale(deployment, object::name(&set), to, world)?;
            dropped += now;
        }
    }
    Ok(dropped)
}

fn drop_healthy(
    deployment: &Object,
    sets: &mut Sets,
    least: i64,
    world: &mut World,
) -> Result<i64, Status> {
    let available = sum(sets.all(), "/status/availableReplicas");
    let most = available - least;
    let mut dropped = 0;
    for set in sets.old.clone() {
        let now = size(&set).min(most - dropped);
        if now > 0 {
            let to = size(&set) - now;
            sets.scale(deployment, object::name(&set), to, world)?;
            dropped += now;
        }
    }
    Ok(dropped)
}
