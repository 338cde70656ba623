//! Who owns which fields after a write, and the object after a server-side apply. Pure: the time is given.
//! Entries of another version of the same kind are compared by the paths of this one.

use super::compare::{Comparison, compare, field_set};
use super::conflict::{Conflict, refuse};
use super::entry::{self, Entry, Operation};
use super::fields::{FieldSet, plain};
use super::merge::{merge, remove};
use super::{ApplyError, typed, zero};
use crate::schema::Node;
use serde_json::Value;

/// Who writes, to what, and when.
#[derive(Debug, Clone)]
pub struct Write<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The version of the request, for example `apps/v1`.
    pub api_version: &'a str,
    /// The subresource written to, empty for the object itself.
    pub subresource: &'a str,
    /// RFC 3339, whole seconds.
    pub time: &'a str,
    /// Fields this kind of write does not change (`status` for the object itself where it is a subresource, `spec` for
    /// the status): nobody comes to own them.
    pub ignored: &'a [&'a str],
    /// The schema of the kind in that version.
    pub node: &'a Node,
}

/// Fields nobody owns.
const UNOWNED: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "metadata.name",
    "metadata.namespace",
    "metadata.creationTimestamp",
    "metadata.selfLink",
    "metadata.uid",
    "metadata.clusterName",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
];

/// The manager that is said to own what an object had when it is applied for the first time.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
/// The manager that inherits from the oldest updaters when there are too many.
const ANCIENT: &str = "ancient-changes";
const UPDATERS_AT_MOST: usize = 10;

impl Write<'_> {
    fn entry(&self, operation: Operation, fields: FieldSet) -> Entry {
        Entry {
            manager: self.manager.to_owned(),
            operation,
            api_version: self.api_version.to_owned(),
            subresource: self.subresource.to_owned(),
            time: Some(self.time.to_owned()),
            fields,
        }
    }

    fn unowned(&self, set: &FieldSet) -> FieldSet {
        set.difference(&plain(UNOWNED))
            .without(&plain(self.ignored))
    }
}

/// An object without its managed fields, to be compared.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
    }
    object
}

/// The manager a request has: as given, or the user agent up to the first slash.
pub fn manager_name(given: Option<&str>, user_agent: &str) -> String {
    match given {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ if user_agent.is_empty() => "unknown".to_owned(),
        _ => user_agent
            .split('/')
            .next()
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(128)
            .collect(),
    }
}

/// Sets `metadata.managedFields` of an object that is created (no live one), updated or patched.
pub fn after_update(live: Option<&Value>, new: &mut Value, write: &Write<'_>) {
    if write.subresource.is_empty() && entry::is_reset(new) {
        entry::write(new, Vec::new());
        return;
    }
    let sent = if write.subresource.is_empty() {
        entry::read(new)
    } else {
        Vec::new()
    };
    let entries = if sent.is_empty() {
        live.map(entry::read).unwrap_or_default()
    } else {
        sent
    };
    if entries.is_empty() && live.is_some() {
        // what has never been tracked is not tracked from the middle
        entry::write(new, Vec::new());
        return;
    }
    let zero = zero::of(write.node);
    let entries = updated(entries, &live.map_or(zero, bare), &bare(new), write);
    entry::write(new, entries);
}

fn updated(mut entries: Vec<Entry>, live: &Value, new: &Value, write: &Write<'_>) -> Vec<Entry> {
    let change = compare(live, new, write.node).without(&plain(write.ignored));
    let taken = write.unowned(&change.added.union(&change.modified));
    for entry in &mut entries {
        lose(entry, &change);
    }
    if !taken.is_empty() {
        let mine = write.entry(Operation::Update, taken);
        match entries.iter_mut().find(|e| e.is_same_manager(&mine)) {
            Some(previous) => {
                previous.fields = previous.fields.union(&mine.fields);
                previous.time = mine.time;
            }
            None => entries.push(mine),
        }
    }
    entries.retain(|e| !e.fields.is_empty());
    cap(&mut entries);
    entries
}

