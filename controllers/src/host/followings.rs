//! Who leads whom: from the leaders' federated objects, at the moment they are taken over. No requests. Leaders are
//! all known before anything is decided, because the workers wait until every federated object was listed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use navarch_crds::names::ClusterName;
use navarch_crds::naming::federated_object_name;
use navarch_crds::v1alpha1::LeaderReference;
use serde_json::Value;

use super::context::Context;
use super::stores::{FederatedEntry, TypeConfig, TypeConfigs};
use crate::follow::{self, Reference};
use crate::runtime::compact::annotation as annotation_of;
use crate::runtime::key::Key;
use crate::runtime::locked;
use crate::runtime::queue::Priority;

/// Leaders and followers, by the keys of their federated objects.
#[derive(Debug, Default)]
pub(crate) struct Followings {
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    leaders: HashMap<Key, Leader>,
    followers: HashMap<Key, Follower>,
    /// Leaders of which it is not known whom they lead now.
    unclear: BTreeSet<Key>,
}

#[derive(Debug)]
struct Leader {
    reference: LeaderReference,
    names: BTreeSet<Reference>,
    /// The keys of those whose type is federated.
    followers: BTreeSet<Key>,
    placed: Arc<BTreeSet<ClusterName>>,
}

#[derive(Debug)]
struct Follower {
    type_config: Arc<str>,
    name: String,
    leaders: BTreeSet<Key>,
}

/// Who is to be looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Woken {
    /// A leader began or ceased to name them.
    pub(crate) named: BTreeSet<Key>,
    /// A leader of theirs is placed elsewhere.
    pub(crate) moved: BTreeSet<Key>,
    /// A leader of which it was not known whom it leads, and now it is, or it is gone. Who followed it is written on the followers alone.
    pub(crate) cleared: Option<LeaderReference>,
}

impl Followings {
    /// Takes over what a federated object leads now. It is read while the index is held, so that the last look is
    /// always at the newest state.
    pub(crate) fn settle(
        &self,
        key: &Key,
        type_configs: &TypeConfigs,
        current: impl FnOnce() -> Option<FederatedEntry>,
    ) -> Woken {
        let mut index = locked(&self.index);
        let entry = current();
        let leading = entry
            .as_ref()
            .and_then(|entry| Some((entry.leading.as_ref()?, Arc::clone(&entry.placed))));
        let was_unclear = index.unclear.contains(key);
        let Some((leading, placed)) = leading else {
            let gone = index.leaders.get(key).filter(|_| was_unclear);
            let cleared = gone.map(|leader| leader.reference.clone());
            return Woken {
                named: index.forget(key),
                moved: BTreeSet::new(),
                cleared,
            };
        };
        let before = index.leaders.get(key);
        let moved = before.is_some_and(|before| before.placed != placed);
        let names = match &leading.followers {
            Ok(names) => names.clone(),
            Err(_) => before
                .map(|before| before.names.clone())
                .unwrap_or_default(),
        };
        let kept: BTreeSet<Key> = before
            .filter(|_| moved)
            .map(|before| before.followers.clone())
            .unwrap_or_default();
        if leading.followers.is_err() {
            index.unclear.insert(key.clone());
        } else {
            index.unclear.remove(key);
        }
        let is_clear = leading.followers.is_ok();
        let cleared = (was_unclear && is_clear).then(|| leading.leader.clone());
        let leader = Leader {
            reference: leading.leader.clone(),
            names,
            followers: BTreeSet::new(),
            placed,
        };
        Woken {
            named: index.put(key, leader, type_configs),
            moved: kept,
            cleared,
        }
    }

    /// Finds anew which federated objects are meant, after a change of the type configs.
    pub(crate) fn settle_type_configs(&self, type_configs: &TypeConfigs) -> BTreeSet<Key> {
        let mut index = locked(&self.index);
        let keys: Vec<Key> = index.leaders.keys().cloned().collect();
        let mut woken = BTreeSet::new();
        for key in keys {
            let Some(before) = index.leaders.get(&key) else {
                continue;
            };
            let leader = Leader {
                reference: before.reference.clone(),
                names: before.names.clone(),
                followers: BTreeSet::new(),
                placed: Arc::clone(&before.placed),
            };
            woken.extend(index.put(&key, leader, type_configs));
        }
        woken
    }

    /// Whether a leader names it.
    pub(crate) fn is_named(&self, key: &Key) -> bool {
        locked(&self.index).followers.contains_key(key)
    }

    /// Type config and name of an object that a leader names.
    pub(crate) fn named(&self, key: &Key) -> Option<(Arc<str>, String)> {
        let index = locked(&self.index);
        let follower = index.followers.get(key)?;
        Some((Arc::clone(&follower.type_config), follower.name.clone()))
    }

    /// Its leaders. One of which it is not known whom it leads keeps those that `follows` it so far.
    pub(crate) fn leaders(
        &self,
        key: &Key,
        follows: &[LeaderReference],
    ) -> Vec<(Key, LeaderReference)> {
        let index = locked(&self.index);
        let named = index.followers.get(key);
        let mut keys: BTreeSet<&Key> = named.iter().flat_map(|named| &named.leaders).collect();
        keys.extend(index.unclear.iter().filter(|key| {
            let leader = index.leaders.get(*key);
            leader.is_some_and(|leader| follows.contains(&leader.reference))
        }));
        keys.into_iter()
            .filter_map(|key| Some((key.clone(), index.leaders.get(key)?.reference.clone())))
            .collect()
    }
}

