//! What is remembered of the copy of one object in one member: fixed size, never the object.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use navarch_crds::keys::annotation as key;
use navarch_crds::v1alpha1::{FederatedTypeConfigSpec, PropagationStatusType};
use serde_json::Value;

use crate::copies::applied::{Applied, Replicas};
use crate::copies::drift;
use crate::copies::observe::{Observed, observe};
use crate::copies::predecessor;
use crate::runtime::compact::{Compact, annotation, text};

/// One copy.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) type_config: Arc<str>,
    pub(crate) uid: Arc<str>,
    pub(crate) version: u64,
    pub(crate) applied: Option<Applied>,
    /// Digest of our entry of the managed fields; 0: there is none.
    pub(crate) fields: u64,
    /// The hash of the desired object whose every field the entry was found to own.
    pub(crate) intact: Option<Arc<str>>,
    /// The hash of the desired object that a copy of KubeAdmiral is known to be as it stands.
    pub(crate) vouched: Option<Arc<str>>,
    pub(crate) owners: Owners,
    /// Who decides about the replicas.
    pub(crate) replicas: Replicas,
    /// It was there before us.
    pub(crate) adopted: bool,
    pub(crate) terminating: bool,
    /// The listing in which the copy was last seen.
    pub(crate) epoch: u32,
    pub(crate) observed: Observed,
}

/// Our entry of the managed fields of a member object.
pub(crate) fn own_fields(object: &Value) -> Option<&Value> {
    drift::applied_fields(object.pointer("/metadata/managedFields")?)
}

/// Whose the fields of a copy are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// Nothing has to be done about it.
    Settled,
    /// Some have to become ours before the copy is first written.
    Inherited,
}

/// The managed fields of a copy with those of KubeAdmiral in our name, if there are any.
pub(crate) fn inherited_fields(spec: &FederatedTypeConfigSpec, object: &Value) -> Option<Value> {
    predecessor::take_fields(object, &spec.path_definition.replicas_spec)
}

/// Whether it was there before the federation.
pub(crate) fn is_adopted(object: &Value) -> bool {
    annotation(object, key::ADOPTED) == Some("true")
}

/// Whether somebody else owns the replicas of a copy, as far as the type has any.
fn replicas(spec: &FederatedTypeConfigSpec, object: &Value) -> Replicas {
    let path = spec.path_definition.replicas_spec.as_str();
    let managed = object
        .pointer("/metadata/managedFields")
        .unwrap_or(&Value::Null);
    let steps: Vec<&str> = path.split('.').collect();
    if !path.is_empty() && drift::owned_by_others(managed, &steps) {
        Replicas::OwnedElsewhere
    } else {
        Replicas::Sent
    }
}

impl Record {
    pub(crate) fn new(
        type_config: &Arc<str>,
        spec: &FederatedTypeConfigSpec,
        object: &Value,
        epoch: u32,
    ) -> Self {
        let fields = own_fields(object).map_or(0, |fields| {
            let mut hasher = DefaultHasher::new();
            fields.hash(&mut hasher);
            hasher.finish().max(1)
        });
        Self {
            type_config: Arc::clone(type_config),
            uid: text(object, "/metadata/uid").unwrap_or_default().into(),
            version: text(object, "/metadata/resourceVersion")
                .and_then(|version| version.parse().ok())
                .unwrap_or(0),
            applied: Applied::read(object),
            vouched: None,
            owners: match inherited_fields(spec, object) {
                Some(_) => Owners::Inherited,
                None => Owners::Settled,
            },
            fields,
            intact: None,
            replicas: replicas(spec, object),
            adopted: is_adopted(object),
            terminating: object.pointer("/metadata/deletionTimestamp").is_some(),
            epoch,
            observed: observe(spec, object),
        }
    }

    /// The copy is what `hash` stands for, and nobody has taken a field of it away from us.
    pub(crate) fn is_in_sync(&self, hash: &str) -> bool {
        let applied = self.applied.as_ref();
        let ours = applied.is_some_and(|applied| applied.hash.as_str() == hash)
            && self.intact.as_deref() == Some(hash);
        !self.terminating && (ours || self.vouched.as_deref() == Some(hash))
    }
}

/// How the last look at a key in a member ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) state: State,
    /// Of the federated object that was acted on.
    pub(crate) uid: Arc<str>,
    /// Its generation.
    pub(crate) generation: i64,
    /// Why, for people; empty when all is well.
    pub(crate) message: Arc<str>,
}

impl Outcome {
    /// Whether the member was seen to hold no copy of this very state of a federated object. An
    /// earlier state may have been placed again since, and its copy be on the way.
    pub(crate) fn proves_absence(&self, federated: &Compact) -> bool {
        self.state == State::Absent
            && self.uid == federated.uid
            && self.generation == federated.generation
    }
}

/// The state of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A copy is wanted or being removed.
    Known(PropagationStatusType),
    /// It is certain that the member holds no copy of ours.
    Absent,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absence_is_only_proven_for_the_state_that_was_looked_at() {
        let federated = |generation: i64| {
            Compact::new(json!({ "metadata": { "uid": "u", "generation": generation } }))
        };
        let absent = Outcome {
            state: State::Absent,
            uid: "u".into(),
            generation: 3,
            message: "".into(),
        };
        assert!(absent.proves_absence(&federated(3)));
        // Placed again in between: a copy may be on the way.
        assert!(!absent.proves_absence(&federated(5)));
    }
}
