//! Who owns an object's replicas after a write to its `scale` subresource. A real server translates the entries to those of
//! a Scale and back (apimachinery's `managedfields.ScaleHandler`): updaters that owned the replicas come back without a
//! time and beside their former entry, even when nothing changed.

use super::entry::{self, Entry, Operation};
use super::fields::FieldSet;
use super::managers::Write;
use serde_json::Value;

/// Sets `metadata.managedFields` of an object whose replicas (one path in `replicas`) were written through its Scale.
pub fn after_scale(
    live: &Value,
    new: &mut Value,
    write: &Write<'_>,
    replicas: &FieldSet,
    changed: bool,
) {
    let former = entry::read(live);
    let owns = |entry: &Entry| !entry.fields.intersection(replicas).is_empty();
    let bare = |manager: &str, subresource: &str| Entry {
        manager: manager.to_owned(),
        operation: Operation::Update,
        api_version: write.api_version.to_owned(),
        subresource: subresource.to_owned(),
        time: None,
        fields: replicas.clone(),
    };
    // What nobody owned is not tracked from the middle.
    let tracked = former.iter().any(owns);
    let mut entries = Vec::new();
    for entry in former {
        if !owns(&entry) || (entry.operation == Operation::Apply && !changed) {
            entries.push(entry);
            continue;
        }
        if !changed {
            entries.push(bare(&entry.manager, &entry.subresource));
        }
        let left = entry.fields.difference(replicas);
        if !left.is_empty() {
            entries.push(Entry {
                fields: left,
                ..entry
            });
        }
    }
    if tracked && changed {
        entries.push(bare(write.manager, write.subresource));
    }
    entry::write(new, entries);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::fields::plain;
    use crate::schema::Node;
    use serde_json::json;

    fn managers(changed: bool) -> Vec<(String, String, bool)> {
        let live = json!({"metadata": {"managedFields": [
            {"manager": "creator", "operation": "Update", "apiVersion": "apps/v1", "time": "2025-01-01T00:00:00Z",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:selector": {}}}},
            {"manager": "applier", "operation": "Apply", "apiVersion": "apps/v1", "time": "2025-01-01T00:00:00Z",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]}});
        let mut new = live.clone();
        let node = Node::anything();
        let write = Write {
            manager: "scaler",
            api_version: "apps/v1",
            subresource: "scale",
            time: "2025-01-01T00:00:01Z",
            ignored: &[],
            node: &node,
        };
        after_scale(&live, &mut new, &write, &plain(&["spec.replicas"]), changed);
        let entries = new["metadata"]["managedFields"].as_array().expect("a list");
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or("").to_owned();
        let found = entries.iter().map(|entry| {
            let fields = entry["fieldsV1"].to_string();
            (
                text(entry, "manager"),
                text(entry, "time"),
                fields.contains("replicas"),
            )
        });
        found.collect()
    }

    fn entry(manager: &str, timed: bool, replicas: bool) -> (String, String, bool) {
        let time = if timed { "2025-01-01T00:00:00Z" } else { "" };
        (manager.to_owned(), time.to_owned(), replicas)
    }

    #[test]
    fn a_scale_that_changes_nothing_splits_the_entry_of_the_updater() {
        let expected = [
            entry("applier", true, true),
            entry("creator", false, true),
            entry("creator", true, false),
        ];
        assert_eq!(managers(false), expected);
    }

    #[test]
    fn a_scale_that_changes_the_replicas_takes_them_from_everybody() {
        let expected = [entry("scaler", false, true), entry("creator", true, false)];
        assert_eq!(managers(true), expected);
    }
}
