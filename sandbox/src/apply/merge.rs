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
    let steps = |items: &[Value]| -> Vec<Option<Step>> {
        items
            .iter()
            .map(|item| Step::of_item(node, item).ok())
            .collect()
    };
    let (left_steps, right_steps) = (steps(left), steps(right));
    let mut left_items: BTreeMap<&Step, Vec<&Value>> = BTreeMap::new();
    for (step, item) in left_steps.iter().zip(left) {
        if let Some(step) = step {
            left_items.entry(step).or_default().push(item);
        }
    }
    let items = item_node(node);
    let combine = |step: Option<&Step>, item: &Value| match step
        .and_then(|s| left_items.get(s))
        .map(Vec::as_slice)
    {
        Some([before]) => merge(before, item, &items),
        _ => item.clone(),
    };
    let order = order(&left_steps, &right_steps);
    let pick = |place: Place| match place {
        Place::Live(at) => left.get(at).cloned(),
        Place::Applied(at) => {
            let step = right_steps.get(at).and_then(Option::as_ref);
            right.get(at).map(|item| combine(step, item))
        }
    };
    Value::Array(order.into_iter().filter_map(pick).collect())
}

/// Where an item of the merged list comes from.
#[derive(Debug, Clone, Copy)]
enum Place {
    Live(usize),
    Applied(usize),
}

/// Shared items in the order applied; items only the live list has stay before the shared item they stood before.
fn order(left: &[Option<Step>], right: &[Option<Step>]) -> Vec<Place> {
    let in_left: BTreeSet<&Step> = left.iter().flatten().collect();
    let in_right: BTreeSet<&Step> = right.iter().flatten().collect();
    let mut shared: VecDeque<&Step> = right
        .iter()
        .flatten()
        .filter(|s| in_left.contains(s))
        .collect();
    let (mut l, mut r) = (0, 0);
    let mut merged: BTreeSet<&Step> = BTreeSet::new();
    let mut out = Vec::new();
    while l < left.len() || r < right.len() {
        if let Some(step) = left.get(l) {
            let Some(step) = step.as_ref().filter(|s| in_right.contains(s)) else {
                out.push(Place::Live(l));
                l += 1;
                continue;
            };
            let current = right.get(r).and_then(Option::as_ref) == Some(step);
            let later = shared.front().is_some_and(|next| *next != step);
            if !current && later && r < right.len() {
                l += 1;
                continue;
            }
            // with nothing left to apply, a shared item has been placed already
            if current || merged.contains(step) || r >= right.len() {
                l += 1;
            }
        }
        if r < right.len() {
            out.push(Place::Applied(r));
            if let Some(Some(step)) = right.get(r) {
                merged.insert(step);
                if shared.front() == Some(&step) {
                    shared.pop_front();
                }
            }
            r += 1;
        }
    }
    out
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
