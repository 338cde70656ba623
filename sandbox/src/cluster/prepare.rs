//! What happens to an object between its arrival and the store, kind by kind where it must be.

use super::update::Fields;
use super::{WriteOptions, convert, identity};
use crate::apply::{self, Write};
use crate::object::{self, Gvk, map_mut, metadata_mut};
use crate::registry::ResourceInfo;
use crate::schema::{self, Node, Schemas, validate};
use crate::status::{Cause, Status};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The kind in the version it is stored in.
fn stored_kind(info: &ResourceInfo) -> Gvk {
    Gvk::new(&info.stored_as.group, &info.stored_as.version, &info.kind)
}

/// Fills in defaults, in the version it is stored in.
pub(super) fn defaults(info: &ResourceInfo, object: &mut Value) {
    schema::defaults::apply(&stored_kind(info), object, &stored_node(info));
}

/// Puts the object into the namespace of the request.
pub(super) fn namespace(
    info: &ResourceInfo,
    namespace: &str,
    object: &mut Value,
) -> Result<(), Status> {
    if !info.namespaced {
        metadata_mut(object).remove("namespace");
        return Ok(());
    }
    match object::namespace(object) {
        Some(own) if own != namespace => Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
        _ => {
            metadata_mut(object).insert("namespace".into(), namespace.into());
            Ok(())
        }
    }
}

