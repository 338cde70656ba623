//! From objects to field paths: which paths an object names, and what differs between two objects, by the schema's
//! idea of what is one value (a scalar, an atomic list or map) and what is many. The semantics are those of
//! Kubernetes' structured merge (kubernetes-sigs/structured-merge-diff, typed/).

use super::fields::FieldSet;
use super::path::{Step, same};
use crate::schema::{Kind, ListType, Node};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a place is to ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One value.
    Scalar,
    /// A list that is one value.
    AtomicList,
    /// A list whose items are told apart.
    List,
    /// An object that is one value.
    AtomicMap,
    /// An object of many values.
    Map,
}

/// Any JSON, for example the data of a ControllerRevision.
const RAW: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";

/// The form of a place with this value; places without a schema take it from the value.
pub(super) fn form(node: &Node, value: &Value) -> Form {
    if node.is_untyped() {
        return match value {
            Value::Array(_) => Form::AtomicList,
            // Whatever is in it belongs to whoever wrote it.
            Value::Object(_) if node.component() == Some(RAW) => Form::AtomicMap,
            Value::Object(_) => Form::Map,
            _ => Form::Scalar,
        };
    }
    match (node.kind(), value) {
        (Kind::Array, Value::Array(_) | Value::Null) if node.list_type() == ListType::Atomic => {
            Form::AtomicList
        }
        (Kind::Array, Value::Array(_) | Value::Null) => Form::List,
        (Kind::Object, Value::Object(_) | Value::Null) if node.is_atomic_map() => Form::AtomicMap,
        (Kind::Object, Value::Object(_) | Value::Null) => Form::Map,
        _ => Form::Scalar,
    }
}

pub(super) fn child(node: &Node, key: &str) -> Node {
    node.child(key).unwrap_or_else(Node::anything)
}

pub(super) fn item_node(node: &Node) -> Node {
    node.items().unwrap_or_else(Node::anything)
}

/// The paths an object names: leaves, items of lists, keys of maps and empty objects; not the structures around them.
pub fn field_set(object: &Value, node: &Node) -> FieldSet {
    let mut set = FieldSet::new();
    collect(object, node, &mut Vec::new(), &mut set);
    set
}

fn collect(value: &Value, node: &Node, path: &mut Vec<Step>, set: &mut FieldSet) {
    match form(node, value) {
        Form::Scalar | Form::AtomicList | Form::AtomicMap => set.insert(path),
        Form::List => {
            let items = item_node(node);
            let mut seen = BTreeMap::new();
            for item in value.as_array().into_iter().flatten() {
                if let Ok(step) = Step::of_item(node, item) {
                    seen.entry(step).or_insert_with(Vec::new).push(item);
                }
            }
            for (step, found) in seen {
                path.push(step);
                if let [item] = found.as_slice() {
                    collect(item, &items, path, set);
                }
                set.insert(path);
                path.pop();
            }
        }
        Form::Map => {
            for (key, field) in value.as_object().into_iter().flatten() {
                path.push(Step::Field(key.clone()));
                collect(field, &child(node, key), path, set);
                if field.is_null()
                    || field.as_object().is_some_and(Map::is_empty)
                    || node.field(key).is_none()
                {
                    set.insert(path);
                }
                path.pop();
            }
        }
    }
}

/// What differs between two objects.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Only in the new one.
    pub added: FieldSet,
    /// In both, with another value.
    pub modified: FieldSet,
    /// Only in the old one.
    pub removed: FieldSet,
}

impl Comparison {
    /// Without these paths and what is below them.
    #[must_use]
    pub fn without(&self, ignored: &FieldSet) -> Self {
        Self {
            added: self.added.without(ignored),
            modified: self.modified.without(ignored),
            removed: self.removed.without(ignored),
        }
    }
}

/// Compares two objects of one schema.
pub fn compare(old: &Value, new: &Value, node: &Node) -> Comparison {
    let mut walk = Walk {
        out: Comparison::default(),
        path: Vec::new(),
    };
    walk.visit(Some(old), Some(new), node);
    walk.out
}

