//! JSON patch in the dialect that stored overrides rely on: that of evanphx/json-patch 4 (v5.6.0),
//! which KubeAdmiral applies them with (`pkg/util/util.go`). Against RFC 6902: `replace` of a
//! missing key adds it, an empty operation is `replace`, negative indices count from the end, and
//! `test` of something missing holds when `null` is asked for. Pure.

use crate::pointer;
use navarch_crds::v1alpha1::OverridePatch;
use serde_json::Value;

/// A patch does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("applying {op} at {path:?}: {problem}")]
pub struct PatchError {
    /// The operation.
    pub op: String,
    /// Where.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing to put it in.
    #[error("there is nothing that could hold it; correct the path, or add what is missing first")]
    MissingParent,
    /// Nothing to remove.
    #[error("there is no such key; remove the operation where the key is not set")]
    MissingKey,
    /// No such place in a list.
    #[error("the list has {length} elements; use an index below that, or - with add")]
    Index {
        /// How many elements the list has.
        length: usize,
    },
    /// Neither a number nor `-`.
    #[error("the value is a list, so the path has to go on with an index, not with {step:?}")]
    NoIndex {
        /// What the path says.
        step: String,
    },
    /// A test fails.
    #[error("the value there is another one")]
    TestFailed,
    /// The whole object.
    #[error("the whole object cannot be replaced; name a field")]
    WholeObject,
    /// No such operation.
    #[error("the operation is not known; use add, remove, replace or test")]
    Operation,
}

/// Applies patches in order. On an error the object is left half done: give it a copy.
///
/// # Errors
/// The first patch that does not apply.
pub fn apply(object: &mut Value, patches: &[OverridePatch]) -> Result<(), PatchError> {
    patches.iter().try_for_each(|patch| one(object, patch))
}

fn one(object: &mut Value, patch: &OverridePatch) -> Result<(), PatchError> {
    let op = if patch.op.is_empty() {
        "replace"
    } else {
        &patch.op
    };
    let done = match op {
        "add" => place(object, &patch.path).and_then(|(place, key)| add(place, &key, &patch.value)),
        "remove" => place(object, &patch.path).and_then(|(place, key)| remove(place, &key)),
        "replace" => {
            place(object, &patch.path).and_then(|(place, key)| replace(place, &key, &patch.value))
        }
        "test" => test(object, &patch.path, &patch.value),
        _ => Err(Problem::Operation),
    };
    done.map_err(|problem| PatchError {
        op: op.to_owned(),
        path: patch.path.clone(),
        problem,
    })
}

/// The map or list that the last step of a path stands in, and that step. What stands before the
/// first slash is not looked at.
fn place<'a>(object: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), Problem> {
    let mut steps: Vec<String> = path.split('/').skip(1).map(pointer::decode).collect();
    let Some(key) = steps.pop() else {
        return Err(Problem::WholeObject);
    };
    let mut here = object;
    for step in &steps {
        here = match here {
            Value::Object(map) => map.get_mut(step),
            Value::Array(list) => {
                let index = index(step, list.len())?;
                list.get_mut(index)
            }
            _ => None,
        }
        .ok_or(Problem::MissingParent)?;
    }
    if here.is_object() || here.is_array() {
        Ok((here, key))
    } else {
        Err(Problem::MissingParent)
    }
}

/// The place of an existing element.
fn index(step: &str, length: usize) -> Result<usize, Problem> {
    let number: i64 = step.parse().ok().ok_or_else(|| Problem::NoIndex {
        step: step.to_owned(),
    })?;
    let out = Problem::Index { length };
    let found = match usize::try_from(number) {
        Ok(index) => Some(index),
        Err(_) => usize::try_from(number.unsigned_abs())
            .ok()
            .and_then(|back| length.checked_sub(back)),
    };
    found.filter(|index| *index < length).ok_or(out)
}

fn add(place: &mut Value, key: &str, value: &Value) -> Result<(), Problem> {
    match place {
        Value::Object(map) => {
            map.insert(key.to_owned(), value.clone());
        }
        Value::Array(list) if key == "-" => list.push(value.clone()),
        Value::Array(list) => {
            let length = list.len();
            // Counted in the list as it will be: -1 is behind the last.
            let index = index(key, length.saturating_add(1)).map_err(|problem| match problem {
                Problem::Index { .. } => Problem::Index { length },
                other => other,
            })?;
            list.insert(index, value.clone());
        }
        _ => return Err(Problem::MissingParent),
    }
    Ok(())
}

fn remove(place: &mut Value, key: &str) -> Result<(), Problem> {
    match place {
        Value::Object(map) => map.remove(key).map(drop).ok_or(Problem::MissingKey),
        Value::Array(list) => {
            let index = index(key, list.len())?;
            list.remove(index);
            Ok(())
        }
        _ => Err(Problem::MissingParent),
    }
}

