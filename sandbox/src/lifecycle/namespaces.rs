//! The end of a namespace: its content is deleted, its conditions say what is left, and when nothing is, its
//! finalizer goes (kube-controller-manager's namespace controller).

use super::MANAGER;
use super::garbage::condition;
use crate::cluster::{Cluster, DeleteOptions, ListOptions, Propagation, WriteOptions};
use crate::object::{self, Gvr, Object};
use crate::registry::ResourceInfo;
use serde_json::{Value, json};
use std::sync::Arc;

fn namespaces() -> Gvr {
    Gvr::new("", "v1", "namespaces")
}

/// A namespace was seen in a new state.
pub(super) fn changed(cluster: &Cluster, namespace: &Object) {
    if object::deletion_timestamp(namespace).is_some() {
        end(cluster, namespace);
    }
}

/// Something in a namespace is gone: it may have been the last.
pub(super) fn content_went(cluster: &Cluster, name: &str) {
    if let Ok(namespace) = cluster.get(&namespaces(), "", name) {
        changed(cluster, &namespace);
    }
}

fn end(cluster: &Cluster, namespace: &Object) {
    let name = object::name(namespace);
    let resources = cluster.registry().resources();
    let content = resources.iter().filter(|info| {
        info.namespaced
            && info.version == info.stored_as.version
            && info.group == info.stored_as.group
            && ["list", "delete"].iter().all(|verb| info.allows(verb))
    });
    let mut left: Vec<(Arc<ResourceInfo>, Vec<Object>)> = Vec::new();
    for info in content {
        delete_all(cluster, info, name);
        let remaining = list(cluster, info, name);
        if !remaining.is_empty() {
            left.push((info.clone(), remaining));
        }
    }
    if left.is_empty() {
        finalize(cluster, name);
    } else {
        tell(cluster, name, &left);
    }
}

fn list(cluster: &Cluster, info: &ResourceInfo, namespace: &str) -> Vec<Object> {
    cluster
        .list(&info.gvr(), namespace, &ListOptions::default())
        .map(|listed| listed.items)
        .unwrap_or_default()
}

fn delete_all(cluster: &Cluster, info: &ResourceInfo, namespace: &str) {
    let options = DeleteOptions {
        propagation: Some(Propagation::Background),
        ..DeleteOptions::default()
    };
    for item in list(cluster, info, namespace) {
        if object::deletion_timestamp(&item).is_some() {
            continue;
        }
        if let Err(status) = cluster.delete(&info.gvr(), namespace, object::name(&item), &options)
            && status.code != 404
        {
            tracing::debug!(resource = %info.plural, %namespace, name = object::name(&item), %status, "not deleted with its namespace");
        }
    }
}

/// Removes the finalizer of the namespace itself: it is the last thing that holds it.
fn finalize(cluster: &Cluster, name: &str) {
    let options = WriteOptions::by(MANAGER).to("finalize");
    let finalized = cluster.mutate(&namespaces(), "", name, &options, |namespace| {
        object::field_mut(namespace, "spec").insert("finalizers".to_owned(), json!([]));
        Ok(())
    });
    if let Err(status) = finalized
        && status.code != 404
    {
        tracing::warn!(namespace = %name, %status, "an empty namespace could not be finalized");
    }
}

/// What is left, as conditions; times move only when something else does.
fn tell(cluster: &Cluster, name: &str, left: &[(Arc<ResourceInfo>, Vec<Object>)]) {
    let options = WriteOptions::by(MANAGER).to("status");
    let told = cluster.mutate(&namespaces(), "", name, &options, |namespace| {
        let status = object::field_mut(namespace, "status");
        let before = status.get("conditions").cloned().unwrap_or_default();
        let mut conditions = conditions(left);
        for new in &mut conditions {
            let same = before.as_array().into_iter().flatten().find(|old| {
                ["type", "status", "reason", "message"]
                    .iter()
                    .all(|field| old[*field] == new[*field])
            });
            if let Some(same) = same {
                *new = same.clone();
            }
        }
        status.insert("conditions".to_owned(), json!(conditions));
        Ok(())
    });
    if let Err(status) = told
        && status.code != 404
    {
        tracing::debug!(namespace = %name, %status, "conditions not written");
    }
}

fn conditions(left: &[(Arc<ResourceInfo>, Vec<Object>)]) -> Vec<Value> {
    let counts: Vec<String> = left
        .iter()
        .map(|(info, objects)| {
            format!(
                "{}.{} has {} resource instances",
                info.plural,
                info.group,
                objects.len()
            )
        })
        .collect();
    let mut finalizers: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for object in left.iter().flat_map(|(_, objects)| objects) {
        for finalizer in object::finalizers(object) {
            *finalizers.entry(finalizer).or_default() += 1;
        }
    }
    let finalizing = if finalizers.is_empty() {
        condition(
            "NamespaceFinalizersRemaining",
            false,
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        )
    } else {
        let list: Vec<String> = finalizers
            .iter()
            .map(|(name, count)| format!("{name} in {count} resource instances"))
            .collect();
        let message = format!(
            "Some content in the namespace has finalizers remaining: {}",
            list.join(", ")
        );
        condition(
            "NamespaceFinalizersRemaining",
            true,
            "SomeFinalizersRemain",
            &message,
        )
    };
    vec![
        condition(
            "NamespaceDeletionDiscoveryFailure",
            false,
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            false,
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        condition(
            "NamespaceDeletionContentFailure",
            false,
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        condition(
            "NamespaceContentRemaining",
            true,
            "SomeResourcesRemain",
            &format!("Some resources are remaining: {}", counts.join(", ")),
        ),
        finalizing,
    ]
}
