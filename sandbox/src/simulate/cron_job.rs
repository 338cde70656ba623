//! To come.

use super::engine::{Again, Controller, Seen};
use super::world::World;
use crate::status::Status;
use crate::store::Key;

#[derive(Debug)]
pub(crate) struct CronJobs;

impl Controller for CronJobs {
    fn observe(&mut self, _seen: &Seen<'_>, _world: &World, _wake: &mut Vec<Key>) {}

    fn reconcile(&mut self, _key: &Key, _world: &mut World) -> Result<Again, Status> {
        Ok(None)
    }
}
