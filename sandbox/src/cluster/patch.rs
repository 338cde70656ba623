//! Patches of all kinds, server-side apply among them.

use super::update::Fields;
use super::{Cluster, WriteOptions, Written, decode, prepare};
use crate::apply::{self, ApplyError};
use crate::object::{self, Gvr, Object};
use crate::patch::{self as patches, PatchError};
use crate::registry::ResourceInfo;
use crate::schema::Node;
use crate::status::{Cause, Status};
use serde_json::Value;

/// A patch, read but not looked into.
#[derive(Debug, Clone)]
pub enum Patch {
    /// RFC 6902.
    Json(Value),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' merge patch with list keys and directives.
    Strategic(Value),
    /// Server-side apply.
    Apply {
        /// The configuration that is applied.
        object: Value,
        /// Take fields from other managers.
        force: bool,
    },
}

fn patch_error(error: PatchError) -> Status {
    match error {
        PatchError::BadRequest(message) => Status::bad_request(message),
        PatchError::Unmergeable(message) => Status::unknown(message),
        PatchError::Rejected => Status::patch_does_not_apply(),
        PatchError::TooManyOperations(_) => {
            Status::new(413, "RequestEntityTooLarge", error.to_string())
        }
    }
}

fn apply_error(error: &ApplyError) -> Status {
    match error {
        ApplyError::Conflicts(conflicts) => {
            let cause = |c: &apply::Conflict| Cause {
                reason: "FieldManagerConflict".into(),
                message: c.message(),
                field: c.field(),
            };
            let causes: Vec<Cause> = conflicts.iter().map(cause).collect();
            Status::apply_conflict(error.to_string(), &causes)
        }
        ApplyError::ManagedFields => Status::bad_request(error.to_string()),
        ApplyError::Untyped(message) => Status::unknown(message.clone()),
    }
}

impl Patch {
    /// The object after the patch; not for apply.
    fn onto(&self, live: &Value, node: &Node) -> Result<Value, Status> {
        let patched = match self {
            Self::Json(operations) => patches::json::apply(live, operations),
            Self::Merge(patch) => patches::merge::apply(live, patch),
            Self::Strategic(patch) => patches::strategic::apply(live, patch, node),
            Self::Apply { .. } => return Err(Status::internal("apply is no plain patch")),
        };
        patched.map_err(patch_error)
    }

    /// A Scale after the patch; it has no lists, so every patch is a merge but for the JSON patch.
    pub(crate) fn apply_to_scale(&self, scale: &Value) -> Result<Value, Status> {
        match self {
            Self::Strategic(patch) | Self::Apply { object: patch, .. } => {
                patches::merge::apply(scale, patch).map_err(patch_error)
            }
            other => other.onto(scale, &Node::anything()),
        }
    }
}

impl Cluster {
    /// Patches an object, or its subresource (`options.subresource`). An apply creates what does not exist.
    pub fn patch(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        let info = self.resource(gvr)?;
        match patch {
            Patch::Apply { object, force } => {
                self.apply(&info, namespace, name, object, *force, options)
            }
            other => {
                let node = prepare::node(&info);
                let strategic = match other {
                    Patch::Strategic(patch) => Some(patch),
                    _ => None,
                };
                let mut warnings = Vec::new();
                let written =
                    self.change(&info, namespace, name, options, Fields::Update, |live| {
                        warnings.clear();
                        let mut new = other.onto(live, &node)?;
                        check_name(&new, name)?;
                        decode::patched(&info, &mut new, strategic, options, &mut warnings)?;
                        check_uid(&info, live, &new)?;
                        Ok(new)
                    });
                let mut written = written?;
                written.warnings.splice(0..0, warnings);
                Ok(written)
            }
        }
    }

    fn apply(
        &self,
        info: &ResourceInfo,
        namespace: &str,
        name: &str,
        object: &Value,
        force: bool,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        if options.manager.is_empty() {
            let cause = Cause {
                reason: "FieldValueRequired".into(),
                message: "Required value: is required for apply patch".into(),
                field: "fieldManager".into(),
            };
            return Err(Status::invalid("meta.k8s.io", "PatchOptions", "", &[cause]));
        }
        check_kind(info, object)?;
        prepare::namespace(info, namespace, &mut object.clone())?;
        check_name(object, name)?;
        let applied = |live: Option<&Value>| {
            let new = prepare::with_write(info, options, |write| {
                apply::apply(live, object, write, force).map_err(|e| apply_error(&e))
            })?;
            live.map_or(Ok(()), |live| check_uid(info, live, &new))?;
            Ok(new)
        };
        loop {
            if self.live(info, namespace, name).is_some() || options.subresource.is_some() {
                return self.change(
                    info,
                    namespace,
                    name,
                    options,
                    Fields::Applied,
                    |live: &Object| applied(Some(live)),
                );
            }
            let mut new = applied(None)?;
            if !object::uid(&new).is_empty() {
                let why = "uid mismatch: the provided object specified uid ";
                let message = format!(
                    "{why}{}, and no existing object was found",
                    object::uid(&new)
                );
                return Err(Status::conflict(&info.group, &info.plural, name, &message));
            }
            // A precondition on what is there; where nothing is, it says nothing.
            object::metadata_mut(&mut new).remove("resourceVersion");
            prepare::namespace(info, namespace, &mut new)?;
            let new = super::convert::to_storage(new, info);
            self.namespace_takes(info, namespace, &new)?;
            match self.create_prepared(info, namespace, new, options, Fields::Applied, Vec::new()) {
                Err(status) if status.reason == "AlreadyExists" => {}
                other => return other,
            }
        }
    }
}

fn check_kind(info: &ResourceInfo, object: &Value) -> Result<(), Status> {
    let gvk = object::Gvk::of(object);
    if gvk == info.gvk() {
        return Ok(());
    }
    let (group, version, kind) = (&gvk.group, &gvk.version, &gvk.kind);
    Err(Status::bad_request(format!(
        "invalid object type: {group}/{version}, Kind={kind}"
    )))
}

/// Refuses an object of another name than the path's, or without one.
pub(crate) fn check_name(object: &Value, name: &str) -> Result<(), Status> {
    let own = object::name(object);
    if own == name {
        return Ok(());
    }
    if own.is_empty() {
        return Err(Status::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )));
    }
    Err(Status::bad_request(format!(
        "the name of the object ({own}) does not match the name on the URL ({name})"
    )))
}

/// A patch of the uid is no precondition, as it would be in an update: it is an invalid change. The server looks at
/// metadata twice, and says it twice.
fn check_uid(info: &ResourceInfo, live: &Value, new: &Value) -> Result<(), Status> {
    let uid = object::uid(new);
    if uid.is_empty() || uid == object::uid(live) {
        return Ok(());
    }
    let cause = Cause {
        reason: "FieldValueInvalid".into(),
        message: format!("Invalid value: {uid:?}: field is immutable"),
        field: "metadata.uid".into(),
    };
    let name = object::name(live);
    Err(Status::invalid(
        &info.group,
        &info.kind,
        name,
        &[cause.clone(), cause],
    ))
}
