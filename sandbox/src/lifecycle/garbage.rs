//! Garbage collection by owner references, and the end of namespaces: both act on any kind, so they share one stream
//! of events over all kinds (kubernetes.io "Garbage Collection").

use super::graph::{Deletion, Graph, Node};
use super::{MANAGER, namespaces, quota, volumes};
use crate::cluster::{
    Cluster, DeleteOptions, Propagation, WatchEventKind, WatchOptions, WriteOptions,
};
use crate::object::{self, Gvk, Gvr, Object};
use crate::registry::ResourceInfo;
use serde_json::{Value, json};
use std::collections::HashMap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Events on their way; a full channel slows the watches down and loses nothing.
const QUEUE: usize = 1_024;

struct Seen {
    gvr: Gvr,
    gone: bool,
    object: Object,
}

/// Follows every resource, new ones too, until `stop`.
pub(super) async fn collect(cluster: Cluster, stop: CancellationToken) {
    let (sender, mut events) = mpsc::channel(QUEUE);
    let mut watches: HashMap<Gvr, AbortOnDropHandle<()>> = HashMap::new();
    let mut graph = Graph::default();
    follow_new(&cluster, &sender, &mut watches);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = stop.cancelled() => return,
        };
        let Some(Seen { gvr, gone, object }) = event else {
            return;
        };
        let definition = gvr.resource == "customresourcedefinitions";
        handle(&cluster, &mut graph, &gvr, gone, &object);
        if definition {
            follow_new(&cluster, &sender, &mut watches);
        }
    }
}

/// Whether objects of a resource own or are owned: one version of each, and not the many events.
fn is_followed(info: &ResourceInfo) -> bool {
    let stored = info.stored_as.group == info.group && info.stored_as.resource == info.plural;
    let version = info.stored_as.version == info.version;
    stored
        && version
        && info.kind != "Event"
        && ["list", "watch", "delete"]
            .iter()
            .all(|verb| info.allows(verb))
}

fn follow_new(
    cluster: &Cluster,
    sender: &mpsc::Sender<Seen>,
    watches: &mut HashMap<Gvr, AbortOnDropHandle<()>>,
) {
    watches.retain(|_, watch| !watch.is_finished());
    for info in cluster
        .registry()
        .resources()
        .iter()
        .filter(|info| is_followed(info))
    {
        watches.entry(info.gvr()).or_insert_with(|| {
            AbortOnDropHandle::new(tokio::spawn(follow(
                cluster.clone(),
                info.gvr(),
                sender.clone(),
            )))
        });
    }
}

