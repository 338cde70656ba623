//! Steps between a write's decoding and its storing that may change or refuse it.

use super::{Cluster, WriteOptions};
use crate::registry::ResourceInfo;
use crate::status::Status;
use serde_json::Value;

/// What is being done to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It is being created.
    Create,
    /// It is being changed.
    Update,
    /// It is being deleted.
    Delete,
}

/// A write under review. The object is in the version it is stored in.
#[derive(Debug)]
pub struct Review<'a> {
    /// The cluster, for looking things up.
    pub cluster: &'a Cluster,
    /// The resource.
    pub resource: &'a ResourceInfo,
    /// What is being done.
    pub operation: Operation,
    /// The object as it would be stored; for a deletion as it is.
    pub object: &'a mut Value,
    /// The object as it is, for an update.
    pub old: Option<&'a Value>,
    /// Who writes, and how.
    pub options: &'a WriteOptions,
    /// Texts for `Warning` headers.
    pub warnings: &'a mut Vec<String>,
}

impl Review<'_> {
    /// Whether the object is of this group and kind, and no subresource is written.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.resource.group == group
            && self.resource.kind == kind
            && self.options.subresource.is_none()
    }

    /// The refusal of this write.
    pub fn forbidden(&self, why: &str) -> Status {
        let name = crate::object::name(self.object);
        Status::forbidden(&self.resource.group, &self.resource.plural, name, why)
    }
}

/// One step of admission. It runs under no lock and must not write to the object under review in any other way.
pub trait Admission: std::fmt::Debug + Send + Sync {
    /// Changes or refuses the write.
    fn admit(&self, review: &mut Review<'_>) -> Result<(), Status>;
}