/// Gives a new object its identity, and takes what only the server may set.
pub(super) fn for_create(info: &ResourceInfo, object: &mut Value) -> Result<(), Status> {
    if object::resource_version(object).is_some_and(|v| v != "0") {
        return Err(Status::unknown(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    if object::name(object).is_empty() {
        let cause = Cause {
            reason: "FieldValueRequired".into(),
            message: "Required value: name or generateName is required".into(),
            field: "metadata.name".into(),
        };
        return Err(Status::invalid(&info.group, &info.kind, "", &[cause]));
    }
    let metadata = metadata_mut(object);
    for field in [
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "resourceVersion",
    ] {
        metadata.remove(field);
    }
    metadata.insert("uid".into(), identity::uid().into());
    metadata.insert("creationTimestamp".into(), object::now().into());
    if info.has_generation() {
        metadata.insert("generation".into(), json!(1));
    }
    // Nodes come with their status; of all others it is the server's.
    if info.has_status() && !(info.group.is_empty() && info.kind == "Node") {
        map_mut(object).remove("status");
    }
    Ok(())
}

/// What the kind's own rules make of a new object.
pub(super) fn after_create(info: &ResourceInfo, object: &mut Value) {
    if info.custom.is_none() {
        let uid = object::uid(object).to_owned();
        schema::defaults::strategy::create(&stored_kind(info), object, &uid, &object::now());
    }
}

/// What the kind's own rules make of a changed object.
pub(super) fn after_update(
    info: &ResourceInfo,
    live: &Value,
    new: &mut Value,
    options: &WriteOptions,
) {
    if info.custom.is_none() && options.subresource.is_none() {
        schema::defaults::strategy::update(&stored_kind(info), live, new);
    }
    if info.custom.is_none() && options.subresource.as_deref() == Some("status") {
        schema::defaults::strategy::status(&stored_kind(info), live, new, &object::now());
    }
}

/// Keeps of the live object what a write to this place must not change.
pub(super) fn for_update(
    info: &ResourceInfo,
    live: &Value,
    new: &mut Value,
    options: &WriteOptions,
) -> Result<(), Status> {
    let own = object::name(live);
    check_preconditions(info, live, new)?;
    let kept = [
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "resourceVersion",
    ];
    let source = live.get("metadata").and_then(Value::as_object);
    let metadata = metadata_mut(new);
    metadata.insert("name".into(), own.into());
    metadata.remove("selfLink");
    for field in kept {
        match source.and_then(|m| m.get(field)) {
            Some(value) => metadata.insert(field.into(), value.clone()),
            None => metadata.remove(field),
        };
    }
    match options.subresource.as_deref() {
        Some("status" | "approval") => only_status(info, live, new),
        Some("ephemeralcontainers") => only_spec_field(live, new, "ephemeralContainers"),
        Some("finalize") => only_spec_field(live, new, "finalizers"),
        None if info.has_status() => keep(live, new, "status"),
        _ => {}
    }
    let counts = !matches!(options.subresource.as_deref(), Some("status" | "binding"));
    if info.has_generation() && counts {
        let moved = differs(info, live, new);
        if moved {
            let next = object::generation(live) + 1;
            metadata_mut(new).insert("generation".into(), json!(next));
        }
    }
    Ok(())
}

/// The deletion of an object is not written by clients; the server says so twice, as of all metadata.
fn check_deletion(info: &ResourceInfo, live: &Value, new: &Value) -> Result<(), Status> {
    let of = |object: &Value| object::deletion_timestamp(object).map(str::to_owned);
    let Some(asked) = of(new).filter(|asked| of(live).as_ref() != Some(asked)) else {
        return Ok(());
    };
    let cause = Cause {
        reason: "FieldValueInvalid".into(),
        message: format!("Invalid value: {asked:?}: field is immutable"),
        field: "metadata.deletionTimestamp".into(),
    };
    let name = object::name(live);
    Err(Status::invalid(
        &info.group,
        &info.kind,
        name,
        &[cause.clone(), cause],
    ))
}

/// An empty list of managed fields means the same as a list with one empty entry; defaulting would drop it unseen.
pub(super) fn empty_fields_reset(new: &mut Value) {
    if let Some(fields) = new.pointer_mut("/metadata/managedFields")
        && *fields == json!([])
    {
        *fields = json!([{}]);
    }
}

/// Where a real server keeps an object, as its messages have it.
fn storage_key(info: &ResourceInfo, live: &Value) -> String {
    let group = info.custom.as_ref().map(|_| info.group.as_str());
    let parts = [
        group,
        Some(info.plural.as_str()),
        object::namespace(live),
        Some(object::name(live)),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    format!("/registry/{}", parts.join("/"))
}

fn check_preconditions(info: &ResourceInfo, live: &Value, new: &Value) -> Result<(), Status> {
    check_deletion(info, live, new)?;
    let name = object::name(live);
    let uid = object::uid(new);
    if !uid.is_empty() && uid != object::uid(live) {
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            storage_key(info, live),
            object::uid(live)
        );
        return Err(Status::conflict(&info.group, &info.plural, name, &why));
    }
    let version = object::resource_version(new).filter(|v| *v != "0" && !v.is_empty());
    if let Some(text) = version.filter(|v| v.parse::<u64>().is_err()) {
        return Err(Status::unknown(format!(
            "strconv.ParseUint: parsing \"{text}\": invalid syntax"
        )));
    }
    match version {
        Some(version) if Some(version) != object::resource_version(live) => {
            Err(Status::stale(&info.group, &info.plural, name))
        }
        _ => Ok(()),
    }
}

fn keep(live: &Value, new: &mut Value, field: &str) {
    match live.get(field) {
        Some(value) => map_mut(new).insert(field.into(), value.clone()),
        None => map_mut(new).remove(field),
    };
}

/// Groups whose status strategies leave the metadata of a status write alone; all others keep the live one's.
const METADATA_WITH_STATUS: [&str; 6] = [
    "",
    "apps",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
];

/// A write to the status subresource: the spec stays, and the metadata where the kind's strategy says so (Kubernetes'
/// registries, `statusStrategy.PrepareForUpdate`).
fn only_status(info: &ResourceInfo, live: &Value, new: &mut Value) {
    let status = new.get("status").cloned();
    let managed = new.pointer("/metadata/managedFields").cloned();
    let metadata = new.get("metadata").cloned();
    *new = live.clone();
    if let Some(metadata) = metadata
        && info.custom.is_none()
        && METADATA_WITH_STATUS.contains(&info.group.as_str())
    {
        map_mut(new).insert("metadata".into(), metadata);
        let kept = match info.kind.as_str() {
            "Deployment" => "labels",
            "Pod" => "ownerReferences",
            _ => "",
        };
        match live.get("metadata").and_then(|m| m.get(kept)) {
            Some(value) => metadata_mut(new).insert(kept.into(), value.clone()),
            None => metadata_mut(new).remove(kept),
        };
    }
    let map = map_mut(new);
    match status {
        Some(status) => map.insert("status".into(), status),
        None => map.remove("status"),
    };
    if let Some(managed) = managed {
        metadata_mut(new).insert("managedFields".into(), managed);
    }
}

/// A write to a subresource that is about one field of the spec: all else stays.
fn only_spec_field(live: &Value, new: &mut Value, field: &str) {
    let wanted = new.get("spec").and_then(|s| s.get(field)).cloned();
    let managed = new.pointer("/metadata/managedFields").cloned();
    let generation = new.pointer("/metadata/generation").cloned();
    *new = live.clone();
    let spec = object::field_mut(new, "spec");
    match wanted {
        Some(value) => spec.insert(field.into(), value),
        None => spec.remove(field),
    };
    for (name, value) in [("managedFields", managed), ("generation", generation)] {
        if let Some(value) = value {
            metadata_mut(new).insert(name.into(), value);
        }
    }
}

/// Whether what the generation counts is different. Annotations of Deployments are copied to their ReplicaSets, so they
/// count, too (`deploymentStrategy.PrepareForUpdate` in Kubernetes' registry).
fn differs(info: &ResourceInfo, live: &Value, new: &Value) -> bool {
    let counted = |object: &Value| -> Map<String, Value> {
        let map = object.as_object().cloned().unwrap_or_default();
        let skipped = |k: &str| k == "metadata" || (k == "status" && info.has_status());
        map.into_iter().filter(|(k, _)| !skipped(k)).collect()
    };
    let annotations = |object: &Value| object.pointer("/metadata/annotations").cloned();
    let is_deployment = info.group == "apps" && info.kind == "Deployment";
    counted(live) != counted(new) || (is_deployment && annotations(live) != annotations(new))
}

/// Checks a new object.
pub(super) fn validate_create(info: &ResourceInfo, object: &Value) -> Result<(), Status> {
    let causes = validate::create(&stored_kind(info), object, &stored_node(info));
    refuse_if_any(info, object::name(object), &causes)
}

/// Checks a changed object.
pub(super) fn validate_update(
    info: &ResourceInfo,
    live: &Value,
    new: &Value,
) -> Result<(), Status> {
    let causes = validate::update(&stored_kind(info), live, new, &stored_node(info));
    refuse_if_any(info, object::name(live), &causes)
}

fn refuse_if_any(info: &ResourceInfo, name: &str, causes: &[Cause]) -> Result<(), Status> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(&info.group, &info.kind, name, causes))
}

/// The schema of the resource's objects in the version they are stored in.
fn stored_node(info: &ResourceInfo) -> Node {
    match &info.custom {
        Some(custom) => custom.schema.clone(),
        None => Schemas::builtin()
            .root(&stored_kind(info))
            .unwrap_or_else(Node::anything),
    }
}

/// The schema of the resource's objects.
pub(super) fn node(info: &ResourceInfo) -> Node {
    match &info.custom {
        Some(custom) => custom.schema.clone(),
        None => Schemas::builtin()
            .root(&info.gvk())
            .unwrap_or_else(Node::anything),
    }
}

/// Calls with what managed fields need to know of a write.
pub(super) fn with_write<T>(
    info: &ResourceInfo,
    options: &WriteOptions,
    call: impl FnOnce(&Write<'_>) -> T,
) -> T {
    let ignored: &[&str] = match options.subresource.as_deref() {
        Some("status") => &["spec"],
        Some(_) => &[],
        None if info.has_status() => &["status"],
        None => &[],
    };
    call(&Write {
        manager: &options.manager,
        api_version: &info.api_version(),
        subresource: options.subresource.as_deref().unwrap_or_default(),
        time: &object::now(),
        ignored,
        node: &stored_node(info),
    })
}

/// Writes down who owns which fields.
pub(super) fn managed_fields(
    info: &ResourceInfo,
    live: Option<&Value>,
    object: &mut Value,
    options: &WriteOptions,
    fields: Fields,
) {
    match (options.subresource.as_deref(), live) {
        (Some("scale"), Some(live)) => scaled_fields(info, live, object, options),
        _ if fields == Fields::Update => updated_fields(info, live, object, options),
        _ => {}
    }
    if let Some(live) = live {
        apply::keep_times(live, object);
    }
}

/// After a write to the object itself or its status. The paths are those of the version of the request.
fn updated_fields(
    info: &ResourceInfo,
    live: Option<&Value>,
    object: &mut Value,
    options: &WriteOptions,
) {
    let other_version = info.custom.is_none() && info.gvk() != stored_kind(info);
    if !other_version {
        with_write(info, options, |write| {
            apply::after_update(live, object, write);
        });
        return;
    }
    let shown = |value: &Value| convert::to(Arc::new(value.clone()), info);
    let live = live.map(shown);
    let mut new = Value::clone(&shown(object));
    let node = node(info);
    with_write(info, options, |write| {
        let write = Write {
            node: &node,
            ..write.clone()
        };
        apply::after_update(live.as_deref(), &mut new, &write);
    });
    match new.pointer("/metadata/managedFields").cloned() {
        Some(entries) => metadata_mut(object).insert("managedFields".into(), entries),
        None => metadata_mut(object).remove("managedFields"),
    };
}

/// After a write to the Scale.
fn scaled_fields(info: &ResourceInfo, live: &Value, object: &mut Value, options: &WriteOptions) {
    let path = super::scale::paths(info).spec_replicas;
    let path = path.trim_start_matches('.');
    let at = |value: &Value| {
        value
            .pointer(&format!("/{}", path.replace('.', "/")))
            .cloned()
    };
    let changed = at(live) != at(object);
    let replicas = apply::plain(&[path]);
    with_write(info, options, |write| {
        apply::after_scale(live, object, write, &replicas, changed);
    });
}
