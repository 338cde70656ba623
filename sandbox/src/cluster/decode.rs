//! From what was sent to an object of the right kind: types, unknown and duplicate fields, in the words of a real server's
//! decoders. What comes out has no defaults yet.

use super::prepare::node;
use super::{FieldValidation, WriteOptions};
use crate::object::{Gvk, map_mut};
use crate::patch::{go_kind, go_value};
use crate::registry::ResourceInfo;
use crate::schema::{Schemas, types, unknown};
use crate::status::{Cause, Status};
use serde_json::Value;

/// The refusal of a body that does not decode.
fn refused(info: &ResourceInfo, why: impl std::fmt::Display) -> Status {
    let (kind, version) = (&info.kind, &info.version);
    Status::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
    ))
}

/// Reads the body of a create or an update.
pub(super) fn body(
    info: &ResourceInfo,
    object: &mut Value,
    options: &WriteOptions,
    warnings: &mut Vec<String>,
) -> Result<(), Status> {
    kind(info, object)?;
    let node = node(info);
    types::check(object, &node).map_err(|error| refused(info, error))?;
    let unknown = unknown::prune(object, &node);
    let found = unknown::messages(&options.duplicates, &unknown);
    match options.validation {
        FieldValidation::Strict if !found.is_empty() => Err(refused(
            info,
            format!("strict decoding error: {}", found.join(", ")),
        )),
        FieldValidation::Warn => {
            warnings.extend(found);
            Ok(())
        }
        FieldValidation::Strict | FieldValidation::Ignore => Ok(()),
    }
}

/// Refuses an object of another kind, and gives the object its kind when it has none.
fn kind(info: &ResourceInfo, object: &mut Value) -> Result<(), Status> {
    if !object.is_object() {
        let what = go_kind(object);
        return Err(refused(
            info,
            format!("json: cannot unmarshal {what} into Go value"),
        ));
    }
    if info.custom.is_some() {
        for (field, word) in [("kind", "Kind"), ("apiVersion", "apiVersion")] {
            if object
                .get(field)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                let text = object.to_string();
                let begin: String = text.chars().take(30).collect();
                let more = if text.len() > begin.len() { " ..." } else { "" };
                return Err(Status::bad_request(format!(
                    "the object provided is unrecognized (must be of type {}): Object '{word}' is missing in '{text}' ({begin}{more})",
                    info.kind
                )));
            }
        }
    }
    let map = map_mut(object);
    map.entry("apiVersion")
        .or_insert_with(|| info.api_version().into());
    map.entry("kind")
        .or_insert_with(|| info.kind.clone().into());
    let sent = Gvk::of(object);
    if sent == info.gvk() {
        return Ok(());
    }
    let wanted = info.api_version();
    if info.custom.is_none() && sent.kind == info.kind && Schemas::builtin().root(&sent).is_none() {
        let why = format!(
            "no kind \"{}\" is registered for version \"{}\" in scheme \"pkg/runtime/scheme.go:110\"",
            sent.kind,
            sent.api_version()
        );
        let (kind, version) = (&sent.kind, &sent.version);
        return Err(Status::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
        )));
    }
    if (info.custom.is_some() || sent.kind == info.kind) && sent.api_version() != wanted {
        return Err(Status::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({wanted})",
            sent.api_version()
        )));
    }
    // In the words of a failed conversion between Go types.
    let group = info
        .group
        .split('.')
        .next()
        .filter(|g| !g.is_empty())
        .unwrap_or("core");
    Err(Status::bad_request(format!(
        "{} in version \"{}\" cannot be handled as a {}: converting ({}.{}) to ({group}.{}): unknown conversion",
        sent.kind, sent.version, info.kind, sent.version, sent.kind, info.kind
    )))
}

/// Reads the object that a patch made. `strategic` is the patch, if it was one of those.
pub(super) fn patched(
    info: &ResourceInfo,
    object: &mut Value,
    strategic: Option<&Value>,
    options: &WriteOptions,
    warnings: &mut Vec<String>,
) -> Result<(), Status> {
    let node = node(info);
    let quoted = |object: &Value| match strategic {
        Some(patch) => go_value(patch),
        None => object.to_string(),
    };
    let invalid = |object: &Value, why: &dyn std::fmt::Display| {
        let text = Value::String(quoted(object)).to_string();
        Status::invalid(
            "",
            "",
            "",
            &[Cause {
                reason: "FieldValueInvalid".into(),
                message: format!("Invalid value: {text}: {why}"),
                field: "patch".into(),
            }],
        )
    };
    let sent = Gvk::of(object);
    if sent != info.gvk() {
        let why = format!(
            "no kind \"{}\" is registered for version \"{}\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
            sent.kind,
            sent.api_version()
        );
        return Err(invalid(object, &why));
    }
    let checked = match strategic {
        Some(_) => types::check_patched(object, &node),
        None => types::check(object, &node),
    };
    checked.map_err(|error| invalid(object, &error))?;
    let before = (options.validation == FieldValidation::Strict).then(|| object.clone());
    let found = unknown::prune(object, &node);
    let found = unknown::messages(&options.duplicates, &found);
    match (options.validation, before) {
        (FieldValidation::Strict, Some(before)) if !found.is_empty() => {
            let why = format!("strict decoding error: {}", found.join(", "));
            if strategic.is_some() {
                return Err(Status::bad_request(why));
            }
            Err(invalid(&before, &why))
        }
        (FieldValidation::Warn, _) => {
            warnings.extend(found);
            Ok(())
        }
        _ => Ok(()),
    }
}
