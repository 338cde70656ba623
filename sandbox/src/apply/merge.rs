//! Merging an applied configuration into an object, and taking field paths out of one. The order of list items is that
//! of Kubernetes' structured merge: shared items in the order applied, the others where they were.

use super::compare::{Form, child, form, item_node};
use super::fields::FieldSet;
use super::path::Step;
use crate::schema::Node;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The object with the configuration merged in; the configuration wins.
pub(super) fn merge(live: &Value, applied: &Value, node: &Node) -> Value {
    let form_applied = form(node, applied);
    if form(node, live) != form_applied {
        return applied.clone();
    }
    match form_applied {
        Form::Map => merge_map(live, applied, node),
        Form::List => merge_list(live, applied, node),
        Form::Scalar | Form::AtomicList | Form::AtomicMap => applied.clone(),
    }
}

fn merge_map(live: &Value, applied: &Value, node: &Node) -> Value {
    let (Value::Object(ours), Value::Object(theirs)) = (live, applied) else {
        return if applied.is_null() {
            live.clone()
        } else {
            applied.clone()
        };
    };
    if ours.is_empty() && theirs.is_empty() {
        return applied.clone();
    }
    let mut out = ours.clone();
    for (key, value) in theirs {
        let merged = match ours.get(key) {
            Some(before) => merge(before, value, &child(node, key)),
            None => value.clone(),
        };
        out.insert(key.clone(), merged);
    }
    Value::Object(out)
}

fn merge_list(live: &Value, applied: &Value, node: &Node) -> Value {
    let (Value::Array(left), Value::Array(right)) = (live, applied) else {
        return if applied.is_null() {
            live.clone()
        } else {
            applied.clone()
        };
    };
    let steps = |items: &[Value]| {
        items
            .iter()
            .map(|item| Step::of_item(node, item).ok())
            .collect::<Vec<_>>()
    };
    let (left_steps, right_steps) = (steps(left), steps(right));
    let mut left_items: BTreeMap<&Step, Vec<&Value>> = BTreeMap::new();
    for (step, item) in left_steps.iter().zip(left) {
        if let Some(step) = step {
            left_items.entry(step).or_default().push(item);
        }
    }
    let in_right: BTreeSet<&Step> = right_steps.iter().flatten().collect();
    let mut shared: VecDeque<&Step> = right_steps
        .iter()
        .flatten()
        .filter(|s| left_items.contains_key(s))
        .collect();
    let items = item_node(node);
    let (mut l, mut r) = (0, 0);
    let mut merged: BTreeSet<&Step> = BTreeSet::new();
    let mut out = Vec::new();
    while l < left.len() || r < right.len() {
        let left_step = left_steps.get(l).and_then(Option::as_ref);
        if let (Some(step), true) = (left_step, l < left.len()) {
            let is_shared = in_right.contains(step);
            let is_current = right_steps.get(r).and_then(Option::as_ref) == Some(step);
            let not_next = shared.front().is_some_and(|next| *next != step);
            if !is_current && r < right.len() && is_shared && not_next {
                // a shared item that comes later in the order applied
                l += 1;
                continue;
            }
            if !is_shared {
                out.extend(left.get(l).cloned());
                l += 1;
                continue;
            }
            if is_current || merged.contains(step) {
                l += 1;
            }
        } else if l < left.len() {
            out.extend(left.get(l).cloned());
            l += 1;
            continue;
        }
        if let Some(item) = right.get(r) {
            if let Some(Some(step)) = right_steps.get(r) {
                out.push(match left_items.get(step).map(Vec::as_slice) {
                    Some([before]) => merge(before, item, &items),
                    _ => item.clone(),
                });
                merged.insert(step);
                if shared.front() == Some(&step) {
                    shared.pop_front();
                }
            } else {
                out.push(item.clone());
            }
            r += 1;
        } else if l < left.len() && left_step.is_some_and(|step| in_right.contains(step)) {
            l += usize::from(!left_step.is_some_and(|step| merged.contains(step)));
        }
    }
    Value::Array(out)
}

/// The object without the members of the set; structures that become empty go, too.
pub(super) fn remove(value: &Value, set: &FieldSet, node: &Node) -> Option<Value> {
    match (form(node, value), value) {
        (Form::Map, Value::Object(fields)) if !fields.is_empty() => {
            let mut out = Map::new();
            for (key, field) in fields {
                let step = Step::Field(key.clone());
                if set.has(&step) {
                    continue;
                }
                match set.below(&step) {
                    Some(below) => {
                        if let Some(kept) = remove(field, below, &child(node, key)) {
                            out.insert(key.clone(), kept);
                        }
                    }
                    None => {
                        out.insert(key.clone(), field.clone());
                    }
                }
            }
            (!out.is_empty()).then_some(Value::Object(out))
        }
        (Form::List, Value::Array(items)) if !items.is_empty() => {
            let below_node = item_node(node);
            let mut out = Vec::new();
            for item in items {
                let Ok(step) = Step::of_item(node, item) else {
                    out.push(item.clone());
                    continue;
                };
                if set.has(&step) {
                    continue;
                }
                match set.below(&step) {
                    Some(below) => out.extend(remove(item, below, &below_node)),
                    None => out.push(item.clone()),
                }
            }
            (!out.is_empty()).then_some(Value::Array(out))
        }
        (Form::Scalar, _) => Some(value.clone()),
        // one value, or empty already: nothing below it can be taken out
        _ => Some(value.clone()),
    }
}
