//! What streams past from one member for its own sake: nodes and pods into numbers, and definitions of
//! new types as a wake-up.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::fleet::capacity::Capacity;
use crate::fleet::member::Member;
use crate::fleet::request::Kind;
use crate::fleet::slim::{Named, SlimNode, SlimPod};
use crate::fleet::watch::{Seen, follow_slim};

/// Starts the streams of a member.
pub(crate) fn start(member: &Arc<Member>, capacity: &Arc<Capacity>, rediscover: &Arc<Notify>) {
    let shutdown = member.tasks.shutdown().clone();
    let client = member.watches.clone();
    let nodes = Arc::clone(capacity);
    let stop = shutdown.clone();
    member.tasks.spawn(async move {
        let kind = Kind::new("", "v1", "Node", "nodes", false);
        let mut since = 0;
        follow_slim(client, &kind, &stop, |seen: Seen<SlimNode>| match seen {
            Seen::Start => {
                nodes.start();
                since = nodes.epoch();
            }
            Seen::Present(node) | Seen::Changed(node) => nodes.put_node(&node),
            Seen::Deleted(node) => nodes.remove_node(&node),
            Seen::Listed => nodes.nodes_listed(since),
            Seen::Failed { .. } => {}
        })
        .await;
    });
    let client = member.watches.clone();
    let pods = Arc::clone(capacity);
    let stop = shutdown.clone();
    member.tasks.spawn(async move {
        let kind = Kind::new("", "v1", "Pod", "pods", true);
        let mut since = 0;
        follow_slim(client, &kind, &stop, |seen: Seen<SlimPod>| match seen {
            Seen::Start => {
                pods.start();
                since = pods.epoch();
            }
            Seen::Present(pod) | Seen::Changed(pod) => pods.put_pod(&pod),
            Seen::Deleted(pod) => pods.remove_pod(&pod),
            Seen::Listed => pods.pods_listed(since),
            Seen::Failed { .. } => {}
        })
        .await;
    });
    let client = member.watches.clone();
    let rediscover = Arc::clone(rediscover);
    member.tasks.spawn(async move {
        let kind = Kind::new(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            false,
        );
        let mut listed = false;
        follow_slim(client, &kind, &shutdown, |seen: Seen<Named>| match seen {
            Seen::Listed => listed = true,
            // A definition becomes usable by a change of its status some moments after its creation,
            // so every change counts.
            Seen::Changed(_) | Seen::Deleted(_) if listed => rediscover.notify_one(),
            Seen::Start
            | Seen::Present(_)
            | Seen::Changed(_)
            | Seen::Deleted(_)
            | Seen::Failed { .. } => {}
        })
        .await;
    });
}
