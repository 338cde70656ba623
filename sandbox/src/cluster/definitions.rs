//! CustomResourceDefinitions: what writing and deleting one does to the resources the server has.

use super::Cluster;
use crate::object::Object;
use crate::registry::ResourceInfo;

impl Cluster {
    /// Called after an object was stored.
    pub(super) fn after_write(&self, _info: &ResourceInfo, _object: &Object) {}

    /// Called after an object was removed.
    pub(super) fn after_delete(&self, _info: &ResourceInfo, _object: &Object) {}
}
