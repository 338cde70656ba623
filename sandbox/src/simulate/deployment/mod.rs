//! Deployments: revisions as ReplicaSets, rolled out and back (k8s.io/kubernetes `pkg/controller/deployment`).

mod recreate;
mod rolling;
mod scale;
mod sets;
mod status;

use super::engine::{Again, Controller, Seen};
use super::field;
use super::kinds::Kind;
use super::pods;
use super::world::World;
use crate::object::{self, Object};
use crate::status::Status;
use crate::store::Key;
use sets::Sets;

const COMPONENT: &str = "deployment-controller";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

#[derive(Debug)]
pub(crate) struct Deployments;

impl Controller for Deployments {
    fn observe(&mut self, seen: &Seen<'_>, world: &World, wake: &mut Vec<Key>) {
        match seen.kind {
            Kind::Deployment if seen.new.is_some() => wake.push(seen.key.clone()),
            Kind::ReplicaSet => {
                pods::concerned(seen, Kind::Deployment, "Deployment", world, wake);
            }
            // Recreate waits until no old pod is left.
            Kind::Pod if seen.new.is_none_or(|p| pods::is_finished(p)) => {
                for state in seen.states() {
                    let set = World::controller_key(state, "ReplicaSet");
                    let set = set.and_then(|key| world.get(Kind::ReplicaSet, &key));
                    wake.extend(set.and_then(|s| World::controller_key(&s, "Deployment")));
                }
            }
            _ => {}
        }
    }

    fn reconcile(&mut self, key: &Key, world: &mut World) -> Result<Again, Status> {
        let Some(deployment) = world.get(Kind::Deployment, key) else {
            return Ok(None);
        };
        let owned = pods::claim(Kind::ReplicaSet, &deployment, world)?;
        let mut sets = Sets::new(&deployment, owned);
        if object::deletion_timestamp(&deployment).is_some() {
            return status::write(&deployment, &sets, world);
        }
        if is_paused(&deployment) {
            sets.find_new(&deployment, false, world)?;
            scale::proportionally(&deployment, &mut sets, world)?;
            sets.clean_up(&deployment, world)?;
            return status::write(&deployment, &sets, world);
        }
        if scale::is_asked_for(&deployment, &sets) {
            sets.find_new(&deployment, false, world)?;
            scale::proportionally(&deployment, &mut sets, world)?;
            return status::write(&deployment, &sets, world);
        }
        if field::text(&deployment, "/spec/strategy/type") == "Recreate" {
            recreate::roll(&deployment, &mut sets, world)
        } else {
            rolling::roll(&deployment, &mut sets, world)
        }
    }
}

fn is_paused(deployment: &Object) -> bool {
    field::flag(deployment, "/spec/paused")
}

/// `spec.replicas`.
fn wanted(deployment: &Object) -> i64 {
    field::number(deployment, "/spec/replicas").unwrap_or(1)
}

/// `maxSurge` and `maxUnavailable` as numbers; never both 0.
fn bounds(deployment: &Object) -> (i64, i64) {
    if field::text(deployment, "/spec/strategy/type") != "RollingUpdate" {
        return (0, 0);
    }
    let part = |name: &str| deployment.pointer(&format!("/spec/strategy/rollingUpdate/{name}"));
    let replicas = wanted(deployment);
    let surge = field::share(part("maxSurge"), replicas, true);
    let unavailable = field::share(part("maxUnavailable"), replicas, false).min(replicas);
    if surge == 0 && unavailable <= 0 {
        return (0, 1);
    }
    (surge, unavailable)
}