fn lose(entry: &mut Entry, change: &Comparison) {
    let changed = change.added.union(&change.modified).union(&change.removed);
    entry.fields = entry.fields.difference(&changed);
}

/// When there are too many updaters the oldest become one.
fn cap(entries: &mut Vec<Entry>) {
    let updaters = entries
        .iter()
        .filter(|e| e.operation == Operation::Update)
        .count();
    if updaters <= UPDATERS_AT_MOST {
        return;
    }
    entries.sort_by(|a, b| {
        (a.operation, &a.time, &a.manager).cmp(&(b.operation, &b.time, &b.manager))
    });
    let mut too_many = updaters - UPDATERS_AT_MOST;
    let mut kept: Vec<Entry> = Vec::new();
    for mut entry in std::mem::take(entries) {
        if entry.operation == Operation::Update && (too_many > 0 || entry.manager == ANCIENT) {
            ANCIENT.clone_into(&mut entry.manager);
            entry.subresource.clear();
            match kept.iter_mut().find(|e| e.is_same_manager(&entry)) {
                Some(ancient) => {
                    ancient.fields = ancient.fields.union(&entry.fields);
                    ancient.time = entry.time;
                    too_many = too_many.saturating_sub(1);
                }
                None => kept.push(entry),
            }
        } else {
            kept.push(entry);
        }
    }
    *entries = kept;
}

/// A write that changes nothing but the times of managed fields does not change those either.
pub fn keep_times(live: &Value, new: &mut Value) {
    if bare(live) != bare(new) {
        return;
    }
    let before = entry::read(live);
    let mut after = entry::read(new);
    for entry in &mut after {
        if let Some(old) = before
            .iter()
            .find(|old| old.is_same_manager(entry) && old.fields == entry.fields)
        {
            entry.time.clone_from(&old.time);
        }
    }
    entry::write(new, after);
}

/// The object after a server-side apply, with its managed fields; not yet defaulted, like the body of an update.
///
/// # Errors
/// Conflicts with other managers unless forced; a configuration that has managed fields or does not fit the schema.
pub fn apply(
    live: Option<&Value>,
    applied: &Value,
    write: &Write<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    if applied
        .pointer("/metadata/managedFields")
        .is_some_and(Value::is_array)
    {
        return Err(ApplyError::ManagedFields);
    }
    typed::check(applied, write.node)?;
    let mut entries = live.map(entry::read).unwrap_or_default();
    if let (Some(live), true) = (live, entries.is_empty()) {
        let first = Write {
            manager: BEFORE_FIRST_APPLY,
            subresource: "",
            ..write.clone()
        };
        entries = updated(entries, &zero::of(write.node), &bare(live), &first);
    }
    match merged(live, applied, write, &entries, force) {
        Err(ApplyError::Conflicts(conflicts)) if write.manager == "kubectl" => {
            // kubectl takes over what its client-side apply wrote and nobody changed since
            let allowed = live
                .map(|live| last_applied(live, write.node))
                .unwrap_or_default();
            let others: Vec<_> = conflicts
                .into_iter()
                .filter(|c| !allowed.contains(&c.path))
                .collect();
            if others.is_empty() {
                merged(live, applied, write, &entries, true)
            } else {
                Err(ApplyError::Conflicts(others))
            }
        }
        other => other,
    }
}