async fn follow(cluster: Cluster, gvr: Gvr, sender: mpsc::Sender<Seen>) {
    // Ends when the resource does: its definition was deleted.
    while let Ok(mut watch) = cluster.watch(&gvr, "", &WatchOptions::default()) {
        while let Some(event) = watch.next().await {
            let gone = event.kind == WatchEventKind::Deleted;
            let about =
                matches!(event.kind, WatchEventKind::Added | WatchEventKind::Modified) || gone;
            let seen = Seen {
                gvr: gvr.clone(),
                gone,
                object: event.object,
            };
            if about && sender.send(seen).await.is_err() {
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}

fn handle(cluster: &Cluster, graph: &mut Graph, gvr: &Gvr, gone: bool, object: &Object) {
    let uid = object::uid(object).to_owned();
    let node = Node::of(gvr, object);
    quota::changed(cluster, gvr, gone, object);
    volumes::changed(cluster, gvr, gone, object);
    if gone {
        let last = graph.remove(&uid).unwrap_or(node);
        for dependent in graph.dependents(&uid) {
            settle(cluster, graph, &dependent);
        }
        for owner in last
            .owners
            .iter()
            .filter_map(|reference| reference["uid"].as_str())
        {
            wait_for_dependents(cluster, graph, owner);
        }
        if !last.namespace.is_empty() {
            namespaces::content_went(cluster, &last.namespace);
        }
        return;
    }
    let (deletion, owned) = (node.deletion, !node.owners.is_empty());
    graph.put(&uid, node);
    match deletion {
        Deletion::Foreground => wait_for_dependents(cluster, graph, &uid),
        Deletion::Orphan => let_go(cluster, graph, &uid),
        Deletion::No | Deletion::Plain => {}
    }
    if owned {
        settle(cluster, graph, &uid);
    }
    if gvr.group.is_empty() && gvr.resource == "namespaces" {
        namespaces::changed(cluster, object);
    }
}

/// What becomes of an object with owners: gone owners are struck off, and with the last of them it goes, too.
fn settle(cluster: &Cluster, graph: &Graph, uid: &str) {
    let Some(node) = graph.get(uid).filter(|node| node.deletion == Deletion::No) else {
        return;
    };
    let (alive, absent): (Vec<&Value>, Vec<&Value>) = node
        .owners
        .iter()
        .partition(|reference| owner_exists(cluster, node, reference));
    let waiting = alive.iter().any(|reference| {
        let owner = reference["uid"].as_str().and_then(|owner| graph.get(owner));
        reference["blockOwnerDeletion"] == true
            && owner.is_some_and(|owner| owner.deletion == Deletion::Foreground)
    });
    if alive.is_empty() && !absent.is_empty() {
        delete(cluster, node, uid, Propagation::Background);
    } else if waiting && alive.len() == 1 {
        delete(cluster, node, uid, Propagation::Foreground);
    } else if !absent.is_empty() {
        let gone: Vec<String> = absent
            .iter()
            .filter_map(|reference| reference["uid"].as_str())
            .map(str::to_owned)
            .collect();
        strike_off(cluster, node, &gone);
    }
}

/// Looks the owner up as it is now; an owner in another namespace does not count.
fn owner_exists(cluster: &Cluster, node: &Node, reference: &Value) -> bool {
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let (group, version) = object::split_api_version(text("apiVersion"));
    let Some(info) = cluster
        .registry()
        .by_kind(&Gvk::new(group, version, text("kind")))
    else {
        // A kind that is not served says nothing about its objects: nothing is deleted for that.
        return true;
    };
    let namespace = if info.namespaced {
        node.namespace.as_str()
    } else {
        ""
    };
    cluster
        .get(&info.gvr(), namespace, text("name"))
        .is_ok_and(|owner| object::uid(&owner) == text("uid"))
}

fn delete(cluster: &Cluster, node: &Node, uid: &str, propagation: Propagation) {
    let options = DeleteOptions {
        propagation: Some(propagation),
        uid: Some(uid.to_owned()),
        ..DeleteOptions::default()
    };
    if let Err(status) = cluster.delete(&node.gvr, &node.namespace, &node.name, &options)
        && status.code != 404
    {
        tracing::debug!(resource = %node.gvr.resource, name = %node.name, %status, "not collected");
    }
}

fn strike_off(cluster: &Cluster, node: &Node, owners: &[String]) {
    change(cluster, node, |metadata| {
        let Some(references) = metadata
            .get_mut("ownerReferences")
            .and_then(Value::as_array_mut)
        else {
            return;
        };
        references.retain(|reference| {
            !owners
                .iter()
                .any(|owner| reference["uid"] == owner.as_str())
        });
        if references.is_empty() {
            metadata.remove("ownerReferences");
        }
    });
}

/// Foreground deletion: the dependents go first, then the object's finalizer.
fn wait_for_dependents(cluster: &Cluster, graph: &Graph, uid: &str) {
    let Some(owner) = graph
        .get(uid)
        .filter(|owner| owner.deletion == Deletion::Foreground)
    else {
        return;
    };
    let dependents = graph.dependents(uid);
    let blocking = dependents
        .iter()
        .filter_map(|dependent| graph.get(dependent))
        .any(|node| node.blocks(uid));
    for dependent in &dependents {
        settle(cluster, graph, dependent);
    }
    if !blocking {
        remove_finalizer(cluster, owner, "foregroundDeletion");
    }
}

/// Orphaning: the dependents forget the object, then its finalizer goes.
fn let_go(cluster: &Cluster, graph: &Graph, uid: &str) {
    let Some(owner) = graph.get(uid) else { return };
    for dependent in graph
        .dependents(uid)
        .iter()
        .filter_map(|dependent| graph.get(dependent))
    {
        strike_off(cluster, dependent, &[uid.to_owned()]);
    }
    remove_finalizer(cluster, owner, "orphan");
}

fn remove_finalizer(cluster: &Cluster, node: &Node, finalizer: &str) {
    change(cluster, node, |metadata| {
        let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) else {
            return;
        };
        finalizers.retain(|own| own != finalizer);
        if finalizers.is_empty() {
            metadata.remove("finalizers");
        }
    });
}

fn change(
    cluster: &Cluster,
    node: &Node,
    mut edit: impl FnMut(&mut serde_json::Map<String, Value>),
) {
    let options = WriteOptions::by(MANAGER);
    let changed = cluster.mutate(&node.gvr, &node.namespace, &node.name, &options, |object| {
        edit(object::metadata_mut(object));
        Ok(())
    });
    if let Err(status) = changed
        && status.code != 404
    {
        tracing::debug!(resource = %node.gvr.resource, name = %node.name, %status, "not changed by garbage collection");
    }
}

/// The conditions of a namespace whose content is going.
pub(super) fn condition(kind: &str, status: bool, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": if status { "True" } else { "False" }, "lastTransitionTime": object::now(),
        "reason": reason, "message": message})
}
