//! What streams past from one member for its own sake: nodes, pods and what Katalyst says of nodes into numbers, and
//! definitions of new types as a wake-up.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_crds::select::labels_match;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::fleet::capacity::Stream;
use crate::fleet::member::Member;
use crate::fleet::request::Kind;
use crate::fleet::slim::{Named, SlimNode, SlimPod, SlimReclaimed};
use crate::fleet::waiting::Touched;
use crate::fleet::watch::{Seen, follow_slim};
use crate::host::context::Context;

/// Starts the streams of a member.
pub(crate) fn start(ctx: &Arc<Context>, member: &Arc<Member>, rediscover: &Arc<Notify>) {
    let tasks = &member.tasks;
    tasks.spawn(nodes(Arc::clone(ctx), Arc::clone(member)));
    tasks.spawn(pods(Arc::clone(ctx), Arc::clone(member)));
    tasks.spawn(definitions(Arc::clone(member), Arc::clone(rediscover)));
    if ctx.features.katalyst {
        tasks.spawn(reclaimed(Arc::clone(ctx), Arc::clone(member)));
    }
}

/// Katalyst's objects, one a node.
fn custom_node_resources() -> Kind {
    Kind::new(
        "node.katalyst.kubewharf.io",
        "v1alpha1",
        "CustomNodeResource",
        "customnoderesources",
        false,
    )
}

/// It became known what the member serves: whether its figures have to wait for another stream.
pub(super) fn served(ctx: &Context, member: &Member) {
    if ctx.features.katalyst && member.serves(&custom_node_resources()) {
        member.capacity.expect_reclaimed();
    }
}

/// What is reclaimed on the nodes, as long as the member serves the kind: where it does not, nothing is asked.
async fn reclaimed(ctx: Arc<Context>, member: Arc<Member>) {
    let kind = custom_node_resources();
    let capacity = &member.capacity;
    let mut types = member.types_changed.subscribe();
    let shutdown = member.tasks.shutdown();
    loop {
        types.mark_unchanged();
        if member.serves(&kind) {
            let attempt = shutdown.child_token();
            let mut since = 0;
            let see = |seen: Seen<SlimReclaimed>| {
                match seen {
                    Seen::Start => {
                        capacity.start();
                        since = capacity.epoch();
                    }
                    Seen::Present(one) | Seen::Changed(one) => capacity.put_reclaimed(&one),
                    Seen::Deleted(one) => capacity.remove_reclaimed(&one),
                    Seen::Listed => capacity.reclaimed_listed(since),
                    Seen::Failed {
                        not_served: true, ..
                    } => {
                        capacity.reclaimed_gone();
                        attempt.cancel();
                    }
                    Seen::Failed { .. } => capacity.reclaimed_failed(),
                }
                ctx.changed.tell(&member.name);
            };
            follow_slim(member.watches.clone(), &kind, &attempt, see).await;
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = types.changed() => if changed.is_err() { return },
        }
    }
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
            Seen::Present(mut node) | Seen::Changed(mut node) => {
                // As if no pod could come to it; those that are there count, as with KubeAdmiral.
                node.spec.unschedulable |= is_left_out(&ctx.node_filters, &node);
                capacity.put_node(&node);
            }
            Seen::Deleted(node) => capacity.remove_node(&node),
            Seen::Listed => capacity.nodes_listed(since),
            Seen::Failed { .. } => {}
        }
        ctx.changed.tell(&member.name);
    };
    follow_slim(member.watches.clone(), &kind, member.tasks.shutdown(), see).await;
}

/// Whether one of the filters selects the node; as with KubeAdmiral, none selects one without labels.
fn is_left_out(filters: &[LabelSelector], node: &SlimNode) -> bool {
    let Some(labels) = &node.metadata.labels else {
        return false;
    };
    let selects = |filter| labels_match(Some(filter), labels).unwrap_or(false);
    filters.iter().any(selects)
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

#[cfg(test)]
mod tests {
    use super::*;
    use navarch_crds::select::parse_selector;
    use serde_json::json;

    #[test]
    fn nodes_are_left_out_by_any_filter_that_selects_them() {
        let filters = ["type=virtual-kubelet", "!zone"].map(|text| parse_selector(text).unwrap());
        for (labels, expected) in [
            (json!({ "type": "virtual-kubelet", "zone": "a" }), true),
            (json!({ "type": "metal" }), true),
            (json!({ "type": "metal", "zone": "a" }), false),
            (json!(null), false),
        ] {
            let node = json!({ "metadata": { "name": "n", "labels": labels } });
            let node: SlimNode = serde_json::from_value(node).unwrap();
            assert_eq!(is_left_out(&filters, &node), expected, "{labels}");
        }
    }
}
