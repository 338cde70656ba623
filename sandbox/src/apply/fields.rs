//! Sets of field paths, their algebra and their form on the wire (`fieldsV1`). How paths come from objects is in
//! `compare`; who owns which set is in `managers`.

use super::path::Step;
use crate::schema::Node;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A set of field paths. The root itself is never in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    entries: BTreeMap<Step, Entry>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    member: bool,
    below: FieldSet,
}

impl Entry {
    fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl FieldSet {
    /// The set of no paths.
    pub fn new() -> Self {
        Self::default()
    }

    /// The paths an applied configuration names (see `compare::field_set`).
    pub fn of_object(object: &Value, node: &Node) -> Self {
        super::compare::field_set(object, node)
    }

    /// Whether no path is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a path.
    pub fn insert(&mut self, path: &[Step]) {
        let Some((last, parents)) = path.split_last() else {
            return;
        };
        let mut set = self;
        for step in parents {
            set = &mut set.entries.entry(step.clone()).or_default().below;
        }
        set.entries.entry(last.clone()).or_default().member = true;
    }

    /// Whether the step itself is a member.
    pub fn has(&self, step: &Step) -> bool {
        self.entries.get(step).is_some_and(|e| e.member)
    }

    /// The paths below a step, if there are any.
    pub fn below(&self, step: &Step) -> Option<&Self> {
        self.entries
            .get(step)
            .map(|e| &e.below)
            .filter(|s| !s.is_empty())
    }

    /// Every path in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        for (step, entry) in &other.entries {
            let place = out.entries.entry(step.clone()).or_default();
            place.member |= entry.member;
            place.below = place.below.union(&entry.below);
        }
        out
    }

    fn combine(&self, other: &Self, keep: fn(bool, bool) -> bool) -> Self {
        let nothing = Entry::default();
        let mut out = Self::new();
        for (step, entry) in &self.entries {
            let theirs = other.entries.get(step).unwrap_or(&nothing);
            let made = Entry {
                member: keep(entry.member, theirs.member),
                below: entry.below.combine(&theirs.below, keep),
            };
            if !made.is_empty() {
                out.entries.insert(step.clone(), made);
            }
        }
        out
    }

    /// The paths that are in this set and in the other.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |ours, theirs| ours && theirs)
    }

    /// The paths that are in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |ours, theirs| ours && !theirs)
    }

    /// Without the paths of the other set and everything below them.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut out = Self::new();
        for (step, entry) in &self.entries {
            match other.entries.get(step) {
                Some(theirs) if theirs.member => {}
                Some(theirs) => {
                    let made = Entry {
                        member: entry.member,
                        below: entry.below.without(&theirs.below),
                    };
                    if !made.is_empty() {
                        out.entries.insert(step.clone(), made);
                    }
                }
                None => {
                    out.entries.insert(step.clone(), entry.clone());
                }
            }
        }
        out
    }

    /// All paths, those of a level before those below it.
    pub fn paths(&self) -> Vec<Vec<Step>> {
        let mut out = Vec::new();
        self.collect(&mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, prefix: &mut Vec<Step>, out: &mut Vec<Vec<Step>>) {
        for (step, _) in self.entries.iter().filter(|(_, e)| e.member) {
            let mut path = prefix.clone();
            path.push(step.clone());
            out.push(path);
        }
        for (step, entry) in &self.entries {
            prefix.push(step.clone());
            entry.below.collect(prefix, out);
            prefix.pop();
        }
    }

    /// Named fields that only have paths below them become members themselves; keys of maps and items do not.
    #[must_use]
    pub fn with_named_fields(&self, node: &Node) -> Self {
        let mut out = Self::new();
        for (step, entry) in &self.entries {
            let (named, child) = match step {
                Step::Field(name) => (node.field(name).is_some(), node.child(name)),
                Step::Key(_) | Step::Value(_) | Step::Index(_) => (false, node.items()),
            };
            let below = entry
                .below
                .with_named_fields(&child.unwrap_or_else(Node::anything));
            out.entries.insert(
                step.clone(),
                Entry {
                    member: entry.member || (named && !below.is_empty()),
                    below,
                },
            );
        }
        out
    }

    /// From `fieldsV1`. Keys that cannot be read are left out.
    pub fn from_v1(fields: &Value) -> Self {
        let mut out = Self::new();
        for (key, value) in fields.as_object().into_iter().flatten() {
            let Some(step) = Step::parse(key) else {
                continue;
            };
            let empty = value.as_object().is_none_or(Map::is_empty);
            let entry = Entry {
                member: empty || value.get(".").is_some(),
                below: Self::from_v1(value),
            };
            if !entry.is_empty() {
                out.entries.insert(step, entry);
            }
        }
        out
    }

    /// As `fieldsV1`.
    pub fn to_v1(&self) -> Value {
        Value::Object(self.encode(false))
    }

    fn encode(&self, member: bool) -> Map<String, Value> {
        let mut out = Map::new();
        if member && !self.is_empty() {
            out.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, entry) in &self.entries {
            out.insert(
                step.encode(),
                Value::Object(entry.below.encode(entry.member)),
            );
        }
        out
    }
}

/// A path as messages spell it.
pub fn spell(path: &[Step]) -> String {
    path.iter().map(ToString::to_string).collect()
}

/// A set of top-level or nested plain fields, from paths such as `metadata.name`.
pub fn plain(paths: &[&str]) -> FieldSet {
    let mut set = FieldSet::new();
    for path in paths {
        let steps: Vec<_> = path.split('.').map(|s| Step::Field(s.to_owned())).collect();
        set.insert(&steps);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_wire_form_goes_both_ways() {
        let wire = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:finalizers": {".": {}, "v:\"a\"": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}, "f:list": {"i:3": {}}},
        });
        assert_eq!(FieldSet::from_v1(&wire).to_v1(), wire);
    }

    #[test]
    fn difference_is_exact_and_without_is_deep() {
        let all = FieldSet::from_v1(&json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}}));
        let a = plain(&["a"]);
        assert_eq!(
            all.difference(&a).to_v1(),
            json!({"f:a": {"f:b": {}}, "f:c": {}})
        );
        assert_eq!(all.without(&a).to_v1(), json!({"f:c": {}}));
        assert_eq!(all.intersection(&a).to_v1(), json!({"f:a": {}}));
    }
}
