//! Recreate: all old pods go before the first new one comes.

use super::sets::{Sets, size};
use super::{status, wanted};
use crate::object::{self, Object};
use crate::simulate::engine::Again;
use crate::simulate::kinds::Kind;
use crate::simulate::pods;
use crate::simulate::world::World;
use crate::status::Status;

pub(super) fn roll(
    deployment: &Object,
    sets: &mut Sets,
    world: &mut World,
) -> Result<Again, Status> {
    let mut scaled = false;
    for set in sets.old.clone() {
        if size(&set) > 0 {
            scaled |= sets.scale(deployment, object::name(&set), 0, world)?;
        }
    }
    let runs = |set: &Object| {
        let pods = world.owned(Kind::Pod, set);
        pods.iter().any(|pod| !pods::is_finished(pod))
    };
    if scaled || sets.old.iter().any(runs) {
        return status::write(deployment, sets, world);
    }
    sets.find_new(deployment, true, world)?;
    if let Some(new) = sets.new.clone() {
        sets.scale(deployment, object::name(&new), wanted(deployment), world)?;
    }
    if status::is_complete(deployment, sets) {
        sets.clean_up(deployment, world)?;
    }
    status::write(deployment, sets, world)
}
