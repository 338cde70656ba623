//! Whom an object follows, at the moment of its pass. No requests.

use std::collections::BTreeMap;
use std::time::Duration;

use navarch_crds::keys::annotation;

use super::template::Template;
use crate::federated::Federated;
use crate::follow::{Following, follows_nobody, may_follow, references};
use crate::host::context::Context;
use crate::host::followings::awaited;
use crate::host::stores::TypeConfig;
use crate::runtime::key::Key;

/// How soon to look again for a leader that is only missing. That it comes is told; that its source goes is not.
const AGAIN: Duration = Duration::from_secs(5);

/// Whom it follows. `None`: it cannot, or that is not known, and what is written stays.
pub(super) fn following(
    ctx: &Context,
    key: &Key,
    config: &TypeConfig,
    wanted: &Template,
    last: Option<&Federated>,
) -> Option<Following> {
    if !may_follow(&config.object) {
        return None;
    }
    let mut following = Following::default();
    if follows_nobody(&wanted.annotations) {
        return Some(following);
    }
    let follows = last.map_or(&[][..], |last| &last.spec.follows);
    if awaited(ctx, follows) {
        ctx.propagate.push_after(key.clone(), AGAIN);
        return None;
    }
    for (leader, reference) in ctx.followings.leaders(key, follows) {
        if let Some(entry) = ctx.federated.get(&leader) {
            following.placement.extend(entry.placed.iter().cloned());
        }
        following.leaders.insert(reference);
    }
    Some(following)
}

/// Why it is not known what follows an object that is to lead.
pub(super) fn unclear(
    notes: &BTreeMap<&'static str, Option<String>>,
    wanted: &Template,
) -> Option<String> {
    let leads = notes.get(annotation::ENABLE_FOLLOWER_SCHEDULING)?;
    leads.as_ref().filter(|text| *text == "true")?;
    let named = wanted.annotations.get(annotation::FOLLOWERS);
    let wrong = references(&wanted.object, named.map(String::as_str)).err()?;
    Some(wrong.to_string())
}
