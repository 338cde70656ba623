//! What a look at a copy says of the room that was promised for its pods: after a restart this is how promises come
//! back, and how a decision's guess becomes what the copy itself asks for. No requests.

use std::sync::Arc;

use navarch_crds::names::ClusterName;
use navarch_crds::v1alpha1::{
    FederatedTypeConfigSpec, GenericFederatedObjectSpec, PropagationStatusType as Status,
};
use navarch_scheduler::{request, unit};

use super::Look;
use crate::copies::pods::{self, Pods};
use crate::fleet::records::State;
use crate::host::promised::{Answer, Counting};

/// Notes what is outstanding after a look that came to `state`; `failed`: something is wrong with the copy.
pub(super) fn note(look: &Look<'_>, state: &State, failed: bool) {
    let (promised, member) = (&look.ctx.promised, look.member);
    let kind = unit::resource(look.config.spec());
    if request::pod_spec_path(&kind).is_none() {
        return;
    }
    if !look.is_placed() || look.is_dry_run() {
        return promised.drop_share(look.key, &member.name);
    }
    if !member.is_ready() || !member.is_listed(&look.config.name) {
        // Nothing was learnt.
        return;
    }
    let seen = look.ctx.pods_of(member, look.key);
    let is_as_wanted = *state == State::Known(Status::Ok);
    let complete = |pods: &Pods| is_as_wanted && pods.present >= pods.wanted;
    if seen.as_ref().is_some_and(complete) && !promised.holds(look.key, &member.name) {
        // So it is with nearly all copies when a member is listed.
        return;
    }
    let template = &look.federated.spec.template;
    let Ok(request) = request::of_replica(&kind, template) else {
        return;
    };
    let replicas = replicas(&look.federated.spec, look.config.spec(), &member.name);
    let decided = pods::wanted(template, look.ctx.place(&member.name, replicas));
    let pods = seen.unwrap_or_default();
    let wanted = match seen {
        // A member may scale a copy by itself.
        Some(pods) if is_as_wanted => pods.wanted,
        _ => decided,
    };
    let answer = if is_as_wanted || failed {
        Answer::Given
    } else {
        Answer::Awaited
    };
    let counting = if member.capacity.is_live() {
        Counting::Live
    } else {
        Counting::Behind
    };
    let pods = Pods { wanted, ..pods };
    promised.looked(
        look.key,
        &member.name,
        &Arc::new(request),
        pods,
        answer,
        counting,
    );
}

/// The replicas that controllers wrote down for a cluster; the last word counts, as it does in the copy.
fn replicas(
    spec: &GenericFederatedObjectSpec,
    type_config: &FederatedTypeConfigSpec,
    cluster: &ClusterName,
) -> Option<i64> {
    let path = type_config.path_definition.replicas_spec.as_str();
    let path = format!("/{}", path.replace('.', "/"));
    spec.overrides
        .iter()
        .flat_map(|entry| &entry.clusters)
        .filter(|entry| entry.cluster == cluster.as_str())
        .flat_map(|entry| &entry.patches)
        .filter(|patch| patch.path == path && matches!(patch.op.as_str(), "" | "replace"))
        .filter_map(|patch| patch.value.as_i64())
        .next_back()
}
