//! A Deployment that is scaled: its ReplicaSets grow and shrink in proportion while a rollout is on its way.

use super::sets::{Sets, desired, maximum, size};
use super::{bounds, wanted};
use crate::object::{self, Object};
use crate::simulate::field;
use crate::simulate::world::World;
use crate::status::Status;

/// Whether `spec.replicas` changed since the ReplicaSets were last scaled.
pub(super) fn is_asked_for(deployment: &Object, sets: &Sets) -> bool {
    let wanted = wanted(deployment);
    sets.all()
        .filter(|set| size(set) > 0)
        .any(|set| desired(set).is_some_and(|known| known != wanted))
}

pub(super) fn proportionally(
    deployment: &Object,
    sets: &mut Sets,
    world: &mut World,
) -> Result<(), Status> {
    let wanted = wanted(deployment);
    let active: Vec<Object> = sets.all().filter(|s| size(s) > 0).cloned().collect();
    // At most one is in use: it gets everything.
    let only = match active.as_slice() {
        [] => sets.new.clone().or_else(|| sets.old.last().cloned()),
        [one] => Some(one.clone()),
        _ => None,
    };
    if let Some(only) = only {
        sets.scale(deployment, object::name(&only), wanted, world)?;
        return Ok(());
    }
    if let Some(new) = sets.new.clone().filter(|new| is_saturated(new, wanted)) {
        let _ = new;
        for set in sets.old.clone() {
            if size(&set) > 0 {
                sets.scale(deployment, object::name(&set), 0, world)?;
            }
        }
        return Ok(());
    }
    if field::text(deployment, "/spec/strategy/type") == "Recreate" {
        return Ok(());
    }
    spread(deployment, sets, active, world)
}

fn is_saturated(new: &Object, wanted: i64) -> bool {
    size(new) == wanted
        && desired(new) == Some(wanted)
        && field::count(new, "/status/availableReplicas") == wanted
}

fn spread(
    deployment: &Object,
    sets: &mut Sets,
    mut active: Vec<Object>,
    world: &mut World,
) -> Result<(), Status> {
    let (surge, _) = bounds(deployment);
    let replicas = wanted(deployment);
    let most = if replicas > 0 { replicas + surge } else { 0 };
    let total: i64 = active.iter().map(size).sum();
    let to_add = most - total;
    // Larger ones first; of equal ones the newest when growing, the oldest when shrinking.
    active.sort_by_key(|set| {
        let created = field::text(set, "/metadata/creationTimestamp").to_owned();
        (size(set), created)
    });
    if to_add >= 0 {
        active.reverse();
    } else {
        active.sort_by_key(|set| std::cmp::Reverse(size(set)));
    }
    let mut added = 0;
    let mut targets: Vec<(String, i64)> = Vec::new();
    for set in &active {
        let share = fraction(set, replicas, surge, to_add, added);
        added += share;
        targets.push((object::name(set).to_owned(), size(set) + share));
    }
    if let Some((_, first)) = targets.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    for (name, to) in targets {
        sets.scale(deployment, &name, to, world)?;
    }
    Ok(())
}

/// How much of what is to be added (or taken, if negative) goes to this ReplicaSet.
fn fraction(set: &Object, replicas: i64, surge: i64, to_add: i64, added: i64) -> i64 {
    let left = to_add - added;
    if size(set) == 0 || left == 0 {
        return 0;
    }
    if replicas == 0 {
        return -size(set);
    }
    let annotated = maximum(set).filter(|m| *m > 0).unwrap_or(replicas + surge);
    // size * (replicas + surge) / annotated, rounded half away from zero
    let whole = 2 * size(set) * (replicas + surge) + annotated;
    let share = whole.div_euclid(2 * annotated) - size(set);
    if to_add > 0 {
        share.min(left)
    } else {
        share.max(left)
    }
}