fn replace(place: &mut Value, key: &str, value: &Value) -> Result<(), Problem> {
    match place {
        Value::Object(map) => {
            map.insert(key.to_owned(), value.clone());
            Ok(())
        }
        Value::Array(list) => {
            let index = index(key, list.len())?;
            if let Some(element) = list.get_mut(index) {
                *element = value.clone();
            }
            Ok(())
        }
        _ => Err(Problem::MissingParent),
    }
}

fn test(object: &mut Value, path: &str, value: &Value) -> Result<(), Problem> {
    let held = if path.is_empty() {
        Some(&*object)
    } else {
        let (place, key) = place(object, path)?;
        match &*place {
            Value::Array(list) => list.get(index(&key, list.len())?),
            other => other.get(&key),
        }
    };
    if held.unwrap_or(&Value::Null) == value {
        Ok(())
    } else {
        Err(Problem::TestFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(op: &str, path: &str, value: Value) -> Result<Value, Problem> {
        let mut object = json!({"a": {"b": 1, "x/y~z": 2, "none": null}, "l": [1, 2, 3]});
        let patch = OverridePatch {
            op: op.into(),
            path: path.into(),
            value,
        };
        apply(&mut object, &[patch]).map_err(|error| error.problem)?;
        Ok(object)
    }

    fn field(op: &str, path: &str, value: Value, at: &str) -> Value {
        patched(op, path, value)
            .unwrap()
            .pointer(at)
            .cloned()
            .unwrap_or(json!("absent"))
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn the_dialect_is_that_of_stored_overrides() {
        for (name, op, path, value, at, wanted) in [
            (
                "replace of a missing key adds",
                "replace",
                "/a/new",
                json!(1),
                "/a/new",
                json!(1),
            ),
            (
                "no operation is replace",
                "",
                "/a/b",
                json!(2),
                "/a/b",
                json!(2),
            ),
            ("add to a map", "add", "/a/b", json!(5), "/a/b", json!(5)),
            (
                "add at the end",
                "add",
                "/l/-",
                json!(4),
                "/l",
                json!([1, 2, 3, 4]),
            ),
            (
                "add at an index",
                "add",
                "/l/1",
                json!(9),
                "/l",
                json!([1, 9, 2, 3]),
            ),
            (
                "add behind the last",
                "add",
                "/l/3",
                json!(9),
                "/l",
                json!([1, 2, 3, 9]),
            ),
            (
                "add at -1 is behind the last",
                "add",
                "/l/-1",
                json!(9),
                "/l",
                json!([1, 2, 3, 9]),
            ),
            (
                "replace the last",
                "replace",
                "/l/-1",
                json!(9),
                "/l",
                json!([1, 2, 9]),
            ),
            (
                "remove the last",
                "remove",
                "/l/-1",
                json!(null),
                "/l",
                json!([1, 2]),
            ),
            (
                "remove a key",
                "remove",
                "/a/b",
                json!(null),
                "/a/b",
                json!("absent"),
            ),
            (
                "escapes",
                "replace",
                "/a/x~1y~0z",
                json!(0),
                "/a/x~1y~0z",
                json!(0),
            ),
            (
                "null is kept",
                "replace",
                "/a/b",
                json!(null),
                "/a/b",
                json!(null),
            ),
            ("test holds", "test", "/a/b", json!(1), "/a/b", json!(1)),
            (
                "test of nothing",
                "test",
                "/a/q",
                json!(null),
                "/a/b",
                json!(1),
            ),
        ] {
            assert_eq!(field(op, path, value, at), wanted, "{name}");
        }
    }

    #[test]
    fn what_does_not_apply_says_why() {
        for (name, op, path, wanted) in [
            (
                "remove of a missing key",
                "remove",
                "/a/q",
                Problem::MissingKey,
            ),
            ("no parent", "add", "/q/b", Problem::MissingParent),
            ("parent is null", "add", "/a/none/b", Problem::MissingParent),
            (
                "parent is a number",
                "replace",
                "/a/b/c",
                Problem::MissingParent,
            ),
            ("index", "replace", "/l/3", Problem::Index { length: 3 }),
            ("index to add", "add", "/l/4", Problem::Index { length: 3 }),
            (
                "negative index",
                "remove",
                "/l/-4",
                Problem::Index { length: 3 },
            ),
            (
                "dash",
                "replace",
                "/l/-",
                Problem::NoIndex { step: "-".into() },
            ),
            ("whole object", "replace", "", Problem::WholeObject),
            ("move", "move", "/a/b", Problem::Operation),
            ("test", "test", "/a/b", Problem::TestFailed),
        ] {
            assert_eq!(patched(op, path, json!(7)), Err(wanted), "{name}");
        }
    }
}