struct Walk {
    out: Comparison,
    path: Vec<Step>,
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(_) => false,
    }
}

impl Walk {
    fn visit(&mut self, old: Option<&Value>, new: Option<&Value>, node: &Node) {
        let was_leaf = match (old, new) {
            (None, None) => return,
            (Some(value), None) | (None, Some(value)) => {
                self.walk(form(node, value), old, new, node)
            }
            (Some(before), Some(after)) => {
                let (a, b) = (form(node, before), form(node, after));
                if a == b {
                    self.walk(b, old, new, node)
                } else {
                    // the kind of value changed: the old one's parts go, the new one's come
                    let first = self.walk(a, old, if a == Form::Scalar { new } else { None }, node);
                    if b == Form::Scalar {
                        first
                    } else {
                        self.walk(b, None, new, node)
                    }
                }
            }
        };
        if !was_leaf && !self.path.is_empty() {
            if old.is_none() {
                self.out.added.insert(&self.path);
            } else if new.is_none() {
                self.out.removed.insert(&self.path);
            }
        }
    }

    /// True if the place was taken as one value.
    fn walk(&mut self, form: Form, old: Option<&Value>, new: Option<&Value>, node: &Node) -> bool {
        match form {
            Form::List if !(is_blank(old) && is_blank(new)) => {
                self.list(old, new, node);
                false
            }
            Form::Map if !(is_blank(old) && is_blank(new)) => {
                self.map(old, new, node);
                false
            }
            Form::Scalar | Form::AtomicList | Form::AtomicMap | Form::List | Form::Map => {
                self.leaf(old, new);
                true
            }
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            (Some(a), Some(b)) if !same(a, b) => self.out.modified.insert(&self.path),
            _ => {}
        }
    }

    fn map(&mut self, old: Option<&Value>, new: Option<&Value>, node: &Node) {
        let (old, new) = (
            old.and_then(Value::as_object),
            new.and_then(Value::as_object),
        );
        let keys: BTreeSet<&String> = [old, new]
            .into_iter()
            .flatten()
            .flat_map(Map::keys)
            .collect();
        for key in keys {
            self.path.push(Step::Field(key.clone()));
            self.visit(
                old.and_then(|o| o.get(key)),
                new.and_then(|n| n.get(key)),
                &child(node, key),
            );
            self.path.pop();
        }
    }

    fn list(&mut self, old: Option<&Value>, new: Option<&Value>, node: &Node) {
        let items = item_node(node);
        let (before, after) = (by_step(old, node), by_step(new, node));
        let steps: BTreeSet<&Step> = before.keys().chain(after.keys()).collect();
        for step in steps {
            let none = Vec::new();
            let (l, r) = (
                before.get(step).unwrap_or(&none),
                after.get(step).unwrap_or(&none),
            );
            self.path.push(step.clone());
            match (l.len(), r.len()) {
                (0 | 1, 0 | 1) => self.visit(l.first().copied(), r.first().copied(), &items),
                // items with the same key are owned together
                (2.., 2..) => {
                    if l.len() != r.len() || l.iter().zip(r).any(|(a, b)| !same(a, b)) {
                        self.out.modified.insert(&self.path);
                    }
                }
                (2.., _) => {
                    self.visit(None, r.first().copied(), &items);
                    self.out.removed.insert(&self.path);
                }
                (_, _) => {
                    self.visit(l.first().copied(), None, &items);
                    self.out.added.insert(&self.path);
                }
            }
            self.path.pop();
        }
    }
}

fn by_step<'a>(list: Option<&'a Value>, node: &Node) -> BTreeMap<Step, Vec<&'a Value>> {
    let mut out: BTreeMap<Step, Vec<&Value>> = BTreeMap::new();
    for item in list.and_then(Value::as_array).into_iter().flatten() {
        if let Ok(step) = Step::of_item(node, item) {
            out.entry(step).or_default().push(item);
        }
    }
    out
}
