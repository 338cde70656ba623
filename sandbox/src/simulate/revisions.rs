//! ControllerRevisions: the history of templates of StatefulSets and DaemonSets.

use super::field;
use super::hash;
use super::kinds::Kind;
use super::world::{CONTROLLERS, World};
use crate::object::{self, Object};
use crate::status::Status;
use serde_json::{Value, json};

/// The label of revisions that holds their hash.
fn label_of(owner: &Value) -> &'static str {
    if field::text(owner, "/kind") == "DaemonSet" {
        "controller-revision-hash"
    } else {
        "controller.kubernetes.io/hash"
    }
}

/// The revisions of an owner, oldest first; the last one is of its present template.
#[derive(Debug)]
pub(crate) struct Revisions {
    pub(crate) all: Vec<Object>,
    label: &'static str,
}

fn data(owner: &Value) -> Value {
    let mut template = owner
        .pointer("/spec/template")
        .cloned()
        .unwrap_or(json!({}));
    object::map_mut(&mut template).insert("$patch".to_owned(), "replace".into());
    json!({"spec": {"template": template}})
}

fn number(revision: &Object) -> i64 {
    field::count(revision, "/revision")
}

impl Revisions {
    /// Finds the revision of the present template, or makes it; one that was used before becomes the newest again.
    pub(crate) fn find(owner: &Object, world: &World) -> Result<Self, Status> {
        let mut all = world.owned(Kind::ControllerRevision, owner);
        all.sort_by_key(|r| (number(r), object::name(r).to_owned()));
        let data = data(owner);
        let next = all.last().map_or(0, number) + 1;
        let at = all.iter().position(|r| r.get("data") == Some(&data));
        match at {
            Some(at) if at + 1 == all.len() => {}
            Some(at) => {
                let known = all.remove(at);
                let renewed = world.edit(Kind::ControllerRevision, &known, |live| {
                    object::map_mut(live).insert("revision".to_owned(), json!(next));
                })?;
                all.push(renewed);
            }
            None => all.push(make(owner, &data, next, world)?),
        }
        Ok(Self {
            all,
            label: label_of(owner),
        })
    }

    /// The name of the present one.
    pub(crate) fn present(&self) -> &str {
        self.all.last().map(|r| object::name(r)).unwrap_or_default()
    }

    /// The hash of the present one.
    pub(crate) fn hash(&self) -> &str {
        let last = self.all.last();
        last.and_then(|r| object::label(r, self.label))
            .unwrap_or_default()
    }

    /// The template of a revision by its name.
    pub(crate) fn template(&self, name: &str) -> Option<Value> {
        let revision = self.all.iter().find(|r| object::name(r) == name)?;
        let mut template = revision.pointer("/data/spec/template").cloned()?;
        object::map_mut(&mut template).remove("$patch");
        Some(template)
    }

    /// Deletes those that nobody uses, beyond the limit, oldest first.
    pub(crate) fn clean_up(
        &self,
        owner: &Object,
        used: impl Fn(&Object) -> bool,
        world: &World,
    ) -> Result<(), Status> {
        let limit = field::number(owner, "/spec/revisionHistoryLimit").unwrap_or(10);
        let limit = usize::try_from(limit).unwrap_or(0);
        let past = self.all.iter().take(self.all.len().saturating_sub(1));
        let unused: Vec<&Object> = past.filter(|r| !used(r)).collect();
        let surplus = unused.len().saturating_sub(limit);
        for revision in unused.into_iter().take(surplus) {
            world.delete(Kind::ControllerRevision, revision)?;
        }
        Ok(())
    }
}

fn make(owner: &Object, data: &Value, number: i64, world: &World) -> Result<Object, Status> {
    let namespace = object::namespace(owner).unwrap_or_default();
    let mut collisions = 0;
    loop {
        let hash = hash::of(data, collisions);
        let label = label_of(owner);
        let mut labels = owner
            .pointer("/spec/template/metadata/labels")
            .cloned()
            .unwrap_or(json!({}));
        object::map_mut(&mut labels).insert(label.to_owned(), hash.clone().into());
        let revision = json!({
            "metadata": {
                "name": format!("{}-{hash}", object::name(owner)),
                "labels": labels,
                "annotations": owner.pointer("/metadata/annotations"),
                "ownerReferences": [field::owner_reference(owner)],
            },
            "data": data,
            "revision": number,
        });
        match world.create(Kind::ControllerRevision, namespace, revision, CONTROLLERS) {
            Err(status) if status.reason == "AlreadyExists" && collisions < 100 => collisions += 1,
            other => return other,
        }
    }
}
