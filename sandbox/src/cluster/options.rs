//! What callers may ask of reads and writes, and what they get.

use super::{FieldSelector, LabelSelector};
use crate::object::Object;
use serde_json::Value;

/// What to do about fields a schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Drop them.
    Ignore,
    /// Drop them and warn: the default of the server.
    #[default]
    Warn,
    /// Refuse the write.
    Strict,
}

/// Who writes, and how.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Field manager.
    pub manager: String,
    /// Do everything but store it.
    pub dry_run: bool,
    /// What to do about unknown fields.
    pub validation: FieldValidation,
    /// Fields that stood twice in the body.
    pub duplicates: Vec<String>,
    /// The subresource written, for example `status`.
    pub subresource: Option<String>,
    /// Name of the user, for kinds that record it.
    pub user: String,
    /// Groups of the user.
    pub groups: Vec<String>,
}

impl WriteOptions {
    /// A write by this field manager.
    pub fn by(manager: &str) -> Self {
        Self {
            manager: manager.to_owned(),
            ..Self::default()
        }
    }

    /// The same, to a subresource.
    #[must_use]
    pub fn to(mut self, subresource: &str) -> Self {
        self.subresource = Some(subresource.to_owned());
        self
    }
}

/// The outcome of a write.
#[derive(Debug, Clone)]
pub struct Written {
    /// The object as stored (or as it would be, in a dry run).
    pub object: Object,
    /// Whether it was created by this write.
    pub created: bool,
    /// Texts for `Warning` headers.
    pub warnings: Vec<String>,
}

/// How a list's resourceVersion is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionMatch {
    /// Exactly that version.
    Exact,
    /// That version or a newer one.
    NotOlderThan,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// By labels.
    pub labels: LabelSelector,
    /// By fields.
    pub fields: FieldSelector,
    /// At most so many; 0 is no limit.
    pub limit: usize,
    /// Where the last page ended.
    pub continue_token: Option<String>,
    /// `resourceVersion` as asked.
    pub resource_version: Option<u64>,
    /// `resourceVersionMatch` as asked.
    pub version_match: Option<VersionMatch>,
}

/// A page of objects.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Ordered by namespace and name.
    pub items: Vec<Object>,
    /// The revision they are of.
    pub resource_version: u64,
    /// For the next page.
    pub continue_token: Option<String>,
    /// How many are left, when that is known without looking at them.
    pub remaining: Option<usize>,
}

/// What to watch.
#[derive(Debug, Clone, Default)]
pub struct WatchOptions {
    /// By labels.
    pub labels: LabelSelector,
    /// By fields.
    pub fields: FieldSelector,
    /// `None` and 0: begin with what there is, as `Added` events.
    pub resource_version: Option<u64>,
    /// Send bookmarks now and then.
    pub bookmarks: bool,
    /// `sendInitialEvents`: begin with what there is, then a bookmark that says so.
    pub initial_events: Option<bool>,
}

/// What happens to dependents of a deleted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They stay, without their owner.
    Orphan,
    /// They are deleted afterwards.
    Background,
    /// They are deleted first.
    Foreground,
}

/// How to delete.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// `gracePeriodSeconds`.
    pub grace_period: Option<i64>,
    /// `propagationPolicy`.
    pub propagation: Option<Propagation>,
    /// Only this object.
    pub uid: Option<String>,
    /// Only this version.
    pub resource_version: Option<String>,
    /// Do everything but delete.
    pub dry_run: bool,
}

/// The outcome of a delete.
#[derive(Debug, Clone)]
pub enum Deleted {
    /// It is gone; its last state.
    Gone(Object),
    /// It will go when its finalizers are done or its grace period is over.
    Pending(Object),
}

impl Deleted {
    /// The object's last known state.
    pub fn object(&self) -> &Value {
        match self {
            Self::Gone(object) | Self::Pending(object) => object,
        }
    }
}