fn merged(
    live: Option<&Value>,
    applied: &Value,
    write: &Write<'_>,
    former: &[Entry],
    force: bool,
) -> Result<Value, ApplyError> {
    let node = write.node;
    let applied = bare(applied);
    let before = live.map(bare);
    let mut object = match &before {
        Some(before) => merge(before, &applied, node),
        None => applied.clone(),
    };
    let mine = write.entry(Operation::Apply, write.unowned(&field_set(&applied, node)));
    let mut entries = former.to_vec();
    let last = entries
        .iter()
        .position(|e| e.is_same_manager(&mine))
        .map(|at| entries.remove(at));
    if let Some(last) = &last
        && !last.fields.is_empty()
    {
        let everyone = entries
            .iter()
            .fold(mine.fields.clone(), |all, e| all.union(&e.fields));
        // what is applied stays, even where nothing is left inside of it
        object = merge(
            &prune(&object, &last.fields, &everyone, node),
            &applied,
            node,
        );
    }
    let change = compare(
        &before.clone().unwrap_or_else(|| zero::of(node)),
        &object,
        node,
    )
    .without(&plain(write.ignored));
    let gained = change.modified.union(&change.added);
    let conflicts = entries
        .iter()
        .flat_map(|e| Conflict::between(e, &gained))
        .collect::<Vec<_>>();
    if !force && !conflicts.is_empty() {
        return Err(refuse(conflicts));
    }
    for entry in &mut entries {
        lose(entry, &change);
    }
    let unchanged = last
        .as_ref()
        .is_some_and(|l| l.fields == mine.fields && l.api_version == mine.api_version)
        && before.as_ref().is_some_and(|b| *b == object);
    entries.push(match last {
        Some(last) if unchanged => last,
        _ => mine,
    });
    entries.retain(|e| !e.fields.is_empty());
    refresh_last_applied(live, &applied, &mut object, write);
    if let (Some(live), Some(version)) = (live, object.get_mut("apiVersion")) {
        // a configuration in another version does not change the version of the object here
        if let Some(kept) = live
            .get("apiVersion")
            .filter(|_| applied.get("apiVersion").is_none())
        {
            version.clone_from(kept);
        }
    }
    entry::write(&mut object, entries);
    Ok(object)
}

/// Takes out what was applied before, is not applied now and nobody else owns.
fn prune(merged: &Value, last: &FieldSet, everyone: &FieldSet, node: &Node) -> Value {
    let empty = || Value::Object(serde_json::Map::new());
    let named = |set: &FieldSet| set.with_named_fields(node);
    let set_of = |value: &Value| named(&field_set(value, node));
    let all = set_of(merged);
    let last = named(last);
    let without_last = remove(merged, &last, node).unwrap_or_else(empty);
    let kept = set_of(&without_last).union(&named(everyone));
    let with_owned = remove(merged, &all.difference(&kept), node).unwrap_or_else(empty);
    let gone = all.difference(&set_of(&with_owned)).intersection(&last);
    remove(merged, &gone, node).unwrap_or_else(empty)
}

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn last_applied(live: &Value, node: &Node) -> Vec<Vec<super::Step>> {
    let text = live
        .pointer("/metadata/annotations")
        .and_then(|a| a.get(LAST_APPLIED))
        .and_then(Value::as_str);
    let Some(configuration) = text.and_then(|t| serde_json::from_str::<Value>(t).ok()) else {
        return Vec::new();
    };
    let change = compare(&configuration, live, node);
    field_set(&configuration, node)
        .difference(&change.modified)
        .difference(&change.added)
        .difference(&change.removed)
        .paths()
}

/// kubectl's record of what it applied is kept up to date by the server once kubectl applies on the server's side.
fn refresh_last_applied(
    live: Option<&Value>,
    applied: &Value,
    object: &mut Value,
    write: &Write<'_>,
) {
    let had = live
        .and_then(|l| l.pointer("/metadata/annotations"))
        .and_then(|a| a.get(LAST_APPLIED))
        .and_then(Value::as_str)
        .is_some_and(|t| !t.is_empty());
    if write.manager != "kubectl" || !had || !write.subresource.is_empty() {
        return;
    }
    let mut record = applied.clone();
    if let Some(annotations) = record
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(LAST_APPLIED);
    }
    if let Some(annotations) = object
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
        && annotations.contains_key(LAST_APPLIED)
    {
        annotations.insert(
            LAST_APPLIED.to_owned(),
            Value::String(format!("{record}\n")),
        );
    }
}
