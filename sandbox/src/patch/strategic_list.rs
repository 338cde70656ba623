//! Lists of strategic merge patch: merged by key or by value, and put in order. Items of the patch come in the patch's
//! order; items only the object has keep theirs, before the patch's items where the object had them before.

use super::PatchError;
use super::strategic::{DIRECTIVE, bad, merge_maps, without_directives};
use crate::apply::path::same;
use crate::schema::Node;
use serde_json::{Map, Value};

/// Merges the items of a patch into a list.
pub(super) fn merge_lists(
    original: Vec<Value>,
    patch: &[Value],
    node: &Node,
) -> Result<Vec<Value>, PatchError> {
    let are_maps = patch.iter().chain(&original).all(Value::is_object);
    if !are_maps {
        return merge_values(&original, patch);
    }
    let Some(key) = node.merge_key() else {
        return if original.is_empty() && patch.is_empty() {
            Ok(original)
        } else {
            Err(bad(format!(
                "cannot merge lists without merge key for {}",
                node.type_name().unwrap_or("list")
            )))
        };
    };
    let (mut merged, plain) = directives(original.clone(), patch, key)?;
    let items = node.items().unwrap_or_else(Node::anything);
    for item in &plain {
        let Some(fields) = item.as_object() else {
            continue;
        };
        let value = key_of(fields, key)?;
        match merged
            .iter_mut()
            .find(|m| m.get(key).is_some_and(|k| same(k, value)))
        {
            Some(Value::Object(before)) => {
                *before = merge_maps(std::mem::take(before), fields, &items)?;
            }
            _ => merged.extend(without_directives(item)),
        }
    }
    in_order(merged, &plain, &original, Some(key))
}

fn merge_values(original: &[Value], patch: &[Value]) -> Result<Vec<Value>, PatchError> {
    let mut merged: Vec<Value> = Vec::new();
    for item in original.iter().chain(patch) {
        if !merged.iter().any(|m| same(m, item)) {
            merged.push(item.clone());
        }
    }
    in_order(merged, patch, original, None)
}

fn key_of<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a Value, PatchError> {
    fields.get(key).ok_or_else(|| {
        bad(format!(
            "map: {} does not contain declared merge key: {key}",
            super::go_value(&Value::Object(fields.clone()))
        ))
    })
}

/// Carries out `$patch: delete` and `$patch: replace` of items; what is left of both lists comes back.
fn directives(
    mut original: Vec<Value>,
    patch: &[Value],
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut plain = Vec::new();
    let mut replace = false;
    for item in patch {
        let Some(fields) = item.as_object() else {
            continue;
        };
        match fields
            .get(DIRECTIVE)
            .map(|d| d.as_str().unwrap_or_default())
        {
            None => plain.push(item.clone()),
            Some("delete") => {
                let value = key_of(fields, key)?;
                original.retain(|o| !o.get(key).is_some_and(|k| same(k, value)));
            }
            Some("replace") => {
                replace = true;
                // alone it says that the list is replaced by the other items
                if fields.len() > 1 {
                    let mut fields = fields.clone();
                    fields.remove(DIRECTIVE);
                    plain.push(Value::Object(fields));
                }
            }
            Some("merge") => return Err(bad("merging is not yet supported in list")),
            Some(other) => {
                return Err(bad(format!(
                    "unknown patch type: {other} in map: {}",
                    super::go_value(item)
                )));
            }
        }
    }
    if replace {
        original.clear();
    }
    Ok((original, plain))
}

/// Takes values out of a list.
pub(super) fn remove_values(items: &mut Vec<Value>, values: &[Value]) {
    items.retain(|item| !values.iter().any(|v| same(v, item)));
}

fn is_same_item(a: &Value, b: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => matches!((a.get(key), b.get(key)), (Some(x), Some(y)) if same(x, y)),
        None => same(a, b),
    }
}

fn place(item: &Value, list: &[Value], key: Option<&str>) -> Option<usize> {
    list.iter().position(|other| is_same_item(item, other, key))
}

/// The merged list in order: items named in `order` by it, the others as they were in `before`, and among each other by
/// `before` where it knows both.
pub(super) fn in_order(
    merged: Vec<Value>,
    order: &[Value],
    before: &[Value],
    key: Option<&str>,
) -> Result<Vec<Value>, PatchError> {
    let (mut patched, mut others): (Vec<Value>, Vec<Value>) = merged
        .into_iter()
        .partition(|item| place(item, order, key).is_some());
    patched.sort_by_key(|item| place(item, order, key));
    others.sort_by_key(|item| place(item, before, key).unwrap_or(usize::MAX));
    let mut out = Vec::new();
    let (mut patched, mut others) = (
        patched.into_iter().peekable(),
        others.into_iter().peekable(),
    );
    loop {
        let take_other = match (others.peek(), patched.peek()) {
            (None, None) => return Ok(out),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(other), Some(patch)) => {
                matches!((place(other, before, key), place(patch, before, key)), (Some(o), Some(p)) if o < p)
            }
        };
        out.extend(if take_other {
            others.next()
        } else {
            patched.next()
        });
    }
}
