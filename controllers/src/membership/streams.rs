//! What streams past from one member for its own sake: nodes and pods into numbers, and definitions of
//! new types as a wake-up.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::fleet::capacity::Stream;
use crate::fleet::member::Member;
use crate::fleet::request::Kind;
use crate::fleet::slim::{Named, SlimNode, SlimPod};
use crate::fleet::waiting::Touched;
use crate::fleet::watch::{Seen, follow_slim};
use crate::host::context::Context;

/// Starts the streams of a member.
pub(crate) fn start(ctx: &Arc<Context>, member: &Arc<Member>, rediscover: &Arc<Notify>) {
    let tasks = &member.tasks;
    tasks.spawn(nodes(Arc::clone(ctx), Arc::clone(member)));
    tasks.spawn(pods(Arc::clone(ctx), Arc::clone(member)));
    tasks.spawn(definitions(Arc::clone(member), Arc::clone(rediscover)));
}

async fn nodes(ctx: Arc<Context>, member: Arc<Member>) {
    let kind = Kind::new("", "v1", "Node", "nodes", false);
    let capacity = &member.capacity;
    let mut since = 0;
    let see = |seen: Seen<SlimNode>| {
        match seen {
            Seen::Start => {
                capacity.start();
                since = capacity.epoch();
            }
            Seen::Present(node) | Seen::Changed(node) => capacity.put_node(&node),
            Seen::Deleted(node) => capacity.remove_node(&node),
            Seen::Listed => capacity.nodes_listed(since),
            Seen::Failed { .. } => {}
        }
        ctx.changed.tell(&member.name);
    };
    follow_slim(member.watches.clone(), &kind, member.tasks.shutdown(), see).await;
}

async fn pods(ctx: Arc<Context>, member: Arc<Member>) {
    let kind = Kind::new("", "v1", "Pod", "pods", true);
    let (capacity, waiting) = (&member.capacity, &member.waiting);
    let tell = |touched: Option<Touched>| {
        if let Some(touched) = touched {
            ctx.migrations.pods_changed(&member, &touched);
        }
    };
    let mut since = 0;
    let put = |pod: &SlimPod| {
        capacity.put_pod(pod);
        tell(waiting.put(pod));
        ctx.pod_seen(&member, &pod.metadata);
    };
    let see = |seen: Seen<SlimPod>| {
        match seen {
            Seen::Start => {
                capacity.start();
                since = capacity.epoch();
                waiting.start();
            }
            Seen::Present(pod) => put(&pod),
            Seen::Changed(pod) => {
                capacity.set_pod_stream(Stream::Flowing);
                put(&pod);
            }
            Seen::Deleted(pod) => {
                capacity.set_pod_stream(Stream::Flowing);
                capacity.remove_pod(&pod);
                tell(waiting.remove(&pod));
            }
            Seen::Listed => {
                capacity.set_pod_stream(Stream::Flowing);
                capacity.pods_listed(since);
                waiting.listed();
                ctx.migrations.member_changed(&member.name);
            }
            Seen::Failed { .. } => {
                capacity.set_pod_stream(Stream::Interrupted);
                waiting.failed(Instant::now());
            }
        }
        ctx.changed.tell(&member.name);
    };
    follow_slim(member.watches.clone(), &kind, member.tasks.shutdown(), see).await;
}

async fn definitions(member: Arc<Member>, rediscover: Arc<Notify>) {
    let kind = Kind::new(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    );
    let see = |seen: Seen<Named>| match seen {
        // A definition becomes usable by a change of its status some moments after its creation,
        // so every change counts; what changed before a listing was complete, nothing else tells.
        Seen::Changed(_) | Seen::Deleted(_) | Seen::Listed => rediscover.notify_one(),
        Seen::Start | Seen::Present(_) | Seen::Failed { .. } => {}
    };
    follow_slim(member.watches.clone(), &kind, member.tasks.shutdown(), see).await;
}