impl Index {
    /// Returns those whose leaders are others now.
    fn put(&mut self, key: &Key, mut leader: Leader, type_configs: &TypeConfigs) -> BTreeSet<Key> {
        let before = self.unname(key);
        for reference in &leader.names {
            let config = type_configs.of_kind(&reference.group, &reference.kind);
            let Some(config) = config.filter(|config| follow::may_follow(&config.object)) else {
                continue;
            };
            let name = federated_object_name(&reference.name, &config.name);
            let follower = Key::new(key.namespace(), &name);
            let known = self.followers.entry(follower.clone());
            let known = known.or_insert_with(|| Follower {
                type_config: Arc::clone(&config.name),
                name: reference.name.clone(),
                leaders: BTreeSet::new(),
            });
            known.leaders.insert(key.clone());
            leader.followers.insert(follower);
        }
        let changed = before.symmetric_difference(&leader.followers);
        let changed = changed.cloned().collect();
        self.leaders.insert(key.clone(), leader);
        changed
    }

    fn forget(&mut self, key: &Key) -> BTreeSet<Key> {
        let before = self.unname(key);
        self.leaders.remove(key);
        self.unclear.remove(key);
        before
    }

    /// Takes a leader off its followers; returns them.
    fn unname(&mut self, key: &Key) -> BTreeSet<Key> {
        let Some(leader) = self.leaders.get_mut(key) else {
            return BTreeSet::new();
        };
        let before = std::mem::take(&mut leader.followers);
        for follower in &before {
            let Some(known) = self.followers.get_mut(follower) else {
                continue;
            };
            known.leaders.remove(key);
            if known.leaders.is_empty() {
                self.followers.remove(follower);
            }
        }
        before
    }
}

/// Takes over what a federated object leads, and asks for a look at whom that concerns.
pub(crate) fn tell_followers(ctx: &Context, key: &Key, priority: Priority) {
    let current = || ctx.federated.get(key);
    let woken = ctx.followings.settle(key, &ctx.type_configs, current);
    let known = |key: &Key| ctx.federated.get(key).is_some() || ctx.sources.get(key).is_some();
    // One that is not there yet will not have come because its leader moved.
    let moved = woken
        .moved
        .difference(&woken.named)
        .filter(|key| known(key));
    for follower in woken.named.iter().chain(moved) {
        ctx.propagate.push(follower.clone(), priority);
    }
    for follower in woken
        .cleared
        .iter()
        .flat_map(|leader| written_followers(ctx, leader))
    {
        ctx.propagate.push(follower, priority);
    }
}

/// Those that are written down as followers of a leader. Every federated object of the namespace is read for it, so it is asked only
/// when nobody else remembers.
fn written_followers(ctx: &Context, leader: &LeaderReference) -> Vec<Key> {
    let near = |key: &Key, _: &FederatedEntry| key.namespace() == Some(&leader.namespace);
    let mut keys = ctx.federated.keys_by(near);
    keys.retain(|key| {
        let entry = ctx.federated.get(key);
        let follows =
            entry.and_then(|entry| entry.object.value().pointer("/spec/follows").cloned());
        let follows = follows
            .and_then(|follows| serde_json::from_value::<Vec<LeaderReference>>(follows).ok());
        follows.is_some_and(|follows| follows.contains(leader))
    });
    keys
}

/// The type configs changed: other objects may be meant by the same references.
pub(crate) fn tell_all_followers(ctx: &Context) {
    for follower in ctx.followings.settle_type_configs(&ctx.type_configs) {
        ctx.propagate.push(follower, Priority::Backlog);
    }
}

/// Whether leaders ask for a source that nothing else asks for.
pub(crate) fn is_led(ctx: &Context, key: &Key, source: &Value) -> bool {
    ctx.followings.is_named(key) && !is_aloof(source) && !follow::is_of_each_cluster(source)
}

/// Whether a source follows nobody.
pub(crate) fn is_aloof(source: &Value) -> bool {
    annotation_of(source, navarch_crds::keys::annotation::DISABLE_FOLLOWING) == Some("true")
}

/// The leaders that a federated object names and that are only missing: their sources are there and will have
/// federated objects again. They are not gone.
pub(crate) fn awaited(ctx: &Context, follows: &[LeaderReference]) -> bool {
    follows.iter().any(|leader| {
        let Some(config) = ctx.type_configs.of_kind(&leader.group, &leader.kind) else {
            return false;
        };
        let key = leader_key(leader, &config);
        ctx.federated.get(&key).is_none()
            && ctx.sources.get(&key).is_some_and(|source| {
                !source.object.terminating && super::take::asks(&source.object.value())
            })
    })
}

fn leader_key(leader: &LeaderReference, config: &TypeConfig) -> Key {
    let name = federated_object_name(&leader.name, &config.name);
    Key::new(Some(&leader.namespace), &name)
}

#[cfg(test)]
#[path = "followings_tests.rs"]
mod tests;
