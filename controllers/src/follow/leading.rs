//! A federated object as a leader: who it is, and who follows it.

use std::collections::BTreeSet;

use navarch_crds::keys::annotation;
use navarch_crds::v1alpha1::LeaderReference;
use serde_json::Value;

use super::references::{FollowError, Reference, group_and_kind, is_leader, references};
use crate::pointer;

/// A leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leading {
    /// The workload, as followers name it.
    pub leader: LeaderReference,
    /// Who follows it. An error is not the same as nobody.
    pub followers: Result<BTreeSet<Reference>, FollowError>,
}

/// What a federated object leads; `None` where it leads nobody, by its kind or because it is not to.
#[must_use]
pub fn leading(federated: &Value) -> Option<Leading> {
    let template = pointer::get(federated, &["spec", "template"])?;
    let (group, kind) = group_and_kind(template);
    let note = |key: &str| pointer::text(federated, &["metadata", "annotations", key]);
    let namespace = pointer::text(federated, &["metadata", "namespace"]);
    if !is_leader(group, kind)
        || namespace.is_empty()
        || note(annotation::ENABLE_FOLLOWER_SCHEDULING) != "true"
        || note(annotation::NO_SCHEDULING) == "true"
    {
        return None;
    }
    let rehearsed = pointer::list(federated, &["status", "clusters"]).is_empty();
    if note(annotation::DRY_RUN) == "true" && rehearsed {
        return None;
    }
    Some(Leading {
        leader: LeaderReference {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: pointer::text(template, &["metadata", "name"]).to_owned(),
        },
        followers: references(template, Some(note(annotation::FOLLOWERS))),
    })
}
