//! JSON patch (RFC 6902) as the Go server's library does it: negative indices count from the end, a missing path is an
//! error, and every failure is one and the same answer. Knows no schema.

use super::{PatchError, go_kind};
use serde_json::Value;

/// The server takes no more operations than this in a patch.
pub const OPERATIONS_AT_MOST: usize = 10_000;

/// The object after the operations, in order.
///
/// # Errors
/// The patch is no list of operations, or an operation does not fit the object.
pub fn apply(object: &Value, operations: &Value) -> Result<Value, PatchError> {
    let Some(list) = operations.as_array() else {
        return Err(PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp",
            go_kind(operations)
        )));
    };
    if list.len() > OPERATIONS_AT_MOST {
        return Err(PatchError::TooManyOperations(list.len()));
    }
    if let Some(wrong) = list.iter().find(|o| !o.is_object() && !o.is_null()) {
        return Err(PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type handlers.jsonPatchOp",
            go_kind(wrong)
        )));
    }
    let mut out = object.clone();
    for operation in list {
        step(&mut out, operation).ok_or(PatchError::Rejected)?;
    }
    Ok(out)
}

fn step(object: &mut Value, operation: &Value) -> Option<()> {
    let text = |key: &str| operation.get(key).and_then(Value::as_str);
    let path = pointer(text("path")?)?;
    let value = || operation.get("value").cloned();
    match text("op")? {
        "add" => add(object, &path, value()?),
        "remove" => remove(object, &path).map(|_| ()),
        "replace" => {
            // The server's library sets a field that is not there, but no item.
            let (last, parents) = path.split_last()?;
            match find(object, parents)? {
                Value::Object(fields) => {
                    fields.insert(last.clone(), value()?);
                }
                _ => *find(object, &path)? = value()?,
            }
            Some(())
        }
        "move" => {
            let from = pointer(text("from")?)?;
            let moved = remove(object, &from)?;
            add(object, &path, moved)
        }
        "copy" => {
            let from = pointer(text("from")?)?;
            let copied = find(object, &from)?.clone();
            add(object, &path, copied)
        }
        "test" => {
            let expected = operation.get("value").cloned().unwrap_or(Value::Null);
            let actual = find(object, &path).map_or(Value::Null, |v| v.clone());
            (crate::apply::path::same(&actual, &expected)).then_some(())
        }
        _ => None,
    }
}

fn pointer(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let rest = text.strip_prefix('/')?;
    Some(
        rest.split('/')
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

/// The place of an existing item; negative numbers count from the end.
fn index(part: &str, length: usize) -> Option<usize> {
    let number: i64 = part.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let number = if number < 0 { number + length } else { number };
    usize::try_from(number).ok().filter(|_| number < length)
}

fn find<'a>(object: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    let mut place = object;
    for part in path {
        place = match place {
            Value::Object(fields) => fields.get_mut(part)?,
            Value::Array(items) => {
                let at = index(part, items.len())?;
                items.get_mut(at)?
            }
            _ => return None,
        };
    }
    Some(place)
}

fn add(object: &mut Value, path: &[String], value: Value) -> Option<()> {
    let Some((last, parents)) = path.split_last() else {
        *object = value;
        return Some(());
    };
    match find(object, parents)? {
        Value::Object(fields) => {
            fields.insert(last.clone(), value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let at = index(last, items.len() + 1)?;
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(object: &mut Value, path: &[String]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    match find(object, parents)? {
        Value::Object(fields) => fields.remove(last),
        Value::Array(items) => {
            let at = index(last, items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}
